"""Windows of published scans as scenes, from a folder with their maps.

The folder is that in the variable XRFSR_SCENES, or ``shared/data`` next to the project. `docs/research/data.md` names
the sources, and what the files are called. Maps are divided by the 99.9th percentile, clipped, and divided by the peak
of the window, so that a few hot pixels do not decide what a decibel is worth.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import imageio.v3 as imageio
import numpy as np
import tifffile
from numpy.typing import NDArray

__all__ = ["SCALE", "SOURCES", "Source", "available", "folder", "window"]

Array = NDArray[Any]
VARIABLE = "XRFSR_SCENES"
SCALE = 4  # fine pixels along the side of a pixel of the scan
PEAK, PHOTO_PEAK = 99.9, 99.5  # percentiles


class Source(NamedTuple):
    """A published scan.

    Attributes
    ----------
    lines : tuple of str
        Lines of the maps.
    corner, second : (int, int)
        First row and column of the window, and of a second one, if the scan is large enough for two.
    shape : (int, int)
        Rows and columns of a window.
    photo : str or tuple of str
        File of the photo, or the lines of three maps that take its place.
    skipped : int
        Rows at the top that are no part of the scan.
    packed : str
        Name of the one file with maps and photo; empty if every map has its own.
    counted : bool
        Whether the values are photons.
    """

    lines: tuple[str, ...]
    corner: tuple[int, int]
    second: tuple[int, int] | None = None
    shape: tuple[int, int] = (256, 256)
    photo: str | tuple[str, ...] = ""
    skipped: int = 0
    packed: str = ""
    counted: bool = False


SOURCES = {
    "soldier": Source(
        ("Ca-K", "Cr-K", "Hg-L", "Pb-Lb", "S-K", "Zn-Kb"), (64, 8), (448, 20), photo="photo.png", skipped=40
    ),
    "zagami": Source(("Si-K", "Mg-K", "K-K", "Fe-K", "Ca-K"), (384, 384), (64, 64), photo="guide_backscatter.tif"),
    "amnh_obj1": Source(
        ("Al-K", "Ca-K", "Cr-K", "Ni-K", "P-K", "S-K", "Ti-K"),
        (128, 128),
        (256, 256),
        photo=("Si-K", "Mg-K", "Fe-K"),
        counted=True,
    ),
    "alps": Source(
        ("Mg-K", "Ca-K", "K-K", "Na-K", "Mn-K"), (72, 120), (130, 0), packed="alps_epma.npz", counted=True
    ),
    "cement": Source(
        ("Si-K", "O-K", "Mg-K", "Fe-K", "Ca-K"), (0, 0), shape=(144, 224), packed="cement_eds.npz"
    ),
}  # fmt: skip


def folder() -> Path:
    """Return the folder with the published maps, whether it exists or not."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def available() -> Iterator[str]:
    """Yield the names of the scans whose files are there."""
    for name, source in SOURCES.items():
        if (folder() / (source.packed or name)).exists():
            yield name


def window(name: str, *, second: bool = False) -> tuple[Array, Array]:
    """Return the maps (line, y, x) of a window, from 0 to 1, and the photo (3, y, x) on the same grid."""
    source = SOURCES[name]
    corner = source.second if second else source.corner
    if corner is None:
        raise ValueError(f"{name} is too small for a second window")
    maps, photo = _packed(source) if source.packed else _files(name, source)
    rows, columns = (slice(start, start + size) for start, size in zip(corner, source.shape, strict=True))
    maps = _up_to(PEAK, maps)[:, rows, columns]
    maps = maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-6)
    photo = np.broadcast_to(photo, (3, *photo.shape[1:]))[:, rows, columns]
    return np.ascontiguousarray(maps, np.float32), np.ascontiguousarray(photo, np.float32)


def _up_to(percentile: float, maps: Array) -> Array:
    return np.asarray(np.clip(maps / np.percentile(maps, percentile, axis=(1, 2), keepdims=True), 0, 1))


def _packed(source: Source) -> tuple[Array, Array]:
    with np.load(folder() / source.packed) as packed:
        return packed["maps"], packed["guide"]


def _files(name: str, source: Source) -> tuple[Array, Array]:
    maps = _maps(name, source.lines)
    if isinstance(source.photo, tuple):
        photo = _up_to(PHOTO_PEAK, _maps(name, source.photo))
    else:
        pixels = np.atleast_3d(imageio.imread(folder() / name / source.photo))
        photo = np.moveaxis(pixels, -1, 0) / np.iinfo(pixels.dtype).max
    # Whole pixels of a scan that is made coarser twice.
    rows, columns = (size // SCALE**2 * SCALE**2 for size in maps[:, source.skipped :].shape[1:])
    chosen = slice(None), slice(source.skipped, source.skipped + rows), slice(columns)
    return maps[chosen], photo[chosen].astype(np.float32)


def _maps(name: str, lines: tuple[str, ...]) -> Array:
    return np.stack([tifffile.imread(folder() / name / f"{line}.tif") for line in lines]).astype(np.float32)
