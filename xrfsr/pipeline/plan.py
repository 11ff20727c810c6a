"""The plan of one result: a method with its options, the windows it is prepared on, the tiles it is applied to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from xrfsr.core.labels import as_argument
from xrfsr.core.provenance import DURATIONS
from xrfsr.core.scan_checks import range_faults
from xrfsr.core.separate import AFFINE_COORDS, SHIFT_COORDS
from xrfsr.errors import Fault, InvalidInput
from xrfsr.methods import Method, MethodOptions, Prepared, Problem, Run
from xrfsr.methods.common.method import ALL, Solution
from xrfsr.pipeline.acquisition import Acquisition, Arrays, Geometry
from xrfsr.pipeline.refine import AFFINE, refined
from xrfsr.pipeline.tiles import MAX_UNTILED_PIXELS, TILE_SIZE, Tile, sample_windows, tiles
from xrfsr.trust.assessment import LAYERS, Assessed, assessed_halo
from xrfsr.utils.describe import listing
from xrfsr.utils.progress import stage
from xrfsr.utils.stopwatch import timed

__all__ = ["ReconstructionPlan", "problems_of", "training_problems"]

SEARCHED_PIXELS = 2**18  # fine pixels on which the place of the photo is refined


@dataclass(frozen=True, slots=True)
class ReconstructionPlan:
    """How the maps of one acquisition are made.

    Attributes
    ----------
    method : Method
        What makes them.
    options : MethodOptions
        Options of the method.
    run : Run
        Device, seed and progress bar.
    windows : tuple of Tile
        Parts of the acquisition on which the method is prepared.
    tiles : tuple of tuple of Tile
        Rows of tiles of which the result is put together.
    search : tuple of Tile
        Parts of the acquisition on which the place of the photo is refined; none if it is left where it is.
    refine : {"shift", "affine", None}
        What is refined there.
    uncertainty : bool
        Whether the result has the uncertainty of its maps and the support of the photo.
    """

    method: Method[Any]
    options: MethodOptions
    run: Run
    windows: tuple[Tile, ...]
    tiles: tuple[tuple[Tile, ...], ...]
    search: tuple[Tile, ...] = ()
    refine: str | None = None
    uncertainty: bool = False

    @classmethod
    def of(
        cls,
        acquisition: Acquisition,
        method: Method[Any],
        options: MethodOptions,
        run: Run,
        *,
        chunk: int | None = None,
        share: int = 1,
        refine: str | None = None,
        uncertainty: bool = False,
    ) -> Self:
        """Plan the windows and the tiles.

        Parameters
        ----------
        acquisition : Acquisition
            Scan and photo.
        method, options, run
            See the attributes.
        chunk : int, optional
            Side of a tile in fine pixels. Left out, results up to a size are made in one piece.
        share : int
            Number of acquisitions on which the method is prepared together.
        refine : {"shift", "affine", None}
            How the place of the photo is refined.
        uncertainty : bool
            Whether the result has them.
        """
        U = acquisition.geometry.U
        whole = Tile.whole(U)
        halo = assessed_halo(method.halo(U)) if uncertainty else method.halo(U)
        search = (
            sample_windows(U, run.seed, min(SEARCHED_PIXELS, MAX_UNTILED_PIXELS))
            if refine is not None and acquisition.geometry.photo is not None
            else []
        )
        if halo is None:
            return cls(method, options, run, (whole,), ((whole,),), tuple(search), refine, uncertainty)
        windows = sample_windows(U, run.seed, MAX_UNTILED_PIXELS // share)
        small = chunk is None and not acquisition.lazy and U.fine.shape[0] * U.fine.shape[1] <= MAX_UNTILED_PIXELS
        rows = [[whole]] if small else tiles(U, chunk or TILE_SIZE, halo)
        return cls(method, options, run, tuple(windows), tuple(map(tuple, rows)), tuple(search), refine, uncertainty)

    @property
    def is_single_tile(self) -> bool:
        """Whether the method is prepared on all of the acquisition and applied to all of it in one piece."""
        return self.tiles == (self.windows,) and len(self.windows) == 1

    def prepare(self, problems: Sequence[Problem]) -> Prepared:
        """Prepare the method on the problems of the windows."""
        prepared = self.method.prepare(problems, self.options, self.run)
        if not self.uncertainty:
            return prepared
        with timed("uncertainty"), stage("uncertainty"):
            return Assessed.of(self.method, prepared, problems)

    def solve(self, problem: Problem) -> Solution:
        """Prepare the method on all of the acquisition and apply it to all of it."""
        solved = self.method.solve(problem, self.options, self.run)
        if not self.uncertainty:
            return solved
        with timed("uncertainty"), stage("uncertainty"):
            assessed = Assessed.of(self.method, solved.prepared, [problem])
            return Solution(assessed, assessed.with_layers(problem, solved.reconstruction, ALL, ALL))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that the result has in addition to its intensity, of the same shape."""
        return tuple(LAYERS) if self.uncertainty else ()

    def metadata(self) -> dict[str, str | float]:
        """Return the attributes of the result that are known before anything is computed."""
        return self.method.metadata(self.options, self.run)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names in the metadata of a result that are known only when it is computed."""
        place = ("shift_mm", *(("affine",) if self.refine == AFFINE else ())) if self.search else ()
        return (*self.method.measured, *place, DURATIONS)

    def line_coords(self) -> tuple[str, ...]:
        """Return the names of the coordinates along `line` that the result gains."""
        place = (*SHIFT_COORDS, *(AFFINE_COORDS if self.refine == AFFINE else ()))
        return (*self.method.line_coords(self.options), *(place if self.search else ()))

    def place_photo(self, acquisition: Acquisition) -> Acquisition:
        """Return the acquisition with the photo moved to its best place; of Dask arrays only windows are computed."""
        if not self.search:
            return acquisition
        return replace(acquisition, geometry=self.refined(acquisition.geometry, _computed(acquisition, self.search)))

    def refined(self, geometry: Geometry, arrays: Sequence[Arrays]) -> Geometry:
        """Return the geometry with the photo moved to its best place, from the arrays of `search`."""
        return refined(geometry, self.search, arrays, self.run, affine=self.refine == AFFINE)


def training_problems(acquisition: Acquisition, windows: Sequence[Tile]) -> list[Problem]:
    """Return the problems of some windows; of Dask arrays these parts are computed, and no more."""
    return problems_of(acquisition.geometry, windows, _computed(acquisition, windows))


def _computed(acquisition: Acquisition, windows: Sequence[Tile]) -> list[Arrays]:
    """Return the arrays of some windows in memory."""
    arrays = [acquisition.crop(tile) for tile in windows]
    if acquisition.lazy:
        from dask.base import compute

        (computed,) = compute([tuple(each) for each in arrays])  # type: ignore[no-untyped-call]
        arrays = [Arrays(*each) for each in computed]
    return arrays


def problems_of(geometry: Geometry, windows: Sequence[Tile], arrays: Sequence[Arrays]) -> list[Problem]:
    """Return the problems of some windows from the arrays of each.

    Raises
    ------
    InvalidInput
        If the only window is the whole acquisition and a line has no measured pixel, or if all values of a map are too
        small for single precision.
    """
    problems = [geometry.problem(tile, each) for tile, each in zip(windows, arrays, strict=True)]
    largest = np.max([np.abs(problem.scan).max(axis=(1, 2)) for problem in problems], axis=0)
    if faults := range_faults("intensity", geometry.lines, geometry.kinds, largest):
        raise InvalidInput("input", [Fault(fault, subject="scan") for fault in faults])
    if len(problems) == 1 and windows[0] == Tile.whole(geometry.U):
        empty = [geometry.lines[line] for line in np.flatnonzero(~problems[0].measured.any(axis=(1, 2)))]
        if empty:
            raise InvalidInput(
                "input",
                [
                    Fault(
                        f"'intensity' has no finite value for {listing(empty)}; leave out: "
                        f".drop_sel(line={as_argument(empty)})",
                        subject="scan",
                    )
                ],
            )
    return problems
