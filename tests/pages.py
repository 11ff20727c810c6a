"""What a notebook shows, as a browser reads it; and objects that fail when they are computed."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from xrfsr.utils.thumbnails import PREFIX

VOID = {"img", "rect", "polyline"}


class Page(HTMLParser):
    """Elements and attributes of a page, and the text in it; a tag that does not close is an error."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def pixels_of(uri: str) -> np.ndarray:
    """What a browser shows of a picture, shape (y, x, 4)."""
    assert uri.startswith(PREFIX)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(PREFIX)))).convert("RGBA"))


def never(block: Any) -> Any:
    raise AssertionError("this was computed")


def lazily(obj: xr.Dataset) -> xr.Dataset:
    """The same in Dask; it fails when it is computed."""
    return obj.chunk().map(lambda one: one.copy(data=one.data.map_blocks(never, dtype=one.dtype, meta=one.data._meta)))
