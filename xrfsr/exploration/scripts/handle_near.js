// The handle under the mouse, or none.
const near = (() => {
  const {x_range, y_range, inner_width, inner_height} = cb_obj.origin
  const across = inner_width / Math.abs(x_range.end - x_range.start)
  const down = inner_height / Math.abs(y_range.end - y_range.start)
  let nearest = 14 // pixels of the screen
  let found = null
  for (const source of handles) {
    const {x, y} = source.data
    for (let i = 0; i < x.length; i++) {
      const distance = Math.hypot((x[i] - cb_obj.x) * across, (y[i] - cb_obj.y) * down)
      if (distance < nearest) {
        nearest = distance
        found = {source, i, from: [x[i], y[i]]}
      }
    }
  }
  return found
})()
