// The details of what is selected. Every text goes into text nodes.

const MAX_ROWS = 60;
const FATES = ["accepted", "rejected", "unknown: its io_submit was not seen to return"];

// element makes an HTML element with a class and children.
function element(name, kind, ...children) {
  const e = document.createElement(name);
  if (kind) e.className = kind;
  e.append(...children);
  return e;
}

class Details {
  constructor(run, view) {
    this.run = run;
    this.view = view;
    this.panel = document.getElementById("details");
    view.onselect = (item) => this.show(item);
  }

  show(item) {
    this.panel.hidden = !item;
    if (!item) return;
    this.panel.scrollTop = 0;
    const close = element("button", "close", "×");
    close.type = "button";
    close.title = "close (Esc)";
    close.addEventListener("click", () => this.view.select(null));
    this.panel.replaceChildren(close, ...(item.type === "request" ? this.request(item.index) : this.call(item.index)));
  }

  link(text, type, index) {
    const b = element("button", "link", text);
    b.type = "button";
    b.addEventListener("click", () => this.view.reveal({ type, index }));
    return b;
  }

  // list makes the rows of a description list; rows without a value are left out.
  list(rows) {
    const list = element("dl");
    for (const [name, ...values] of rows) {
      if (values[0] === null || values[0] === undefined || values[0] === "") continue;
      list.append(element("dt", "", name), element("dd", "", ...values));
    }
    return list;
  }

  // rows makes a table, cut after MAX_ROWS.
  table(heads, rows) {
    const head = element("tr", "", ...heads.map((h) => element("th", "", h)));
    const body = rows.slice(0, MAX_ROWS).map((row) => element("tr", "", ...row.map((cell) => element("td", "", cell))));
    const table = element("table", "", element("thead", "", head), element("tbody", "", ...body));
    if (rows.length > MAX_ROWS) table.append(element("caption", "", "and " + count(rows.length - MAX_ROWS) + " more"));
    return table;
  }

  callLink(i) {
    const { run } = this;
    return this.link(run.meta.calls[run.call.kind[i]] + " by " + threadName(run.call.thread[i]), "call", i);
  }

  file(i) {
    const file = this.run.meta.files[i];
    if (!file) return "none";
    return file.kind === "storage" ? "storage" : file.kind + " " + file.number;
  }

  contextName(i) {
    const c = this.run.meta.contexts[i];
    return c ? c.number + " (" + c.slots + " slots asked, ring of " + (c.ring || "unknown") + ")" : "none";
  }

  round(i) {
    const round = this.run.meta.rounds[i];
    return round ? round.number + ", ends by " + round.end : "none";
  }

  // time writes an instant to the nanosecond.
  time(ns) { return count(ns) + " ns"; }

  interval(from, to, ended) {
    return ended ? this.time(from) + " to " + this.time(to) + " (" + duration(to - from) + ")" : this.time(from) + ", not seen to end";
  }

  findings(key, value) {
    const named = this.run.meta.findings.map((f, i) => [f, i]).filter(([f]) => (f[key] || []).includes(value));
    return named.map(([f, i]) => {
      const link = element("a", "violation", f.property + ": " + f.summary);
      link.href = "#finding-" + i;
      link.addEventListener("click", () => { document.getElementById("finding-" + i).open = true; });
      return link;
    });
  }

  request(i) {
    const { run } = this, { meta, requests: r, events } = run, id = i + 1;
    const n = (name) => r.numbers(name)[i], outcome = meta.outcomes[n("outcome")];
    const opcode = meta.opcodes[n("opcode")] || "opcode " + n("opcode"), poll = opcode === "POLL";
    const plain = n("context") < 0, call = n("call"), event = n("event");
    if (call < 0) {
      return [element("h3", "", "request " + id + " ", element("span", "tag", outcome)), ...this.findings("requests", id), ...this.cancels(id)];
    }
    const parts = [element("h3", "", "request " + id + " ", element("span", "tag", opcode), " ", element("span", "tag", outcome)),
      ...this.findings("requests", id)];
    parts.push(this.list([
      ["file", this.file(n("file"))],
      poll ? ["polls for", hex(r.exact("offset", i), 64)] : ["offset", r.exact("offset", i) < 0n ? "" : count(r.exact("offset", i))],
      ["bytes", poll ? "" : count(n("bytes"))],
      ["rw_flags", n("rwflags") ? hex(n("rwflags"), 32) : ""],
      ["eventfd", n("eventfd") < 0 ? "" : this.file(n("eventfd"))],
      ["aio_data", plain ? "" : hex(r.exact("data", i), 64)],
      ["iocb", plain ? "" : hex(r.exact("obj", i), 64)],
      ["context", plain ? "" : this.contextName(n("context"))],
      ["round", this.round(n("round"))],
      [plain ? "made by" : "submitted by", this.callLink(call), plain ? "" : ", iocb " + (n("index") + 1) + " of " + run.calls.numbers("x")[call]],
      ["at submission", plain ? "" : FATES[n("fate")]],
      ["seen", this.interval(run.request.from[i], run.request.to[i], outcome !== "never reaped")],
    ]));
    parts.push(element("h4", "", "Result"));
    if (plain) parts.push(this.list([["returned", resultText(run, run.calls.exact("ret", call))]]));
    else if (event < 0) parts.push(element("p", "", "No event of it was seen."));
    else parts.push(...this.events(id));
    parts.push(...this.cancels(id), ...this.runs(id), ...this.damages(id));
    return parts;
  }

  // events shows every event of a request: there should be one.
  events(id) {
    const { run } = this, owner = run.events.numbers("request"), parts = [];
    for (let e = run.requests.numbers("event")[id - 1]; e < owner.length; e++) {
      if (owner[e] === id) parts.push(this.event(e));
    }
    if (parts.length > 1) parts.unshift(element("p", "violation", parts.length + " events of one request"));
    return parts;
  }

  event(e) {
    const { events } = this.run, call = events.numbers("call")[e];
    const same = (name) => events.exact(name, e) === 0n ? "" : "differs from the one given: exclusive or " + hex(events.exact(name, e), 64);
    return this.list([
      ["res", resultText(this.run, events.exact("res", e))],
      ["res2", events.exact("res2", e) === 0n ? "" : String(events.exact("res2", e))],
      ["data", same("data")],
      ["obj", same("obj")],
      ["reaped by", this.callLink(call), ", returned at " + this.time(this.run.call.to[call])],
    ]);
  }

  cancels(id) {
    const { run } = this, of = run.cancels.filter((call) => run.call.request[call] === id);
    if (!of.length) return [];
    return [element("h4", "", "Cancelled by"), this.table(["call", "answer", "from", "to"], of.map((call) => [
      this.link(threadName(run.call.thread[call]), "call", call), this.answer(call),
      this.time(run.call.from[call]), run.calls.numbers("to")[call] < 0 ? "not seen" : this.time(run.call.to[call])]))];
  }

  answer(call) {
    return this.run.calls.numbers("to")[call] < 0 ? "not seen to return" : resultText(this.run, this.run.calls.exact("ret", call));
  }

  // runs shows what a read's buffer held.
  runs(id) {
    const { run } = this, { data, meta } = run, owner = data.numbers("request"), rows = [];
    for (let d = 0; d < owner.length; d++) {
      if (owner[d] !== id) continue;
      const name = meta.classes[data.numbers("class")[d]], writer = data.numbers("writer")[d];
      const written = name === "written" || name === "misplaced";
      let by = "";
      if (written) by = writer === 0 ? "initial contents" : writer <= run.requests.rows ? this.link(String(writer), "request", writer - 1) : String(writer);
      rows.push([count(data.exact("offset", d)), count(data.numbers("bytes")[d]),
        name === "misplaced" ? "for " + count(data.exact("claimed", d)) : name, by]);
    }
    if (rows.length) return [element("h4", "", "Data read"), this.table(["offset", "bytes", "class", "writer"], rows)];
    const opcode = meta.opcodes[run.requests.numbers("opcode")[id - 1]];
    if (data.rows === meta.runs_total || !opcode.startsWith("PREAD")) return [];
    return [element("h4", "", "Data read"), element("p", "", "Not on this page, which keeps " + count(data.rows) + " of " + count(meta.runs_total) + " runs of data; the trace has it.")];
  }

  damages(id) {
    const of = this.run.meta.damages.filter((d) => d.request === id);
    return of.map((d) => element("p", "violation", "Its buffer was written to after its release (" + this.run.meta.releases[d.after] + "): " +
      count(d.bytes) + " bytes from " + count(d.first) + " on, seen at " + this.time(d.seen)));
  }

  call(i) {
    const { run } = this, { meta, calls: c } = run, n = (name) => c.numbers(name)[i];
    const kind = meta.calls[n("kind")], returned = n("to") >= 0, exact = (name) => c.exact(name, i);
    const target = n("request");
    const parts = [element("h3", "", kind + " ", element("span", "tag", threadName(n("thread"))), " ", element("span", "tag", "= " + this.answer(i))),
      ...this.findings("calls", i)];
    const rows = [["seen", this.interval(n("from"), n("to"), returned)]];
    if (n("context") >= 0) rows.push(["context", this.contextName(n("context"))]);
    if (n("file") >= 0) rows.push(["file", this.file(n("file"))]);
    if (target >= 1) rows.push(["request", target <= run.requests.rows ? this.link(String(target), "request", target - 1) : String(target)]);
    rows.push(...this.argumentRows(kind, exact));
    if (kind === "io_setup" && returned) rows.push(["aio_context_t", hex(exact("extra1"), 64)], ["ring", String(exact("extra2") & 0xffffffffn)], ["compat flags", hex(BigInt.asUintN(64, exact("extra2")) >> 32n, 32)]);
    if (kind === "reap_ring" && returned) rows.push(["head, tail", exact("extra1") + ", " + exact("extra2")]);
    if (kind === "read_eventfd" && returned) rows.push(["value", String(exact("extra1"))]);
    rows.push(["round", this.round(n("round"))], ["call number", count(i)]);
    parts.push(this.list(rows));
    if (n("first") < 0 || !n("count")) return parts;
    return parts.concat(kind === "io_submit" ? this.submitted(n("first"), n("count")) : this.reaped(n("first"), n("count")));
  }

  argumentRows(kind, exact) {
    const timeout = (ns) => ns < 0n ? "none" : duration(Number(ns));
    switch (kind) {
      case "io_setup": return [["nr_events", String(exact("x"))]];
      case "io_submit": return [["nr", String(exact("x"))]];
      case "io_getevents":
      case "io_pgetevents": return [["min_nr", String(exact("x"))], ["nr", String(exact("y"))], ["timeout", timeout(exact("z"))]];
      case "reap_ring": return [["at most", String(exact("y"))]];
      case "read":
      case "write": return [["bytes", count(exact("x"))], ["offset", exact("y") < 0n ? "" : count(exact("y"))]];
      case "close": return [["end", exact("x") === 0n ? "reading" : "writing"]];
    }
    return [];
  }

  submitted(first, number) {
    const { run } = this, rows = [];
    for (let i = first; i < first + number; i++) {
      rows.push([this.link(String(i + 1), "request", i), run.meta.opcodes[run.requests.numbers("opcode")[i]],
        count(run.requests.numbers("bytes")[i]), run.meta.outcomes[run.request.kind[i]]]);
    }
    return [element("h4", "", count(number) + " requests"), this.table(["request", "opcode", "bytes", "outcome"], rows)];
  }

  reaped(first, number) {
    const { run } = this, rows = [];
    for (let e = first; e < first + number; e++) {
      const id = run.events.numbers("request")[e];
      rows.push([id >= 1 ? this.link(String(id), "request", id - 1) : "nobody's", id >= 1 ? run.meta.opcodes[run.requests.numbers("opcode")[id - 1]] : "",
        resultText(run, run.events.exact("res", e)), id >= 1 ? duration(run.call.to[run.events.numbers("call")[e]] - run.request.from[id - 1]) : ""]);
    }
    return [element("h4", "", count(number) + " events"), this.table(["request", "opcode", "res", "after"], rows)];
  }
}
