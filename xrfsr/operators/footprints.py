"""One axis of U: the weights of fine cells in every coarse one, as a sparse matrix, from physical coordinates."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from xrfsr.core.grid import Axis
from xrfsr.errors import InvalidInput
from xrfsr.utils.checks import choice_faults
from xrfsr.utils.describe import describe

__all__ = ["Footprint", "beam_per_axis", "coverage_faults", "footprint_matrix", "overlap_matrix"]

Footprint = Literal["area", "gaussian", "decimate"]

# A Gaussian is cut where its tail holds less than 1e-6 of the weight.
TAIL = 5.0
# Share of a cell below which an overlap is rounding: coordinates are rounded to 1e-12 mm.
SLIVER = 1e-8


def overlap_matrix(source: Axis, target: Axis) -> csr_array:
    """Length in mm that each `target` cell shares with each `source` cell.

    Parameters
    ----------
    source, target : Axis
        Centres of the given and of the wanted pixels, in mm (`xrfsr.Grid` has two axes, `y` and `x`).

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Lengths in mm.

    Examples
    --------
    >>> overlap_matrix(Axis(4, 0.5, 0.25), Axis(2, 1.0, 0.5)).toarray().tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    start = min(source.edges)
    width = abs(source.step)
    low = target.centres - abs(target.step) / 2
    first = np.floor((low - start) / width - SLIVER).astype(np.int64)
    reach = int(np.ceil(abs(target.step) / width)) + 2
    cell = first[:, None] + np.arange(reach)
    shared = np.minimum(start + (cell + 1) * width, low[:, None] + abs(target.step)) - np.maximum(
        start + cell * width, low[:, None]
    )
    # Grids that share edges overlap by the rounding error of their coordinates, which does not count.
    shared = np.where(shared > SLIVER * width, shared, 0.0)
    return _assemble(cell, shared, source, target)


def _assemble(cell: NDArray[np.int64], weight: NDArray[np.float64], source: Axis, target: Axis) -> csr_array:
    """Build a matrix (target.size, source.size) from source cells counted along ascending millimetres."""
    inside = (cell >= 0) & (cell < source.size) & (weight != 0)
    row = np.broadcast_to(np.arange(target.size)[:, None], cell.shape)[inside]
    column = cell[inside] if source.step > 0 else source.size - 1 - cell[inside]
    matrix = csr_array((weight[inside], (row, column)), shape=(target.size, source.size))
    matrix.sort_indices()
    return matrix


def _rows_to_one(matrix: csr_array) -> csr_array:
    """Divide each row by its sum."""
    total = np.asarray(matrix.sum(axis=1)).ravel()
    data = matrix.data / np.repeat(total, np.diff(matrix.indptr))
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _gaussian_matrix(fine: Axis, coarse: Axis, fwhm: float, smear: float) -> csr_array:
    """Integrate a box of length `smear`, convolved with a Gaussian, over each fine cell."""
    sigma = fwhm / (2 * np.sqrt(2 * np.log(2)))
    width = abs(fine.step)
    start = min(fine.edges)
    reach_mm = smear / 2 + TAIL * sigma
    first = np.floor((coarse.centres - reach_mm - start) / width).astype(np.int64)
    reach = int(np.ceil(2 * reach_mm / width)) + 2
    cell = first[:, None] + np.arange(reach)
    edge = start + np.concatenate([cell, cell[:, -1:] + 1], axis=1) * width - coarse.centres[:, None]

    def cumulative(u: NDArray[np.float64]) -> NDArray[np.float64]:
        if smear == 0:
            return np.asarray(ndtr(u / sigma))
        # The integral of ndtr(u / sigma) is u ndtr(u / sigma) + sigma phi(u / sigma).
        upper, lower = (u + smear / 2) / sigma, (u - smear / 2) / sigma
        ramp = [t * ndtr(t) + np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi) for t in (upper, lower)]
        return np.asarray((ramp[0] - ramp[1]) * sigma / smear)

    return _assemble(cell, np.maximum(np.diff(cumulative(edge), axis=1), 0.0), fine, coarse)


def _decimation_matrix(fine: Axis, coarse: Axis) -> csr_array:
    """Select one fine cell for each coarse one: the cell that contains its centre, the lower one on a border."""
    position = (coarse.centres - min(fine.edges)) / abs(fine.step)
    cell = np.clip(np.ceil(position - 1 - 1e-6).astype(np.int64), 0, fine.size - 1)[:, None]
    return _assemble(cell, np.ones(cell.shape), fine, coarse)


def beam_per_axis(
    footprint: object, fwhm: object = None, smear: object = None
) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]]:
    """Return `fwhm` and `smear` as (y, x), each from one number of mm, a pair, or None.

    Raises
    ------
    InvalidInput
        Naming every parameter that does not fit `footprint`.
    """
    if unknown := choice_faults("footprint", footprint, get_args(Footprint)):
        raise InvalidInput("footprint", unknown)
    faults: list[str] = []
    pairs: list[tuple[float | None, float | None]] = []
    for name, value, lowest in (("fwhm", fwhm, "> 0"), ("smear", smear, "≥ 0")):
        pair: list[Any] = [None, None]
        if value is None:
            if footprint == "gaussian" and name == "fwhm":
                faults.append("footprint 'gaussian' needs fwhm, the FWHM of the beam in mm, such as fwhm=0.5")
        elif footprint != "gaussian":
            faults.append(
                f"footprint {footprint!r} has no {name}, got {describe(value)}; use footprint='gaussian' for a beam"
            )
        else:
            try:
                pair = np.broadcast_to(np.asarray(value, dtype=np.float64), 2).tolist()
            except (TypeError, ValueError):
                pair = [np.nan, np.nan]
            if not all(np.isfinite(v) and (v > 0 or (v == 0 and name == "smear")) for v in pair):
                faults.append(
                    f"{name} must be a length in mm, {lowest}, one number or two as (y, x), got {describe(value)}"
                )
        pairs.append((pair[0], pair[1]))
    if faults:
        raise InvalidInput("footprint", faults)
    return pairs[0], pairs[1]


def coverage_faults(fine: Axis, coarse: Axis, name: str = "") -> list[str]:
    """Return the fault, in a list, if more than half of a coarse cell lies outside `fine`, or an empty list."""
    low, high = fine.edges
    slack = 1e-6 * abs(fine.step)
    outside = np.flatnonzero((coarse.centres < low - slack) | (coarse.centres > high + slack))
    if not outside.size:
        return []
    return [
        f"{f'along {name!r}, ' if name else ''}{outside.size} of {coarse.size} target cells (the first centred at "
        f"{coarse.centres[outside[0]]:g} mm) lie outside the source grid, which covers {low:g} to {high:g} mm; crop "
        "the target to the source, or check that both have the same origin in mm"
    ]


def footprint_matrix(
    fine: Axis, coarse: Axis, footprint: Footprint = "area", *, fwhm: float | None = None, smear: float | None = None
) -> csr_array:
    """Return one axis of U: the weight of every fine cell in every coarse one.

    Parameters
    ----------
    fine, coarse : Axis
        Axis of the source and of the target, in mm.
    footprint : {"area", "gaussian", "decimate"}
        Box of the coarse pixel; box convolved with a Gaussian beam; or a single fine pixel.
    fwhm : float, optional
        Full width at half maximum of the beam in mm, for ``"gaussian"``.
    smear : float, optional
        Length of the box in mm, for ``"gaussian"``: the distance that the stage moves within one pixel. By default
        the coarse pixel size; 0 for a stage that stops at every pixel.

    Returns
    -------
    csr_array of float64, shape (coarse.size, fine.size)
        Weights; each row sums to one.

    Raises
    ------
    InvalidInput
        If the footprint is unknown, `fwhm` is missing or not positive, or more than half of a coarse cell lies
        outside `fine`. (The mean is taken over the part inside.)

    Examples
    --------
    >>> from xrfsr.core.grid import Axis
    >>> coarse = Axis(2, 1.0, 0.5)
    >>> footprint_matrix(coarse.refine(2), coarse).toarray()
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    (width, _), (length, _) = beam_per_axis(footprint, fwhm, smear)
    if faults := coverage_faults(fine, coarse):
        raise InvalidInput("downsampling", faults)
    if footprint == "area":
        matrix = overlap_matrix(fine, coarse)
    elif footprint == "decimate":
        matrix = _decimation_matrix(fine, coarse)
    else:
        assert width is not None
        matrix = _gaussian_matrix(fine, coarse, width, abs(coarse.step) if length is None else length)
    return _rows_to_one(matrix)
