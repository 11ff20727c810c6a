"""Control points that are picked on a photo and on the maps of a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.exploration.display import Shown
from xrfsr.exploration.scene import Scene
from xrfsr.registration.points import control_points, fit_points, fit_unchecked
from xrfsr.registration.transform import LEAST_POINTS
from xrfsr.utils.checks import is_integer, is_number
from xrfsr.utils.describe import describe

__all__ = ["Pair", "PointPicker", "Side"]

Side = Literal["photo", "scan"]
LEAST = LEAST_POINTS["affine"]


@dataclass(slots=True)
class Pair:
    """One detail on photo and scan, pixels (column, row), None where it was not marked yet."""

    photo: tuple[float, float] | None = None
    scan: tuple[float, float] | None = None


class PointPicker(Shown):
    """Pairs of points on a photo and on the maps of a scan; see `xrfsr.pick_points`.

    Attributes
    ----------
    points : ndarray of shape (n, 4)
        Complete pairs: photo column, photo row, map column, map row, as `xrfsr.register` takes them.
    residuals : ndarray of shape (n,)
        Distance in mm of each point from where the others predict it, NaN if they do not.
    model : str or None
        Transform that predicts them best, None if there is none.
    problem : str
        Why there is none, or what contradicts, in words; otherwise empty.
    """

    def __init__(self, photo: NDArray[np.float32], scene: Scene, line: str, points: Any = None) -> None:
        self._photo, self._scene, self._line = photo, scene, line
        self.model: str | None = None
        self.problem = ""
        self._pairs: list[Pair] = []
        self._listeners: list[Callable[[], None]] = []
        if points is not None:
            on_photo, on_maps = control_points(points, photo.shape[1:], scene.grid.shape)
            self._pairs = [
                Pair((a, b), (c, d)) for (a, b), (c, d) in zip(on_photo.tolist(), on_maps.tolist(), strict=True)
            ]
        self._fit()

    def __repr__(self) -> str:
        """Return how many points there are, and how well they agree."""
        count = len(self.points)
        known = self.residuals[np.isfinite(self.residuals)]
        error = f", {np.sqrt((known**2).mean()):.3g} mm, {self.model}" if known.size else ""
        return f"<xrfsr.pick_points: {count} control point{'s' * (count != 1)}{error}>"

    @property
    def pairs(self) -> list[Pair]:
        """All pairs, also one of which a side is missing."""
        return [Pair(each.photo, each.scan) for each in self._pairs]

    @property
    def points(self) -> NDArray[np.float64]:
        """Complete pairs, shape (n, 4): photo column, photo row, map column, map row, centres at whole numbers."""
        complete = [(*each.photo, *each.scan) for each in self._pairs if each.photo and each.scan]
        return np.array(complete, np.float64).reshape(-1, 4)

    def set(self, side: Side, column: float, row: float) -> None:
        """Mark a detail: complete the last pair, move its only point if it is on the same side, or begin a pair.

        Parameters
        ----------
        side : {"photo", "scan"}
            Where it was marked.
        column, row : float
            Pixel, centres at whole numbers.

        Raises
        ------
        InvalidInput
            If it lies outside, or the side is unknown; all faults are listed.
        """
        point = self._checked(side, column, row)
        if not self._pairs or (self._pairs[-1].photo and self._pairs[-1].scan):
            self._pairs.append(Pair())
        setattr(self._pairs[-1], side, point)
        self._changed()

    def move(self, number: int, side: Side, column: float, row: float) -> None:
        """Move a point.

        Parameters
        ----------
        number : int
            Number of its pair, counted from 1.
        side : {"photo", "scan"}
            Which of its points.
        column, row : float
            Pixel, centres at whole numbers.

        Raises
        ------
        InvalidInput
            If there is no such pair, or the pixel lies outside.
        """
        pair = self._pairs[self._index(number)]
        setattr(pair, side, self._checked(side, column, row))
        self._changed()

    def remove(self, number: int) -> None:
        """Remove a pair; those after it count one less.

        Parameters
        ----------
        number : int
            Its number, counted from 1.

        Raises
        ------
        InvalidInput
            If there is no such pair.
        """
        del self._pairs[self._index(number)]
        self._changed()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change; return the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def next_side(self) -> Side | None:
        """Return the side that the last pair lacks, or None if it is complete."""
        last = self._pairs[-1] if self._pairs else None
        return None if last is None or (last.photo and last.scan) else "scan" if last.photo else "photo"

    def _index(self, number: Any) -> int:
        if not is_integer(number) or not 1 <= number <= len(self._pairs):
            raise InvalidInput(
                "control points", [f"number must be an integer from 1 to {len(self._pairs)}, got {describe(number)}"]
            )
        return int(number) - 1

    def _checked(self, side: Any, column: float, row: float) -> tuple[float, float]:
        shapes = {"photo": self._photo.shape[1:], "scan": self._scene.grid.shape}
        if side not in ("photo", "scan"):
            raise InvalidInput("control points", [f"side must be 'photo' or 'scan', got {describe(side)}"])
        height, width = shapes[side]
        known = is_number(column) and is_number(row)
        if not (known and -0.5 <= column <= width - 0.5 and -0.5 <= row <= height - 0.5):
            raise InvalidInput(
                "control points",
                [
                    f"a point must lie on the {side} ({width} x {height} pixels), got column {describe(column)}, row "
                    f"{describe(row)}"
                ],
            )
        return float(column), float(row)

    def _changed(self) -> None:
        self._fit()
        for listener in list(self._listeners):
            listener()

    def _fit(self) -> None:
        """Fit the transform to the complete pairs, as `register` will."""
        points = self.points
        self.residuals = np.full(len(points), np.nan)
        self.model, self.problem = None, ""
        if len(points) < LEAST:
            return
        try:
            pair = control_points(points, self._photo.shape[1:], self._scene.grid.shape)
            transform, self.residuals = fit_unchecked(*pair, None, self._scene.grid.spacing)
            self.model = transform.model
            fit_points(*pair, None, self._scene.grid.spacing)
        except InvalidInput as error:
            self.problem = " ".join(error.faults)

    def _page(self) -> Any:
        from xrfsr.exploration.picker_page import picker_page

        return picker_page(self, self._photo, self._scene, self._line)
