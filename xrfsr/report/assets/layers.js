// Layers: values and pictures of the maps of a line, decoded when they are first needed.

const COLOUR_NAMES = ["red", "green", "blue"];

class Layer {
  constructor(described, colours, missing) {
    Object.assign(this, described);
    this.missing = missing;
    this.table = colours[this.colours].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    this.decoded = new Recent(6);
    this.drawn = new Recent(3);
  }

  load(line) {
    return this.decoded.get(line, () => decodeMap(`${this.name}-${line}`, this.rows, this.columns));
  }

  /** Return the value of a shown pixel; NaN beyond the layer and where nothing was measured. */
  value(steps, line, row, column) {
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return NaN;
    const found = steps[row * this.columns + column];
    return found === MISSING ? NaN : found * this.lines[line].step;
  }

  /** Return row and column of the pixel at a position in mm from the upper left corner of the painting. */
  pixelAt({ down, right }) {
    const inside = { down: down - this.corner[0], right: right - this.corner[1] };
    if (inside.down > this.size[0] || inside.right > this.size[1]) return [-1, -1];
    return [Math.floor(inside.down / this.pixel[0]), Math.floor(inside.right / this.pixel[1])];
  }

  format(value, line) {
    if (!Number.isFinite(value)) return "not measured";
    const digits = Math.max(0, -Math.floor(Math.log10(this.lines[line].step) + 1e-9));
    return `${value.toFixed(Math.min(digits, 12))}${this.units ? ` ${this.units}` : ""}`;
  }

  picture(line) {
    return this.drawn.get(line, async () => {
      const steps = await this.load(line);
      const { low, high, step } = this.lines[line];
      const scale = (256 * step) / (high - low);
      const { table, missing } = this;
      return painted(this.rows, this.columns, (pixels) => {
        for (let at = 0, to = 0; at < steps.length; at++, to += 4) {
          const each = steps[at];
          const index = Math.max(0, Math.min(255, ((each - low / step) * scale) | 0));
          const colour = each === MISSING ? missing : table[index];
          pixels[to] = colour[0];
          pixels[to + 1] = colour[1];
          pixels[to + 2] = colour[2];
          pixels[to + 3] = 255;
        }
      });
    });
  }
}

/** Return a canvas whose pixels a function has filled. */
function painted(rows, columns, fill) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  fill(image.data);
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Picture of up to three lines in red, green and blue; -1 leaves a colour out. */
async function compositePicture(layer, lines) {
  const maps = await Promise.all(lines.map((line) => (line < 0 ? null : layer.load(line))));
  return painted(layer.rows, layer.columns, (pixels) => {
    for (let at = 0, to = 0; to < pixels.length; at++, to += 4) {
      const missing = maps.some((steps) => steps && steps[at] === MISSING);
      for (let band = 0; band < 3; band++) {
        pixels[to + band] = missing ? layer.missing[band] : 0;
        if (!missing && maps[band]) {
          const { stretch, step } = layer.lines[lines[band]];
          pixels[to + band] = Math.round((255 * (maps[band][at] * step - stretch[0])) / (stretch[1] - stretch[0]));
        }
      }
      pixels[to + 3] = 255;
    }
  });
}
