// The data block: encode.go writes it, and says how.

// A Table reads a column when it is first asked for it.
class Table {
  constructor(place, body) {
    this.rows = place.rows;
    this.places = place.columns;
    this.body = body;
    this.read = new Map();
  }

  // words gives each value as two 32-bit halves, the low one first.
  words(name) {
    return this.once("words " + name, () => decodeColumn(this.body, this.places[name].at, this.rows));
  }

  // numbers gives the values as doubles: exact up to 2^53.
  numbers(name) {
    return this.once("numbers " + name, () => {
      const words = this.words(name), out = new Float64Array(this.rows);
      for (let i = 0; i < this.rows; i++) out[i] = words[2 * i + 1] * 4294967296 + (words[2 * i] >>> 0);
      return out;
    });
  }

  // exact gives one value as a BigInt.
  exact(name, row) {
    const words = this.words(name);
    return (BigInt(words[2 * row + 1]) << 32n) | BigInt(words[2 * row] >>> 0);
  }

  once(key, make) {
    if (!this.read.has(key)) this.read.set(key, make());
    return this.read.get(key);
  }
}

// decodeColumn undoes appendColumn: varints, zigzag, differences, all in
// halves of 32 bits, because doubles do not hold 64.
function decodeColumn(bytes, at, rows) {
  const words = new Int32Array(2 * rows);
  let low = 0, high = 0;
  for (let i = 0; i < rows; i++) {
    let lo = 0, hi = 0, shift = 0, byte;
    do {
      byte = bytes[at++];
      const part = byte & 127;
      if (shift <= 28) lo |= part << shift;
      if (shift === 28) hi |= part >>> 4;
      if (shift > 28) hi |= part << (shift - 32);
      shift += 7;
    } while (byte & 128);
    const sign = -(lo & 1);
    const sum = (low >>> 0) + ((((lo >>> 1) | (hi << 31)) ^ sign) >>> 0);
    high = (high + ((hi >>> 1) ^ sign) + (sum > 4294967295 ? 1 : 0)) | 0;
    low = sum | 0;
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  return words;
}

// loadRun reads the data block and derives what the rest of the page needs.
async function loadRun() {
  const text = atob(document.getElementById("data").textContent);
  const zipped = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) zipped[i] = text.charCodeAt(i);
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  const block = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(block.buffer).getUint32(0, true);
  const directory = JSON.parse(new TextDecoder().decode(block.subarray(4, 4 + length)));
  const body = block.subarray(4 + length);
  const run = { meta: directory.meta };
  for (const [name, place] of Object.entries(directory.tables)) run[name] = new Table(place, body);
  arrange(run);
  return run;
}

// arrange makes lanes: lists of requests or calls in order of time.
function arrange(run) {
  const { meta, requests, calls } = run;
  run.request = { from: requests.numbers("from"), to: requests.numbers("to"), lane: requests.numbers("lane"),
    kind: requests.numbers("outcome"), named: new Uint8Array(requests.rows) };
  run.call = { from: calls.numbers("from"), to: calls.numbers("to").slice(), kind: calls.numbers("kind"),
    thread: calls.numbers("thread"), request: calls.numbers("request"), named: new Uint8Array(calls.rows) };

  run.requestLanes = Array.from({ length: meta.lanes }, () => []);
  const order = run.order.numbers("request");
  for (let i = 0; i < order.length; i++) run.requestLanes[run.request.lane[order[i]]].push(order[i]);

  // A call that was not seen to return lasts to the end of its round.
  const rounds = calls.numbers("round"), threads = new Map();
  run.cancels = [];
  for (let i = 0; i < calls.rows; i++) {
    if (run.call.to[i] < 0) run.call.to[i] = rounds[i] >= 0 ? meta.rounds[rounds[i]].to : meta.to;
    const thread = run.call.thread[i];
    if (!threads.has(thread)) threads.set(thread, []);
    threads.get(thread).push(i);
    if (meta.calls[run.call.kind[i]] === "io_cancel") run.cancels.push(i);
  }
  run.threads = [...threads.keys()].sort((a, b) => a - b);
  run.threadLanes = run.threads.map((thread) => threads.get(thread));
  run.cancels.sort((a, b) => run.call.from[a] - run.call.from[b]);

  for (const finding of meta.findings) {
    for (const id of finding.requests || []) if (id <= requests.rows) run.request.named[id - 1] = 1;
    for (const i of finding.calls || []) if (i < calls.rows) run.call.named[i] = 1;
  }
}

// resultText writes a result as the kernel's programmers do.
function resultText(run, value) {
  return run.meta.errors[-Number(value)] || String(value);
}

// hit reports whether an io_cancel found its request.
function hit(run, call) {
  const ret = run.calls.numbers("ret")[call];
  return run.calls.numbers("to")[call] >= 0 && (ret === 0 || run.meta.errors[-ret] === "-EINPROGRESS");
}
