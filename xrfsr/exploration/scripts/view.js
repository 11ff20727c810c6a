// Send what is in view when zooming and panning pause.
clearTimeout(view.timer)
view.timer = setTimeout(() => {
  const y = [y_range.start, y_range.end], x = [x_range.start, x_range.end]
  view.data = {top: [Math.min(...y)], bottom: [Math.max(...y)], left: [Math.min(...x)], right: [Math.max(...x)]}
}, 150)
