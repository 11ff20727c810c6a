"""Tensors in files of the safetensors format: the header is compared with what is expected before a tensor is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe, listing

__all__ = ["Layout", "faults_of_header", "read_metadata", "read_tensors"]

# For every tensor its dtype, as the format names it, and its shape.
Layout = Mapping[str, tuple[str, tuple[int, ...]]]
MAX_HEADER = 2**20  # bytes; a tensor takes about a hundred
MOST_SHOWN = 5  # names of tensors in one message


def read_metadata(path: Path) -> Mapping[str, str]:
    """Return the texts in the header of a file.

    Raises
    ------
    InvalidInput
        If the file is damaged, or its header has more than a megabyte.
    """
    with _opened(path) as file:
        return dict(file.metadata() or {})


def faults_of_header(path: Path, expected: Layout) -> list[str]:
    """Return how the tensors in a file differ from those expected; none of them is read.

    Raises
    ------
    InvalidInput
        See `read_metadata`.
    """
    with _opened(path) as file:
        return _differences(file, expected)


def read_tensors(path: Path, expected: Layout) -> dict[str, NDArray[Any]]:
    """Read the tensors of a file, once its header has been found to hold exactly those expected.

    Raises
    ------
    InvalidInput
        If the file is damaged, or a tensor is missing, unknown, or of another type or shape.
    """
    with _opened(path) as file:
        if faults := _differences(file, expected):
            raise InvalidInput("file", faults)
        return {name: file.get_tensor(name) for name in expected}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, and turn errors of the library into our own."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise InvalidInput("file", [f"its header must have at most {MAX_HEADER:,} bytes, got {length:,}"])
        with cast(Any, safe_open)(path, "np") as tensors:
            yield tensors
    except (OSError, SafetensorError) as error:
        raise InvalidInput("file", [f"it is damaged ({str(error)[:200]})"]) from error


def _differences(file: Any, expected: Layout) -> list[str]:
    found = set(file.keys())
    faults = []
    if missing := [name for name in expected if name not in found]:
        faults.append(f"{_listed(missing)} missing")
    if strange := sorted(found - set(expected)):
        faults.append(f"{_listed(strange)} unknown; accepted are {', '.join(expected)[:400]}")
    for name, wanted in expected.items():
        if name in found:
            part = file.get_slice(name)
            kind, shape = part.get_dtype(), tuple(part.get_shape())
            if (kind, shape) != wanted:
                faults.append(f"{name} must be {wanted[0]} of shape {wanted[1]}, got {kind} of shape {describe(shape)}")
    return faults


def _listed(names: list[str]) -> str:
    return listing(names, MOST_SHOWN) + (" are" if len(names) > 1 else " is")
