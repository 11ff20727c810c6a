"""Picture in the making: its layers, and the operations of painting.

Scenes use units of the shorter side around the centre of the picture (x to the right, y down), so that they fill any
format; brush strokes keep their size in millimetres. Light comes from the upper left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrfsr.simulate.fields import Marks, edge, noise, step
from xrfsr.simulate.palette import PAINTS, Palette

__all__ = ["Picture", "cloth", "hem"]

FloatArray = NDArray[np.float32]


@dataclass
class Picture:
    """Picture in the making, with the paint on each of its layers so far.

    Attributes
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : (rows, columns)
        Size of the picture in pixels.
    mm : float
        Number of pixels per mm.
    paint, detail, glaze : dict of str to float32 array (y, x)
        Thickness of each material in µm: the body of the picture, details on top of it, transparent glazes.
    angle : float32 array (y, x)
        Direction of the brush in radians.
    """

    rng: np.random.Generator
    shape: tuple[int, int]
    mm: float
    paint: dict[str, FloatArray] = field(default_factory=dict)
    detail: dict[str, FloatArray] = field(default_factory=dict)
    glaze: dict[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, columns = self.shape
        self.unit = float(min(rows, columns))
        self.y = ((np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) / self.unit)[:, None]
        self.x = ((np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / self.unit)[None, :]
        self.angle = 0.8 * self.noise(0.3)

    @property
    def half(self) -> tuple[float, float]:
        """Half the height and width in units of the shorter side."""
        return (self.shape[0] / self.unit / 2, self.shape[1] / self.unit / 2)

    def noise(self, wavelength: float | tuple[float, float], roughness: float = 3.0) -> FloatArray:
        """Return `fields.noise` with its wavelength in units of the shorter side."""
        scaled = np.multiply(wavelength, self.unit)
        return noise(self.rng, self.shape, (float(scaled.flat[0]), float(scaled.flat[-1])), roughness)

    def pixel(self, y: float, x: float) -> tuple[float, float]:
        """Return row and column of a point."""
        rows, columns = self.shape
        return (y * self.unit + rows / 2 - 0.5, x * self.unit + columns / 2 - 0.5)

    def path(self, y: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
        """Return rows and columns (n, 2) of n points."""
        rows, columns = self.shape
        return np.stack(np.broadcast_arrays(y, x), 1) * self.unit + np.array([rows - 1, columns - 1]) / 2

    def offsets(self, row: float, column: float) -> tuple[FloatArray, FloatArray]:
        """Return distances below (y, 1) and to the right (1, x) of a pixel, in pixels."""
        rows, columns = self.shape
        return (
            np.arange(rows, dtype=np.float32)[:, None] - np.float32(row),
            np.arange(columns, dtype=np.float32)[None, :] - np.float32(column),
        )

    def marks(self) -> Marks:
        """Return empty marks of the picture's size."""
        return Marks.empty(self.shape)

    def lay(
        self,
        cover: FloatArray,
        recipe: str,
        tone: NDArray[np.floating[Any]] | float,
        thickness: float,
        *,
        onto: dict[str, FloatArray] | None = None,
        along: NDArray[np.floating[Any]] | float | None = None,
    ) -> None:
        """Paint a passage, which replaces earlier paint of the same layer.

        Parameters
        ----------
        cover : float32 array (y, x)
            Share of each pixel covered.
        recipe : str
            Name in `palette.PAINTS`.
        tone : float32 array (y, x) or float
            Tone: 0 for the darks of the recipe, 0.5 for its middle, 1 for its lights.
        thickness : float
            Thickness of the middle tone in µm; shadows are thinner and lights thicker, as in oil painting.
        onto : dict, optional
            Layer to paint on; by default the body of the picture.
        along : float32 array or float, optional
            Direction of the brush.
        """
        layer = self.paint if onto is None else onto
        rows, columns = (np.flatnonzero(cover.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        cover = cover[window]
        t = np.clip(np.broadcast_to(np.asarray(tone, np.float32), self.shape)[window], 0, 1)
        if along is not None:
            self.angle[window] += (cover > 0.5) * (
                np.broadcast_to(np.asarray(along, np.float32), self.shape)[window] - self.angle[window]
            )
        body = cover * np.float32(thickness) * (np.float32(0.6) + np.float32(0.8) * t)
        shares = (np.clip(1 - 2 * t, 0, 1), 1 - np.abs(2 * t - 1), np.clip(2 * t - 1, 0, 1))
        for present in layer.values():
            present[window] *= 1 - cover
        for share, mix in zip(shares, PAINTS[recipe], strict=True):
            for material, part in mix.items():
                present = layer.setdefault(material, np.zeros(self.shape, np.float32))
                present[window] += np.float32(part) * body * share

    def glaze_over(self, thickness: FloatArray, **parts: float) -> None:
        """Add a glaze, thickness (y, x) in µm, of materials given as ``red_lake=0.75``."""
        for name, part in parts.items():
            layer = self.glaze.setdefault(name.replace("_", " "), np.zeros(self.shape, np.float32))
            layer += np.float32(part) * thickness

    def clear(self, cover: FloatArray) -> None:
        """Remove detail and glaze where something is painted in front of them."""
        for layer in (self.detail, self.glaze):
            for present in layer.values():
                present *= 1 - cover


def cloth(
    picture: Picture, inside: FloatArray, recipe: str, y: float, x: float, count: float, thickness: float
) -> None:
    """Paint cloth that hangs from (y, x) in about `count` folds per radian, with glazed shadows."""
    tone, along = _folds(picture, y, x, count)
    picture.lay(inside, recipe, tone, thickness, along=along)
    shadow = inside * np.clip(0.25 - tone, 0, 0.5)
    if recipe in ("verdigris", "malachite", "mixed green"):
        picture.glaze_over(18 * shadow, copper_resinate=1.0)
    else:
        picture.glaze_over(18 * shadow, red_lake=0.75, carbon_black=0.25)


def _folds(picture: Picture, y: float, x: float, count: float) -> tuple[FloatArray, FloatArray]:
    """Return tone and brush direction of cloth in folds from a point: light ridges, sharp dark creases."""
    down, right = picture.y - y, picture.x - x
    around = np.arctan2(right, down + 0.25)
    sway = 0.035 * picture.noise(0.35, 3.5) + 0.010 * picture.noise(0.08, 3.0)
    phase = (around + sway) * count + 0.4 * picture.noise(0.5)
    turn = phase - np.floor(phase)
    ridge = np.sqrt(turn) * (1 - step(0.80, 1.0, turn))
    # Folds differ in depth, and the cloth as a whole turns from the light towards the lower right.
    depth = 0.55 + 0.35 * np.sin(np.floor(phase) * 2.4 + 1)
    tone = 0.30 + depth * (ridge - 0.42) + 0.10 * picture.noise(0.2) - 0.25 * (right + 0.6 * down)
    along = np.arctan2(down + 0.25, right) + 0 * tone
    return np.asarray(tone, np.float32), np.asarray(along, np.float32)


def hem(picture: Picture, inside: FloatArray, palette: Palette) -> None:
    """Paint gold braid along an outline; `inside` is the distance to it in pixels, positive on the cloth."""
    mm = picture.mm
    band = edge(inside - 0.9 * mm) * edge(2.6 * mm - inside)
    run = (picture.x - 0.6 * picture.y) * picture.unit / mm
    across = inside / mm
    weave = 0.5 + 0.35 * np.sin(run * 2.6 + 3 * np.sin(across * 3)) + 0.25 * np.sin(across * 5)
    picture.lay(np.asarray(band * step(0.35, 0.6, weave), np.float32), palette.yellow, weave, 15, onto=picture.detail)
