"""U as an operator on maps: forward, adjoint, pseudo-inverse, and the projection onto maps consistent with the scan."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators.downsampling_card import downsampling_card
from xrfsr.operators.footprints import Footprint, beam_per_axis, coverage_faults, footprint_matrix
from xrfsr.operators.right_inverse import RightInverse, precision_matrix, right_inverse_matrix
from xrfsr.operators.separable import Array, apply_separable, check_shape, crop_rows

__all__ = ["Crop", "Downsampling"]

# Range of the exponential covariance in coarse pixels. Measured on three real scans at a scale of 4: between 1.5 and
# 8 the PSNR changes by 0.09 dB on one and by less than 0.01 dB on the others, between 3 and 8 by 0.02 dB at most
# (longer ranges are no worse, only less sparse), so the range is a constant and not a setting.
CORRELATION_PIXELS = 3.0
# Largest accepted ratio of fine values to the coarse values that they reproduce, along one axis. For a Gaussian beam
# the ratio is about 4 if it is as wide as the pixel, 50 at twice that width, 400 at 2.5 times, 4,000 at 3 times and
# 10^6 at 4 times. Rounding errors grow with its square: for scans of pure noise, the projection is consistent to 1e-5
# in float32 at twice the width and to 1e-3 at the limit; in float64, to 1e-9 at the limit and to 1e-4 at 4 times.
AMPLIFICATION = 1e3
# Beyond this many fine pixels, the correlation of neighbours would round to one.
LONGEST = 1e9
NEGLIGIBLE = 1e-3  # share of a coarse pixel's value that it adds to a fine one beyond the halo
PROBED = 64  # coarse pixels on either side of the one whose halo is measured


@dataclass(frozen=True, eq=False, repr=False)
class Downsampling:
    r"""U between two grids: forward, adjoint, pseudo-inverse, and the projection onto maps consistent with a scan.

    Build it with `Downsampling.between`, or for a scan with ``ds.xrfsr.downsampling(scale)``.

    Attributes
    ----------
    fine, coarse : Grid
    y, x : csr_array
        The two factors, shapes (coarse.y.size, fine.y.size) and (coarse.x.size, fine.x.size).
    footprint : {"area", "gaussian", "decimate"}
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

    def __getstate__(self) -> dict[str, Any]:
        # Without the cached properties: a worker builds the right inverses that it needs faster than it receives them.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __repr__(self) -> str:
        beam = "" if self.fwhm is None else f", beam {self.fwhm[0]:g} x {self.fwhm[1]:g} mm"
        sizes = " to ".join(f"{grid.shape[0]} x {grid.shape[1]}" for grid in (self.fine, self.coarse))
        return f"<U from {sizes} pixels, footprint {self.footprint!r}{beam}>"

    def _repr_html_(self) -> str | None:
        return downsampling_card(self)

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
            Grid of the source and of the target, in mm.
        footprint : {"area", "gaussian", "decimate"}
            See `footprint_matrix`.
        fwhm : float or (y, x), optional
            Beam FWHM in mm for ``"gaussian"``.
        smear : (y, x), optional
            Distance that the stage moves within one pixel, in mm, for ``"gaussian"``: by default the coarse pixel
            in both directions; ``(0, dx)`` for rows scanned in continuous motion.

        Raises
        ------
        InvalidInput
            Naming every fault of both axes: parameters that do not fit the footprint, a fine grid that is coarser
            than the coarse one or does not cover it.
        """
        faults: list[str] = []
        widths: tuple[float | None, float | None] = (None, None)
        lengths = widths
        with collect_faults(faults):
            widths, lengths = beam_per_axis(footprint, fwhm, smear)
        axes = (("y", fine.y, coarse.y), ("x", fine.x, coarse.x))
        for name, f, c in axes:
            if abs(f.step) > abs(c.step) * (1 + 1e-6):
                faults.append(
                    f"along {name!r}, the fine grid must have pixels of at most {abs(c.step):g} mm, as the scan, got "
                    f"{abs(f.step):g} mm; exchange the two grids, or refine the fine one"
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
        """Return the coarse maps :math:`Y U` of fine ones; (..., fine.y, fine.x) to (..., coarse.y, coarse.x)."""
        coarse: Array = apply_separable(self.y, self.x, maps)
        return coarse

    def crop(self, rows: slice, columns: slice) -> Crop:
        """Return U between a rectangle of coarse pixels and the fine ones under their footprints or within their edges.

        The weights are those of the full U, so that the crop of a scan equals the scan of the cropped maps.

        Examples
        --------
        >>> from xrfsr.core.grid import Grid
        >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
        >>> U = Downsampling.between(coarse.refine(4), coarse)
        >>> U.crop(slice(2, 5), slice(0, 8))
        Crop(U=<U from 12 x 32 to 3 x 8 pixels, footprint 'area'>, y=slice(8, 20, None), x=slice(0, 32, None))
        """
        coarse = self.coarse.crop(rows, columns)
        y, under_y = crop_rows(self.y, rows, _between_edges(self.fine.y, coarse.y))
        x, under_x = crop_rows(self.x, columns, _between_edges(self.fine.x, coarse.x))
        fine = self.fine.crop(under_y, under_x)
        return Crop(replace(self, fine=fine, coarse=coarse, y=y, x=x), under_y, under_x)

    def adjoint(self, maps: Array) -> Array:
        """Apply :math:`U^T`: (..., coarse.y, coarse.x) to (..., fine.y, fine.x), with ⟨U a, b⟩ = ⟨a, Uᵀ b⟩."""
        fine: Array = apply_separable(csr_array(self.y.T), csr_array(self.x.T), maps)
        return fine

    def pinv(self, maps: Array) -> Array:
        """Apply the Moore–Penrose pseudo-inverse: return the fine maps of least norm that U maps to `maps`.

        For ``"area"`` with an integer ratio this copies every coarse pixel into its fine ones.
        """
        fine: Array = self.right_inverse()(maps)
        _check_overflow(fine, maps)
        return fine

    @property
    def correlation_length(self) -> float:
        """Standard range of the covariance Q in mm: three coarse pixels (geometric mean of y and x)."""
        dy, dx = self.coarse.spacing
        return CORRELATION_PIXELS * float(np.sqrt(dy * dx))

    @cached_property
    def halo(self) -> int:
        """Distance in coarse pixels beyond which a residual, spread with `correlation_length`, is negligible."""
        rows, columns = (slice(max(0, size // 2 - PROBED), min(size, size // 2 + PROBED)) for size in self.coarse.shape)
        middle = self.crop(rows, columns).U.right_inverse(self.correlation_length)
        return max(
            _extent(matrix, fine / coarse)
            for matrix, fine, coarse in zip((middle.y, middle.x), self.fine.shape, self.coarse.shape, strict=True)
        )

    @cached_property
    def _right_inverses(self) -> dict[float | None, RightInverse]:
        return {}

    def right_inverse(self, correlation_length: float | None = None) -> RightInverse:
        r"""Return the operator :math:`Q U^T (U Q U^T)^{-1}`, which is built once for each correlation length.

        Parameters
        ----------
        correlation_length : float, optional
            Range in mm of the exponential covariance Q = Q_y ⊗ Q_x, such as `U.correlation_length`. Q = I, the
            pseudo-inverse, if not given.

        Raises
        ------
        InvalidInput
            If the length is not positive, or the footprints of neighbouring coarse pixels are so similar that exact
            consistency would amplify noise more than a thousandfold along an axis. That is the case for a Gaussian
            beam wider than about 2.7 pixels (above 2, use float64). U and its adjoint remain usable.
        """
        if (known := self._right_inverses.get(correlation_length)) is not None:
            return known
        if correlation_length is not None and not (0 < correlation_length <= LONGEST * min(self.fine.spacing)):
            raise InvalidInput(
                "covariance",
                [
                    f"correlation_length must be a length in mm, > 0 and at most {LONGEST:g} fine pixels, such as 3 "
                    f"coarse pixels, got {correlation_length}"
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
        # Threads that ask at the same time all build it, and all receive the same one.
        return self._right_inverses.setdefault(correlation_length, RightInverse(y, x, precision_y, precision_x))

    def _ill_posed(self, i: int, name: str, amplified: float) -> str:
        coarse, fine = self.coarse.shape[i], self.fine.shape[i]
        text = (
            f"along {name!r}, {fine} fine pixels can reproduce {coarse} coarse ones only with values {amplified:.1g} "
            f"times as large (at most {AMPLIFICATION:g} is accepted): footprints of neighbours are nearly equal, so "
            "noise and rounding errors would dominate the maps; "
        )
        if self.fwhm is None:
            return text + "use a finer target grid"
        return text + (
            f"the beam of {self.fwhm[i]:g} mm is too wide for pixels of {self.coarse.spacing[i]:g} mm, so check fwhm, "
            "average the scan to larger pixels (.xrfsr.resample), or use footprint='area'"
        )

    def project(self, estimate: Array, scan: Array, correlation_length: float | None = None) -> Array:
        r"""Return the maps nearest to `estimate` that U maps exactly to `scan` (Eq. 10).

        .. math:: \hat Y - Q U^T (U Q U^T)^{-1} (U \hat Y - Y_\downarrow)

        The paper's equation has :math:`U^T` alone, which is equivalent for orthonormal columns and Q = I. "Nearest"
        refers to the norm of Q⁻¹: with a covariance the residual is spread smoothly instead of copied.

        Parameters
        ----------
        estimate : array, shape (..., fine.y, fine.x)
        scan : array, shape (..., coarse.y, coarse.x)
        correlation_length : float, optional
            See `right_inverse`.

        Returns
        -------
        array like `estimate`
            A new array.

        Raises
        ------
        InvalidInput
            If a shape does not fit, `right_inverse` refuses the correlation length or the footprint, or the result is
            beyond the range of its number format.
        """
        check_shape("estimate", estimate, self.fine.shape)
        check_shape("scan", scan, self.coarse.shape)
        maps: Any = estimate
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            # Added in place, because whole paintings are projected at once.
            projected: Array = self.right_inverse(correlation_length)(scan - self(maps))
            projected += maps
        _check_overflow(projected, estimate, scan)
        return projected


class Crop(NamedTuple):
    """U of a rectangle of coarse pixels, and the position of its fine pixels in the full grid.

    Attributes
    ----------
    U : Downsampling
    y, x : slice
        Rows and columns of the full fine grid.
    """

    U: Downsampling
    y: slice
    x: slice


def _check_overflow(result: Any, *given: Any) -> None:
    """Refuse a result with NaN or infinities that what it was made from did not have."""
    if not _is_finite(result) and all(map(_is_finite, given)):
        largest = max(max(float(each.max()), -float(each.min())) for each in given)
        raise InvalidInput(
            "maps", [f"values must be small enough for {result.dtype}, got up to {largest:.3g}; divide by a constant"]
        )


def _is_finite(array: Any) -> bool:
    array = array if isinstance(array, np.ndarray) else array.detach()
    # A NaN is the largest and the smallest of all numbers. This takes no memory.
    return math.prod(array.shape) == 0 or bool(math.isfinite(array.max()) and math.isfinite(array.min()))


def _between_edges(fine: Axis, coarse: Axis) -> slice:
    """Return the fine cells whose centres lie between the outer edges of a coarse axis."""
    ends = sorted((edge - fine.first) / fine.step + 0.5 for edge in coarse.edges)
    start, stop = (min(max(round(end), 0), fine.size) for end in ends)
    return slice(start, stop)


def _extent(right_inverse: csr_array, ratio: float) -> int:
    """Largest distance of a relevant entry in the middle column, in coarse pixels of `ratio` fine ones."""
    middle = right_inverse.shape[1] // 2
    column = abs(right_inverse[:, [middle]].toarray().ravel())
    distance = (np.flatnonzero(column > NEGLIGIBLE) + 0.5) / ratio - (middle + 0.5)
    return ceil(float(np.abs(distance).max()))
