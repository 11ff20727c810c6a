"""What is damaged: scans in every format, stores of runs, models and checkpoints, and how each is opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from trees import snapshot
from written import ERRORS, LABELS, MAPS, SPECTRA, STACKS, WRITERS
from written_own import OWN

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.core.scan import ensure_scan
from xrfsr.io.writers.zarr import to_zarr
from xrfsr.regions import run

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "formats" / "P45_job_hyperspy.bcf"
TINY: dict[str, Any] = {"steps": 4, "pixels": 64, "K": 2, "M": 8, "device": "cpu", "progress": False}


@dataclass(frozen=True)
class Subject:
    """A kind of file or folder.

    Attributes
    ----------
    make : callable
        Function of a folder that writes one, and returns its path.
    open : callable
        Function of the path that opens it, and raises InvalidInput, or AssertionError if what it holds is wrong.
    """

    make: Callable[[Path], Path]
    open: Callable[[Path], None]


def open_scan(path: Path, **options: Any) -> None:
    scan = xr.open_dataset(path, engine="xrfsr", **options)
    assert scan["intensity"].dims == ("line", "y", "x")
    assert scan["intensity"].dtype == np.float32
    assert all(scan.sizes.values())
    ensure_scan(scan.load())


def store(folder: Path) -> Path:
    to_zarr(as_scan(MAPS, LABELS, 0.5, uncertainty=ERRORS), folder / "scan.zarr")
    return folder / "scan.zarr"


def store_of_single_maps(folder: Path) -> Path:
    to_zarr(as_scan(MAPS, LABELS, 0.5, uncertainty=ERRORS).xrfsr.to_dataset(), folder / "maps.zarr")
    return folder / "maps.zarr"


def filters(folder: Path) -> Path:
    """Write a fit of which each map is compressed by another filter of HDF5."""
    import hdf5plugin

    used = {
        "Ca_K": hdf5plugin.LZ4(),
        "Fe_K": hdf5plugin.Bitshuffle(cname="lz4"),
        "Ti_K": hdf5plugin.Bitshuffle(cname="zstd"),
        "Cu_K": hdf5plugin.Blosc(cname="lz4"),
        "Zn_K": hdf5plugin.Zstd(),
        "Pb_L": hdf5plugin.BZip2(),
        "Hg_L": "lzf",
    }
    with h5py.File(folder / "fit.h5", "w") as file:
        group = file.create_group("painting/xrf_fit/results/parameters")
        group.attrs.update({"signal": "Ca_K", "auxiliary_signals": list(used)[1:]})
        for number, (name, compression) in enumerate(used.items()):
            maps = np.kron(MAPS[number % len(MAPS)], np.ones((4, 4), np.float32))
            group.create_dataset(name, data=maps, chunks=(8, 16), compression=compression)
    return folder / "fit.h5"


def bruker(folder: Path) -> Path:
    """Copy a real hypermap, which is stored outside the repository."""
    return Path(shutil.copy(SAMPLE, folder / "map.bcf"))


def small() -> tuple[xr.Dataset, xr.DataArray]:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, 4, seed=0, lines=["Fe-K", "Pb-L"])
    return scan, rgb


def tree() -> xr.DataTree:
    return xr.DataTree.from_dict({f"panel/{name}": small()[0] + number for number, name in enumerate("ab")})


def run_to(out: Path) -> xrfsr.regions.Report:
    return run(tree(), None, out, method="bilinear", progress=False, workers=1)


def regions(folder: Path) -> Path:
    run_to(folder / "all.zarr")
    return folder / "all.zarr"


def run_again(path: Path) -> None:
    """A run that is accepted leaves what an undisturbed one does, and no file of others is lost."""
    strangers = [file for file in path.rglob("notes.txt") if file.is_file()]
    report = run_to(path)
    assert not report.failed
    assert all(file.read_text() == "keep me" for file in strangers)
    shutil.rmtree(path.parent / "undisturbed", ignore_errors=True)
    (path.parent / "undisturbed").mkdir()
    expected, found = (snapshot(one / "panel") for one in (regions(path.parent / "undisturbed"), path))
    for group in ("", "a/", "b/"):  # whose attributes are the user's to change
        expected.pop(f"{group}zarr.json", None)
    assert {name: found.get(name) for name in expected} == expected


def model(folder: Path) -> Path:
    scan, rgb = small()
    scan.xrfsr.train(rgb, **TINY).save(folder / "model")
    return folder / "model"


def load_model(path: Path) -> None:
    found = xrfsr.load_model(path)
    assert found.lines
    repr(found)


def train_to(folder: Path) -> Path:
    scan, rgb = small()
    scan.xrfsr.train(rgb, **TINY, checkpoint=folder / "state", checkpoint_seconds=0)
    return folder / "state"


SUBJECTS: dict[str, Subject] = {
    **{form: Subject(write, partial(open_scan, pixel_size=0.5)) for form, write in WRITERS.items()},
    **{
        form: Subject(write, partial(open_scan, pixel_size=0.5, lines=["Ca-K", "Fe-Ka", "Pb-L"]))
        for form, write in [*SPECTRA.items(), ("bruker", bruker)]
    },
    **{form: Subject(write, partial(open_scan, index=1)) for form, write in STACKS.items()},
    **{form: Subject(write, open_scan) for form, write in OWN.items()},
    "filters": Subject(filters, partial(open_scan, pixel_size=0.5)),
    "store": Subject(store, open_scan),
    "store of single maps": Subject(store_of_single_maps, open_scan),
    "regions": Subject(regions, run_again),
    "model": Subject(model, load_model),
    "checkpoint": Subject(train_to, lambda path: train_to(path.parent) and None),
}
