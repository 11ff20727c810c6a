"""Files of MAPS and XRF-Maps in the layouts of several versions, and those of MapsTorch, which hold no maps."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from written import LABELS, MAPS, maps_v9, xrf_maps

import xrfsr
from xrfsr.errors import InvalidInput


@pytest.mark.parametrize(
    ("group", "factor"), [(None, 1), ("XRF_fits", 1), ("fitted", 1), ("MAPS/XRF_roi_plus", 2), ("NNLS", 2), ("roi", 3)]
)
def test_version_9(tmp_path: Path, group: str | None, factor: int) -> None:
    scan = xrfsr.open_scan(maps_v9(tmp_path), 1.0, group=group)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], factor * MAPS)


def test_both_layouts_in_one_file(tmp_path: Path) -> None:
    """XRF-Maps adds the old names as hard links."""
    path = xrf_maps(tmp_path)
    with h5py.File(path, "a") as file:
        file["MAPS/XRF_roi"] = file["MAPS/XRF_Analyzed/ROI/Counts_Per_Sec"]
        file["MAPS/XRF_fits"] = file["MAPS/XRF_Analyzed/Fitted/Counts_Per_Sec"]
        file["MAPS/channel_names"] = file["MAPS/XRF_Analyzed/ROI/Channel_Names"]
    scan = xrfsr.open_scan(path, 1.0)
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    assert scan.attrs["source_group"] == "/MAPS/XRF_Analyzed/Fitted/Counts_Per_Sec"
    with pytest.raises(InvalidInput, match=r"choose one of group='Fitted', group='ROI'"):
        xrfsr.open_scan(path, 1.0, group="NNLS")


def test_names_that_are_no_lines(tmp_path: Path) -> None:
    path = maps_v9(tmp_path)
    with h5py.File(path, "a") as file:
        del file["MAPS/channel_names"], file["MAPS/XRF_fits"]
        file["MAPS/XRF_fits"] = np.concatenate([MAPS, MAPS])
        file["MAPS/channel_names"] = np.array([b"Ca", b"Fe", b"dpc_x", b"s_i", b"Bkgnd", b"TFY"])
    with pytest.warns(UserWarning, match="no element lines are left out: dpc_x in"):
        scan = xrfsr.open_scan(path, 1.0)
    assert scan["kind"].values.tolist() == ["element", "element", "scatter", "diagnostic", "diagnostic"]
    np.testing.assert_array_equal(scan["intensity"], np.concatenate([MAPS, MAPS])[[0, 1, 3, 4, 5]])


@pytest.mark.parametrize("name", ["mca_arr", "Spectra/mca_arr"])
def test_spectra_alone(tmp_path: Path, name: str) -> None:
    """What MapsTorch writes, and XRF-Maps before it fits."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file[f"MAPS/{name}"] = np.zeros((3, 4, 64), np.float32)
        file["MAPS/int_spec"] = np.zeros(64)
        file["MAPS/channel_names"] = [b"Ca", b"Fe"]
    with pytest.raises(InvalidInput, match=rf"contains spectra, '/MAPS/{name}' \(3, 4, 64\), but no maps .*MapsTorch"):
        xrfsr.open_scan(tmp_path / "scan.h5", 1.0)
