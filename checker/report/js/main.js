// Start: read the data, make the parts, join them with the page's controls.

// firstView shows the first finding; without one, the first requests.
function firstView(run, view) {
  if (run.meta.findings.length) return showFinding(run, view, 0);
  const order = run.order.numbers("request"), few = Math.max(150, run.requestLanes.length);
  if (order.length <= 2 * few) return view.fit();
  const from = run.request.from[order[0]], to = run.request.from[order[few]];
  view.show(from - (to - from) * 0.05, to);
}

function showFinding(run, view, index) {
  const finding = run.meta.findings[index], margin = Math.max(500, (finding.to - finding.from) * 0.15);
  view.show(finding.from - margin, finding.to + margin);
  const id = (finding.requests || [])[0];
  if (id && id <= run.requests.rows && run.request.lane[id - 1] >= 0) view.onreveal({ type: "request", index: id - 1 });
}

// stepRequest selects the request that begins before or after the selected one.
function stepRequest(run, view, by) {
  const order = run.order.numbers("request"), { selected } = view;
  let place = selected && selected.type === "request" ? order.indexOf(selected.index) + by : -1;
  if (place < 0) {
    place = order.findIndex((i) => run.request.from[i] >= view.from);
    if (place < 0) place = order.length - 1;
  }
  if (place < order.length && place >= 0) view.reveal({ type: "request", index: order[place] });
}

function describe(run, item) {
  const i = item.index, length = duration(run[item.type].to[i] - run[item.type].from[i]);
  if (item.type === "call") {
    const answer = run.calls.numbers("to")[i] < 0 ? "not seen to return" : "= " + resultText(run, run.calls.exact("ret", i)) + ", " + length;
    const target = run.call.request[i] ? "(request " + run.call.request[i] + ")" : "";
    return run.meta.calls[run.call.kind[i]] + target + " " + answer;
  }
  const event = run.requests.numbers("event")[i];
  const result = event < 0 ? "" : ", result " + resultText(run, run.events.exact("res", event));
  return "request " + (i + 1) + ": " + run.meta.opcodes[run.requests.numbers("opcode")[i]] + ", " + run.meta.outcomes[run.request.kind[i]] + result + ", " + length;
}

// pointer joins the canvas with the mouse.
function pointer(run, view, timeline) {
  const { canvas } = timeline, tip = document.getElementById("tip");
  let start = null, armed = false, before = { x: -1, y: -1 };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hover = (item, x, y) => {
    tip.hidden = !item;
    if (item) {
      tip.textContent = describe(run, item);
      tip.style.left = Math.min(x + 14, timeline.width - tip.offsetWidth - 4) + "px";
      tip.style.top = Math.min(y + 16, timeline.height - tip.offsetHeight - 4) + "px";
    }
    const same = item && view.hovered ? item.type === view.hovered.type && item.index === view.hovered.index : item === view.hovered;
    if (same) return;
    view.hovered = item;
    view.changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    start = { ...place(event), from: view.from, to: view.to, scroll: timeline.scroll, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = place(event);
    if (event.clientX !== before.x || event.clientY !== before.y) armed = true;
    before = { x: event.clientX, y: event.clientY };
    if (!start) return hover(timeline.at(x, y), x, y);
    if (Math.hypot(x - start.x, y - start.y) > 3) start.moved = true;
    if (!start.moved) return;
    hover(null);
    canvas.classList.add("dragging");
    const shift = (x - start.x) / (timeline.width - GUTTER) * (start.to - start.from);
    view.show(start.from - shift, start.to - shift);
    timeline.scrollBy(start.scroll - (y - start.y) - timeline.scroll);
  });
  canvas.addEventListener("pointerup", (event) => {
    const { x, y } = place(event);
    canvas.classList.remove("dragging");
    if (start && !start.moved) view.select(timeline.at(x, y));
    start = null;
  });
  canvas.addEventListener("pointercancel", () => { start = null; });
  canvas.addEventListener("pointerleave", () => hover(null));

  // The wheel zooms, but a page that is being scrolled must not be caught by
  // the canvas coming under the pointer: the pointer has to move on it first.
  window.addEventListener("scroll", () => { armed = false; }, { passive: true });
  canvas.addEventListener("wheel", (event) => {
    if (!armed && !event.ctrlKey) return;
    event.preventDefault();
    const amount = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan((event.deltaX || event.deltaY) * amount / timeline.width);
    } else {
      view.zoom(Math.exp(event.deltaY * amount / 400), timeline.time(Math.max(GUTTER, place(event).x)));
    }
  }, { passive: false });
}

// keyboard joins the page with the keys.
function keyboard(run, view, timeline, search) {
  const keys = {
    "+": () => view.zoom(0.6), "=": () => view.zoom(0.6), "-": () => view.zoom(1 / 0.6), "−": () => view.zoom(1 / 0.6),
    ArrowLeft: () => view.pan(-0.15), ArrowRight: () => view.pan(0.15),
    ArrowUp: () => timeline.scrollBy(-3 * timeline.laneHeight), ArrowDown: () => timeline.scrollBy(3 * timeline.laneHeight),
    "0": () => view.fit(), ",": () => stepRequest(run, view, -1), ".": () => stepRequest(run, view, 1),
    Enter: () => { if (view.hovered) view.select(view.hovered); else if (!view.selected) stepRequest(run, view, 1); },
    Escape: () => view.select(null),
  };
  timeline.canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input")) {
      if (event.key === "Escape") timeline.canvas.focus();
    } else if (event.key === "/") {
      event.preventDefault();
      search.box.focus();
      search.box.select();
    } else if (event.key === "Escape") view.select(null);
  });
}

// buttons joins the page's buttons, in the findings too.
function buttons(run, view, timeline) {
  const toTimeline = () => {
    document.getElementById("timeline").scrollIntoView();
    timeline.canvas.focus({ preventScroll: true });
  };
  const on = (id, action) => document.getElementById(id).addEventListener("click", action);
  on("zoomin", () => view.zoom(0.6));
  on("zoomout", () => view.zoom(1 / 0.6));
  on("fit", () => view.fit());
  for (const b of document.querySelectorAll("[data-finding]")) {
    b.addEventListener("click", () => { showFinding(run, view, Number(b.dataset.finding)); toTimeline(); });
  }
  for (const b of document.querySelectorAll("[data-request]")) {
    b.addEventListener("click", () => { view.reveal({ type: "request", index: Number(b.dataset.request) - 1 }); toTimeline(); });
  }
}

// legend shows the outcomes and calls that the run has, as they are drawn.
function legend(run, timeline) {
  const box = document.getElementById("legend"), ratio = window.devicePixelRatio || 1;
  const swatch = (style, text) => {
    const canvas = document.createElement("canvas"), own = timeline.context;
    canvas.width = 26 * ratio;
    canvas.height = 12 * ratio;
    timeline.context = canvas.getContext("2d");
    timeline.context.scale(ratio, ratio);
    timeline.context.translate(3 - GUTTER, 0);
    timeline.drawBar(GUTTER, 0, 20, 12, style, () => "");
    timeline.context = own;
    box.append(element("span", "", canvas, text));
  };
  box.replaceChildren();
  const outcomes = new Set(run.request.kind), kinds = new Set(Array.from(run.call.kind, (kind) => timeline.callStyles[kind]));
  OUTCOME_STYLES.slice(0, -1).forEach((style, k) => { if (outcomes.has(k)) swatch(style, run.meta.outcomes[k]); });
  for (const style of Object.values(CALL_STYLES)) if (kinds.has(style)) swatch(style, style.label);
  if (run.cancels.length) box.append(element("span", "hit", "◆ cancel found its request"), element("span", "miss", "◇ it did not"));
  if (run.meta.findings.length) box.append(element("span", "named", "▼ in a finding"));
}

async function start() {
  const run = await loadRun(), view = new View(run), timeline = new Timeline(run, view);
  const minimap = new Minimap(run, view, timeline), search = new Search(run, view);
  new Details(run, view);
  const range = document.getElementById("range");
  view.listeners.push(() => {
    range.textContent = instant(view.from, view.span, view.to) + " – " + instant(view.to, view.span, view.to) + " (" + duration(view.span) + ")";
  });
  pointer(run, view, timeline);
  keyboard(run, view, timeline, search);
  buttons(run, view, timeline);
  legend(run, timeline);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    timeline.readTheme();
    minimap.paint();
    legend(run, timeline);
    view.changed();
  });
  firstView(run, view);
  // Tests wait for the second frame after this: the first picture is there.
  requestAnimationFrame(() => requestAnimationFrame(() => { document.documentElement.dataset.ready = "true"; }));
}

start().catch((error) => {
  const note = element("p", "note", "The timeline could not be drawn: " + error.message);
  document.getElementById("timeline").append(note);
  throw error;
});
