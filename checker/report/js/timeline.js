// The timeline: a canvas with a lane per thread (calls), below them packed
// lanes of requests, and cancels drawn from the call to the request.

const FONT = "system-ui, 'DejaVu Sans', sans-serif", MONO = "ui-monospace, 'DejaVu Sans Mono', monospace";
const GUTTER = 92, AXIS = 24, CAPTION = 18, MAX_LINES = 500;

// Colours of bars do not depend on the theme: text on them is black. The
// shape (hatching, open bars) says the same as the colour.
const OUTCOME_STYLES = [
  { colour: "#7db4ea" },                   // success
  { colour: "#4cc2ae", hatch: "lines" },   // short
  { colour: "#f2b531", hatch: "slashes" }, // cancelled
  { colour: "#f0724f", hatch: "crosses" }, // error
  { colour: "#9aa0ab", hollow: true },     // rejected
  { colour: "#c095f0", open: true },       // never reaped
  { colour: "#9aa0ab", hollow: true },     // never submitted: not drawn
];
const CALL_STYLES = {
  submit: { colour: "#a8cf8e", label: "io_submit" },
  reap: { colour: "#b6bdc9", label: "reaping" },
  cancel: { colour: "#f2b531", label: "io_cancel" },
  lifetime: { colour: "#c7a0c9", label: "io_setup, io_destroy" },
  plain: { colour: "#d3bd8f", label: "read, write, close" },
};
const CALL_CLASSES = { io_submit: "submit", io_cancel: "cancel", io_getevents: "reap", io_pgetevents: "reap",
  reap_ring: "reap", io_setup: "lifetime", io_destroy: "lifetime" };

function callStyle(run, kind) {
  return CALL_STYLES[CALL_CLASSES[run.meta.calls[kind]] || "plain"];
}

// lowerBound finds the first item of a lane that ends at time or later.
function lowerBound(lane, to, time) {
  let low = 0, high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (to[lane[middle]] < time) low = middle + 1; else high = middle;
  }
  return low;
}

class Timeline {
  constructor(run, view) {
    this.run = run;
    this.view = view;
    this.canvas = document.getElementById("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.scroll = 0; // pixels that the request lanes are moved up by
    this.callStyles = run.meta.calls.map((_, kind) => callStyle(run, kind));
    this.opcodes = run.requests.numbers("opcode");
    this.readTheme();
    // However many threads there are, some lanes of requests are in sight.
    this.canvas.parentElement.style.minHeight = AXIS + CAPTION + 6 * run.threads.length + 200 + "px";
    view.listeners.push(() => this.draw());
    view.onreveal = (item) => this.scrollTo(item);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    this.resize();
  }

  readTheme() {
    const style = getComputedStyle(document.documentElement);
    this.theme = {};
    for (const name of ["ground", "text", "faint", "line", "band", "accent", "violated"]) {
      this.theme[name] = style.getPropertyValue("--" + name).trim();
    }
    for (const s of OUTCOME_STYLES) s.fill = s.hatch ? this.hatch(s.colour, s.hatch) : s.colour;
  }

  // hatch makes a pattern of lines over a colour.
  hatch(colour, kind) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const c = tile.getContext("2d");
    c.fillStyle = colour;
    c.fillRect(0, 0, 6, 6);
    c.strokeStyle = "rgba(0, 0, 0, 0.38)";
    c.lineWidth = 1;
    c.beginPath();
    if (kind === "lines") { c.moveTo(0, 1.5); c.lineTo(6, 1.5); c.moveTo(0, 4.5); c.lineTo(6, 4.5); }
    if (kind !== "lines") { c.moveTo(-1, 7); c.lineTo(7, -1); }
    if (kind === "crosses") { c.moveTo(-1, -1); c.lineTo(7, 7); }
    c.stroke();
    return this.context.createPattern(tile, "repeat");
  }

  resize() {
    const box = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!box.width || !box.height) return;
    this.width = box.width;
    this.height = box.height;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const threads = this.run.threads.length, lanes = Math.max(1, this.run.requestLanes.length);
    this.threadHeight = Math.min(22, Math.max(6, Math.floor(0.4 * this.height / Math.max(1, threads))));
    this.top = AXIS + threads * this.threadHeight + CAPTION; // where request lanes begin
    this.laneHeight = Math.min(20, Math.max(13, Math.floor((this.height - this.top) / lanes)));
    this.scrollBy(0);
    this.draw();
  }

  x(time) { return GUTTER + (time - this.view.from) / this.view.span * (this.width - GUTTER); }
  time(x) { return this.view.from + (x - GUTTER) / (this.width - GUTTER) * this.view.span; }

  scrollBy(pixels) {
    const most = this.run.requestLanes.length * this.laneHeight - (this.height - this.top) + 4;
    this.scroll = Math.max(0, Math.min(this.scroll + pixels, most));
    this.view.changed();
  }

  // scrollTo brings the lane of a request into sight: for a call that of the
  // request that it names, if any.
  scrollTo(item) {
    const request = item.type === "request" ? item.index : this.run.call.request[item.index] - 1;
    if (!(this.run.request.lane[request] >= 0)) return;
    const y = this.run.request.lane[request] * this.laneHeight, room = this.height - this.top - this.laneHeight;
    if (y < this.scroll || y > this.scroll + room) this.scrollBy(y - room / 2 - this.scroll);
  }

  // box is where an item is drawn, in pixels; null if it has no lane.
  box(item) {
    const { from, to } = this.view.table(item);
    const x = this.x(from[item.index]), width = Math.max(1.5, this.x(to[item.index]) - x);
    if (item.type === "call") {
      const lane = this.run.threads.indexOf(this.run.call.thread[item.index]);
      return { x, width, y: AXIS + lane * this.threadHeight + 1, height: this.threadHeight - 2 };
    }
    const lane = this.run.request.lane[item.index];
    if (lane < 0) return null;
    return { x, width, y: this.top + lane * this.laneHeight - this.scroll + 1, height: this.laneHeight - 2 };
  }

  // at finds the item at a point: the one under it, else one within 4 pixels.
  at(x, y) {
    if (x < GUTTER) return null;
    let type = "call", lane = this.run.threadLanes[Math.floor((y - AXIS) / this.threadHeight)];
    if (y >= this.top) {
      type = "request";
      lane = this.run.requestLanes[Math.floor((y - this.top + this.scroll) / this.laneHeight)];
    } else if (y < AXIS) return null;
    if (!lane) return null;
    const { from, to } = this.view.table({ type }), time = this.time(x), near = this.time(x + 4) - time;
    const i = lowerBound(lane, to, time - near);
    let best = null, distance = near;
    for (const index of lane.slice(i, i + 64)) {
      const away = Math.max(from[index] - time, time - to[index], 0);
      if (away <= distance) { best = { type, index }; distance = away; }
      if (away === 0 || from[index] > time + near) break;
    }
    return best;
  }

  draw() {
    const c = this.context, { theme, view, run } = this;
    if (!this.width) return;
    c.fillStyle = theme.ground;
    c.fillRect(0, 0, this.width, this.height);
    this.clip(0, this.width - GUTTER, this.height, () => {
      this.drawGrid();
      for (let lane = 0; lane < run.threads.length; lane++) this.drawThread(lane);
    });
    this.clip(this.top, this.width - GUTTER, this.height - this.top, () => {
      const first = Math.floor(this.scroll / this.laneHeight);
      const last = Math.min(run.requestLanes.length - 1, Math.floor((this.scroll + this.height - this.top) / this.laneHeight));
      for (let lane = first; lane <= last; lane++) this.drawRequests(lane);
    });
    this.clip(AXIS, this.width - GUTTER, this.height - AXIS, () => {
      this.drawCancels();
      this.drawMarked();
    });
    this.drawGutter();
    this.canvas.dataset.from = view.from;
    this.canvas.dataset.to = view.to;
  }

  // clip runs drawing limited to a box right of the gutter.
  clip(y, width, height, drawing) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(GUTTER, y, width, height);
    this.context.clip();
    drawing();
    this.context.restore();
  }

  drawGrid() {
    const c = this.context, { theme, view, run } = this;
    let step = 10 ** Math.floor(Math.log10(view.span / 5));
    if (view.span / step > 12) step *= 2.5;
    if (view.span / step > 12) step *= 2;
    c.font = "11px " + FONT;
    c.textBaseline = "middle";
    c.textAlign = "left";
    for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
      const x = Math.round(this.x(t)) + 0.5;
      c.fillStyle = theme.line;
      c.fillRect(x, AXIS - 6, 1, this.height);
      c.fillStyle = theme.faint;
      c.fillText(instant(t, step * 10, view.to), x + 4, AXIS / 2);
    }
    c.strokeStyle = theme.faint;
    c.setLineDash([2, 4]);
    let shown = -Infinity;
    run.meta.rounds.forEach((round) => {
      const x = Math.round(this.x(round.start)) + 0.5;
      if (x < shown + 8 || x < GUTTER || x > this.width) return;
      c.beginPath();
      c.moveTo(x, AXIS);
      c.lineTo(x, this.height);
      c.stroke();
      c.fillStyle = theme.faint;
      if (x > shown + 90) c.fillText("round " + round.number, x + 4, this.top - CAPTION / 2);
      shown = x;
    });
    c.setLineDash([]);
  }

  drawThread(lane) {
    const y = AXIS + lane * this.threadHeight, c = this.context, { run } = this;
    c.fillStyle = this.theme.line;
    c.fillRect(GUTTER, y + this.threadHeight - 1, this.width, 1);
    this.drawLane(run.threadLanes[lane], run.call, y + 1, this.threadHeight - 2, this.callStyles,
      (i) => run.call.request[i] ? run.call.request[i] + " " + run.meta.calls[run.call.kind[i]] : run.meta.calls[run.call.kind[i]]);
  }

  drawRequests(lane) {
    const y = this.top + lane * this.laneHeight - this.scroll, { run } = this;
    this.drawLane(run.requestLanes[lane], run.request, y + 1, this.laneHeight - 2, OUTCOME_STYLES,
      (i) => i + 1 + " " + run.meta.opcodes[this.opcodes[i]]);
  }

  // drawLane draws what a lane holds in the view. Neighbours narrower than a
  // pixel are counted, and their column is split by kind.
  drawLane(lane, table, y, height, styles, label) {
    const { view, context: c } = this, { from, to, kind, named } = table;
    const scale = (this.width - GUTTER) / view.span, counts = new Uint32Array(styles.length);
    let column = -1, total = 0, marked = false;
    const flush = () => {
      let top = y;
      for (let k = 0; total && k < counts.length; k++) {
        if (!counts[k]) continue;
        const share = height * counts[k] / total;
        c.fillStyle = styles[k].colour;
        c.fillRect(column, top, total > 1 ? 1 : 1.5, share);
        top += share;
        counts[k] = 0;
      }
      if (marked) this.flag(column, y);
      total = 0;
      marked = false;
    };
    for (let n = lowerBound(lane, to, view.from); n < lane.length; n++) {
      const i = lane[n];
      if (from[i] > view.to) break;
      const x = GUTTER + (from[i] - view.from) * scale, width = (to[i] - from[i]) * scale;
      if (width >= 2) {
        flush();
        this.drawBar(x, y, width, height, styles[kind[i]], () => label(i));
        if (named[i]) this.outline(x, y, width, height, this.theme.violated);
        continue;
      }
      if (Math.floor(x) !== column) {
        flush();
        column = Math.floor(x);
      }
      counts[kind[i]]++;
      total++;
      if (named[i]) marked = true;
    }
    flush();
  }

  drawBar(x, y, width, height, style, label) {
    const c = this.context, left = Math.max(x, GUTTER - 4), right = Math.min(x + width, this.width + 4);
    // Half a pixel is left between neighbours.
    const w = Math.max(1, right - left - (width > 4 ? 0.5 : 0));
    c.fillStyle = width >= 6 && style.fill || style.colour;
    if (style.hollow && width >= 4) {
      c.strokeStyle = style.colour;
      c.strokeRect(left + 0.5, y + 0.5, w - 1, height - 1);
      c.fillStyle = this.theme.text;
    } else if (style.open && width >= 8) {
      const shade = c.createLinearGradient(x, 0, x + width, 0);
      shade.addColorStop(0, style.colour);
      shade.addColorStop(1, style.colour + "40");
      c.fillStyle = shade;
      c.fillRect(left, y, w, height);
      c.fillStyle = style.colour;
      for (let k = 0; k < height; k += 4) c.fillRect(right - 2, y + k, 2, 2);
      c.fillStyle = this.theme.text;
    } else {
      c.fillRect(left, y, w, height);
      c.fillStyle = "#111";
    }
    if (w < 30 || height < 11) return;
    let text = label();
    if (text.length * 6.6 + 8 > w) text = text.split(" ")[0];
    if (text.length * 6.6 + 8 > w) return;
    if (style.hatch && !style.hollow) {
      // Hatching would make the text hard to read.
      const ink = c.fillStyle;
      c.fillStyle = style.colour;
      c.fillRect(Math.max(left, GUTTER) + 2, y + 1, text.length * 6.6 + 3, height - 2);
      c.fillStyle = ink;
    }
    c.font = "11px " + MONO;
    c.textBaseline = "middle";
    c.fillText(text, Math.max(left, GUTTER) + 4, y + height / 2 + 0.5);
  }

  outline(x, y, width, height, colour, thickness = 2) {
    const c = this.context, left = Math.max(x, GUTTER - 4), right = Math.min(x + width, this.width + 4);
    c.strokeStyle = colour;
    c.lineWidth = thickness;
    c.strokeRect(left - 1, y - 0.5, Math.max(3, right - left) + 1, height + 1);
    c.lineWidth = 1;
  }

  // flag marks a column that holds an item of a finding.
  flag(x, y) {
    const c = this.context;
    c.fillStyle = this.theme.violated;
    c.beginPath();
    c.moveTo(x - 4, y - 1);
    c.lineTo(x + 5, y - 1);
    c.lineTo(x + 0.5, y + 6);
    c.fill();
  }

  // drawCancels joins each io_cancel in view with its request. Solid with a
  // full diamond: the request was found; dashed with an empty one: it was not.
  drawCancels() {
    const { run, view } = this, { from, to, request } = run.call;
    let low = 0, high = run.cancels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (from[run.cancels[middle]] < view.from) low = middle + 1; else high = middle;
    }
    let last = low;
    while (last < run.cancels.length && from[run.cancels[last]] <= view.to) last++;
    this.hidden = last - low > MAX_LINES ? last - low : 0;
    if (this.hidden) return;
    const picked = [];
    for (let n = low; n < last; n++) {
      const call = run.cancels[n], id = request[call];
      if (id < 1 || id > run.requests.rows || run.request.lane[id - 1] < 0) continue;
      if (this.touches(call, id - 1)) picked.push(call);
      else this.drawCancel(call, id - 1, (from[call] + to[call]) / 2, last - low > 60 ? 0.35 : 0.8);
    }
    for (const call of picked) this.drawCancel(call, request[call] - 1, (from[call] + to[call]) / 2, 1, true);
  }

  // touches reports whether a cancel has to do with what is hovered or selected.
  touches(call, request) {
    return [this.view.hovered, this.view.selected].some((item) =>
      item && item.index === (item.type === "call" ? call : request));
  }

  drawCancel(call, request, time, alpha, bold) {
    const c = this.context, { run, theme } = this;
    const box = this.box({ type: "request", index: request }), source = this.box({ type: "call", index: call });
    const x = this.x(time), y = source.y + source.height;
    const tx = Math.max(box.x, Math.min(x, box.x + box.width)), ty = box.y + box.height / 2;
    const above = ty < this.top; // scrolled out of sight: only the line shows
    const found = hit(run, call);
    c.globalAlpha = alpha;
    c.strokeStyle = c.fillStyle = found ? theme.accent : theme.faint;
    c.lineWidth = bold ? 2 : 1;
    c.setLineDash(found ? [] : [3, 3]);
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(tx, Math.max(ty, this.top));
    c.stroke();
    c.setLineDash([]);
    c.lineWidth = 1;
    if (above) {
      c.globalAlpha = 1;
      return;
    }
    const r = bold ? 5 : 3.5;
    c.beginPath();
    c.moveTo(tx, ty - r);
    c.lineTo(tx + r, ty);
    c.lineTo(tx, ty + r);
    c.lineTo(tx - r, ty);
    c.closePath();
    if (!found) c.fillStyle = theme.ground;
    c.fill();
    c.stroke();
    c.globalAlpha = 1;
  }

  // drawMarked outlines what is hovered and selected, and joins a selected
  // request with the calls that submitted and reaped it.
  drawMarked() {
    const { view, run, theme } = this;
    if (view.hovered) this.outlineItem(view.hovered, theme.text, 1);
    if (!view.selected) return;
    if (view.selected.type === "request") {
      const i = view.selected.index, event = run.requests.numbers("event")[i];
      this.join(run.requests.numbers("call")[i], i, "from");
      if (event >= 0) this.join(run.events.numbers("call")[event], i, "to");
    }
    this.outlineItem(view.selected, theme.text, 2.5);
  }

  outlineItem(item, colour, thickness) {
    const box = this.box(item);
    if (box && (item.type === "call" || box.y > this.top - box.height)) this.outline(box.x, box.y, box.width, box.height, colour, thickness);
  }

  join(call, request, end) {
    if (call < 0) return;
    const box = this.box({ type: "request", index: request }), source = this.box({ type: "call", index: call }), c = this.context;
    if (!box || box.y < this.top - this.laneHeight) return;
    const x = this.x(this.run.request[end][request]);
    c.strokeStyle = this.theme.text;
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(x, source.y + source.height);
    c.lineTo(x, box.y);
    c.stroke();
    c.lineWidth = 1;
  }

  drawGutter() {
    const c = this.context, { theme, run } = this;
    c.fillStyle = theme.ground;
    c.fillRect(0, 0, GUTTER - 1, this.height);
    c.fillStyle = theme.band;
    c.fillRect(0, this.top - CAPTION, this.width, 1);
    c.fillRect(GUTTER - 1, AXIS - 6, 1, this.height);
    c.font = "11px " + FONT;
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.fillStyle = theme.text;
    const every = Math.ceil(13 / this.threadHeight);
    run.threads.forEach((thread, lane) => {
      if (lane % every === 0) c.fillText(threadName(thread), 6, AXIS + (lane + 0.5) * this.threadHeight);
    });
    c.font = "bold 11px " + FONT;
    c.fillText("requests", 6, this.top - CAPTION / 2 + 1);
    const lanes = run.requestLanes.length, room = this.height - this.top;
    if (this.hidden) {
      c.fillStyle = theme.faint;
      c.font = "11px " + FONT;
      c.textAlign = "right";
      c.fillText(count(this.hidden) + " cancels in view: zoom in to see their lines", this.width - 8, this.top - CAPTION / 2 + 1);
    }
    if (lanes * this.laneHeight <= room) return;
    // A thin bar shows which of the request lanes are in sight.
    const part = room / (lanes * this.laneHeight);
    c.fillStyle = theme.faint;
    c.fillRect(this.width - 5, this.top + this.scroll * part, 4, room * part);
    c.textAlign = "left";
    c.font = "11px " + FONT;
    c.fillText(count(lanes) + " lanes", 6, this.top + 8);
    c.fillText("↑ ↓ or drag", 6, this.top + 22);
  }
}
