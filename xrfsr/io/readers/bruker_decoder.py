"""Decoding of Bruker hypermaps by rosettasciio in a process of its own, within limits.

On damaged files the compiled decoder of rosettasciio reads out of bounds, which would crash the main process. Others
take any amount of memory: blocks that inflate, XML with entities, and folders that contain themselves. The process
returns JSON or plain arrays, so that nothing that it writes is executed.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from xrfsr.errors import InvalidInput
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.spectra.line_windows import NetCounts

__all__ = ["describe_maps", "main", "net_count_maps"]

# Beyond what the process has taken once its packages are imported, and what the file and its maps need.
MEMORY = 1 << 30
# Uncompressed size of a block, which Bruker's programs choose as a few hundred kilobytes.
MAX_BLOCK = 1 << 26
CALL = "from xrfsr.io.readers.bruker_decoder import main; main()"


def describe_maps(path: Path) -> list[dict[str, Any]]:
    """Return the maps in a file: `shape`, `dtype`, `axes` and the `lines` that it names.

    Raises
    ------
    InvalidInput
        If the file cannot be decoded.
    """
    found: list[dict[str, Any]] = json.loads(_run(path, 0, "describe", str(path)))
    return found


def net_count_maps(cube: Any, *windows: Any) -> NetCounts:
    """Compute the maps of `xrfsr.io.spectra.cubes.integrate_windows` for a cube of Bruker's format.

    Raises
    ------
    InvalidInput
        If the file cannot be decoded.
    """
    height, width, depth = cube.shape
    # The map as counts, a copy of it, and both as rosettasciio returns them.
    needed = 4 * height * width * depth * cube.dtype.itemsize
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
    if run.returncode:
        last = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        reason = f"the decoder crashed: {last[0] if last and run.returncode > 0 else run.returncode}"
        if "MemoryError" in reason:
            reason = "not enough memory, because .bcf is decoded as a whole; export it as .rpl, which is read in parts"
        raise InvalidInput("file", [unreadable_message(f"'{path}'", reason)])
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
        for maps in integrate_windows(*arguments):
            np.save(output, maps, allow_pickle=False)


def _described(path: str) -> list[dict[str, Any]]:
    from rsciio.bruker import file_reader

    found = []
    for one in file_reader(path, lazy=True, select_type="spectrum_image", index="all"):
        sample = one["metadata"].get("Sample", {})
        lines = sample.get("xray_lines") or sample.get("elements") or ()
        found.append(
            {
                "shape": [int(size) for size in one["data"].shape],
                "dtype": one["data"].dtype.str,
                "axes": one["axes"],
                "lines": [str(line) for line in lines],
            }
        )
    return found


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
