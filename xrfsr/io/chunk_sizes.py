"""Decoded sizes that compressed chunks of HDF5 and zarr declare, found without decoding them."""

from __future__ import annotations

__all__ = ["blosc_size", "lzf_size", "zstd_size"]

ZSTD_MAGIC, ZSTD_SKIPPED, ZSTD_BLOCK = 0xFD2FB528, 0x184D2A50, 1 << 17
TRUNCATED = "a chunk is truncated"


def blosc_size(data: bytes) -> int:
    """Return the decoded size according to the header of Blosc.

    Raises
    ------
    ValueError
        If the header is truncated.
    """
    if len(data) < 16:
        raise ValueError(TRUNCATED)
    return int.from_bytes(data[4:8], "little")


def lzf_size(data: bytes) -> int:
    """Return the decoded size of LZF, which declares none, from the lengths of its literals and repetitions.

    Raises
    ------
    ValueError
        If the data end within one of them.

    Examples
    --------
    >>> lzf_size(bytes([2]) + b"abc" + bytes([0x20, 2]))
    6
    """
    at = size = 0
    end = len(data)
    while at < end:
        control = data[at]
        if control < 32:  # so many literals and one more follow
            at += control + 2
            size += control + 1
            continue
        length = control >> 5
        at += 2
        if length == 7:
            if at > end - 1:
                raise ValueError(TRUNCATED)
            length += data[at - 1]
            at += 1
        size += length + 2
    if at > end:
        raise ValueError(TRUNCATED)
    return size


def zstd_size(data: bytes) -> int:
    """Return the decoded size according to the headers of all frames and blocks, or an upper limit of it.

    Raises
    ------
    ValueError
        If the data are no whole frames of Zstandard.
    """
    at = total = 0
    try:
        while at < len(data):
            magic, at = int.from_bytes(data[at : at + 4], "little"), at + 4
            if magic & 0xFFFFFFF0 == ZSTD_SKIPPED:
                at += 4 + int.from_bytes(data[at : at + 4], "little")
                continue
            if magic != ZSTD_MAGIC:
                raise ValueError("a chunk is no zstd frame")
            head = data[at]
            single, flag = bool(head & 0x20), head >> 6
            at += 1 + (not single) + (0, 1, 2, 4)[head & 3]
            length = (1 if single else 0, 2, 4, 8)[flag]
            declared = int.from_bytes(data[at : at + length], "little") + (256 if length == 2 else 0)
            at += length
            size, last = 0, False
            while not last:
                block = int.from_bytes(data[at : at + 3], "little")
                if at + 3 > len(data):
                    raise ValueError(TRUNCATED)
                last, kind, count = bool(block & 1), block >> 1 & 3, block >> 3
                size += count if kind < 2 else ZSTD_BLOCK
                at += 3 + (1 if kind == 1 else count)
            at += 4 if head & 4 else 0
            total += declared if length else size
    except IndexError:
        raise ValueError(TRUNCATED) from None
    return total
