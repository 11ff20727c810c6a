r"""U, the operator that turns fine maps into the coarse scan, and everything built on it.

The scan is :math:`Y_\downarrow = Y U` (Eq. 2 of the paper): every coarse pixel is a weighted mean of the fine
pixels under its footprint. Footprints are products of a vertical and a horizontal one, so
:math:`U = U_y \otimes U_x` with one small banded matrix per axis. Those matrices are built from the *physical*
coordinates of both grids: any ratio, any offset, either direction of either axis.

Arrays are ``(..., y, x)``, numpy or torch, and come back as they came: same library, same dtype, same device.
With torch every operation can be differentiated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array, eye_array, hstack, vstack
from scipy.sparse.linalg import splu
from scipy.special import ndtr

from xrfsr.errors import InvalidInput
from xrfsr.grid import Axis, Grid

__all__ = ["Downsampling", "Footprint", "footprint_matrix", "linear_matrix", "overlap_matrix", "separable"]

Footprint = Literal["area", "gaussian", "decimate"]
Array = TypeVar("Array")  # numpy.ndarray or torch.Tensor

# The rows of a spreading matrix fall off by a factor of about four per coarse pixel. What lies below this share
# of the largest entry is under float64 rounding, and leaving it out keeps the matrices banded and the cost linear.
NEGLIGIBLE = 1e-14
# A Gaussian is cut where its tail holds less than 1e-6 of the weight.
TAIL = 5.0


def overlap_matrix(source: Axis, target: Axis) -> csr_array:
    """Length in mm that each `target` cell shares with each `source` cell, shape (target.size, source.size)."""
    start = min(source.edges)
    width = abs(source.step)
    low = target.centres - abs(target.step) / 2
    first = np.floor((low - start) / width - 1e-9).astype(np.int64)
    reach = int(np.ceil(abs(target.step) / width)) + 2
    cell = first[:, None] + np.arange(reach)
    shared = np.minimum(start + (cell + 1) * width, low[:, None] + abs(target.step)) - np.maximum(
        start + cell * width, low[:, None]
    )
    # Grids that share edges meet with rounding error; a sliver of a billionth of a cell is no overlap.
    shared = np.where(shared > 1e-9 * width, shared, 0.0)
    return _assemble(cell, shared, source, target)


def _assemble(cell: NDArray[np.int64], weight: NDArray[np.float64], source: Axis, target: Axis) -> csr_array:
    """Matrix (target.size, source.size) from source cells counted along ascending millimetres."""
    inside = (cell >= 0) & (cell < source.size) & (weight != 0)
    row = np.broadcast_to(np.arange(target.size)[:, None], cell.shape)[inside]
    column = cell[inside] if source.step > 0 else source.size - 1 - cell[inside]
    matrix = csr_array((weight[inside], (row, column)), shape=(target.size, source.size))
    matrix.sort_indices()
    return matrix


def _rows_to_one(matrix: csr_array, what: str) -> csr_array:
    total = np.asarray(matrix.sum(axis=1)).ravel()
    empty = np.flatnonzero(total <= 0)
    if empty.size:
        raise InvalidInput(
            what,
            [
                f"{empty.size} of {matrix.shape[0]} target cells (first: number {empty[0]}) lie outside the source "
                "grid; the source has to cover the target, so crop the target to it"
            ],
        )
    return csr_array(diags_array(1 / total) @ matrix)


def _gaussian_matrix(fine: Axis, coarse: Axis, fwhm: float, smear: float) -> csr_array:
    """Integral over each fine cell of a box of length `smear` convolved with a Gaussian."""
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
    """One fine cell for each coarse one: that which holds its centre, the lower one on a tie."""
    position = (coarse.centres - min(fine.edges)) / abs(fine.step)
    cell = np.ceil(position - 1 - 1e-6).astype(np.int64)[:, None]
    return _assemble(cell, np.ones(cell.shape), fine, coarse)


def footprint_matrix(
    fine: Axis, coarse: Axis, footprint: Footprint = "area", *, fwhm: float | None = None, smear: float | None = None
) -> csr_array:
    """One axis of U: the weight of every fine cell in every coarse one.

    Parameters
    ----------
    fine, coarse : Axis
        Source and target, in mm.
    footprint : {"area", "gaussian", "decimate"}
        The box of the coarse pixel; that box seen through a Gaussian beam; or one fine pixel alone.
    fwhm : float, optional
        Full width at half maximum of the beam in mm, for ``"gaussian"``.
    smear : float, optional
        Length of the box in mm, for ``"gaussian"``: how far the stage moves within one pixel. The coarse pixel
        size if not given; 0 for a stage that stands still.

    Returns
    -------
    csr_array of float64, shape (coarse.size, fine.size)
        Each row sums to one.

    Raises
    ------
    InvalidInput
        If the footprint is unknown, `fwhm` is missing or not positive, or a coarse cell lies outside `fine`.

    Examples
    --------
    >>> from xrfsr.grid import Axis
    >>> coarse = Axis(2, 1.0, 0.5)
    >>> footprint_matrix(coarse.refine(2), coarse).toarray()
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    if footprint not in get_args(Footprint):
        raise InvalidInput("footprint", [f"{footprint!r} is unknown; accepted are {', '.join(get_args(Footprint))}"])
    if footprint != "gaussian" and (fwhm is not None or smear is not None):
        raise InvalidInput("footprint", [f"fwhm and smear belong to footprint='gaussian', not to {footprint!r}"])
    if footprint == "area":
        matrix = overlap_matrix(fine, coarse)
    elif footprint == "decimate":
        matrix = _decimation_matrix(fine, coarse)
    else:
        if fwhm is None or not (np.isfinite(fwhm) and fwhm > 0):
            raise InvalidInput("footprint", [f"fwhm is {fwhm}; 'gaussian' needs the beam's FWHM in mm, above zero"])
        smear = abs(coarse.step) if smear is None else smear
        if not (np.isfinite(smear) and smear >= 0):
            raise InvalidInput("footprint", [f"smear is {smear}; it is a length in mm, zero or more"])
        matrix = _gaussian_matrix(fine, coarse, fwhm, smear)
    return _rows_to_one(matrix, f"downsampling from {fine.size} to {coarse.size} cells")


def linear_matrix(source: Axis, target: Axis) -> csr_array:
    """Linear interpolation between `source` centres at `target` centres, constant beyond the outermost ones.

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Along both axes this is the bilinear upscaling of the paper's Y↓↑.
    """
    position = np.clip((target.centres - source.first) / source.step, 0, source.size - 1)
    low = np.minimum(np.floor(position + 1e-9).astype(np.int64), max(source.size - 2, 0))
    part = np.clip(position - low, 0.0, 1.0)
    high = np.minimum(low + 1, source.size - 1)
    row = np.arange(target.size)
    weights = np.concatenate([1 - part, part])
    matrix = csr_array(
        (weights, (np.concatenate([row, row]), np.concatenate([low, high]))), shape=(target.size, source.size)
    )
    matrix.eliminate_zeros()
    return matrix


def separable(y: csr_array, x: csr_array, array: Array) -> Array:
    """Apply `y` along rows and `x` along columns of an array (..., y, x), numpy or torch."""
    rows: Array = _along(y, array, -2)
    result: Array = _along(x, rows, -1)
    return result


def _along(matrix: csr_array, array: Any, axis: int) -> Any:
    if array.shape[axis] != matrix.shape[1]:
        raise InvalidInput(
            "array",
            [f"axis {axis} has {array.shape[axis]} cells where the operator takes {matrix.shape[1]}"],
        )
    if isinstance(array, np.ndarray):
        dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        moved = np.moveaxis(array, axis, 0)
        columns = moved.reshape(moved.shape[0], -1).astype(dtype, copy=False)
        product = matrix.astype(dtype, copy=False) @ np.ascontiguousarray(columns)
        return np.ascontiguousarray(np.moveaxis(product.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis))
    import torch

    moved_t = array.movedim(axis, 0)
    columns_t = moved_t.reshape(moved_t.shape[0], -1)
    entries = matrix.tocoo()
    sparse = torch.sparse_coo_tensor(
        torch.as_tensor(np.stack(entries.coords).astype(np.int64)),
        torch.as_tensor(entries.data),
        size=matrix.shape,
        dtype=array.dtype,
        device=array.device,
        check_invariants=False,
        is_coalesced=True,
    )
    product_t = torch.sparse.mm(sparse, columns_t)
    return product_t.reshape(matrix.shape[0], *moved_t.shape[1:]).movedim(0, axis).contiguous()


def _precision(axis: Axis, correlation_length: float) -> csr_array:
    """Inverse of the exponential covariance exp(-|s - t| / correlation_length) between the centres of `axis`.

    An exponential covariance on a regular grid is a first-order Markov chain, so its inverse is tridiagonal.
    """
    rho = float(np.exp(-abs(axis.step) / correlation_length))
    diagonal = np.full(axis.size, 1 + rho**2)
    diagonal[[0, -1]] = 1.0
    if axis.size == 1:
        return csr_array(np.ones((1, 1)))
    off = np.full(axis.size - 1, -rho)
    return csr_array(
        diags_array([off, diagonal, off], offsets=[-1, 0, 1])  # type: ignore[list-item]  # the stubs want sequences
        / (1 - rho**2)
    )


def _spreading(u: csr_array, precision: csr_array) -> tuple[csr_array, csr_array]:
    r"""One axis of :math:`Q U^T (U Q U^T)^{-1}`, shape (fine, coarse), and of :math:`(U Q U^T)^{-1}`.

    Column j is the smoothest fine signal, in the norm of Q, whose coarse values are zero but for a one at j:
    minimise x'Q⁻¹x under Ux = e_j. Its optimality conditions are a sparse banded system, so the cost is linear
    in the number of cells for each column, and Q itself is never formed. The multipliers of the constraint are
    the columns of -(U Q Uᵀ)⁻¹.
    """
    coarse, fine = u.shape
    zero = csr_array((coarse, coarse))
    system = vstack([hstack([precision, u.T]), hstack([u, zero])])
    try:
        factors = splu(csc_array(system))
    except RuntimeError as error:  # SuperLU: "Factor is exactly singular"
        raise InvalidInput(
            "downsampling",
            [
                f"{coarse} coarse cells cannot all be met from {fine} fine ones: some see the same fine pixels. "
                "The target grid has to be at least as fine as the scan, and the beam not much wider than its pixels"
            ],
        ) from error
    blocks: list[csr_array] = []
    for start in range(0, coarse, 256):
        unit = eye_array(coarse, min(256, coarse - start), k=-start, format="csc").toarray()
        solution = factors.solve(np.vstack([np.zeros((fine, unit.shape[1])), unit]))
        for part in (solution[:fine], solution[fine:]):
            part[np.abs(part) < NEGLIGIBLE * np.abs(part).max()] = 0.0
        blocks.append(csr_array(solution))
    solved = csr_array(hstack(blocks))
    return solved[:fine], -solved[fine:]


@dataclass(frozen=True, eq=False)
class Downsampling:
    r"""U between two grids: forward, adjoint, pseudo-inverse, and the projection onto what the scan allows.

    Build it with `Downsampling.between`; ``ds.xrfsr.downsampling(scale)`` does so for a scan.

    Attributes
    ----------
    fine, coarse : Grid
    y, x : csr_array
        The two factors, shapes (coarse.y.size, fine.y.size) and (coarse.x.size, fine.x.size).
    footprint : str
    fwhm : tuple of float or None
        Beam FWHM (y, x) in mm.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr.grid import Grid
    >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(4), coarse)
    >>> maps = np.random.default_rng(0).random((3, 32, 32))
    >>> scan = U(maps)
    >>> scan.shape
    (3, 8, 8)
    >>> estimate = U.project(np.zeros_like(maps), scan)
    >>> bool(np.allclose(U(estimate), scan))
    True
    """

    fine: Grid
    coarse: Grid
    y: csr_array
    x: csr_array
    footprint: Footprint
    fwhm: tuple[float, float] | None = None

    @classmethod
    def between(
        cls,
        fine: Grid,
        coarse: Grid,
        footprint: Footprint = "area",
        *,
        fwhm: float | tuple[float, float] | None = None,
        smear: tuple[float, float] | None = None,
    ) -> Downsampling:
        """Build U from the physical coordinates of both grids.

        Parameters
        ----------
        fine, coarse : Grid
            Source and target in mm.
        footprint : {"area", "gaussian", "decimate"}
            See `footprint_matrix`.
        fwhm : float or (y, x), optional
            Beam FWHM in mm for ``"gaussian"``.
        smear : (y, x), optional
            How far the stage moves within one pixel, in mm, for ``"gaussian"``: the coarse pixel in both
            directions if not given; ``(0, dx)`` for rows scanned in continuous motion.
        """
        both = (fwhm, fwhm) if isinstance(fwhm, (int, float)) else fwhm
        axes = [
            footprint_matrix(
                f, c, footprint, fwhm=None if both is None else both[i], smear=None if smear is None else smear[i]
            )
            for i, (f, c) in enumerate(((fine.y, coarse.y), (fine.x, coarse.x)))
        ]
        return cls(fine, coarse, axes[0], axes[1], footprint, both)

    def __call__(self, maps: Array) -> Array:
        """Coarse maps :math:`Y U` from fine ones; (..., fine.y, fine.x) to (..., coarse.y, coarse.x)."""
        return separable(self.y, self.x, maps)

    def adjoint(self, maps: Array) -> Array:
        """:math:`U^T`: (..., coarse.y, coarse.x) to (..., fine.y, fine.x), with ⟨U a, b⟩ = ⟨a, Uᵀ b⟩."""
        return separable(csr_array(self.y.T), csr_array(self.x.T), maps)

    def pinv(self, maps: Array) -> Array:
        """Moore–Penrose pseudo-inverse: the fine maps of least energy that U takes to `maps`.

        For ``"area"`` with a whole-number ratio this copies every coarse pixel into its fine ones.
        """
        return self.spreading()(maps)

    def spreading(self, correlation_length: float | None = None) -> Spreading:
        r"""The operator :math:`Q U^T (U Q U^T)^{-1}`, built once to be applied many times.

        Parameters
        ----------
        correlation_length : float, optional
            Range in mm of the exponential covariance Q = Q_y ⊗ Q_x; Q = I, the pseudo-inverse, if not given.

        Raises
        ------
        InvalidInput
            If the length is not positive, or the rows of U are not independent.
        """
        if correlation_length is not None and not (np.isfinite(correlation_length) and correlation_length > 0):
            raise InvalidInput(
                "covariance", [f"correlation_length is {correlation_length}; it is a length in mm, above zero"]
            )

        def one(u: csr_array, axis: Axis) -> tuple[csr_array, csr_array]:
            if correlation_length is None:
                return _spreading(u, csr_array(eye_array(axis.size)))
            return _spreading(u, _precision(axis, correlation_length))

        y, precision_y = one(self.y, self.fine.y)
        x, precision_x = one(self.x, self.fine.x)
        return Spreading(y, x, precision_y, precision_x)

    def project(self, estimate: Array, scan: Array, correlation_length: float | None = None) -> Array:
        r"""Eq. 10: the nearest maps to `estimate` that U takes exactly to `scan`.

        .. math:: \hat Y - Q U^T (U Q U^T)^{-1} (U \hat Y - Y_\downarrow)

        The paper's equation has :math:`U^T` alone, which is this for orthonormal columns and Q = I. "Nearest" is
        meant in the norm of Q⁻¹: with a covariance the residual is spread smoothly instead of copied.

        Parameters
        ----------
        estimate : array, shape (..., fine.y, fine.x)
        scan : array, shape (..., coarse.y, coarse.x)
        correlation_length : float, optional
            See `spreading`.

        Returns
        -------
        array like `estimate`
        """
        maps: Any = estimate
        projected: Array = maps + self.spreading(correlation_length)(scan - self(maps))
        return projected


@dataclass(frozen=True, eq=False)
class Spreading:
    """A separable right inverse of U: coarse maps to fine ones that U takes back exactly.

    Attributes
    ----------
    y, x : csr_array
        The two factors, shapes (fine.y.size, coarse.y.size) and (fine.x.size, coarse.x.size).
    precision_y, precision_x : csr_array
        The two factors of :math:`C^{-1} = (U Q U^T)^{-1}`, the inverse covariance of the coarse pixels.
    """

    y: csr_array
    x: csr_array
    precision_y: csr_array
    precision_x: csr_array

    def __call__(self, maps: Array) -> Array:
        """Spread coarse maps (..., coarse.y, coarse.x) over the fine grid."""
        return separable(self.y, self.x, maps)
