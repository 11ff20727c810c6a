// Keep the handle of the wipe in view.
handle.data.y[0] = y_range.start + 0.06 * (y_range.end - y_range.start)
handle.change.emit()
