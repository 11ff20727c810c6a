// Send the position of the mouse, at most every 50 ms.
pointer.next = {x: [cb_obj.x], y: [cb_obj.y]}
if (pointer.timer == null) {
  pointer.timer = setTimeout(() => {
    pointer.timer = null
    pointer.data = pointer.next
  }, 50)
}
