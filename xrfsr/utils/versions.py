"""Versions of the package, of Python and the system, and of the packages in use, for a report of a fault."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TextIO

from xrfsr._version import __version__
from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["show_versions", "versions", "versions_text"]

REQUIRED = (
    "numpy", "scipy", "xarray", "dask", "zarr", "numcodecs", "torch", "safetensors", "pint", "pint-xarray", "xraydb",
    "rasterio", "pillow", "h5py", "pandas", "tifffile", "tqdm",
)  # fmt: skip
OPTIONAL = (
    "matplotlib", "bokeh", "jinja2", "scikit-image", "fabio", "hdf5plugin", "rosettasciio", "hyperspy", "distributed",
    "spandrel", "rioxarray", "panel", "hvplot", "holoviews",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return versions by name, in the order in which they are shown.

    Packages that are not installed are ``"-"``. Torch is imported to ask for its GPU and threads.

    Examples
    --------
    >>> "xrfsr" in versions()
    True
    """
    found = {
        "xrfsr": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    found |= _of_torch()
    for name in (*REQUIRED, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    return found


def _of_torch() -> dict[str, str]:
    """Return the threads that torch uses, and its GPU; why, if it cannot be imported."""
    try:
        import torch
    except Exception as error:  # a broken installation may raise anything, and is what a report is about
        return {"threads": "-", "GPU": f"- (torch: {type(error).__name__}: {error})"}
    from xrfsr.utils.device import describe_gpu

    return {"threads": str(torch.get_num_threads()), "GPU": describe_gpu()}


def versions_text(found: dict[str, str]) -> str:
    """Return versions as lines of text."""
    width = max(map(len, found)) + 2
    return "\n".join(f"{name:<{width}}{text}" for name, text in found.items())


def show_versions(file: TextIO | None = None) -> None:
    """Print the versions of xrfsr, Python, the system, the GPU, and the packages in use, for a report of a fault.

    Parameters
    ----------
    file : file, optional
        Text file to print to; stdout if not given.

    Raises
    ------
    InvalidInput
        If `file` cannot be written to.

    Examples
    --------
    >>> import xrfsr
    >>> xrfsr.show_versions()  # doctest: +ELLIPSIS
    xrfsr ...
    """
    if file is not None and not hasattr(file, "write"):
        raise InvalidInput(
            "file", [f"file must be an open text file, got {describe(file)}; leave it out to print to the screen"]
        )
    print(versions_text(versions()), file=sys.stdout if file is None else file)
