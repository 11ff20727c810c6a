if (pan.held != null) {
  const {source, i, from} = pan.held
  pan.held = null
  if (source !== wipe_handle) {
    // Python gets what differs from the data before, so these have to be as they were.
    const x = [...source.data.x], y = [...source.data.y]
    source.data.x[i] = from[0]
    source.data.y[i] = from[1]
    source.data = {...source.data, x, y}
  }
}
