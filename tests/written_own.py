"""Scans in the file formats that this package or xarray writes of them, and that other tests do not write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr
from written import ERRORS, LABELS, MAPS

import xrfsr

__all__ = ["OWN"]


def own_scan() -> xr.Dataset:
    return xrfsr.as_scan(MAPS, LABELS, (0.5, 0.25), "count/s", uncertainty=ERRORS, origin=(2, 1))


def own_geotiff(folder: Path) -> Path:
    """Write with this package a file that stores positions, units, uncertainties and that its axes were reversed."""
    own_scan().isel(y=slice(None, None, -1), x=slice(None, None, -1)).xrfsr.to_geotiff(folder / "own.tif")
    return folder / "own.tif"


def own_imagej(folder: Path) -> Path:
    own_scan().xrfsr.to_imagej(folder / "own.tif")
    return folder / "own.tif"


def separate_netcdf(folder: Path) -> Path:
    """Write a scan with xarray as one variable for each line, in the classic format."""
    separate = own_scan().xrfsr.to_dataset()
    separate.to_netcdf(folder / "maps.nc", engine="scipy")
    return folder / "maps.nc"


def separate_netcdf4(folder: Path) -> Path:
    """Write the same in netCDF 4, compressed."""
    separate = own_scan().xrfsr.to_dataset()
    encoding = {str(name): {"zlib": True, "shuffle": True, "chunksizes": (3, 4)} for name in separate.data_vars}
    separate.to_netcdf(folder / "maps.nc", engine="h5netcdf", encoding=encoding)
    return folder / "maps.nc"


OWN: dict[str, Callable[[Path], Path]] = {
    one.__name__: one for one in (own_geotiff, own_imagej, separate_netcdf, separate_netcdf4)
}
