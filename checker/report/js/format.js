// How numbers are written.

// duration writes nanoseconds with four significant digits.
function duration(ns) {
  const size = Math.abs(ns);
  for (const [unit, scale] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (size >= scale) return Number((ns / scale).toPrecision(4)) + " " + unit;
  }
  return Math.round(ns) + " ns";
}

// instant writes a time of the run so that two times that differ on a screen
// showing span nanoseconds up to last are written differently, in one unit.
function instant(ns, span, last) {
  const [unit, scale] = last >= 1e9 ? ["s", 1e9] : last >= 1e6 ? ["ms", 1e6] : last >= 1e3 ? ["µs", 1e3] : ["ns", 1];
  const digits = Math.max(0, Math.min(Math.round(Math.log10(scale)), Math.ceil(Math.log10(scale / span)) + 2));
  return (ns / scale).toFixed(digits) + " " + unit;
}

// count writes a number with its thousands apart.
function count(n) {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

function hex(n, bits) {
  return "0x" + BigInt.asUintN(bits, BigInt(n)).toString(16);
}

function threadName(thread) {
  return thread === 65535 ? "controller" : "thread " + thread;
}
