"""Writer of HDF5 in the layout of a PyMca fit, with axes and units, further maps, and the photo as an image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from xrfsr._version import __version__
from xrfsr.core.provenance import PROVENANCE
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped, writing
from xrfsr.io.writers.hdf5_file import Hdf5File
from xrfsr.io.writers.layers import Layers, Plane, Role
from xrfsr.io.writers.ownership import PROGRAM, hdf5_obstacle
from xrfsr.io.writers.pictures import band_planes, is_colour, iter_rgb

__all__ = ["to_pymca"]

ENTRY, PROCESS, MAPS, PHOTO = "scan", "xrf_fit", "maps", "photo"
GROUPS: tuple[tuple[Role, str], ...] = (("intensity", "parameters"), ("uncertainty", "uncertainties"))
STORED = {"chunks": True, "compression": "gzip", "shuffle": True}
# What HDF5's own image specification and NeXus ask of a picture: HDFView shows the former, silx and h5web the latter.
PICTURE = {
    "interpretation": "rgb-image",
    "CLASS": "IMAGE",
    "IMAGE_VERSION": "1.2",
    "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR",
    "INTERLACE_MODE": "INTERLACE_PIXEL",
}


def to_pymca(
    data: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    photo: xr.DataArray | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write HDF5 with an NXdata group of all maps, in the layout of a PyMca fit, for PyMca, silx view and h5web.

    Maps are stored in ``/scan/xrf_fit/results/parameters`` under their labels with ``_`` for ``-`` (``Ca_K``), and
    uncertainties under the same names in ``uncertainties``; their axes are `y` and `x` in mm. Further maps (y, x), such
    as ratios, are in the NXdata group ``/scan/maps``, and a photo in ``/scan/photo``: with red, green and blue as an
    image of 8 bits, with other bands as maps. `xrfsr.open_scan` reads the maps back without a pixel size. Lazy arrays
    are computed once, and written strip by strip.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio.
    path : str or path
        File to write, ending in ``.h5`` or ``.hdf5``. It appears once it is complete.
    photo : DataArray, optional
        Photo to write with the maps, on any grid, such as the registered one.
    overwrite : bool
        Whether to replace an existing file that this function wrote; any other is never replaced.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If the data or the path cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has a mask or variables of other dimensions, which the layout cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_pymca(scan.drop_vars(["visible", "visible_share"]), f"{folder}/maps.h5", photo=rgb)
    ...     xrfsr.open_scan(f"{folder}/maps.h5").x.values[:2].tolist()
    [0.5, 1.5]
    """
    import h5py

    layers, target = prepare_write(
        data,
        path,
        overwrite,
        suffixes=(".h5", ".hdf5"),
        kind="HDF5 file",
        obstacle=hdf5_obstacle,
        photo=photo,
        progress=progress,
    )
    warn_dropped(layers, target, photo=True)
    with (
        writing(layers.stored(photo=True), target, "HDF5 file", progress) as layers,
        atomic_write(target, "HDF5 file", hdf5_obstacle, overwrite=overwrite) as new,
        Hdf5File(new) as raw,
        h5py.File(raw, "w") as file,
    ):
        file.attrs.update({"NX_class": "NXroot", "creator": PROGRAM, "default": ENTRY})
        entry = file.create_group(ENTRY)
        entry.attrs["NX_class"] = "NXentry"
        defaults = []
        if layers.scan is not None:
            _write_fit(entry, layers, raw)
            defaults.append(f"{PROCESS}/results/parameters")
        if layers.derived:
            _write_maps(entry, MAPS, layers.derived, raw)
            defaults.append(MAPS)
        if layers.photo is not None:
            _write_photo(entry, layers.photo, raw)
            defaults.append(PHOTO)
        entry.attrs["default"] = defaults[0]


def _write_fit(entry: Any, layers: Layers, raw: Hdf5File) -> None:
    process = entry.create_group(PROCESS)
    process.attrs.update({"NX_class": "NXprocess", "default": "results/parameters", **layers.attrs})
    if layers.method:
        process.attrs[PROVENANCE] = layers.method  # also if the record is that of a DataArray
    process["program"], process["version"] = PROGRAM, __version__
    results = process.create_group("results")
    results.attrs.update({"NX_class": "NXcollection", "default": "parameters"})
    for role, name in GROUPS:
        if planes := list(layers.planes(role)):
            _write_maps(results, name, planes, raw)


def _write_maps(parent: Any, name: str, planes: Sequence[Plane], raw: Hdf5File) -> None:
    import h5py

    names = _dataset_names(planes)
    group = _data_group(parent, name, names[0], planes[0].values, ["y", "x"])
    group.attrs["auxiliary_signals"] = np.array(names[1:], h5py.string_dtype())
    for plane, one in zip(planes, names, strict=True):
        data = group.create_dataset(one, plane.values.shape, np.float32, **STORED)
        data.attrs.update({"interpretation": "image", "units": plane.units})
        if plane.role == "derived":
            data.attrs["long_name"] = plane.name
        for rows, values in iter_strips(plane.values):
            data[rows] = values
            raw.check()


def _write_photo(entry: Any, photo: xr.DataArray, raw: Hdf5File) -> None:
    if not is_colour(photo):
        _write_maps(entry, PHOTO, band_planes(photo), raw)
        return
    group = _data_group(entry, PHOTO, "rgb", photo, ["y", "x", "."])
    data = group.create_dataset("rgb", (photo.sizes["y"], photo.sizes["x"], 3), np.uint8, **STORED)
    data.attrs.update(PICTURE)
    for rows, pixels, _ in iter_rgb(photo):
        data[rows] = np.moveaxis(pixels, 0, -1)
        raw.check()


def _data_group(parent: Any, name: str, signal: str, like: xr.DataArray, axes: Sequence[str]) -> Any:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": "NXdata", "signal": signal, "axes": list(axes)})
    for axis in ("y", "x"):
        group[axis] = np.asarray(like[axis].values, np.float64)
        group[axis].attrs["units"] = "mm"
    return group


def _dataset_names(planes: Sequence[Plane]) -> list[str]:
    """Return names without ``/``, which is a path in HDF5, different from each other and from the axes."""
    names: list[str] = []
    for plane in planes:
        name = re.sub(r"\s*/\s*|\0", "_", plane.name)
        name = name.replace("-", "_") if plane.role != "derived" else name
        while name in names or name in ("", ".", "..", "y", "x"):
            name += "_"
        names.append(name)
    return names
