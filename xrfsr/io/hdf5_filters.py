"""Filters that compress chunks of HDF5: whether they are installed, and whether a chunk can be decoded safely.

HDF5 and its plugins trust a chunk: they take as much memory as it declares, or as it happens to need, and those of LZ4
and bitshuffle read beyond the end of a damaged one. A chunk is therefore checked before HDF5 decodes it. Filters whose
chunks cannot be checked are refused.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numcodecs
from h5py import h5z

from xrfsr.io.chunk_sizes import blosc_size, lzf_size, zstd_size

__all__ = ["StoredFilter", "check_chunk", "filter_fault", "is_harmless", "pipeline_fault", "stored_filters"]

HARMLESS = 1 << 30
# Largest factor by which a filter without a header expands.
INFLATION = {h5z.FILTER_DEFLATE: 1032, h5z.FILTER_LZF: 88}
BZIP2, BLOSC, LZ4, BITSHUFFLE, ZSTD = 307, 32001, 32004, 32008, 32015
PLAIN = frozenset({h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})
CHECKSUM_BYTES = 4
# Both store the number of values of a chunk and the bytes of a value as these parameters.
PACKED = frozenset({h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET})
PACKED_PARAMETERS = (2, 4)
NAMES = {
    h5z.FILTER_SZIP: "szip",
    BZIP2: "bzip2",
    BLOSC: "Blosc",
    LZ4: "LZ4",
    BITSHUFFLE: "bitshuffle",
    ZSTD: "Zstandard",
    32013: "ZFP",
    32017: "SZ",
    32018: "FCIDECOMP",
    32024: "SZ3",
    32026: "Blosc2",
    32028: "SPERR",
    32033: "HTJ2K",
}
INSTALL = 'pip install "xrfsr[formats]"'
REPACK = "write it with gzip instead, for example: h5repack -f GZIP=4 old.h5 new.h5"


class StoredFilter(NamedTuple):
    """Filter of a dataset, with its parameters in the file."""

    number: int
    values: tuple[int, ...]
    name: str

    def __str__(self) -> str:
        return f"{NAMES.get(self.number) or self.name or 'a filter'} (HDF5 filter {self.number})"


def stored_filters(plist: Any) -> list[StoredFilter]:
    """Return the filters of a dataset by its creation properties, in the order in which they were applied."""
    found = []
    for position in range(plist.get_nfilters()):
        number, _, values, name = plist.get_filter(position)
        found.append(StoredFilter(number, tuple(values), name.decode("utf-8", "replace").strip("\0 ")[:40]))
    return found


def pipeline_fault(filters: Sequence[StoredFilter], size: int) -> str | None:
    """Return why chunks with these filters may take more memory than they declare, or None.

    Parameters
    ----------
    filters : sequence of StoredFilter
        Filters of the dataset.
    size : int
        Bytes of a decoded chunk.
    """
    expanding = [one for one in filters if one.number not in PLAIN | PACKED and not _only_shuffles(one)]
    after = filters[filters.index(expanding[0]) + 1 :] if expanding else []
    if len(expanding) > 1 or any(one.number != h5z.FILTER_FLETCHER32 for one in after):
        return "is compressed twice, which may take any amount of memory; write it with one filter"
    for one in filters:
        wrong = False
        if one.number in PACKED:
            count, length = (one.values[at] if at < len(one.values) else 0 for at in PACKED_PARAMETERS)
            wrong = count * length > size
        elif one.number == h5z.FILTER_LZF:
            wrong = len(one.values) > 2 and one.values[2] > size
        elif one.number == BITSHUFFLE:
            wrong = len(one.values) < 3 or not 0 < one.values[2] <= size
        elif one.number == BLOSC:
            wrong = len(one.values) < 4
        if wrong:
            return f"has wrong parameters {one.values} of {one}: it is damaged; copy or export it again"
    return None


def _only_shuffles(one: StoredFilter) -> bool:
    return one.number == BITSHUFFLE and (one.values[4:5] or (0,))[0] not in (2, 3)


def filter_fault(filters: Sequence[StoredFilter]) -> str | None:
    """Return why a dataset cannot be decoded: its filter is not installed, or its chunks cannot be checked; or None."""
    for one in filters:
        if one.number not in PLAIN | PACKED and one.number not in CHECKS:
            return f"is compressed with {one}, whose chunks cannot be checked before they are decoded; {REPACK}"
        if not _available(one.number):
            return f"is compressed with {one}, which is not installed: {INSTALL}"
    return None


def _available(number: int) -> bool:
    if h5z.filter_avail(number):
        return True
    try:
        import_module("hdf5plugin")  # registers its filters
    except ImportError:
        return False
    return bool(h5z.filter_avail(number))


def is_harmless(filters: Sequence[StoredFilter], size: int) -> bool:
    """Return whether no chunk can take much memory or crash, so that none has to be checked; arguments as above."""
    checked = [one.number for one in filters if one.number in CHECKS and not _only_shuffles(one)]
    return all(number in INFLATION and size * INFLATION[number] <= HARMLESS for number in checked)


def check_chunk(filters: Sequence[StoredFilter], size: int, mask: int, raw: bytes) -> None:
    """Check a chunk before HDF5 decodes it.

    Parameters
    ----------
    filters : sequence of StoredFilter
        Filters of the dataset, of which `pipeline_fault` and `filter_fault` find no fault.
    size : int
        Bytes of a decoded chunk.
    mask : int
        Filters that were not applied to this chunk, as bits.
    raw : bytes
        Stored bytes of the chunk.

    Raises
    ------
    ValueError
        If the chunk decodes to more than `size`, or is damaged so that decoding might crash.
    """
    position = next((at for at, one in enumerate(filters) if one.number in CHECKS and not _only_shuffles(one)), None)
    if position is None or mask >> position & 1:
        return
    one = filters[position]
    checksum = any(mask >> at & 1 == 0 for at in range(position + 1, len(filters)))
    # A checksum may also have been added before the values were compressed.
    CHECKS[one.number](raw[:-CHECKSUM_BYTES] if checksum else raw, one.values, size + CHECKSUM_BYTES)


def _check_deflate(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    if len(raw) * INFLATION[h5z.FILTER_DEFLATE] > HARMLESS:
        inflater = zlib.decompressobj()
        _limit(len(inflater.decompress(raw, limit + 1)), limit)


def _check_bzip2(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    _limit(len(bz2.BZ2Decompressor().decompress(raw, limit + 1)), limit)


def _check_lzf(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    if len(raw) * INFLATION[h5z.FILTER_LZF] > HARMLESS:
        _limit(lzf_size(raw), limit)


def _check_szip(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    _limit(int.from_bytes(raw[:4], "little"), limit)


def _check_blosc(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    _limit(blosc_size(raw), limit)


def _check_zstd(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    _limit(zstd_size(raw), limit)


def _check_lz4(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    total, block = _lz4_header(raw, limit)
    block = min(block, total)
    if block < 1:
        raise ValueError("its blocks are empty")
    lengths = [block] * (total // block) + ([total % block] if total % block else [])
    for length, part in _blocks(raw, lengths):
        if len(part) != length:  # equal lengths mean that the block is not compressed
            _decode_lz4(part, length)


def _check_bitshuffle(raw: bytes, values: tuple[int, ...], limit: int) -> None:
    total, block = _lz4_header(raw, limit)
    item = values[2]
    count, per_block = total // item, block // item
    if total % item or per_block < 8 or per_block % 8:
        raise ValueError(f"its blocks of {block} bytes do not fit {total} bytes")
    last = count % per_block // 8 * 8
    lengths = [per_block * item] * (count // per_block) + ([last * item] if last else [])
    end = 12
    for length, part in _blocks(raw, lengths):
        end += 4 + len(part)
        if values[4] == 2:
            _decode_lz4(part, length)
        else:
            _limit(zstd_size(part), length)
    if end + count % 8 * item > len(raw):
        raise ValueError("it is truncated")


def _lz4_header(raw: bytes, limit: int) -> tuple[int, int]:
    """Return the decoded bytes of a chunk and of its blocks."""
    if len(raw) < 12:
        raise ValueError("it is truncated")
    total = int.from_bytes(raw[:8], "big")
    _limit(total, limit)
    return total, int.from_bytes(raw[8:12], "big")


def _blocks(raw: bytes, lengths: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the decoded length of each block, and the block, which follows its own length."""
    at = 12
    if 4 * len(lengths) > len(raw):
        raise ValueError("it is truncated")
    for length in lengths:
        size = int.from_bytes(raw[at : at + 4], "big")
        part = raw[at + 4 : at + 4 + size]
        at += 4 + size
        if len(part) < size or at > len(raw):
            raise ValueError("it is truncated")
        yield length, part


def _decode_lz4(part: bytes, length: int) -> None:
    # The decoder of the plugins reads beyond the end of a damaged block; this one does not.
    try:
        numcodecs.lz4.decompress(length.to_bytes(4, "little") + part)
    except (RuntimeError, ValueError) as error:
        raise ValueError("a block of it is damaged") from error


def _limit(declared: int, limit: int) -> None:
    if declared > limit:
        raise ValueError(f"it inflates to more than {limit - CHECKSUM_BYTES} bytes")


CHECKS: dict[int, Callable[[bytes, tuple[int, ...], int], None]] = {
    h5z.FILTER_DEFLATE: _check_deflate,
    h5z.FILTER_SZIP: _check_szip,
    h5z.FILTER_LZF: _check_lzf,
    BZIP2: _check_bzip2,
    BLOSC: _check_blosc,
    LZ4: _check_lz4,
    BITSHUFFLE: _check_bitshuffle,
    ZSTD: _check_zstd,
}
