// Show the part of the left picture that lies to the left of the wipe. `shown` is changed in place, so that nothing
// is sent back to Python.
const [image] = full.data.image
const at = wipe.value ?? wipe.low // an empty field has no value
if (image != null) {
  const [left] = full.data.x, [width] = full.data.dw
  const [rows, columns] = image.shape
  const kept = Math.max(1, Math.min(columns, Math.round((at - left) / width * columns)))
  const whole = new Uint32Array(image.buffer, image.byteOffset, image.length)
  const part = new Uint32Array(rows * kept)
  for (let row = 0; row < rows; row++) {
    part.set(whole.subarray(row * columns, row * columns + kept), row * kept)
  }
  shown.data.image[0] = new image.constructor(part, [rows, kept])
  for (const name of ["x", "y", "dh"]) shown.data[name][0] = full.data[name][0]
  shown.data.dw[0] = width * kept / columns
  shown.change.emit()
}
span.location = at
handle.data.x[0] = at
handle.change.emit()
