"""Damage files in many ways and open them: ``python tests/io/fuzz.py <format> <how many> <seed> <folder>``.

It prints one line of JSON for each damaged file that is neither opened as a scan nor refused with an error of this
package, and finally the numbers of opened and refused files. tests/io/test_fuzz.py runs it as a separate program, to
find crashes, endless loops and excessive memory, too. It needs tests/ on the path.
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import h5py
import numpy as np
import xarray as xr
from written import ERRORS, LABELS, MAPS, SPECTRA, WRITERS

from xrfsr.core.scan import as_scan, ensure_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.zarr import to_zarr

# Limits far above what any file needs, to find endless loops and unlimited allocations.
SECONDS, BYTES = 120, 1 << 30
NUMBERS = [b"0", b"-1", b"1e9", b"99999999999", b"nan", b"3.5", b"", b"x", b"2147483648"]


SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "formats" / "P45_job_hyperspy.bcf"


class TooLongError(BaseException):
    """Timeout that is not an Exception, so that no code in between treats it as damage."""


def store(folder: Path) -> Path:
    """Write a zarr store of this package."""
    to_zarr(as_scan(MAPS, LABELS, 0.5, uncertainty=ERRORS), folder / "scan.zarr")
    return folder / "scan.zarr"


def bruker(folder: Path) -> Path:
    """Copy a real hypermap, which is stored outside the repository if it is available."""
    return Path(shutil.copy(SAMPLE, folder / "map.bcf"))


def damage_bytes(path: Path, rng: np.random.Generator) -> str:
    whole = bytearray(path.read_bytes())
    size = len(whole)
    kind = rng.choice(["cut", "empty", "flip", "zeros", "head", "double", "numbers", "insert"])
    at = int(rng.integers(size))
    if kind == "cut":
        del whole[at:]
    elif kind == "empty":
        whole.clear()
    elif kind == "flip":
        for place in rng.integers(size, size=int(rng.integers(1, 20))):
            whole[place] = int(rng.integers(256))
    elif kind == "zeros":
        whole[at : at + int(rng.integers(1, 2000))] = bytes(min(1000, size - at))
    elif kind == "head":
        span = min(size, int(rng.integers(1, 300)))
        whole[:span] = rng.bytes(span)
    elif kind == "double":
        whole[at:at] = whole[at : at + int(rng.integers(1, 5000))]
    elif kind == "insert":
        whole[at:at] = rng.bytes(int(rng.integers(1, 100)))
    else:
        found = list(re.finditer(rb"\d+", bytes(whole[:4000])))
        if found:
            match = found[int(rng.integers(len(found)))]
            whole[match.start() : match.end()] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    path.write_bytes(bytes(whole))
    return str(kind)


def damage_hdf5(path: Path, rng: np.random.Generator) -> str:
    """Replace an object in HDF5, so that the file is valid but has unexpected content."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[int(rng.integers(len(names)))]
        item = file[name]
        kinds = ["delete", "rename", "loop", "dangling", "external", "number", "attribute", "no attribute", "group"]
        if isinstance(item, h5py.Dataset):
            kinds += [
                "text",
                "complex",
                "compound",
                "flat",
                "deep",
                "scalar",
                "none",
                "huge",
                "nan",
                "infinite",
                "negative",
            ]
            kinds += ["short", "objects", "bool"]
        kind = str(rng.choice(kinds))
        attrs = dict(item.attrs)
        values = item[()] if isinstance(item, h5py.Dataset) else np.zeros(3)
        shape = getattr(values, "shape", ())
        numeric = getattr(values, "dtype", np.dtype("O")).kind in "iuf"
        replaced: object = None
        if kind in ("attribute", "no attribute"):
            key = str(rng.choice([*attrs, "signal", "axes", "units"]))
            if kind == "no attribute":
                item.attrs.pop(key, None)
            else:
                strange = [7, "nothing", ["a", "b"], np.zeros((2, 2)), b"\xff\xfe", h5py.Empty("f")]
                item.attrs[key] = strange[int(rng.integers(len(strange)))]
            return f"{kind} {key} of {name}"
        if kind == "rename":
            file.move(name, name + rng.choice(["x", " ", "é"]))
            return f"{kind} {name}"
        if kind in ("nan", "infinite", "negative") and numeric:
            replaced = np.full(shape, {"nan": np.nan, "infinite": np.inf, "negative": -1.0}[kind])
        elif kind == "short" and shape:
            replaced = values[: shape[0] - 1]
        del file[name]
        if kind == "loop":
            file[name] = h5py.SoftLink("/" + name)
        elif kind == "dangling":
            file[name] = h5py.SoftLink("/nowhere")
        elif kind == "external":
            file[name] = h5py.ExternalLink("nowhere.h5", "/x")
        elif kind == "group":
            file.create_group(name)
        elif kind == "huge":
            file.create_dataset(name, (100_000,) * max(1, len(shape)), "f8", chunks=(10,) * max(1, len(shape)))
        elif kind == "none":
            file[name] = h5py.Empty("f")
        elif kind == "objects":
            file.create_dataset(name, data=["a", "b"], dtype=h5py.string_dtype())
        elif kind != "delete":
            others = {
                "number": 3,
                "text": np.full(shape, b"abc"),
                "complex": np.zeros(shape, complex),
                "compound": np.zeros(shape, [("a", "f4"), ("b", "i2")]),
                "bool": np.zeros(shape, bool),
                "flat": np.zeros(int(np.prod(shape))),
                "deep": np.zeros((1, 1, *shape)),
                "scalar": 1.5,
            }
            file[name] = others.get(kind, 0) if replaced is None else replaced
        if name in file and kind not in ("loop", "dangling", "external"):
            file[name].attrs.update(attrs)
        return f"{kind} {name}"


def damage_folder(path: Path, rng: np.random.Generator) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = files[int(rng.integers(len(files)))]
    kind = str(rng.choice(["bytes", "bytes", "bytes", "delete", "rename", "folder", "loop", "other"]))
    if kind == "bytes":
        return f"{damage_bytes(file, rng)} in {file.name}"
    if kind == "other":
        shutil.copy(files[int(rng.integers(len(files)))], file.with_name(f"Q{file.name}"))
        return f"{kind} {file.name}"
    if kind == "rename":
        file.rename(file.with_name(str(rng.choice(["ü", "a b", "Xx-K", "-"])) + file.suffix))
        return f"{kind} {file.name}"
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    return f"{kind} {file.name}"


def damage_of(path: Path) -> list[Callable[[Path, np.random.Generator], str]]:
    if path.is_dir():
        return [damage_folder]
    return [damage_bytes, damage_hdf5, damage_hdf5] if h5py.is_hdf5(path) else [damage_bytes]


def attempt(path: Path, options: dict[str, object]) -> str:
    """Open and read a file, and return "opened" or "refused"; raise AssertionError if the outcome is wrong."""
    try:
        scan = xr.open_dataset(path, engine="xrfsr", **options)  # type: ignore[arg-type]
        assert scan["intensity"].dims == ("line", "y", "x")
        assert scan["intensity"].dtype == np.float32
        assert all(scan.sizes.values())
        ensure_scan(scan.load())
    except InvalidInput as error:
        refusal = str(error)
    else:
        return "opened"
    assert path.name in refusal, f"the error does not name the file: {refusal}"
    return "refused"


def memory(what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def main(form: str, count: int, seed: int, folder: Path) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, stop)
    warnings.simplefilter("ignore")
    pristine, here = folder / "pristine", folder / "here"
    pristine.mkdir(parents=True)
    path = {**WRITERS, **SPECTRA, "store": store, "bruker": bruker}[form](pristine)
    place = path.relative_to(pristine)
    options: dict[str, object] = {} if form == "store" else {"pixel_size": 0.5}
    if form in SPECTRA or form == "bruker":
        options["lines"] = ["Ca-K", "Fe-Ka", "Pb-L"]
    assert attempt(path, options) == "opened", "the undamaged file does not open"
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + BYTES, resource.RLIM_INFINITY))
    most = memory("VmHWM")
    tally = {"opened": 0, "refused": 0}
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(pristine, here)
        ways = damage_of(here / place)
        done = ways[int(rng.integers(len(ways)))](here / place, rng)
        signal.alarm(SECONDS)
        try:
            tally[attempt(here / place, options)] += 1
        except BaseException as error:
            where = traceback.format_exc().strip().splitlines()[-8:]
            print(json.dumps({"format": form, "number": number, "damage": done, "error": repr(error), "at": where}))
        finally:
            signal.alarm(0)
        if memory("VmHWM") > most + BYTES:
            print(json.dumps({"format": form, "number": number, "damage": done, "error": "memory"}))
            most = memory("VmHWM")
    print(json.dumps(tally))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
