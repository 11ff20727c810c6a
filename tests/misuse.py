"""Every public function with right arguments, and what strangers pass in their place.

Functions are found by their public names, so that a new one is covered by itself. A parameter with a new name needs a
right value in `RIGHT`.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pandas as pd
import pint
import small
import torch
import xarray as xr

import xrfsr
import xrfsr.processing
from xrfsr import Grid, methods
from xrfsr.accessor import TreeAccessor, XrfsrAccessor
from xrfsr.network import TrainingConfig

LINES = ["Ca-K", "Pb-L"]
CORNERS = [[0, 0, 0, 0], [19, 0, 9, 0], [0, 15, 0, 7], [19, 15, 9, 7]]
# What functions return, or raise.
RESULTS = (xrfsr.InvalidInput, xrfsr.simulate.Painting, xrfsr.regions.Report)


def make_scan() -> xr.Dataset:
    """Two maps of 8 x 10 pixels of 0.5 mm."""
    maps = np.random.default_rng(0).poisson(20.0, (2, 8, 10))
    return xrfsr.as_scan(maps, LINES, 0.5, uncertainty=np.sqrt(np.maximum(maps, 1)))


SCAN = make_scan()
PHOTO = xrfsr.as_photo(np.random.default_rng(1).random((16, 20, 3)), like=SCAN)

RIGHT: dict[str, Any] = {
    "a": "Ca-K",
    "b": "Pb-L",
    "cells": slice(0, 3),
    "bands": ["red", "green", "blue"],
    "coarse": SCAN,
    "axis": "x",
    "columns": slice(0, 3),
    "compared": xr.Dataset(
        {
            "score": (("algorithm", "line", "metric"), np.ones((1, 1, 2))),
            "pooled": (("algorithm", "metric"), np.ones((1, 2))),
            "seconds": (("algorithm",), [1.0]),
        },
        {"algorithm": ["kriging"], "line": ["Ca-K"], "metric": ["psnr", "rmse"]},
    ),
    "data": SCAN,
    "degrees": 90,
    "end": (3, 4),
    "fine": SCAN,
    "folder": "tiffs",
    "like": SCAN,
    "lines": LINES,
    "maps": SCAN.intensity.values,
    "obj": SCAN,
    "other": SCAN.xrfsr.grid,
    "others": SCAN,
    "out": "out.zarr",
    "path": "new.zarr",
    "photo": PHOTO,
    "polygon": [(0, 0), (0, 4), (3, 4)],
    "photos": {"day": PHOTO, "lamp": PHOTO},
    "pixel_size": "0.5 mm",
    "pixels": 2,
    "region": [(0, 0), (0, 4), (3, 4)],
    "rgb": PHOTO,
    "rows": slice(0, 3),
    "scale": 2,
    "scan": SCAN,
    "scans": [SCAN, SCAN],
    "shape": (4, 5),
    "start": (0, 0),
    "trained": xr.Dataset(attrs={"xrfsr_training_curve": '{"network 1": [[0, 0.5], [100, 0.1]]}'}),
    "tree": xr.DataTree.from_dict({"left": SCAN}),
    "truth": SCAN,
    "x": SCAN.xrfsr.grid.x,
    "y": SCAN.xrfsr.grid.y,
}
# Where the name alone does not say what is right, and arguments that make a call quick.
SPECIAL: dict[str, dict[str, Any]] = {
    "xrfsr.as_scan": {"lines": LINES, "pixel_size": "0.5 mm"},
    "xrfsr.open_scan": {"path": "there.zarr"},
    "xrfsr.as_photo": {"like": SCAN},
    "xrfsr.open_photo": {"path": "there.png", "like": SCAN},
    "xrfsr.load_model": {"path": "model"},
    "xrfsr.register": {"control_points": CORNERS, "scale": 2},
    "xrfsr.refine_registration": {"scale": 2},
    "xrfsr.reproduce": {"fine": SCAN.xrfsr.superresolve(method="bilinear", scale=2)},
    "xrfsr.simulate.painting": {"height": 32, "width": 32, "lines": LINES},
    "xrfsr.plot.compare": {"line": "Ca-K"},
    "xrfsr.plot.composite": {"red": "Pb-L"},
    "xrfsr.plot.overlay": {"line": "Ca-K"},
    "xrfsr.plot.support": {"obj": SCAN.assign(photo_support=SCAN.intensity / 1000)},
    "xrfsr.processing.normalise": {"dwell": 0.1},
    "xrfsr.regions.run": {"progress": False, "workers": 1, "scale": 2},
    "xrfsr.regions.superresolve": {"scale": 2, "rgb": PHOTO},
    "xrfsr.regions.train": {"scale": 2},
    "xrfsr.Grid.from_centres": {"y": [0.5, 1.5], "x": [0.5, 1.5, 2.5]},
    "scan.xrfsr.superresolve": {"scale": 2, "rgb": PHOTO},
    "scan.xrfsr.sel": {"element": "Pb"},
    "scan.xrfsr.composite": {"red": "Pb-L"},
    "scan.xrfsr.train": {"scale": 2},
    "scan.xrfsr.compare": {
        "scale": 2,
        "methods": ["bilinear"],
        "progress": False,
        "truth": SCAN.xrfsr.resample(scale=2),
    },
    "xrfsr.pick_points": {"photo": PHOTO},
    "scan.xrfsr.evaluate": {"obj": SCAN.xrfsr.resample(scale=2), "scale": 2, "method": "bilinear", "progress": False},
    "scan.xrfsr.report": {"path": "new.html"},
    "tree.xrfsr.report": {"path": "pages"},
    "scan.xrfsr.resample": {"scale": 2},
    "scan.xrfsr.to_geotiff": {"path": "new.tif"},
    "scan.xrfsr.to_imagej": {"path": "stack.tif"},
    "scan.xrfsr.to_dms": {"path": "new.dms"},
    "scan.xrfsr.to_deepzoom": {"folder": "zoom", "photo": PHOTO, "pictures": {"again": PHOTO}},
    "scan.xrfsr.to_xrf_explorer": {"folder": "workspace", "photo": PHOTO},
    "scan.xrfsr.to_pymca": {"path": "new.h5"},
}


class Call(NamedTuple):
    """A function, arguments that are right, and the names of parameters that take a value."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    parameters: tuple[str, ...]
    starred: str = ""
    """Name of the parameter that takes any number of values, which gets one."""
    accepts_keywords: bool = False

    def __call__(self, **changes: Any) -> Any:
        """Call the function with some arguments replaced."""
        keywords = self.arguments | changes
        return self.function(*[keywords.pop(self.starred)] if self.starred else [], **keywords)


def calls() -> Iterator[Call]:
    """Yield every public function once, methods of `Grid` and of the accessors included, and the options of methods."""
    seen: set[Any] = set()
    for name, function in _functions():
        if function not in seen:
            seen.add(function)
            yield _call(name, function)
    for name in methods.names():
        method = methods.get(name)
        names = [each.name for each in fields(method.Options)]
        if "config" in names:
            names += ["preset", *(each.name for each in fields(TrainingConfig))]
        right = dict.fromkeys(method.Options.required(), "weights.pth")
        yield Call(f"options of {name}", lambda _of=method.options_from, **keywords: _of(keywords), right, tuple(names))


def _functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in (xrfsr, xrfsr.processing, xrfsr.plot, xrfsr.simulate, xrfsr.regions):
        for name in room.__all__:
            found = getattr(room, name)
            if callable(found) and found not in RESULTS:
                yield f"{room.__name__}.{name}", found
    for owner, prefix in ((Grid, "xrfsr.Grid"), (XrfsrAccessor, "scan.xrfsr"), (TreeAccessor, "tree.xrfsr")):
        own = {Grid: SCAN.xrfsr.grid, XrfsrAccessor: SCAN.xrfsr}.get(owner)
        for name in (name for name in dir(owner) if not name.startswith("_")):
            found = getattr(owner, name)
            if isinstance(found, property) and owner is XrfsrAccessor:
                yield f"{prefix}.{name}", partial(_property, name)
            elif callable(found):
                # The function below a method takes its object as an argument like others.
                function = inspect.unwrap(found)
                yield f"{prefix}.{name}", getattr(own, name) if function is found else function


def _property(name: str, obj: xr.Dataset | xr.DataArray) -> Any:
    return getattr(obj.xrfsr, name) if isinstance(obj, xr.Dataset | xr.DataArray) else None


def _call(name: str, function: Callable[..., Any]) -> Call:
    special = SPECIAL.get(name, {})
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind != one.VAR_KEYWORD]
    needed = [one.name for one in named if one.default is one.empty]
    missing = [one for one in needed if one not in RIGHT | special]
    assert not missing, f"{name}: add right values for {missing} to RIGHT in {__file__}"
    (starred,) = [one.name for one in named if one.kind == one.VAR_POSITIONAL] or [""]
    right = {one: RIGHT[one] for one in needed if one not in special}
    return Call(
        name, function, right | special, tuple(one.name for one in named), starred, len(named) < len(parameters)
    )


def prepare_folder(folder: Path) -> None:
    """Write the files that right arguments name to a folder."""
    from PIL import Image

    SCAN.xrfsr.to_zarr(folder / "there.zarr")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 20, 3), np.uint8)).save(folder / "there.png")
    (folder / "photo.jpg").write_bytes(b"no picture")
    small.fit([small.problem()], steps=1, inputs="bilinear", views="pixel", transfer=0.0).save(folder / "model")


def _moved(photo: xr.DataArray, by: float) -> xr.DataArray:
    return photo.assign_coords({name: photo[name].copy(data=photo[name].values + by) for name in ("y", "x")})


_units: Any = pint.application_registry
# What a stranger may pass, by what it is called in a report.
WRONG: dict[str, Any] = {
    "None": None,
    "True": True,
    "zero": 0,
    "negative": -1,
    "26": 26,
    "2.5": 2.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "1e300": 1e300,
    "10**400": 10**400,
    "numpy nan": np.float64("nan"),
    "numpy integer": np.int64(-3),
    "numpy bool": np.bool_(True),
    "complex number": 1 + 2j,
    "Decimal": decimal.Decimal("2.5"),
    "text of a number": "4",
    "empty text": "",
    "photo.jpg": "photo.jpg",
    "folder that is a file": "photo.jpg/maps",
    "Plumb": "Plumb",
    "text with a null": "a\0b",
    "long text": "Ca-K, " * 2000,
    "bytes": b"\x00\x01" * 500,
    "path": Path("nowhere"),
    "list": [1, 2],
    "empty list": [],
    "list of names": ["Ca-K", 26],
    "long list": list(range(1000)),
    "ragged list": [[1, 2], [3]],
    "pair of NaN": (float("nan"), 1.0),
    "dict": {"a": 1},
    "set": {1, 2},
    "generator": (each for each in range(3)),
    "slice": slice(None),
    "object": object(),
    "class": dict,
    "function": print,
    "date": datetime.date(2026, 1, 1),
    "quantity": _units.Quantity(4, "mm"),
    "time": _units.Quantity(4, "s"),
    "quantities": _units.Quantity(np.arange(1.0, 50.0), "mm"),
    "array": np.random.default_rng(0).random((3, 40, 50)),
    "array (y, x, line)": np.random.default_rng(0).random((8, 10, 2)),
    "array of 255": np.full((16, 20, 3), 254.0),
    "empty array": np.zeros((0, 8, 10)),
    "array of one": np.ones(1),
    "array of objects": np.array([[object()]]),
    "array of text": np.array(["Ca-K", "Pb-L"]),
    "complex array": np.ones((2, 8, 10), complex),
    "negative counts": -np.ones((2, 8, 10)),
    "array of NaN": np.full((2, 8, 10), np.nan),
    "mask": np.ones((5, 6), bool),
    "dask array": da.ones((3, 40, 50), chunks=20),
    "tensor": torch.ones(3, 40, 50),
    "data frame": pd.DataFrame(np.ones((20, 3))),
    "series": pd.Series(np.ones(100)),
    "scan": SCAN,
    "intensity": SCAN.intensity,
    "intensity of other dims": SCAN.intensity.rename(line="channel", y="row", x="col"),
    "empty Dataset": xr.Dataset(),
    "photo": PHOTO,
    "photo of other dims": PHOTO.rename(band="channel", y="row", x="col"),
    "photo elsewhere": _moved(PHOTO, 100.0),
    "photo on its side": PHOTO.rename(y="x", x="y").transpose("band", "y", "x"),
    "photo in pixels": PHOTO.assign_coords(y=np.arange(16), x=np.arange(20)),
    "photo of 255": PHOTO * 255,
    "bare DataArray": xr.DataArray(np.ones((3, 16, 20))),
    "trained": xr.Dataset(attrs={"xrfsr_training_curve": '{"network 1": [[0, 0.5], [100, 0.1]]}'}),
    "tree": xr.DataTree.from_dict({"left": SCAN}),
    "grid": SCAN.xrfsr.grid,
    "regular function": partial(print, end=""),
}
