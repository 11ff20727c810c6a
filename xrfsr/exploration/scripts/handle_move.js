if (pan.held != null) {
  const {source, i} = pan.held
  if (source === wipe_handle) {
    wipe.value = Math.max(wipe.low, Math.min(wipe.high, cb_obj.x))
  } else {
    source.data.x[i] = cb_obj.x
    source.data.y[i] = cb_obj.y
    source.change.emit()
  }
}
