"""Decoding of Bruker hypermaps by rosettasciio in a process of its own, within limits.

On damaged files the compiled decoder of rosettasciio reads out of bounds, which would crash the main process. Others
take any amount of memory: blocks that inflate, XML with entities, and folders that contain themselves. The process
returns JSON or plain arrays, so that nothing that it writes is executed.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, warn
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.readers.bruker_records import compare_sums, overflows, visited_pixels
from xrfsr.io.spectra.line_windows import NetCounts

__all__ = ["SUM", "decode", "describe_maps", "main", "net_count_maps"]

# Beyond what the process has taken once its packages are imported, and what the file and its maps need.
MEMORY = 1 << 30
# Uncompressed size of a block, which Bruker's programs choose as a few hundred kilobytes.
MAX_BLOCK = 1 << 26
# Exit status of the process if the spectra do not agree with their sum.
WRONG = 3
# How a line of the process begins that is a warning for the caller.
NOTE = "note: "
SUM = "sum"  # name of the sum of all maps, those of several detectors
CALL = "from xrfsr.io.readers.bruker_decoder import main; main()"


def describe_maps(path: Path, wanted: str | None = None, *, records: bool = False) -> list[dict[str, Any]]:
    """Return the maps in a file: `shape`, `dtype`, `axes`, and the `lines` that it names.

    Parameters
    ----------
    path : Path
        File.
    wanted : str, optional
        Name of the map whose records are read, if there are several; "sum" for all of them.
    records : bool
        Whether to read the records of the only or the wanted map. If pixels were not visited, its entry `visited` then
        has the packed bits of those that were.

    Raises
    ------
    InvalidInput
        If the file cannot be decoded.
    """
    found: list[dict[str, Any]] = json.loads(_run(path, 0, "describe", str(path), wanted, records))
    for one in found:
        if "visited" in one:
            one["visited"] = base64.b64decode(one["visited"])
    return found


def net_count_maps(cube: Any, *windows: Any) -> NetCounts:
    """Compute the maps of `xrfsr.io.spectra.cubes.integrate_windows` for a cube of Bruker's format.

    Raises
    ------
    InvalidInput
        If the file cannot be decoded.
    """
    height, width, depth = cube.shape
    # The map as counts, a copy of it, and both as rosettasciio returns them; the sum of several has 32 bits.
    needed = 4 * height * width * depth * (cube.dtype.itemsize if len(cube.numbers) == 1 else 4)
    output = io.BytesIO(_run(cube.path, needed, "maps", cube, *windows))
    return np.load(output, allow_pickle=False), np.load(output, allow_pickle=False)


def _run(path: Path, needed: int, *task: Any) -> bytes:
    run = subprocess.run(
        # -P and the same path, so that nothing is imported from the current folder.
        [sys.executable, "-P", "-c", CALL],
        input=pickle.dumps((needed + 4 * path.stat().st_size + MEMORY, task)),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if run.returncode == WRONG:
        reason = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1]
        raise InvalidInput(
            "file", [f"'{path}' is decoded wrongly: {reason}; export it as .rpl in the program of Bruker instead"]
        )
    if run.returncode:
        last = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        reason = f"the decoder crashed: {last[0] if last and run.returncode > 0 else run.returncode}"
        if "MemoryError" in reason:
            reason = "not enough memory, because .bcf is decoded as a whole; export it as .rpl, which is read in parts"
        raise InvalidInput("file", [unreadable_message(f"'{path}'", reason)])
    for line in run.stderr.decode("utf-8", "replace").splitlines():
        if line.startswith(NOTE):
            warn(f"'{path}': {line.removeprefix(NOTE)}; they are left out")
    return run.stdout


def main() -> None:
    """Run in the process: read the task from standard input and write the result to standard output."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    memory, (task, *arguments) = pickle.load(sys.stdin.buffer)  # of the main process
    zlib.decompress = _inflate  # type: ignore[assignment]  # before rosettasciio takes it
    import rsciio.bruker  # noqa: F401

    from xrfsr.io.spectra.cubes import integrate_windows

    ElementTree.fromstring = _parse
    _limit_memory(memory)
    if task == "describe":
        output.write(json.dumps(_described(*arguments), default=_plain).encode())
    else:
        try:
            found = integrate_windows(*arguments)
        except WrongSum as error:
            print(error, file=sys.stderr)
            sys.exit(WRONG)
        for maps in found:
            np.save(output, maps, allow_pickle=False)


def _described(path: str, wanted: str | None, records: bool) -> list[dict[str, Any]]:
    from rsciio.bruker import file_reader

    found = []
    for one in file_reader(path, lazy=True, select_type="spectrum_image", index="all"):
        sample = one["metadata"].get("Sample", {})
        lines = sample.get("xray_lines") or sample.get("elements") or ()
        found.append(
            {
                "shape": [int(size) for size in one["data"].shape],
                "dtype": one["data"].dtype.str,
                "axes": _measured(one["axes"], one["original_metadata"].get("Microscope", {})),
                "lines": [str(line) for line in lines],
            }
        )
    if wanted is None and len(found) == 1:
        wanted = "0"
    for number in range(len(found)) if records else ():
        if wanted not in (str(number), SUM):
            continue
        height, width, _ = found[number]["shape"]
        visited = _visited(path, number, height, width)
        if not visited.all():
            found[number]["visited"] = base64.b64encode(np.packbits(visited).tobytes()).decode()
    return found


def _measured(axes: list[dict[str, Any]], microscope: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the axes with their own pixel sizes: rosettasciio takes the height of a pixel for its width."""
    rows, columns, energies = axes
    if {"DX", "DY"} <= microscope.keys():
        return [{**rows, "scale": microscope["DY"]}, {**columns, "scale": microscope["DX"]}, energies]
    return [{**rows, "units": None}, {**columns, "units": None}, energies]


def _visited(path: str, number: int, height: int, width: int) -> NDArray[np.bool_]:
    from rsciio.bruker._api import BCF_reader

    reader = BCF_reader(path)
    spectra = reader.get_file(f"EDSDatabase/SpectrumData{reader.available_indexes[number]}")
    counters = np.atleast_1d(np.asarray(reader.header.line_counter)).tolist()
    return visited_pixels(iter(spectra.get_iter_and_properties()[0]), height, width, counters)


class WrongSum(Exception):
    """Decoded spectra that differ from their sum in the file."""


def decode(path: Path, numbers: Sequence[int], highest: float) -> NDArray[Any]:
    """Decode the spectra of a map, or the sum of several.

    Parameters
    ----------
    path : Path
        File.
    numbers : sequence of int
        Positions of the maps in the file.
    highest : float
        Energy in keV up to which channels are decoded.

    Returns
    -------
    ndarray of shape (row, column, channel)
        Counts, as integers that are large enough.

    Raises
    ------
    WrongSum
        If the sum of the spectra differs from the one that the file stores.
    """
    from rsciio.bruker._api import BCF_reader

    reader = BCF_reader(str(path))
    counts = _decode(reader, numbers[0], highest)
    for number in numbers[1:]:
        counts = np.add(counts, _decode(reader, number, highest), dtype=np.uint32)
    return counts


def _decode(reader: Any, number: int, highest: float) -> NDArray[Any]:
    index = reader.available_indexes[number]
    spectrum = reader.header.spectra_data[index]
    stored = np.asarray(spectrum.data, np.uint64)
    estimate = reader.header.estimate_map_depth
    counts = reader.parse_hypermap(index=index, cutoff_at_kV=float(highest))
    total = counts.sum((0, 1), dtype=np.uint64)
    # Rosettasciio estimates the size of the integers from the mean of the pixels.
    for wider in (np.dtype(np.uint16), np.dtype(np.uint32)):
        if wider.itemsize > counts.dtype.itemsize and overflows(total, stored, counts.dtype):
            del counts
            reader.header.estimate_map_depth = lambda *_, dtype=wider, **__: dtype
            counts = reader.parse_hypermap(index=index, cutoff_at_kV=float(highest))
            reader.header.estimate_map_depth = estimate
            total = counts.sum((0, 1), dtype=np.uint64)
    scales = float(spectrum.offset), float(spectrum.scale)
    compared = compare_sums(total, stored, *scales, pauses="EBSDData" in reader.vfs)
    if compared.fault:
        raise WrongSum(compared.fault)
    if compared.note:
        print(f"{NOTE}{compared.note}", file=sys.stderr)
    return np.asarray(counts)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _inflate(data: bytes, /, *_: Any, **__: Any) -> bytes:
    decoder = zlib.decompressobj()
    found = decoder.decompress(data, MAX_BLOCK)
    if decoder.unconsumed_tail:
        raise ValueError(f"a block inflates to more than {MAX_BLOCK} bytes")
    if not decoder.eof:
        raise ValueError("a block is truncated")
    return found


def _parse(text: Any, parser: Any = None) -> Any:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    # In any encoding of two or four bytes, too.
    if any(mark in raw.replace(b"\0", b"").upper() for mark in (b"<!DOCTYPE", b"<!ENTITY")):
        raise ValueError("its header is XML with a document type or entities, which Bruker's programs do not write")
    return ElementTree.XML(text, parser)


def _limit_memory(more: int) -> None:
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + more, taken + more))
    except (ImportError, OSError, ValueError):
        return  # a system without such limits
