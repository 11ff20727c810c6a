"""Reader of HDF5 from PyXRF: ``xrfmap/<detector>/xrf_fit`` (map, y, x) with names in ``xrf_fit_name``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import describe_stack, groups_with, name_refused
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.selection import group_list, unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
ROOT, SUM = "xrfmap", "detsum"


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of PyXRF."""
    return isinstance(file.get(ROOT), h5py.Group)


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open the fit of each detector, by its name."""
    with open_hdf5(path, external=options.external) as file:
        return {name: {"group": name} for name in groups_with(file[ROOT], "xrf_fit", [])}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the fitted maps of the sum of all detectors, or of the detector that `options.group` names.

    Raises
    ------
    InvalidInput
        If no detector has a fit, or a name is not a known line.
    """
    with open_hdf5(path, external=options.external) as file:
        root = file[ROOT]
        refused: list[str] = []
        fitted = groups_with(root, "xrf_fit", refused)
        with name_refused(refused):
            detector = _detector(fitted, path, options.group)
        return describe_stack(file, path, options, group=f"/{ROOT}/{detector}", maps="xrf_fit", names="xrf_fit_name")


def _detector(fitted: list[str], path: Path, wanted: str | None) -> str:
    if not fitted:
        raise InvalidInput("file", [f"'{path}' has no 'xrf_fit' in any detector; fit the spectra in PyXRF first"])
    if wanted is not None:
        name = wanted.strip("/").removeprefix(f"{ROOT}/").split("/")[0]
        if name not in fitted:
            raise unknown_group(wanted, fitted, path)
        return name
    if SUM in fitted:
        return SUM
    if len(fitted) > 1:
        raise InvalidInput(
            "file",
            [f"'{path}' has fits of {len(fitted)} detectors but not of their sum; choose one: {group_list(fitted)}"],
        )
    return fitted[0]
