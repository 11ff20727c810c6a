"""Profiles of maps along a line on the painting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.analysis.polygons import position_mm
from xrfsr.core.cf import ANCILLARY
from xrfsr.core.coordinates import dequantify, own_grid
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.separate import stack_maps
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_dask
from xrfsr.utils.describe import describe

__all__ = ["profile"]

ALONG = "distance"
# Positions along and altogether of a part of a profile that is computed at a time.
LONGEST, MOST_POSITIONS = 256, 2**16


def profile(obj: xr.Dataset | xr.DataArray, start: Any, end: Any, *, width: Any = None) -> xr.Dataset:
    """Values along a straight line from one position to another, averaged across a width.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, photo, or any map or stack of maps with `y` and `x` in a unit of length, such as a ratio.
        Dask arrays stay lazy.
    start, end : pair of lengths (y, x)
        First and last position within the maps: numbers of mm, or text such as ``("2 cm", "85 mm")``.
    width : length, optional
        Width of the strip that is averaged, half of it on either side; by default the line alone.

    Returns
    -------
    xarray.Dataset
        The variables of `obj` (for a DataArray, one with its name, or ``"profile"``), float64, along `distance` instead
        of `y` and `x`, and `standard_error`, the standard error of the mean of the intensity or of the DataArray in its
        units; it is NaN where fewer than two values were averaged. Coordinates: `distance` in mm from `start`, in equal
        steps of at most the smaller side of a pixel, and the positions `y`, `x` in mm. An `uncertainty` is averaged,
        too: it is that of the mean if the errors of neighbouring pixels are equal, as those within one scan pixel
        nearly are.

    Raises
    ------
    InvalidInput
        Naming every position outside the maps and every value that is no length.

    Notes
    -----
    Values are interpolated linearly between the centres of pixels, on lines that lie at most a pixel apart across the
    strip; between the outermost centres and the edge of the maps they are those of the outermost pixels. Values next
    to a missing pixel, or beyond the edge, are missing and not averaged. The standard error is the standard deviation
    of the values across the strip divided by the root of their number. It takes them as independent, which
    super-resolved pixels within one pixel of the scan are not, so it is too small there.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> along = scan.xrfsr.profile((2, 1), ("1.4 cm", 15), width="3 mm")
    >>> along.intensity.dims, along.distance.attrs["units"], float(along.distance[-1].round(3))
    (('line', 'distance'), 'mm', 18.439)
    >>> lead, error = along.intensity.sel(line="Pb-L"), along.standard_error.sel(line="Pb-L")
    """
    faults: list[str] = []
    maps: xr.Dataset | None = None
    main = ""
    grid: Grid | None = None
    strip: _Strip | None = None
    with collect_faults(faults):
        maps, main = _variables(obj)
        grid = own_grid(maps)
    with collect_faults(faults):
        strip = _strip(grid, start, end, width)
    if maps is None or grid is None or strip is None or faults:
        raise InvalidInput("profile", faults)

    pieces = _pieces(grid, strip)
    shown = maps["valid"].variable if "valid" in maps.variables else None
    made: dict[Any, xr.Variable] = {}
    for name, each in maps.data_vars.items():
        if _is_map(each):
            mean, error = _averaged(each.variable.transpose(..., "y", "x"), shown, pieces)
            mean.attrs = {key: value for key, value in each.attrs.items() if key != ANCILLARY}
            made[name] = mean
            if name == main:
                error.attrs = {"long_name": f"standard error of the mean {main}", "units": each.attrs.get("units", "")}
                made["standard_error"] = error
    flat = {name: each for name, each in maps.coords.items() if not {"y", "x"} & {name, *each.dims}}
    return xr.Dataset(made, {**flat, **strip.coords}, maps.attrs)


def _is_map(array: xr.DataArray) -> bool:
    return {"y", "x"} <= set(array.dims) and array.dtype.kind in "iuf"


def _variables(obj: Any) -> tuple[xr.Dataset, str]:
    """Return the maps as a Dataset, and the name of the one whose standard error is wanted."""
    if isinstance(obj, xr.DataArray):
        plain = dequantify(obj)
        if not _is_map(plain):
            raise InvalidInput(
                "map", [f"maps of numbers along 'y' and 'x' are needed, got {describe(plain)} of dtype {plain.dtype}"]
            )
        main = str(plain.name) if plain.name not in (None, "standard_error", *plain.coords) else "profile"
        maps = plain.to_dataset(name=main)
    elif isinstance(obj, xr.Dataset):
        maps, main = stack_maps(dequantify(obj)), "intensity"
        if main not in maps or not _is_map(maps[main]):
            one = next(
                (f", such as ds[{describe(name)}]" for name, each in maps.data_vars.items() if _is_map(each)), ""
            )
            raise InvalidInput(
                "maps",
                [f"a Dataset must have 'intensity' along 'y' and 'x', got {describe(obj)}; pass one map of it{one}"],
            )
    else:
        raise InvalidInput(
            "maps", [f"a Dataset or DataArray with maps is needed, such as the scan, got {describe(obj)}"]
        )
    return maps.reset_coords([name for name, each in maps.coords.items() if _is_map(each)]), main


class _Strip(NamedTuple):
    """Positions in mm, shape (distance, across), which of them lie on the maps, and the coordinates of the profile."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    inside: NDArray[np.bool_]
    coords: dict[str, xr.Variable]


def _strip(grid: Grid | None, start: Any, end: Any, width: Any) -> _Strip | None:
    """Return the positions at which maps are wanted; None without a grid, if nothing else is wrong."""
    faults: list[str] = []
    ends: list[tuple[float, float]] = []
    across = 0.0
    for name, value in (("start", start), ("end", end)):
        with collect_faults(faults):
            ends.append(position_mm(value, name))
            if grid is not None and not (_on(grid.y, ends[-1][0]) and _on(grid.x, ends[-1][1])):
                (top, bottom), (left, right) = grid.y.edges, grid.x.edges
                faults.append(
                    f"{name} must lie between y {top:g} and {bottom:g}, x {left:g} and {right:g} mm, got y "
                    f"{ends[-1][0]:g}, x {ends[-1][1]:g}; positions are pairs (y, x)"
                )
    if width is not None:
        with collect_faults(faults):
            across = to_mm(width, "width")
            most = np.inf if grid is None else float(np.hypot(grid.y.extent, grid.x.extent))
            if not 0 < across <= most:
                faults.append(f"width must be > 0 and at most the diagonal of the maps, {most:g} mm, got {across:g} mm")
    if len(ends) == 2 and ends[0] == ends[1]:
        faults.append(f"start and end must be different positions, got {describe(start)} twice")
    if faults:
        raise InvalidInput("line", faults)
    if grid is None:
        return None
    (y0, x0), (y1, x1) = ends
    length, pixel = float(np.hypot(y1 - y0, x1 - x0)), min(grid.spacing)
    along = np.linspace(0, 1, max(2, int(np.ceil(length / pixel - 1e-9)) + 1))
    lanes = max(1, int(np.ceil(across / pixel - 1e-9)))
    aside = ((np.arange(lanes) + 0.5) / lanes - 0.5) * across / length
    middle = {"y": y0 + along * (y1 - y0), "x": x0 + along * (x1 - x0)}
    y, x = middle["y"][:, None] - aside * (x1 - x0), middle["x"][:, None] + aside * (y1 - y0)
    described = {ALONG: along * length, **middle}
    names = {ALONG: "distance from the start", "y": "position along y", "x": "position along x"}
    coords = {name: xr.Variable(ALONG, described[name], {"units": "mm", "long_name": names[name]}) for name in names}
    return _Strip(y, x, _on(grid.y, y) & _on(grid.x, x), coords)


def _on(axis: Axis, positions: Any) -> Any:
    """Return which positions lie between the edges of an axis."""
    low, high = axis.edges
    slack = 1e-9 * axis.extent
    return (positions >= low - slack) & (positions <= high + slack)


class _Piece(NamedTuple):
    """Positions of a part of the profile, shape (distance, across), in a box of pixels.

    Attributes
    ----------
    box : dict
        Slices of `y` and `x`.
    corners : list
        For each of the four pixels around every position: its row and column in the box, and its weight.
    inside : array
        Which positions lie on the maps.
    """

    box: dict[str, slice]
    corners: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]
    inside: NDArray[np.bool_]


def _pieces(grid: Grid, strip: _Strip) -> list[_Piece]:
    """Divide a strip along its length, so that each part needs a small box of the maps."""
    length, lanes = strip.y.shape
    size = max(1, min(LONGEST, MOST_POSITIONS // lanes))
    found = []
    for start in range(0, length, size):
        part = slice(start, start + size)
        sides = [_neighbours(axis, at[part]) for axis, at in ((grid.y, strip.y), (grid.x, strip.x))]
        firsts = [int(cells.min()) for cells, _ in sides]
        ends = [int(cells.max()) + 2 for cells, _ in sides]
        (rows, down), (columns, right) = sides
        corners = [
            (
                rows - firsts[0] + row,
                columns - firsts[1] + column,
                (down if row else 1 - down) * (right if column else 1 - right),
            )
            for row in (0, 1)
            for column in (0, 1)
        ]
        box = {name: slice(first, end) for name, first, end in zip(("y", "x"), firsts, ends, strict=True)}
        found.append(_Piece(box, corners, strip.inside[part]))
    return found


def _neighbours(axis: Axis, positions: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the first of the two pixels of an axis around each position, and the weight of the second."""
    cells = np.clip((positions - axis.first) / axis.step, 0, axis.size - 1)
    low = np.clip(np.floor(cells).astype(np.intp), 0, axis.size - 2)
    return low, cells - low


def _averaged(
    maps: xr.Variable, shown: xr.Variable | None, pieces: Sequence[_Piece]
) -> tuple[xr.Variable, xr.Variable]:
    """Return the means of maps (..., y, x) across the strip, and their standard errors, lazily for Dask arrays."""
    parts: list[Any] = []
    for piece in pieces:
        box: Any = maps.isel(piece.box)
        data = (box if shown is None else box.where(shown.isel(piece.box))).data
        if is_dask(data):
            whole = data.rechunk({-1: -1, -2: -1})
            chunks = ((2,), *whole.chunks[:-2], (len(piece.inside),))
            places = {"drop_axis": [data.ndim - 2, data.ndim - 1], "new_axis": [0, data.ndim - 1]}
            parts.append(whole.map_blocks(_across, piece, chunks=chunks, meta=np.empty(0), **places))
        else:
            parts.append(_across(data, piece))
    if is_dask(parts[0]):
        import dask.array as da

        both: Any = da.concatenate(parts, axis=-1)  # type: ignore[no-untyped-call]
    else:
        both = np.concatenate(parts, axis=-1)
    dims = (*maps.dims[:-2], ALONG)
    return xr.Variable(dims, both[0]), xr.Variable(dims, both[1])


def _across(box: NDArray[Any], piece: _Piece) -> NDArray[np.float64]:
    """Return mean and standard error across the strip of maps in a box (..., y, x), shape (2, ..., distance)."""
    samples: Any = 0.0
    for rows, columns, weights in piece.corners:
        # A pixel without weight may be missing.
        samples = samples + np.where(weights > 0, box[..., rows, columns], 0) * weights
    known = piece.inside & ~np.isnan(samples)
    samples = np.where(known, samples, 0)
    count = known.sum(axis=-1)
    mean = samples.sum(axis=-1) / np.maximum(count, 1)
    squares = (np.where(known, samples - mean[..., None], 0) ** 2).sum(axis=-1)
    error = np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1))
    return np.stack([np.where(count > 0, mean, np.nan), np.where(count > 1, error, np.nan)])
