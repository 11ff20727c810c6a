// Values along a straight line, interpolated as by xrfsr.analysis.profile.

/** Return the pixels around positions along an axis, and the weight of the second. */
function neighbours(place, size) {
  const cell = Math.max(0, Math.min(size - 1, place));
  const low = Math.max(0, Math.min(size - 2, Math.floor(cell)));
  return [low, cell - low];
}

/** Return the value of a layer at a position, linear between the centres of shown pixels. */
function interpolated(layer, steps, line, { down, right }) {
  const [y, x] = [down - layer.corner[0], right - layer.corner[1]];
  if (y < 0 || x < 0 || y > layer.size[0] || x > layer.size[1]) return NaN;
  const [row, lower] = neighbours(y / layer.pixel[0] - 0.5, layer.rows);
  const [column, later] = neighbours(x / layer.pixel[1] - 0.5, layer.columns);
  let sum = 0;
  for (const [r, c, weight] of [
    [0, 0, (1 - lower) * (1 - later)],
    [0, 1, (1 - lower) * later],
    [1, 0, lower * (1 - later)],
    [1, 1, lower * later],
  ]) {
    if (weight > 0) sum += weight * layer.value(steps, line, row + r, column + c);
  }
  return sum;
}

/** Return distances and the values of all given layers along a line, in steps of at most a pixel of the first. */
function profileOf(start, end, layers, maps, line) {
  const length = Math.hypot(end.down - start.down, end.right - start.right);
  const pixel = Math.min(...layers[0].pixel);
  const count = Math.max(2, Math.ceil(length / pixel - 1e-9) + 1);
  const distance = [];
  const values = layers.map(() => []);
  for (let number = 0; number < count; number++) {
    const share = number / (count - 1);
    const position = {
      down: start.down + share * (end.down - start.down),
      right: start.right + share * (end.right - start.right),
    };
    distance.push(share * length);
    layers.forEach((layer, at) => values[at].push(interpolated(layer, maps[at], line, position)));
  }
  return { distance, values, length };
}
