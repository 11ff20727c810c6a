"""From a painting to its fine maps: a method is prepared, then applied tile by tile, now or when Dask gets there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, warn
from xrfsr.methods import Method, Prepared, Problem
from xrfsr.pipeline.painting import Frame, Painting, Pieces
from xrfsr.pipeline.tiles import SIDE, WHOLE, Tile, tiles, windows

__all__ = ["How", "Made", "finish", "problems_of", "sample", "warn_of_negatives"]


class Made(NamedTuple):
    """Fine maps and what is known of them.

    Attributes
    ----------
    maps : array of float32, shape (line, fine.y, fine.x)
        NumPy, or Dask for a lazy painting; NaN where the scan was not measured.
    per_line : dict of array of float32, shape (line,)
        See `xrfsr.methods.LINE_COORDS`.
    record : dict
        Plain numbers and text for the attributes of the result.
    """

    maps: Any
    per_line: dict[str, Any]
    record: dict[str, str | float]


@dataclass(frozen=True, slots=True)
class How:
    """How a method is carried out.

    Attributes
    ----------
    method : Method
    device : str
    seed : int
    progress : bool, optional
    settings : mapping
        Of the method.
    chunk : int, optional
        Side of a tile in fine pixels.
    share : int
        How many paintings the method is prepared on together.
    """

    method: Method
    device: str
    seed: int
    progress: bool | None
    settings: Mapping[str, Any]
    chunk: int | None = None
    share: int = 1

    def tiles(self, painting: Painting) -> list[list[Tile]]:
        """Of which the result is made: one, where that is asked for or small enough or all the method can do."""
        U = painting.frame.U
        margin = self.method.reach(U)
        small = self.chunk is None and not painting.lazy and U.fine.shape[0] * U.fine.shape[1] <= WHOLE
        if margin is None or small:
            return [[Tile.whole(U)]]
        return tiles(U, self.chunk or SIDE, margin)

    def windows(self, painting: Painting) -> list[Tile]:
        """By which the method is prepared."""
        U = painting.frame.U
        return [Tile.whole(U)] if self.method.reach(U) is None else windows(U, self.seed, WHOLE // self.share)

    def at_once(self, painting: Painting) -> bool:
        """Whether the method is prepared on all of the painting and applied to all of it in one piece."""
        whole = Tile.whole(painting.frame.U)
        return self.windows(painting) == [whole] and self.tiles(painting) == [[whole]]

    def prepare(self, problems: Sequence[Problem]) -> Prepared:
        """Show the method what stands for the whole."""
        return self.method.prepare(
            problems, device=self.device, seed=self.seed, progress=self.progress, **self.settings
        )

    def announce(self) -> tuple[dict[str, str | float], tuple[str, ...]]:
        """The record of a run that is yet to come, and the names of what will be known of each line."""
        return self.method.announce(self.device, self.seed, self.settings)


def sample(painting: Painting, how: How) -> list[Problem]:
    """What stands for the whole painting; of Dask arrays these parts are computed, and no more."""
    chosen = how.windows(painting)
    pieces = [painting.pieces(tile) for tile in chosen]
    if painting.lazy:
        from dask.base import compute

        (computed,) = compute([tuple(each) for each in pieces])  # type: ignore[no-untyped-call]
        pieces = [Pieces(*each) for each in computed]
    return problems_of(painting.frame, chosen, pieces)


def finish(
    frame: Frame, tile: Tile, problem: Problem, prepared: Prepared, device: str
) -> tuple[NDArray[np.float32], list[str]]:
    """The maps of a tile, NaN where the scan was not measured, and lines that keep negative values."""
    made = prepared.apply(problem, frame.own(tile), device)
    maps = made.maps.astype(np.float32, copy=False)
    if not problem.measured.all():
        maps = np.where(frame.missing(tile, problem), np.float32(np.nan), maps)
    if made.physical is None:
        return maps, []
    return maps, [frame.lines[line] for line in np.flatnonzero(~made.physical)]


def warn_of_negatives(lines: Sequence[str]) -> None:
    """Say which maps keep negative values, if any do."""
    if lines:
        warn(
            f"negative values remain in {', '.join(lines)}: pixels of the scan overlap, and no map without them agrees "
            "with the scan; clip them where they are in the way, at the price of that agreement"
        )


def problems_of(frame: Frame, chosen: Sequence[Tile], pieces: Sequence[Pieces]) -> list[Problem]:
    """The problems of some tiles.

    Raises
    ------
    InvalidInput
        If they are the whole, and nothing was measured of a line.
    """
    problems = [frame.problem(tile, each) for tile, each in zip(chosen, pieces, strict=True)]
    if len(problems) == 1 and chosen[0] == Tile.whole(frame.U):
        empty = [frame.lines[line] for line in np.flatnonzero(~problems[0].measured.any(axis=(1, 2)))]
        if empty:
            raise InvalidInput(
                "input",
                [f"scan: 'intensity' holds no finite value for {', '.join(empty)}; leave out: .drop_sel(line={empty})"],
            )
    return problems
