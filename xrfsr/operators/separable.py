"""Separable linear operators on maps: one sparse matrix along `y`, one along `x`, on numpy arrays or torch tensors."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["Array", "apply_separable", "check_shape", "crop_rows"]

Array = TypeVar("Array", NDArray[Any], Any)

# Rows that are transposed and multiplied at once, so that they fit the processor's cache and little memory is held.
STRIP_ROWS = 128


def apply_separable(y: csr_array, x: csr_array, array: Array) -> Array:
    """Apply one matrix along the rows and another along the columns of an array, numpy or torch.

    Parameters
    ----------
    y, x : csr_array
        Matrices; their columns are as many as the array has rows and columns.
    array : array or tensor, shape (..., y, x)
        Maps.

    Returns
    -------
    array or tensor, shape (..., rows of `y`, rows of `x`)
        Of the kind and dtype of `array`.

    Raises
    ------
    InvalidInput
        If it is neither numpy nor torch, or its last two axes do not fit the matrices.

    Examples
    --------
    >>> mean = csr_array([[0.5, 0.5]])
    >>> apply_separable(mean, mean, np.array([[1.0, 2.0], [3.0, 6.0]])).tolist()
    [[3.0]]
    """
    check_shape("array", array, (y.shape[1], x.shape[1]))
    result: Array = (_separable_numpy if isinstance(array, np.ndarray) else _separable_torch)(y, x, array)
    return result


def check_shape(name: str, array: Any, wanted: tuple[int, ...]) -> None:
    """Refuse what is no array of numpy or torch, and arrays whose last two axes have not the size `wanted` (y, x)."""
    # Tensors cannot exist before torch is imported.
    torch = sys.modules.get("torch")
    is_array = isinstance(array, np.ndarray) and array.dtype.kind in "biufc"
    if not is_array and not (torch is not None and isinstance(array, torch.Tensor)):
        fix = "; pass .values" if hasattr(array, "values") else ""
        raise InvalidInput(name, [f"it must be a numpy array or a torch tensor, got {describe(array)}{fix}"])
    if tuple(array.shape[-2:]) != wanted:
        raise InvalidInput(
            name,
            [f"it must have shape (..., {wanted[0]}, {wanted[1]}), y and x last, got {tuple(array.shape)}"],
        )


def _separable_numpy(y: csr_array, x: csr_array, array: NDArray[Any]) -> NDArray[Any]:
    # Files may have another byte order; scipy has no products for those, nor for half precision.
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind == "f" else np.dtype(np.float64)
    inner = np.result_type(dtype, np.float32)
    y, x = y.astype(inner, copy=False), x.astype(inner, copy=False)
    made = np.empty((*array.shape[:-2], y.shape[0], x.shape[0]), dtype)
    for index in np.ndindex(array.shape[:-2]):
        rows = y @ np.ascontiguousarray(array[index], dtype=inner)
        for start in range(0, len(rows), STRIP_ROWS):
            strip = slice(start, start + STRIP_ROWS)
            made[(*index, strip)] = (x @ np.ascontiguousarray(rows[strip].T)).T
    return made


def _separable_torch(y: csr_array, x: csr_array, array: Any) -> Any:
    import torch

    from xrfsr.utils.device import CPU, is_cpu

    dtype = array.dtype if array.is_floating_point() else torch.float64
    inner = torch.promote_types(dtype, torch.float32)  # no sparse products in half precision
    for matrix, axis in ((y, -2), (x, -1)):
        moved = array.movedim(axis, 0)
        flat = moved.reshape(matrix.shape[1], -1).to(inner)
        if is_cpu(array.device):
            product = torch.sparse.mm(_sparse_tensor(matrix, inner), flat)
        else:
            # On a GPU, dense products are as fast and give the same bits in every run, which sparse ones do not.
            product = torch.as_tensor(matrix.toarray(), device=CPU).to(inner).to(array.device) @ flat
        array = product.reshape(matrix.shape[0], *moved.shape[1:]).movedim(0, axis)
    return array.to(dtype).contiguous()


def _sparse_tensor(matrix: csr_array, dtype: Any) -> Any:
    import torch

    from xrfsr.utils.device import CPU

    entries = matrix.tocoo()
    return torch.sparse_coo_tensor(
        torch.as_tensor(np.stack(entries.coords).astype(np.int64), device=CPU),
        torch.as_tensor(entries.data, device=CPU),
        size=matrix.shape,
        dtype=dtype,
        device=CPU,
        check_invariants=False,
        is_coalesced=True,
    )


def crop_rows(matrix: csr_array, rows: slice, least: slice | None = None) -> tuple[csr_array, slice]:
    """Crop a banded matrix to consecutive rows, and to the columns of their entries.

    Parameters
    ----------
    matrix : csr_array
        Banded matrix, with an entry in every row.
    rows : slice
        Rows to keep.
    least : slice, optional
        Columns to keep at least.

    Returns
    -------
    csr_array
        Rows and columns that are kept.
    slice
        Those columns.

    Raises
    ------
    ValueError
        If the rows have no entry.

    Examples
    --------
    >>> matrix = csr_array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    >>> cropped, columns = crop_rows(matrix, slice(1, 2))
    >>> cropped.toarray().tolist(), columns
    ([[1.0, 1.0]], slice(2, 4, None))
    """
    columns = matrix.indices[matrix.indptr[rows.start] : matrix.indptr[rows.stop]]
    touched = slice(int(columns.min()), int(columns.max()) + 1)
    if least is not None:
        touched = slice(min(touched.start, least.start), max(touched.stop, least.stop))
    return csr_array(matrix[rows, touched]), touched
