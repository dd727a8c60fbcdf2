// The view: which part of the run is shown, and what is selected. Everything
// that draws listens to it.

class View {
  constructor(run) {
    this.run = run;
    const margin = Math.max(1000, (run.meta.to - run.meta.from) * 0.02);
    this.first = run.meta.from - margin;
    this.last = run.meta.to + margin;
    this.from = this.first;
    this.to = this.last;
    this.selected = null; // {type: "request" or "call", index}
    this.hovered = null;
    this.found = [];
    this.listeners = [];
    this.pending = false;
  }

  // changed lets the listeners draw, once a frame at most.
  changed() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      for (const listener of this.listeners) listener();
    });
  }

  get span() { return this.to - this.from; }

  // show sets the view, kept within the run and no shorter than 100 ns.
  show(from, to) {
    const span = Math.min(Math.max(to - from, 100), this.last - this.first);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - span / 2, this.first), this.last - span);
    this.to = this.from + span;
    this.changed();
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  pan(part) {
    this.show(this.from + this.span * part, this.to + this.span * part);
  }

  fit() { this.show(this.first, this.last); }

  table(item) { return item.type === "request" ? this.run.request : this.run.call; }

  select(item) {
    this.selected = item;
    this.changed();
    if (this.onselect) this.onselect(item);
  }

  // reveal selects an item and brings it into sight, large enough to see.
  reveal(item) {
    const { from, to } = this.table(item);
    if (to[item.index] < from[item.index]) return this.select(item); // never submitted: it is nowhere
    const start = from[item.index], end = to[item.index], length = Math.max(end - start, 20);
    const inside = start >= this.from && end <= this.to, wide = length / this.span;
    if (!inside || wide < 0.02) {
      const middle = (start + end) / 2;
      const span = wide >= 0.02 && wide <= 0.8 ? this.span : length * 8;
      this.show(middle - span / 2, middle + span / 2);
    }
    this.select(item);
    if (this.onreveal) this.onreveal(item);
  }
}
