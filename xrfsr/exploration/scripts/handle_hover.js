// Over a handle the tool that moves the picture pauses, before a drag begins.
if (pan.held == null) {
  if (near != null && pan.active) {
    pan.active = false
    pan.paused = true
  } else if (near == null && pan.paused) {
    pan.active = true
    pan.paused = false
  }
}
