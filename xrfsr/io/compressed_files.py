"""Files that gzip or bzip2 compressed as a whole, such as ``Ca-K.edf.gz``."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import Any

from xrfsr.errors import InvalidInput

__all__ = ["decompress", "is_compressed", "plain_name", "plain_suffix"]

SUFFIXES = (".gz", ".bz2")
BLOCK_BYTES = 1 << 20
# Zeros shrink a thousandfold and more, but maps that do take little memory.
LARGE, MAX_COMPRESSION = 1 << 28, 100


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed, by its name."""
    return path.suffix.lower() in SUFFIXES


def plain_name(path: Path) -> str:
    """Return the name of a file without the suffix of its compression.

    Examples
    --------
    >>> plain_name(Path("maps/Ca-K.edf.gz")), plain_name(Path("Ca-K.tif"))
    ('Ca-K.edf', 'Ca-K.tif')
    """
    return path.stem if is_compressed(path) else path.name


def plain_suffix(path: Path) -> str:
    """Return the suffix of a file without that of its compression, in lower case.

    Examples
    --------
    >>> plain_suffix(Path("maps/Ca-K.EDF.gz")), plain_suffix(Path("notes.gz"))
    ('.edf', '')
    """
    return Path(plain_name(path)).suffix.lower()


def decompress(path: Path) -> bytes:
    """Return the contents of a compressed file.

    Raises
    ------
    InvalidInput
        If the file is damaged or truncated, or its contents are larger than those of maps can be.
    """
    limit = max(LARGE, MAX_COMPRESSION * path.stat().st_size)
    parts: list[bytes] = []
    size = 0
    try:
        opened: Any = gzip.open if path.suffix.lower() == ".gz" else bz2.open
        with opened(path, "rb") as file:
            while part := file.read(BLOCK_BYTES):
                size += len(part)
                if size > limit:
                    raise InvalidInput(
                        "file", [f"'{path}' inflates to more than {limit} bytes; decompress it, or export it again"]
                    )
                parts.append(part)
    except (EOFError, OSError, zlib.error) as error:
        raise InvalidInput(
            "file", [f"'{path}' cannot be decompressed ({error}): it is damaged or truncated; copy it again"]
        ) from error
    return b"".join(parts)
