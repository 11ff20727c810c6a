"""Decoding of zarr chunks that cannot take more memory than their chunk, by rewritten metadata.

The metadata of an array name its codecs. Compressors are replaced here by one that checks what a chunk declares before
it decodes it, and codecs that are not known to be safe are refused: numcodecs' ``pickle`` executes code.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numcodecs
from numcodecs.abc import Codec
from zarr.abc.codec import BytesBytesCodec
from zarr.registry import register_codec

from xrfsr.io.chunk_sizes import blosc_size, zstd_size
from xrfsr.io.zarr_arrays import ArrayLayout

__all__ = ["decode", "limit_v2", "limit_v3"]

NAME, TEXT = "xrfsr.bounded", "text"
COMPRESSORS = frozenset({"zstd", "blosc", "lz4", "gzip", "zlib", "bz2", "lzma"})
# They change the size of their input at most eightfold.
PLAIN = frozenset(
    {"bytes", "transpose", "crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3", "shuffle", "delta"}
    | {"bitround", "quantize", "fixedscaleoffset", "astype", "packbits"}
)
TEXTS = frozenset({"vlen-utf8", "vlen-bytes"})
MAX_GROWTH = 8
SLACK = 1 << 20
FIX = "write the store again with another compression, such as zstd"


def decode(name: str, data: Any, limit: int) -> bytes:
    """Decode a chunk.

    Parameters
    ----------
    name : str
        Codec, one of `COMPRESSORS`, or ``"text"`` to check encoded text and return it unchanged.
    data : bytes-like
        Encoded chunk.
    limit : int
        Most bytes that the chunk may take; for text, the number of values.

    Raises
    ------
    ValueError, OSError, RuntimeError
        If the chunk declares more, or is damaged.
    """
    encoded = bytes(data)
    if name == TEXT:
        if len(encoded) < 4 or int.from_bytes(encoded[:4], "little") > limit:
            raise ValueError(f"a chunk declares more than {limit} texts")
        return encoded
    if name in ("gzip", "zlib", "bz2", "lzma"):
        return _inflate(name, encoded, limit)
    declared = {"zstd": zstd_size, "blosc": blosc_size, "lz4": _lz4_size}[name](encoded)
    if declared > limit + (SLACK if name == "zstd" else 0):
        raise ValueError(f"a chunk declares {declared} bytes, expected at most {limit}")
    return bytes(numcodecs.get_codec({"id": name}).decode(encoded))


def _inflate(name: str, data: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    if not data:
        raise ValueError("a chunk is empty")
    while data:
        decoder: Any
        if name in ("gzip", "zlib"):
            decoder = zlib.decompressobj(31 if name == "gzip" else 15)
        else:
            decoder = bz2.BZ2Decompressor() if name == "bz2" else lzma.LZMADecompressor(memlimit=1 << 28)
        try:
            parts.append(decoder.decompress(data, limit - sum(map(len, parts)) + 1))
        except (zlib.error, lzma.LZMAError) as error:
            raise ValueError(str(error)) from error
        if sum(map(len, parts)) > limit:
            raise ValueError(f"a chunk takes more than {limit} bytes")
        if not decoder.eof:
            raise ValueError("a chunk is truncated")
        data = decoder.unused_data if name != "zlib" else b""
    return b"".join(parts)


def _lz4_size(data: bytes) -> int:
    return int.from_bytes(data[:4], "little")


class BoundedV2(Codec):  # type: ignore[misc]  # numcodecs has no types
    """Codec of zarr version 2 that decodes with a limit; see `decode`."""

    codec_id = NAME

    def __init__(self, codec: str, limit: int) -> None:
        self.codec, self.limit = codec, limit

    def encode(self, buf: Any) -> Any:
        """Refuse to encode: stores are only read."""
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        return decode(self.codec, memoryview(buf), self.limit)


@dataclass(frozen=True)
class BoundedV3(BytesBytesCodec):
    """Codec of zarr version 3 that decodes with a limit; see `decode`."""

    codec: str
    limit: int
    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the codec from its entry in the metadata."""
        return cls(**data["configuration"])

    def to_dict(self) -> dict[str, Any]:
        """Return the entry for the metadata."""
        return {"name": NAME, "configuration": {"codec": self.codec, "limit": self.limit}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Refuse: stores are only read."""
        raise NotImplementedError

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        found = decode(self.codec, memoryview(chunk_bytes.as_numpy_array()), self.limit)
        return chunk_spec.prototype.buffer.from_bytes(found)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)


numcodecs.register_codec(BoundedV2)
register_codec(NAME, BoundedV3)


def _limit(layout: ArrayLayout) -> int:
    return MAX_GROWTH * layout.decoded + 64


def limit_v2(metadata: Mapping[str, Any], layout: ArrayLayout) -> dict[str, Any]:
    """Return the metadata of an array of zarr version 2 with codecs that are limited.

    Raises
    ------
    ValueError
        If the array has a codec that is not known.
    """
    filters: list[dict[str, Any]] = []
    for codec in metadata.get("filters") or ():
        filters.append(_plain_v2(codec, layout))
        if codec["id"] in TEXTS:
            filters.append({"id": NAME, "codec": TEXT, "limit": math.prod(layout.inner)})
    compressor = metadata.get("compressor")
    return {
        **metadata,
        "filters": filters or None,
        "compressor": None if compressor is None else _plain_v2(compressor, layout),
    }


def _plain_v2(codec: Any, layout: ArrayLayout) -> dict[str, Any]:
    name = codec["id"] if isinstance(codec, Mapping) else str(codec)
    if name in COMPRESSORS:
        return {"id": NAME, "codec": name, "limit": _limit(layout)}
    if name not in PLAIN | TEXTS:
        raise ValueError(f"'{layout.name}' has the codec {name!r}, which is not supported; {FIX}")
    return dict(codec)


def limit_v3(metadata: Mapping[str, Any], layout: ArrayLayout) -> dict[str, Any]:
    """Return the metadata of an array of zarr version 3 with codecs that are limited; see `limit_v2`."""
    return {**metadata, "codecs": _limit_codecs(metadata["codecs"], layout)}


def _limit_codecs(codecs: Sequence[Any], layout: ArrayLayout) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for codec in codecs:
        entry: dict[str, Any] = {"name": codec} if isinstance(codec, str) else dict(codec)
        name = entry["name"].removeprefix("numcodecs.")
        if name in COMPRESSORS:
            entry = {"name": NAME, "configuration": {"codec": name, "limit": _limit(layout)}}
        elif name == "sharding_indexed":
            inside = entry["configuration"]
            if not {one["name"] for one in inside["index_codecs"]} <= {"bytes", "crc32c"}:
                raise ValueError(f"'{layout.name}' has shards with an unusual index; {FIX}")
            entry["configuration"] = {**inside, "codecs": _limit_codecs(inside["codecs"], layout)}
        elif name not in PLAIN | TEXTS:
            raise ValueError(f"'{layout.name}' has the codec {name!r}, which is not supported; {FIX}")
        found.append(entry)
        if name in TEXTS:
            limit = math.prod(layout.inner)
            found.append({"name": NAME, "configuration": {"codec": TEXT, "limit": limit}})
    return found
