"""Hypermaps in Bruker's format with known spectra: a container of files, an XML header, and a record for each pixel."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CHUNK, HEAD = 1 << 16, 32
FILE_HEAD = 0x138  # where chunks begin, after the first header of the container


def write_bcf(
    path: Path,
    spectra: np.ndarray | Sequence[np.ndarray],
    *,
    visited: np.ndarray | None = None,
    packing: int = 0,
    sums: Sequence[np.ndarray] = (),
    size: tuple[str | None, str | None] = ("250", "250"),
    counters: Sequence[int] = (),
    offset: float = -0.1,
    scale: float = 0.02,
) -> Path:
    """Write a hypermap.

    Parameters
    ----------
    path : Path
        File.
    spectra : array of shape (row, column, channel), or several
        Counts of each detector.
    visited : array of shape (row, column), optional
        Pixels that get a record. Default: all.
    packing : {0, 1, 3}
        Single pulses of 16 or 12 bits, or counts.
    sums : sequence of arrays of shape (channel,)
        Sum spectra in the header. Default: those of the spectra.
    size : (str or None, str or None)
        Height and width of a pixel in micrometres.
    counters : sequence of int
        How often each line was scanned. Default: once.
    offset, scale : float
        Energy of the first channel and channel width in keV.
    """
    maps = [spectra] if isinstance(spectra, np.ndarray) else list(spectra)
    sums = sums or [one.sum((0, 1)) for one in maps]
    header = _header(maps[0].shape[:2], sums, size, counters or [1] * len(maps[0]), offset, scale)
    files = {"HeaderData": header.encode("cp1252")}
    for number, one in enumerate(maps):
        there = np.ones(one.shape[:2], bool) if visited is None else visited
        files[f"SpectrumData{number}"] = _records(one, there, packing)
    path.write_bytes(container(files))
    return path


def container(files: dict[str, bytes]) -> bytes:
    """Return a container of files in the folder `EDSDatabase`, not compressed."""
    usable, chunks = CHUNK - HEAD, []
    items = [_item("EDSDatabase", -1, 0, -1, True)]
    for name, content in files.items():
        first = 2 + len(chunks)
        pieces = [content[start : start + usable] for start in range(0, len(content), usable)]
        chunks += [struct.pack(f"<{len(pieces)}I", *range(first + 1, first + 1 + len(pieces))), *pieces]
        items.append(_item(name, first, len(content), 0, False))
    chunks.insert(0, b"".join(items))
    whole = bytearray(FILE_HEAD + CHUNK * (1 + len(chunks)))
    whole[:8] = b"AAMVHFSS"
    struct.pack_into("<fI", whole, 0x124, 2.6, CHUNK)
    struct.pack_into("<III", whole, 0x140, 1, len(items), len(chunks) + 1)
    for number, piece in enumerate(chunks, start=1):
        at = CHUNK * number + FILE_HEAD
        whole[at : at + len(piece)] = piece
    return bytes(whole)


def _item(name: str, table: int, size: int, parent: int, folder: bool) -> bytes:
    return struct.pack("<iQQQQIi176s?3s256s32s", table, size, 0, 0, 0, 0, parent, b"", folder, b"", name.encode(), b"")


def _records(spectra: np.ndarray, visited: np.ndarray, packing: int) -> bytes:
    height, width, depth = spectra.shape
    parts = [struct.pack("<II", height, width).ljust(0x1A0, b"\0")]
    for row, there in zip(spectra, visited, strict=True):
        parts.append(struct.pack("<I", int(there.sum())))
        for column in np.flatnonzero(there):
            counts = row[column].astype(np.int64)
            pulses = np.repeat(np.arange(depth), counts)
            if packing == 3:
                body, number = _packed(counts) + bytes(4), 0
            else:
                body, number = (_pulses_12 if packing else _pulses_16)(pulses), len(pulses)
            head = (column, depth, depth, 0xC0000, packing, min(len(body), 0xFFFF), number, len(body))
            parts += [struct.pack("<IHHIHHHI", *head), body]
    return b"".join(parts)


def _pulses_16(pulses: np.ndarray) -> bytes:
    return pulses.astype("<u2").tobytes()


def _pulses_12(pulses: np.ndarray) -> bytes:
    # Four pulses are three big-endian words of 16 bits, each of which is stored with its bytes swapped.
    padded = np.concatenate([pulses, np.zeros(-len(pulses) % 4, pulses.dtype)]).reshape(-1, 4)
    bits = (padded << np.array([36, 24, 12, 0])).sum(1)
    words = (bits[:, None] >> np.array([32, 16, 0])) & 0xFFFF
    return words.astype("<u2").tobytes()


def _packed(counts: np.ndarray) -> bytes:
    runs = [counts[start : start + 255] for start in range(0, len(counts), 255)]
    return b"".join(struct.pack("<BBI", 4, len(run), 0) + run.astype("<u2").tobytes() for run in runs)


def _header(
    shape: tuple[int, ...],
    sums: Sequence[np.ndarray],
    size: tuple[str | None, str | None],
    counters: Sequence[int],
    offset: float,
    scale: float,
) -> str:
    height, width = shape
    axes = "".join(f"<{name}>{value}</{name}>" for name, value in zip(("DY", "DX"), size, strict=True) if value)
    layers = base64.b64encode(zlib.compress(b"<DetLayers/>")).decode()
    when = "<Date>1.4.2026</Date><Time>18:2:53</Time>"
    channels = [",".join(map(str, one.astype(np.int64).tolist())) for one in sums]
    spectra = "".join(
        f"""<SpectrumData{number}><ClassInstance Type="TRTSpectrum"><TRTHeaderedClass>
        <ClassInstance Type="TRTSpectrumHardwareHeader"><Amplification>20000</Amplification></ClassInstance>
        <ClassInstance Type="TRTDetectorHeader"><Type>XFlash</Type><DetLayers>{layers}</DetLayers></ClassInstance>
        <ClassInstance Type="TRTESMAHeader"><PrimaryEnergy>50</PrimaryEnergy><ElevationAngle>45</ElevationAngle>
        </ClassInstance></TRTHeaderedClass><ClassInstance Type="TRTSpectrumHeader">{when}
        <CalibAbs>{offset}</CalibAbs><CalibLin>{scale}</CalibLin></ClassInstance>
        <Channels>{one}</Channels></ClassInstance></SpectrumData{number}>"""
        for number, one in enumerate(channels)
    )
    return f"""<?xml version="1.0" encoding="WINDOWS-1252" standalone="yes"?><TRTSpectrumDatabase>
    <ClassInstance Type="TRTSpectrumDatabase" Name="Map"><Header>{when}<FileVersion>1</FileVersion></Header>
    <ClassInstance Type="TRTSEMData"><HV>50</HV>{axes}</ClassInstance>
    <ClassInstance Type="TRTSEMStageData"><X>0</X></ClassInstance>
    <ClassInstance Type="TRTDSPConfiguration"><LineAverage>1</LineAverage><PixelAverage>1</PixelAverage>
    <PixelTime>2</PixelTime></ClassInstance>
    <ClassInstance Type="TRTImageData"><ItemSize>2</ItemSize><Width>{width}</Width><Height>{height}</Height>
    <PlaneCount>0</PlaneCount></ClassInstance>
    <LineCounter>{",".join(map(str, counters))}</LineCounter><ChCount>{len(sums[0])}</ChCount>
    <DetectorCount>{len(sums)}</DetectorCount>{spectra}</ClassInstance></TRTSpectrumDatabase>"""
