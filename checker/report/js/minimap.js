// The minimap: the whole run in one row, requests by outcome, findings and
// search matches marked, and the view as a frame that can be dragged.

class Minimap {
  constructor(run, view, timeline) {
    this.run = run;
    this.view = view;
    this.timeline = timeline;
    this.canvas = document.getElementById("minimap");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.picture = document.createElement("canvas");
    view.listeners.push(() => this.draw());
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    const drag = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      this.canvas.setPointerCapture(event.pointerId);
      const time = this.time(event.clientX - this.canvas.getBoundingClientRect().left);
      view.show(time - view.span / 2, time + view.span / 2);
    };
    this.canvas.addEventListener("pointerdown", drag);
    this.canvas.addEventListener("pointermove", drag);
    this.resize();
  }

  x(time) { return GUTTER + (time - this.view.first) / (this.view.last - this.view.first) * (this.width - GUTTER); }
  time(x) { return this.view.first + (x - GUTTER) / (this.width - GUTTER) * (this.view.last - this.view.first); }

  resize() {
    const box = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!box.width) return;
    this.width = box.width;
    this.height = box.height;
    for (const canvas of [this.canvas, this.picture]) {
      canvas.width = Math.round(box.width * ratio);
      canvas.height = Math.round(box.height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.paint();
    this.draw();
  }

  // paint draws what does not change with the view: for each column of
  // pixels, how many requests began in it, split by outcome.
  paint() {
    const { run, timeline: { theme } } = this, c = this.picture.getContext("2d");
    const columns = Math.ceil(this.width), kinds = OUTCOME_STYLES.length, counts = new Uint32Array(columns * kinds);
    const totals = new Uint32Array(columns), { from, kind, named } = run.request, marks = new Set();
    for (let i = 0; i < run.requests.rows; i++) {
      if (run.request.lane[i] < 0) continue;
      const column = Math.floor(this.x(from[i]));
      counts[column * kinds + kind[i]]++;
      totals[column]++;
      if (named[i]) marks.add(column);
    }
    const most = Math.max(1, totals.reduce((a, b) => Math.max(a, b), 0)), room = this.height - 10;
    c.fillStyle = theme.ground;
    c.fillRect(0, 0, this.width, this.height);
    for (let column = 0; column < columns; column++) {
      let y = this.height - 1;
      for (let k = 0; totals[column] && k < kinds; k++) {
        const share = room * counts[column * kinds + k] / most;
        c.fillStyle = OUTCOME_STYLES[k].colour;
        c.fillRect(column, y - share, 1, share);
        y -= share;
      }
    }
    c.fillStyle = theme.violated;
    for (const column of marks) {
      c.beginPath();
      c.moveTo(column - 4, 0);
      c.lineTo(column + 5, 0);
      c.lineTo(column + 0.5, 7);
      c.fill();
    }
    c.fillStyle = theme.text;
    c.font = "11px " + FONT;
    c.textBaseline = "middle";
    c.fillText("whole run", 6, this.height / 2 - 7);
    c.fillStyle = theme.faint;
    c.fillText(duration(run.meta.to - run.meta.from), 6, this.height / 2 + 8);
  }

  draw() {
    const c = this.context, { view, timeline: { theme } } = this;
    if (!this.width) return;
    c.drawImage(this.picture, 0, 0, this.width, this.height);
    c.fillStyle = theme.accent;
    let before = -2;
    for (const item of view.found) {
      const x = Math.floor(this.x(view.table(item).from[item.index]));
      if (x > before + 1) c.fillRect(x, this.height - 5, 2, 5);
      before = Math.max(before, x);
    }
    const left = this.x(view.from), width = Math.max(3, this.x(view.to) - left);
    c.fillStyle = theme.text;
    c.globalAlpha = 0.1;
    c.fillRect(left, 0, width, this.height);
    c.globalAlpha = 1;
    c.strokeStyle = theme.text;
    c.strokeRect(left + 0.5, 0.5, width - 1, this.height - 1);
  }
}
