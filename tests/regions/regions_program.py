"""A run over regions in a process of its own: regions_program.py FOLDER WORKERS."""

import sys
from pathlib import Path

import xarray as xr

from xrfsr.regions import run

if __name__ == "__main__":
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    tree = xr.open_datatree(folder / "scans.zarr", engine="zarr", consolidated=False).load()
    rgb = xr.open_dataarray(folder / "rgb.zarr", engine="zarr").load()
    run(tree, rgb, folder / "all.zarr", workers=workers, steps=5, pixels=256, K=2, M=8, device="cpu", progress=False)
