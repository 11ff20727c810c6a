// The view: where on the painting the frame of the figure lies, and what is drawn in it.
// Positions are {down, right} in mm from the upper left corner; the axes count from the corner that the reader chose.

/** Axes that count mm from a corner: functions from positions to numbers on the axes, and back. */
function axesFrom(corner, data) {
  const bottom = corner.startsWith("bottom");
  const fromRight = corner.endsWith("right");
  const [top, left] = corner === "data" ? data.origin : [0, 0];
  return {
    y: (down) => (bottom ? data.height - down : down + top),
    x: (right) => (fromRight ? data.width - right : right + left),
    down: (y) => (bottom ? data.height - y : y - top),
    right: (x) => (fromRight ? data.width - x : x - left),
  };
}

class View {
  constructor(figureView, canvas, data) {
    this.figure = figureView;
    this.plot = figureView.model;
    this.canvas = canvas;
    this.data = data;
    this.axes = axesFrom("top left", data);
    this.sides = [null, null]; // pictures left and right of the divider
    this.wipe = 0.5;
    this.cursor = null;
    this.listeners = [];
    this.scheduled = false;
    for (const range of [this.plot.x_range, this.plot.y_range]) range.change.connect(() => this.draw());
    for (const name of ["inner_width", "inner_height"]) {
      this.plot.properties[name].change.connect(() => this.resized());
    }
    this.whole();
  }

  /** Frame of the axes in pixels of the page, relative to the figure. */
  get frame() {
    return this.figure.frame.bbox;
  }

  get edges() {
    const { x_range: x, y_range: y } = this.plot;
    return {
      left: this.axes.right(x.start),
      right: this.axes.right(x.end),
      top: this.axes.down(y.end),
      bottom: this.axes.down(y.start),
    };
  }

  /** Show the part of the painting around a position, at a number of mm for each pixel of the page. */
  show(middle, scale) {
    const { width, height } = this.frame;
    if (!(width > 0 && height > 0)) return;
    const [across, down] = [(width * scale) / 2, (height * scale) / 2];
    this.plot.x_range.setv({ start: this.axes.x(middle.right - across), end: this.axes.x(middle.right + across) });
    this.plot.y_range.setv({ start: this.axes.y(middle.down + down), end: this.axes.y(middle.down - down) });
    this.draw();
  }

  get middle() {
    const { left, right, top, bottom } = this.edges;
    return { right: (left + right) / 2, down: (top + bottom) / 2 };
  }

  whole() {
    const { width, height } = this.frame;
    const scale = 1.02 * Math.max(this.data.width / width, this.data.height / height);
    this.show({ right: this.data.width / 2, down: this.data.height / 2 }, scale);
    this.wholeAt = this.place;
  }

  /** What is shown, as text to compare; it does not depend on the corner from which the axes count. */
  get place() {
    return Object.values(this.edges).map((each) => each.toPrecision(9)).join(" ");
  }

  /** Millimetres for each pixel of the page. */
  get scale() {
    return (this.edges.right - this.edges.left) / this.frame.width;
  }

  zoom(factor) {
    this.show(this.middle, this.scale / factor);
  }

  /** Keep millimetres equal in both directions when the frame has another size. */
  resized() {
    if (this.place === this.wholeAt) this.whole();
    else this.show(this.middle, this.paintedScale);
  }

  count(corner) {
    const { middle, scale } = this;
    this.axes = axesFrom(corner, this.data);
    const from = corner === "data" ? ["", ""] : [` from the ${corner.split(" ")[1]}`, ` from the ${corner.split(" ")[0]}`];
    this.plot.below[0].axis_label = `x in mm${from[0]}`;
    this.plot.left[0].axis_label = `y in mm${from[1]}`;
    this.show(middle, scale);
  }

  /** Position under a point of the page, or null beyond the frame. */
  positionAt(clientX, clientY) {
    const box = this.figure.el.getBoundingClientRect();
    const { left, top, width, height } = this.frame;
    const [x, y] = [(clientX - box.left - left) / width, (clientY - box.top - top) / height];
    if (x < 0 || x > 1 || y < 0 || y > 1) return null;
    const edges = this.edges;
    return { right: edges.left + x * (edges.right - edges.left), down: edges.top + y * (edges.bottom - edges.top) };
  }

  draw() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.paint();
      for (const listener of this.listeners) listener();
    });
  }

  paint() {
    const { left, top, width, height } = this.frame;
    const density = window.devicePixelRatio || 1;
    const canvas = this.canvas;
    Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    const [wide, high] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#f3f3f3";
    context.fillRect(0, 0, wide, high);
    const edges = this.edges;
    this.paintedScale = this.scale;
    const scale = wide / (edges.right - edges.left); // pixels of the canvas for each mm
    const at = (position) => [(position.right - edges.left) * scale, (position.down - edges.top) * scale];
    const split = this.wipe * wide;
    [[0, split], [split, wide]].forEach(([from, to], side) => {
      if (this.sides[side] && to > from) this.paintSide(context, this.sides[side], from, to, scale, at);
    });
    if (this.cursor) this.paintCursor(context, at(this.cursor), density);
  }

  /** Draw a picture between two columns of the canvas, and nothing beyond the painting. */
  paintSide(context, { canvas, pixel, corner }, from, to, scale, at) {
    const [left, top] = at({ down: 0, right: 0 });
    const [right, bottom] = at({ down: this.data.height, right: this.data.width });
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.canvas.height);
    context.clip();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    const [x, y] = at({ down: corner[0], right: corner[1] });
    context.imageSmoothingEnabled = pixel[1] * scale < 1; // enlarged pixels stay sharp
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas, x, y, canvas.width * pixel[1] * scale, canvas.height * pixel[0] * scale);
    context.restore();
  }

  paintCursor(context, [x, y], density) {
    for (const [width, colour] of [[4, "rgba(0, 0, 0, 0.7)"], [1.5, "white"]]) {
      context.lineWidth = width * density;
      context.strokeStyle = colour;
      context.beginPath();
      for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + across * 4 * density, y + down * 4 * density);
        context.lineTo(x + across * 14 * density, y + down * 14 * density);
      }
      context.stroke();
    }
  }
}
