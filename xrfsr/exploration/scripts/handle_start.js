// A drag that begins on a handle moves the handle; any other does what the chosen tool does.
pan.held = near
if (near != null && pan.active) { // on a touch screen nothing hovers
  pan.active = false
  pan.paused = true
}
