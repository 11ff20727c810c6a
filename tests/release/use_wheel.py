"""Use the installed package as a new user does: `nox -s package` runs this where only the core dependencies are."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points, version
from pathlib import Path

import numpy as np
import xarray as xr

import xrfsr


def check(condition: bool, text: str) -> None:
    """Say what holds, or stop with what does not."""
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def is_refused(extra: str, call: object) -> bool:
    """Whether a call says which extra it needs."""
    try:
        call()  # type: ignore[operator]
    except xrfsr.InvalidInput as error:
        return f'pip install "xrfsr[{extra}]"' in str(error)
    return False


def main() -> None:
    """Install, import, compute, write, and the command line."""
    home = Path(xrfsr.__file__).parent
    check("site-packages" in home.parts, f"xrfsr {xrfsr.__version__} is imported from {home}")
    check(version("xrfsr") == xrfsr.__version__, "the version of the wheel is that of the package")
    check((home / "py.typed").is_file() and (home / "network" / "prior.safetensors").is_file(), "data files are there")
    check("xrfsr" in xr.backends.list_engines(), "xarray knows the engine")

    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    fine = scan.xrfsr.superresolve(rgb, scale=4, steps=20, progress=False)
    check(
        dict(fine.intensity.sizes) == {"line": 2, "y": 64, "x": 64}, "a scan of 16 x 16 pixels is made four times finer"
    )
    away = np.abs(fine.xrfsr.resample(like=scan).intensity - scan.intensity).max().item()
    check(away < 1e-3 * scan.intensity.max().item(), "averaged over the scan's pixels, it is the scan")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "fine.zarr")
        fine.xrfsr.to_zarr(store, progress=False)
        check(xr.open_zarr(store).identical(fine.compute()), "it is the same when written and opened again")
        check(is_refused("plot", fine.xrfsr.plot), "figures ask for the extra plot")
        check(
            is_refused("report", lambda: fine.xrfsr.report(Path(folder, "page.html"))),
            "reports ask for the extra report",
        )

    if entry_points(group="console_scripts", name="xrfsr"):
        program = Path(sys.executable).with_name("xrfsr.exe" if os.name == "nt" else "xrfsr")
        shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        check(shown.returncode == 0 and "usage" in shown.stdout.lower(), "xrfsr --help answers")


if __name__ == "__main__":
    main()
