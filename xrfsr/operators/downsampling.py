"""U as an operator on maps: forward, adjoint, pseudo-inverse, and the projection onto what the scan allows."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput
from xrfsr.operators.footprints import Footprint, beam_per_axis, coverage_faults, footprint_matrix
from xrfsr.operators.right_inverse import precision_matrix, right_inverse_matrix

__all__ = ["Crop", "Downsampling", "RightInverse", "apply_separable", "crop_rows", "reach"]

Array = TypeVar("Array", NDArray[Any], Any)

# How many times larger than the coarse values the fine ones that meet them may have to be, along one axis. For a
# Gaussian beam this is about 4 where it is as wide as the pixel, 50 at twice that width, 400 at 2.5 times, 4,000 at
# 3 times and 10^6 at 4 times. Rounding grows with its square: for scans of pure noise, the projection is consistent to
# 1e-5 in float32 at twice the width and to 1e-3 at the limit; in float64, to 1e-9 at the limit and 1e-4 at 4 times.
AMPLIFICATION = 1e3
# Beyond this many fine pixels, the correlation of neighbours would round to one.
LONGEST = 1e9
# Rows that are transposed and multiplied at once: few enough for the cache, and little is held in between.
STRIP = 128
NEGLIGIBLE = 1e-3  # of the value of a coarse pixel: what it adds to a fine one beyond the reach
PROBED = 64  # coarse pixels, of which the middle one is looked at


def apply_separable(y: csr_array, x: csr_array, array: Array) -> Array:
    """Apply `y` along rows and `x` along columns of an array (..., y, x), numpy or torch.

    Raises
    ------
    InvalidInput
        If it is neither, or its last two axes do not fit the matrices.
    """
    # A tensor can only exist once torch has been imported.
    torch = sys.modules.get("torch")
    is_numpy = isinstance(array, np.ndarray)
    if not is_numpy and not (torch is not None and isinstance(array, torch.Tensor)):
        kind = f"{type(array).__module__.partition('.')[0]}.{type(array).__name__}"
        raise InvalidInput("array", [f"it is a {kind}; accepted are numpy arrays and torch tensors, so pass .values"])
    _check_shape("array", array, (y.shape[1], x.shape[1]))
    result: Array = _separable_numpy(y, x, array) if is_numpy else _separable_torch(y, x, array)
    return result


def _check_shape(name: str, array: Any, wanted: tuple[int, ...]) -> None:
    if tuple(array.shape[-2:]) != wanted:
        raise InvalidInput(
            name,
            [f"its shape is {tuple(array.shape)}, and it must be (..., {wanted[0]}, {wanted[1]}): y and x come last"],
        )


def _separable_numpy(y: csr_array, x: csr_array, array: NDArray[Any]) -> NDArray[Any]:
    # Files bring other byte orders, and scipy has products neither for those nor for half precision.
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind == "f" else np.dtype(np.float64)
    inner = np.result_type(dtype, np.float32)
    y, x = y.astype(inner, copy=False), x.astype(inner, copy=False)
    made = np.empty((*array.shape[:-2], y.shape[0], x.shape[0]), dtype)
    for index in np.ndindex(array.shape[:-2]):
        rows = y @ np.ascontiguousarray(array[index], dtype=inner)
        for start in range(0, len(rows), STRIP):
            strip = slice(start, start + STRIP)
            made[(*index, strip)] = (x @ np.ascontiguousarray(rows[strip].T)).T
    return made


def _separable_torch(y: csr_array, x: csr_array, array: Any) -> Any:
    import torch

    dtype = array.dtype if array.is_floating_point() else torch.float64
    inner = torch.promote_types(dtype, torch.float32)  # no sparse products in half precision
    for matrix, axis in ((y, -2), (x, -1)):
        moved = array.movedim(axis, 0)
        entries = matrix.tocoo()
        sparse = torch.sparse_coo_tensor(
            torch.as_tensor(np.stack(entries.coords).astype(np.int64)),
            torch.as_tensor(entries.data),
            size=matrix.shape,
            dtype=inner,
            device=array.device,
            check_invariants=False,
            is_coalesced=True,
        )
        product = torch.sparse.mm(sparse, moved.reshape(matrix.shape[1], -1).to(inner))
        array = product.reshape(matrix.shape[0], *moved.shape[1:]).movedim(0, axis)
    return array.to(dtype).contiguous()


@dataclass(frozen=True, eq=False, repr=False)
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
    >>> from xrfsr.core.grid import Grid
    >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(4), coarse)
    >>> U
    <U from 32 x 32 to 8 x 8 pixels, footprint 'area'>
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

    def __repr__(self) -> str:
        beam = "" if self.fwhm is None else f", beam {self.fwhm[0]:g} x {self.fwhm[1]:g} mm"
        sizes = " to ".join(f"{grid.shape[0]} x {grid.shape[1]}" for grid in (self.fine, self.coarse))
        return f"<U from {sizes} pixels, footprint {self.footprint!r}{beam}>"

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

        Raises
        ------
        InvalidInput
            Naming every fault of both axes: a footprint whose parameters do not fit, a fine grid that is coarser
            than the coarse one or does not cover it.
        """
        faults: list[str] = []
        widths: tuple[float | None, float | None] = (None, None)
        lengths = widths
        try:
            widths, lengths = beam_per_axis(footprint, fwhm, smear)
        except InvalidInput as error:
            faults.extend(error.faults)
        axes = (("y", fine.y, coarse.y), ("x", fine.x, coarse.x))
        for name, f, c in axes:
            if abs(f.step) > abs(c.step) * (1 + 1e-6):
                faults.append(
                    f"along {name!r}, the fine grid has pixels of {abs(f.step):g} mm and the scan of "
                    f"{abs(c.step):g} mm; it has to be at least as fine as the scan, so exchange the two or refine it"
                )
            faults.extend(coverage_faults(f, c, name))
        if faults:
            raise InvalidInput("downsampling", faults)
        y, x = (
            footprint_matrix(f, c, footprint, fwhm=width, smear=length)
            for (_, f, c), width, length in zip(axes, widths, lengths, strict=True)
        )
        beam = None if widths[0] is None or widths[1] is None else (widths[0], widths[1])
        return cls(fine, coarse, y, x, footprint, beam)

    def __call__(self, maps: Array) -> Array:
        """Coarse maps :math:`Y U` from fine ones; (..., fine.y, fine.x) to (..., coarse.y, coarse.x)."""
        coarse: Array = apply_separable(self.y, self.x, maps)
        return coarse

    def crop(self, rows: slice, columns: slice) -> Crop:
        """U between some neighbouring coarse pixels and the fine ones that they see or that lie in them.

        The weights are those of the whole, so that any part of a scan is seen as it is within the whole.

        Examples
        --------
        >>> from xrfsr.core.grid import Grid
        >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
        >>> U = Downsampling.between(coarse.refine(4), coarse)
        >>> U.part(slice(2, 5), slice(0, 8))
        Part(U=<U from 12 x 32 to 3 x 8 pixels, footprint 'area'>, y=slice(8, 20, None), x=slice(0, 32, None))
        """
        coarse = self.coarse.crop(rows, columns)
        y, under_y = crop_rows(self.y, rows, _between_edges(self.fine.y, coarse.y))
        x, under_x = crop_rows(self.x, columns, _between_edges(self.fine.x, coarse.x))
        fine = self.fine.crop(under_y, under_x)
        return Crop(replace(self, fine=fine, coarse=coarse, y=y, x=x), under_y, under_x)

    def adjoint(self, maps: Array) -> Array:
        """:math:`U^T`: (..., coarse.y, coarse.x) to (..., fine.y, fine.x), with ⟨U a, b⟩ = ⟨a, Uᵀ b⟩."""
        fine: Array = apply_separable(csr_array(self.y.T), csr_array(self.x.T), maps)
        return fine

    def pinv(self, maps: Array) -> Array:
        """Moore–Penrose pseudo-inverse: the fine maps of least energy that U takes to `maps`.

        For ``"area"`` with a whole-number ratio this copies every coarse pixel into its fine ones.
        """
        fine: Array = self.right_inverse()(maps)
        return fine

    def right_inverse(self, correlation_length: float | None = None) -> RightInverse:
        r"""The operator :math:`Q U^T (U Q U^T)^{-1}`, built once to be applied many times.

        Parameters
        ----------
        correlation_length : float, optional
            Range in mm of the exponential covariance Q = Q_y ⊗ Q_x; Q = I, the pseudo-inverse, if not given.

        Raises
        ------
        InvalidInput
            If the length is not positive, or neighbouring coarse pixels see so nearly the same that meeting them
            exactly would amplify noise more than a thousandfold along an axis. That is so for a Gaussian beam
            wider than about 2.7 pixels (above 2, use float64). U and its adjoint can be used all the same.
        """
        if correlation_length is not None and not (0 < correlation_length <= LONGEST * min(self.fine.spacing)):
            raise InvalidInput(
                "covariance",
                [
                    f"correlation_length is {correlation_length}; it is a length in mm, above zero and at most "
                    f"{LONGEST:g} fine pixels, such as 3 coarse pixels"
                ],
            )
        made: list[tuple[csr_array, csr_array]] = []
        faults: list[str] = []
        for i, (name, u, axis) in enumerate((("y", self.y, self.fine.y), ("x", self.x, self.fine.x))):
            try:
                made.append(right_inverse_matrix(u, precision_matrix(axis, correlation_length)))
                amplified = float(abs(made[-1][0]).sum(axis=1).max())
            except RuntimeError:  # SuperLU: "Factor is exactly singular"
                amplified = np.inf
            if not amplified <= AMPLIFICATION:
                faults.append(self._ill_posed(i, name, amplified))
        if faults:
            raise InvalidInput("downsampling", faults)
        (y, precision_y), (x, precision_x) = made
        return RightInverse(y, x, precision_y, precision_x)

    def _ill_posed(self, i: int, name: str, amplified: float) -> str:
        coarse, fine = self.coarse.shape[i], self.fine.shape[i]
        text = (
            f"along {name!r}, {coarse} coarse pixels can be met by {fine} fine ones only with values {amplified:.1g} "
            f"times as large (at most {AMPLIFICATION:g} is accepted): neighbours see nearly the same, so noise and "
            "rounding would drown the maps; "
        )
        if self.fwhm is None:
            return text + "use a finer target grid"
        return text + (
            f"the beam of {self.fwhm[i]:g} mm is too wide for pixels of {self.coarse.spacing[i]:g} mm, so check fwhm, "
            "average the scan to larger pixels (.xrfsr.resample), or use footprint='area'"
        )

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
            See `right_inverse`.

        Returns
        -------
        array like `estimate`

        Raises
        ------
        InvalidInput
            If a shape does not fit, or as `right_inverse` does.
        """
        _check_shape("estimate", estimate, self.fine.shape)
        _check_shape("scan", scan, self.coarse.shape)
        maps: Any = estimate
        projected: Array = maps + self.right_inverse(correlation_length)(scan - self(maps))
        return projected


class Crop(NamedTuple):
    """U of some coarse pixels, and which fine pixels of the whole they belong to.

    Attributes
    ----------
    U : Downsampling
    y, x : slice
        Rows and columns of the whole fine grid.
    """

    U: Downsampling
    y: slice
    x: slice


def crop_rows(matrix: csr_array, rows: slice, least: slice | None = None) -> tuple[csr_array, slice]:
    """Neighbouring rows of a banded matrix, cut to the columns that they touch and those of `least`."""
    columns = matrix.indices[matrix.indptr[rows.start] : matrix.indptr[rows.stop]]
    touched = slice(int(columns.min()), int(columns.max()) + 1)
    if least is not None:
        touched = slice(min(touched.start, least.start), max(touched.stop, least.stop))
    return csr_array(matrix[rows, touched]), touched


def _between_edges(fine: Axis, coarse: Axis) -> slice:
    """The fine cells whose centres lie between the outer edges of some coarse ones."""
    ends = sorted((edge - fine.first) / fine.step + 0.5 for edge in coarse.edges)
    start, stop = (min(max(round(end), 0), fine.size) for end in ends)
    return slice(start, stop)


@dataclass(frozen=True, eq=False)
class RightInverse:
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

    @property
    def noise_gain(self) -> float:
        """How many times larger white noise of the coarse maps is after spreading (standard deviation, in the mean)."""
        return float(np.sqrt(np.prod([part.power(2).sum() / part.shape[0] for part in (self.y, self.x)])))

    def __call__(self, maps: Array) -> Array:
        """Spread coarse maps (..., coarse.y, coarse.x) over the fine grid."""
        fine: Array = apply_separable(self.y, self.x, maps)
        return fine


def reach(U: Downsampling, correlation_length: float) -> int:
    """How many coarse pixels away the spreading of a residual is felt."""
    rows, columns = (slice(max(0, size // 2 - PROBED), min(size, size // 2 + PROBED)) for size in U.coarse.shape)
    part = U.crop(rows, columns).U
    right_inverse = part.right_inverse(correlation_length)
    return max(
        _felt(matrix, fine / coarse)
        for matrix, fine, coarse in zip((right_inverse.y, right_inverse.x), U.fine.shape, U.coarse.shape, strict=True)
    )


def _felt(right_inverse: csr_array, ratio: float) -> int:
    middle = right_inverse.shape[1] // 2
    column = abs(right_inverse[:, [middle]].toarray().ravel())
    distance = (np.flatnonzero(column > NEGLIGIBLE) + 0.5) / ratio - (middle + 0.5)
    return ceil(float(np.abs(distance).max()))
