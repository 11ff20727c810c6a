"""A scan of known maps that PyXRF simulates and fits is read back from its HDF5, text and TIFF files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr

SCATTER = {"compton", "elastic"}
DIAGNOSTIC = {"snip_bkg", "r_factor", "sel_cnt", "total_cnt"}


def check(scan: xr.Dataset, folder: Path, share: float = 1.0) -> None:
    """Compare with what was simulated; PyXRF recovers it to a percent."""
    for name, counts in np.load(folder / "expected.npz").items():
        found = scan["intensity"].sel(line=name.replace("_", "-"))
        np.testing.assert_allclose(found, share * counts, rtol=0.01)
    assert set(scan["line"].values[scan["kind"] == "scatter"]) == SCATTER
    assert set(scan["line"].values[scan["kind"] == "diagnostic"]) == DIAGNOSTIC


@pytest.mark.parametrize(("group", "share"), [(None, 1.0), ("det1", 0.4762), ("det2", 0.5238)])
def test_the_fit_of_the_sum_and_of_each_detector(
    group: str | None, share: float, produced: Callable[[str], Path]
) -> None:
    folder = produced("pyxrf")
    check(xrfsr.open_scan(folder / "scan2D_1234_sim.h5", "0.5 mm", group=group), folder, share)


def test_all_fits_as_a_tree(produced: Callable[[str], Path]) -> None:
    folder = produced("pyxrf")
    tree = xr.open_datatree(folder / "scan2D_1234_sim.h5", engine="xrfsr", pixel_size="0.5 mm")
    assert set(tree.children) == {"det1", "det2", "detsum"}
    check(tree["detsum"].to_dataset(), folder)


@pytest.mark.parametrize("kind", ["tiff", "txt"])
def test_folders_of_exported_maps(kind: str, produced: Callable[[str], Path]) -> None:
    folder = produced("pyxrf")
    options: dict[str, Any] = {"prefix": "detsum"}
    check(xrfsr.open_scan(folder / f"output_{kind}_scan2D_1234_sim", "0.5 mm", **options), folder)
