"""Super-resolve your own scan: a folder of TIFF maps and a photograph of the same area.

    python examples/real_scan.py MAPS PHOTO --pixel-size "0.5 mm"

writes the fine maps as zarr, and a figure of photo, scan and result. If the pixels of the photo are no finer than those
of the maps, as in published pairs, 4 × 4 pixels of the maps are averaged first, and the figure compares the result with
the original maps.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import xarray as xr

import xrfsr


def binned(scan: xr.Dataset, size: int) -> xr.Dataset:
    """Average blocks of `size` × `size` pixels; a block is valid if all its pixels are."""
    coarse = scan[["intensity"]].coarsen(y=size, x=size, boundary="trim").mean()
    if "valid" in scan:
        coarse["valid"] = scan["valid"].coarsen(y=size, x=size, boundary="trim").min()
    return coarse.assign_coords({name: coarse[name].assign_attrs(units="mm") for name in ("y", "x")})


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="MAPS", type=Path, help="folder with one TIFF per element line")
    parser.add_argument("photo", metavar="PHOTO", type=Path, help="PNG, JPEG or TIFF, cropped to the scanned area")
    parser.add_argument("--pixel-size", help="pixel size of the maps, such as '0.5 mm' (default: 1 mm, with a message)")
    parser.add_argument(
        "--scale", type=float, default=4, help="ratio of coarse and fine pixel sizes (default: %(default)s)"
    )
    parser.add_argument(
        "--method", default="unfolding", help="method; 'kriging' does not use the photo (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, help="steps of training: fewer are quicker and less exact")
    parser.add_argument("--bin", type=int, metavar="N", help="average N × N pixels of the maps first")
    parser.add_argument("--out", type=Path, default=Path("fine"), help="folder to write to (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace the result of an earlier run")
    options = parser.parse_args(arguments)
    store, picture = options.out / "fine.zarr", options.out / "overview.png"
    if options.bin is not None and options.bin < 1:
        parser.error(f"--bin must be an integer ≥ 1, got {options.bin}")
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"{options.out} is a file; choose a folder with --out")
    if store.exists() and not options.overwrite:
        parser.error(f"{store} exists; choose another folder with --out, or pass --overwrite")
    if options.pixel_size is None:
        print("no --pixel-size given: assuming pixels of 1 mm for the maps")

    try:
        maps = xrfsr.open_scan(options.folder, options.pixel_size or "1 mm")
        photo = xrfsr.open_photo(options.photo, like=maps)
        size = options.bin
        if size is None:
            fine_enough = max(photo.xrfsr.grid.spacing) < 1.01 * min(maps.xrfsr.grid.spacing) / options.scale
            size = 1 if fine_enough or options.method != "unfolding" else max(1, round(options.scale))
            if size > 1:
                print(f"the photo is not finer than the maps: averaging {size} × {size} pixels of the maps first")
        scan = maps if size == 1 else binned(maps, size)
        training = {} if options.steps is None else {"steps": options.steps}
        fine = scan.xrfsr.superresolve(photo, scale=options.scale, method=options.method, **training)
        options.out.mkdir(parents=True, exist_ok=True)
        fine.xrfsr.to_zarr(store, overwrite=options.overwrite)
    except xrfsr.InvalidInput as error:
        print(error, file=sys.stderr)
        return 1

    known = size == options.scale != 1
    truth = maps.isel(y=slice(fine.sizes["y"]), x=slice(fine.sizes["x"])) if known else None
    xrfsr.plot.overview(photo, scan, fine, truth)[0, 0].figure.savefig(picture, dpi=200)
    if "photo_gain" in fine.coords:
        gains = ", ".join(f"{line} {gain:+.1f}" for line, gain in fine["photo_gain"].to_series().items())
        print(f"gain from the photo when the scan predicts itself, in dB: {gains} (nan: not guided by the photo)")
    print(f"wrote {store} and {picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
