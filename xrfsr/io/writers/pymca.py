"""Writer of HDF5 in the layout of a PyMca fit, with axes and units."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr

from xrfsr._version import __version__
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import STANDARD_VARIABLES, iter_strips, prepare_write, scan_attrs, warn_dropped
from xrfsr.io.writers.hdf5_file import Hdf5File
from xrfsr.io.writers.ownership import PROGRAM, hdf5_obstacle

__all__ = ["to_pymca"]

ENTRY = "scan"
GROUPS = {"intensity": "parameters", "uncertainty": "uncertainties"}


def to_pymca(scan: xr.Dataset | xr.DataArray, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write HDF5 with an NXdata group of all maps, in the layout of a PyMca fit, for PyMca, silx view and h5web.

    Maps are stored in ``/scan/xrf_fit/results/parameters`` under their labels with ``_`` for ``-`` (``Ca_K``), and
    uncertainties under the same names in ``uncertainties``; their axes are `y` and `x` in mm. `xrfsr.open_scan` reads
    the file back without a pixel size. Lazy maps are computed and written strip by strip.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan or result to write.
    path : str or path
        File to write, ending in ``.h5`` or ``.hdf5``. It appears once it is complete.
    overwrite : bool
        Whether to replace an existing file that this function wrote; any other is never replaced.

    Raises
    ------
    InvalidInput
        If the scan or the path cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has a mask or further variables or coordinates, which the layout cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_pymca(scan.drop_vars(["visible", "visible_share"]), f"{folder}/maps.h5")
    ...     xrfsr.open_scan(f"{folder}/maps.h5").x.values[:2].tolist()
    [0.5, 1.5]
    """
    import h5py

    ready, target = prepare_write(
        scan, path, overwrite, suffixes=(".h5", ".hdf5"), kind="HDF5 file", obstacle=hdf5_obstacle
    )
    names = [str(label).replace("-", "_").replace("/", "_") for label in ready["line"].values]
    warn_dropped(ready, target, STANDARD_VARIABLES - {"valid"})
    replacing = atomic_write(target, "HDF5 file", hdf5_obstacle, overwrite=overwrite)
    with replacing as new, Hdf5File(new) as raw, h5py.File(raw, "w") as file:
        file.attrs.update({"NX_class": "NXroot", "creator": PROGRAM, "default": ENTRY})
        entry = file.create_group(ENTRY)
        entry.attrs.update({"NX_class": "NXentry", "default": "xrf_fit/results/parameters"})
        process = entry.create_group("xrf_fit")
        process.attrs.update({"NX_class": "NXprocess", "default": "results/parameters", **scan_attrs(ready)})
        process["program"], process["version"] = "xrfsr", __version__
        results = process.create_group("results")
        results.attrs.update({"NX_class": "NXcollection", "default": "parameters"})
        for variable, group_name in GROUPS.items():
            if variable not in ready:
                continue
            group = results.create_group(group_name)
            group.attrs.update({"NX_class": "NXdata", "signal": names[0], "axes": ["y", "x"]})
            group.attrs["auxiliary_signals"] = np.array(names[1:], h5py.string_dtype())
            for axis in ("y", "x"):
                group[axis] = np.asarray(ready[axis].values, np.float64)
                group[axis].attrs["units"] = "mm"
            for number, name in enumerate(names):
                maps = ready[variable].isel(line=number)
                data = group.create_dataset(name, maps.shape, np.float32, chunks=True, compression="gzip", shuffle=True)
                data.attrs.update({"interpretation": "image", "units": ready[variable].attrs["units"]})
                for rows, values in iter_strips(maps):
                    data[rows] = values
                    raw.check()
