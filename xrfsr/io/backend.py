"""Backend of xarray for ``xr.open_dataset(path, engine="xrfsr")``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import xarray as xr
from xarray.backends import BackendEntrypoint

__all__ = ["XrfsrBackend"]


class XrfsrBackend(BackendEntrypoint):
    """Reader of element maps from MA-XRF and other X-ray fluorescence scanners and from spectrum-fitting programs."""

    description = "Open element maps of X-ray fluorescence scans (PyMca, PyXRF, XRF-Maps, Datamuncher, TIFF, ...)"
    supports_groups = True
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "pixel_size",
        "origin",
        "units",
        "lines",
        "quantity",
        "group",
        "index",
        "prefix",
        "energy",
        "external",
    )

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        pixel_size: Any = None,
        origin: Any = None,
        units: Any = None,
        lines: Any = None,
        quantity: Any = None,
        group: Any = None,
        index: Any = None,
        prefix: Any = None,
        energy: Any = None,
        external: Any = False,
    ) -> xr.Dataset:
        """Open a scan lazily, with the arguments of `xrfsr.open_scan`."""
        from xrfsr.io.open import open_lazily

        scan = open_lazily(
            filename_or_obj,
            pixel_size,
            origin=origin,
            units=units,
            lines=lines,
            quantity=quantity,
            group=group,
            index=index,
            prefix=prefix,
            energy=energy,
            external=external,
        )
        return scan.drop_vars(drop_variables or [], errors="ignore")

    def open_groups_as_dict(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, **options: Any
    ) -> dict[str, xr.Dataset]:
        """Open every result in a file lazily, with the arguments of `xrfsr.open_scan`, by the paths of its groups."""
        from xrfsr.io.tree import open_groups

        scans = open_groups(filename_or_obj, options)
        return {name: scan.drop_vars(drop_variables or [], errors="ignore") for name, scan in scans.items()}

    def open_datatree(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, **options: Any
    ) -> xr.DataTree:
        """Open every result in a file lazily, with the arguments of `xrfsr.open_scan`, as a tree of its groups."""
        scans = self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, **options)
        return xr.DataTree.from_dict(scans)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether the suffix of a file is one that no other program uses."""
        from xrfsr.io.formats import UNIQUE_SUFFIXES

        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return Path(filename_or_obj).suffix.lower() in UNIQUE_SUFFIXES
