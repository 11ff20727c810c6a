// Maps are stored as base64 of deflated differences; see xrfsr/report/encoding.py.

const MISSING = -32768;

async function inflate(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return a map in steps, row by row, MISSING where nothing was measured. */
async function decodeMap(id, rows, columns) {
  const bytes = await inflate(id);
  const count = rows * columns;
  const steps = new Int16Array(count);
  for (let row = 0, at = 0; row < rows; row++) {
    let left = 0;
    for (let column = 0; column < columns; column++, at++) {
      const upper = row ? steps[at - columns] : 0;
      steps[at] = ((left + upper) >> 1) + (bytes[at] | (bytes[at + count] << 8));
      left = steps[at];
    }
  }
  return steps;
}

/** Keeps the last few results of a function that takes a while. */
class Recent {
  constructor(most) {
    this.most = most;
    this.held = new Map();
  }

  get(key, make) {
    const found = this.held.get(key) ?? make();
    this.held.delete(key);
    this.held.set(key, found);
    if (this.held.size > this.most) this.held.delete(this.held.keys().next().value);
    return found;
  }
}
