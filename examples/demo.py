"""Demonstration on a simulated painting: computes fine maps, writes them to demo/, and compares them with the truth.

python examples/demo.py [--out FOLDER] [--seed N] [--size PIXELS] [--steps N]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

import xrfsr

SHOWN = ["Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L"]


def rmse(estimate: xr.Dataset, truth: xr.Dataset) -> xr.DataArray:
    """Return the root mean square error of every line, in counts."""
    return np.sqrt(((estimate["intensity"] - truth["intensity"]) ** 2).mean(("y", "x")))


def table(errors: dict[str, xr.DataArray], truth: xr.Dataset) -> str:
    """Return a table of RMSE and PSNR (peak: the largest value of the true map) per line, and the gain over kriging."""
    peak = truth["intensity"].max(("y", "x"))
    psnr = {name: 20 * np.log10(peak / error) for name, error in errors.items()}
    gain = psnr["xrfsr"] - psnr["kriging"]
    rows = [
        "".join([f"{'':8}{'':9}", *(f"{name:^18}" for name in errors), f"{'gain over':>11}"]),
        "".join([f"{'line':8}{'surface':9}", *(f"{'RMSE':>9}{'PSNR':>9}" for _ in errors), f"{'kriging':>11}"]),
    ]
    for line in truth["line"].values:
        seen = "visible" if truth["visible"].sel(line=line) else "hidden"
        cells = (f"{errors[name].sel(line=line):9.2f}{psnr[name].sel(line=line):9.2f}" for name in errors)
        rows.append(f"{line:8}{seen:9}{''.join(cells)}{gain.sel(line=line):+11.2f}")
    for seen in (True, False):
        which = truth["visible"] == seen
        if which.any():
            cells = (f"{'':9}{psnr[name][which].mean():9.2f}" for name in errors)
            name = "visible" if seen else "hidden"
            rows.append(f"{'mean':8}{name:9}{''.join(cells)}{gain[which].mean():+11.2f}")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> None:
    """Simulate, scan, super-resolve and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder to write to (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the painting (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="side of the painting in pixels (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="steps of training: fewer are quicker and less exact")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    size = options.size
    print(f"Simulating a painting of {size} × {size} pixels and a scan four times coarser ...")
    truth, scan, rgb = xrfsr.simulate.painting(height=size, width=size, scale=4, seed=options.seed)

    print("Super-resolving with scan.xrfsr.superresolve(rgb, scale=4) ...")
    training = {} if options.steps is None else {"steps": options.steps}
    fine = scan.xrfsr.superresolve(rgb, scale=4, progress=True, **training)
    results = {
        "bilinear": scan.xrfsr.superresolve(scale=4, method="bilinear"),
        "kriging": scan.xrfsr.superresolve(scale=4, method="kriging"),
        "xrfsr": fine,
    }
    print()
    print(table({name: rmse(result, truth) for name, result in results.items()}, truth))
    print("\nRMSE in counts, PSNR in dB (+3 dB: half the squared error); kriging is interpolation without the photo.")

    for name, data in {"scan": scan, "photo": rgb, "fine": fine, "truth": truth}.items():
        data.xrfsr.to_zarr(options.out / f"{name}.zarr", overwrite=True)
    page = xrfsr.plot.overview(rgb, scan, fine, truth, lines=SHOWN)
    page[0, 0].figure.savefig(options.out / "overview.png", dpi=200)
    print(f"\nWrote {', '.join(sorted(str(path) for path in options.out.iterdir()))}")


if __name__ == "__main__":
    main()
