// The search: words that must all be met. A word means whatever it can mean.

const UNITS = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };
const KEYS = ["thread", "round", "context", "file", "request"];

// parseQuery turns a query into tests, each a function of (type, index); or
// an explanation, if a word means nothing.
function parseQuery(run, query) {
  const words = query.toLowerCase().split(/[\s,:=]+/).filter(Boolean), tests = [];
  for (let w = 0; w < words.length; w++) {
    const word = words[w];
    let test = null;
    if (KEYS.includes(word) && /^\d+$/.test(words[w + 1] || "")) test = numberTest(run, word, Number(words[++w]));
    else if (/^#?\d+$/.test(word)) test = numberTest(run, "request", Number(word.replace("#", "")));
    else if (word === "controller") test = numberTest(run, "thread", 65535);
    else if (/^[<>]\d+(\.\d+)?(ns|us|µs|ms|s)$/.test(word)) test = lengthTest(run, word);
    else test = nameTest(run, word);
    if (!test) return { tests: [], unknown: word };
    tests.push(test);
  }
  return { tests, unknown: "" };
}

function numberTest(run, key, number) {
  if (key === "request") return (type, i) => type === "request" && i + 1 === number;
  if (key === "thread") {
    const submitter = run.requests.numbers("call");
    return (type, i) => run.call.thread[type === "call" ? i : submitter[i]] === number;
  }
  // Rounds and contexts are looked for by their own numbers, not positions.
  const list = { round: run.meta.rounds, context: run.meta.contexts, file: run.meta.files }[key];
  const column = { request: run.requests.numbers(key), call: run.calls.numbers(key) };
  return (type, i) => (list[column[type][i]] || {}).number === number;
}

function lengthTest(run, word) {
  const [, sign, value, unit] = word.match(/^([<>])([\d.]+)(\D+)$/), bound = Number(value) * UNITS[unit];
  return (type, i) => {
    const { from, to } = run[type], length = to[i] - from[i];
    return sign === ">" ? length > bound : length < bound;
  };
}

// matching gives the set of positions of the names that a word means: the one
// that it is, else those of which it begins a word.
function matching(names, word) {
  const lower = names.map((name) => name.toLowerCase());
  if (lower.includes(word)) return new Set([lower.indexOf(word)]);
  return new Set(lower.map((name, i) => name.split(/[ _]/).concat(name).some((part) => part.startsWith(word)) ? i : -1).filter((i) => i >= 0));
}

function nameTest(run, word) {
  const { meta } = run;
  if (word === "finding" || word === "violating") return (type, i) => run[type].named[i] === 1;
  const opcodes = matching(meta.opcodes, word), kinds = matching(meta.calls, word), outcomes = matching(meta.outcomes, word);
  const error = Object.keys(meta.errors).find((e) => meta.errors[e].toLowerCase().replace("-", "") === word.replace("-", ""));
  if (!opcodes.size && !kinds.size && !outcomes.size && !error) return null;
  const opcode = run.requests.numbers("opcode"), event = run.requests.numbers("event");
  const res = run.events.numbers("res"), ret = run.calls.numbers("ret");
  return (type, i) => {
    if (type === "call") return kinds.has(run.call.kind[i]) || (error !== undefined && ret[i] === -error);
    return opcodes.has(opcode[i]) || outcomes.has(run.request.kind[i]) || (error !== undefined && event[i] >= 0 && res[event[i]] === -error);
  };
}

// findAll lists what meets the query in order of time.
function findAll(run, tests) {
  const found = [];
  if (!tests.length) return found;
  for (const type of ["request", "call"]) {
    const rows = type === "request" ? run.requests.rows : run.calls.rows;
    for (let i = 0; i < rows; i++) {
      if (type === "request" && run.request.lane[i] < 0) continue;
      if (tests.every((test) => test(type, i))) found.push({ type, index: i });
    }
  }
  return found.sort((a, b) => run[a.type].from[a.index] - run[b.type].from[b.index]);
}

class Search {
  constructor(run, view) {
    this.run = run;
    this.view = view;
    this.box = document.getElementById("query");
    this.output = document.getElementById("found");
    this.place = -1;
    this.box.addEventListener("input", () => this.find());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        this.step(-1);
      }
    });
    document.getElementById("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.step(1);
    });
    document.getElementById("previous").addEventListener("click", () => this.step(-1));
  }

  find() {
    const { tests, unknown } = parseQuery(this.run, this.box.value);
    this.view.found = findAll(this.run, tests);
    this.place = -1;
    this.unknown = unknown;
    this.write();
    this.view.changed();
  }

  step(by) {
    const { found } = this.view;
    if (!found.length) return;
    this.place = this.place < 0 ? (by > 0 ? 0 : found.length - 1) : (this.place + by + found.length) % found.length;
    this.view.reveal(found[this.place]);
    this.write();
  }

  write() {
    const { found } = this.view;
    if (this.unknown) this.output.textContent = "nothing is called “" + this.unknown + "”";
    else if (!this.box.value.trim()) this.output.textContent = "";
    else if (!found.length) this.output.textContent = "none";
    else this.output.textContent = (this.place < 0 ? "" : count(this.place + 1) + " of ") + count(found.length);
  }
}
