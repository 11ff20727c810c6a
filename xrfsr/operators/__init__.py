r"""U, the operator that averages fine maps over the pixels of the coarse scan, and the operators derived from it.

The scan is :math:`Y_\downarrow = Y U` (Eq. 2 of the paper): every coarse pixel is a weighted mean of the fine
pixels under its footprint. Footprints are products of a vertical and a horizontal one, so
:math:`U = U_y \otimes U_x` with one small banded matrix per axis. Those matrices are built from the *physical*
coordinates of both grids: any ratio, any offset, either direction of either axis.

Arrays are ``(..., y, x)``, numpy or torch; results have the same library, dtype and device. With torch every operation
is differentiable.
"""

from xrfsr.operators.downsampling import Crop, Downsampling
from xrfsr.operators.footprints import Footprint, footprint_matrix, overlap_matrix
from xrfsr.operators.interpolation import cubic_matrix, linear_matrix
from xrfsr.operators.right_inverse import RightInverse
from xrfsr.operators.separable import apply_separable, crop_rows

__all__ = [
    "Crop",
    "Downsampling",
    "Footprint",
    "RightInverse",
    "apply_separable",
    "crop_rows",
    "cubic_matrix",
    "footprint_matrix",
    "linear_matrix",
    "overlap_matrix",
]
