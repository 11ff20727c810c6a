"""Where positions in a figure of Bokeh are on the screen, and what the browser draws there."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

FIND = """(name) => {
  for (const view of Bokeh.index.query(() => true)) {
    if (view.model.name === name && view.frame != null) {
      const {x, y} = view.el.getBoundingClientRect(), {x0, y0, width, height} = view.frame.bbox
      const {x_range, y_range} = view.model
      return [x + x0, y + y0, width, height, x_range.start, x_range.end, y_range.start, y_range.end]
    }
  }
  return null
}"""


class Frame(NamedTuple):
    """Frame of a figure on the screen, and the ranges that it shows."""

    left: float
    top: float
    width: float
    height: float
    x_start: float
    x_end: float
    y_start: float
    y_end: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the position on the screen of a position of the figure."""
        across = (x - self.x_start) / (self.x_end - self.x_start)
        up = (y - self.y_start) / (self.y_end - self.y_start)
        return self.left + across * self.width, self.top + (1 - up) * self.height


def until(page: Any, condition: Callable[[], Any]) -> None:
    """Wait for what a page tells Python, or Python the page; the assertion that follows says what is missing."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)


def frame(page: Any, name: str) -> Frame:
    """Return the frame of the figure of a name, which has to be there."""
    found = page.wait_for_function(FIND, arg=name).json_value()
    return Frame(*found)


def move(page: Any, name: str, x: float, y: float) -> None:
    """Move the mouse to a position of a figure."""
    page.mouse.move(*frame(page, name).place(x, y))


def click(page: Any, name: str, x: float, y: float, *, double: bool = False) -> None:
    """Click a position of a figure; two clicks must not be taken for a double one."""
    place = frame(page, name).place(x, y)
    (page.mouse.dblclick if double else page.mouse.click)(*place)
    page.wait_for_timeout(400)


def drag(page: Any, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one position of a figure to another, as by hand."""
    there = frame(page, name)
    page.mouse.move(*there.place(*start))
    page.wait_for_timeout(100)
    page.mouse.down()
    page.mouse.move(*there.place(*end), steps=6)
    page.mouse.up()
    page.wait_for_timeout(400)


def colour(page: Any, name: str, x: float, y: float) -> np.ndarray:
    """Return the colour on the screen at a position of a figure, red, green and blue from 0 to 255."""
    left, top = frame(page, name).place(x, y)
    picture = page.screenshot(clip={"x": round(left) - 1, "y": round(top) - 1, "width": 3, "height": 3})
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[1, 1].astype(float)
