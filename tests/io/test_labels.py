"""Names of maps in files: pile-up by symbols, and files without any element line."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr

import xrfsr
from tests import written


def maps_file(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("MAPS/XRF_Analyzed/Fitted")
        group["Counts_Per_Sec"] = np.arange(len(names) * 12.0).reshape(-1, 3, 4)
        group["Channel_Names"] = np.array(names, "S20")
    return path


def test_pile_up_by_symbols_is_read_in_files_of_maps(tmp_path: Path) -> None:
    path = maps_file(tmp_path, ["Ca", "Si_Si", "Si_Cl", "Pb_L"])
    scan = xrfsr.open_scan(path, pixel_size="1 mm")
    assert scan.line.values.tolist() == ["Ca-K", "Si_Si", "Si_K+Cl_K", "Pb-L"]
    assert scan.kind.values.tolist() == ["element", "diagnostic", "diagnostic", "element"]
    np.testing.assert_array_equal(scan.intensity.sel(line="Si_K+Cl_K"), np.arange(24.0, 36).reshape(3, 4))


@pytest.mark.parametrize("name", ["Pb_As", "S_Pb", "Cu_As"])
def test_two_symbols_are_no_map_in_a_folder(tmp_path: Path, name: str) -> None:
    folder = written.tiff_folder(tmp_path)
    tifffile.imwrite(folder / f"{name}.tif", written.MAPS[0].astype(np.float32))
    with pytest.warns(UserWarning, match=f"left out: {name}.tif"):
        assert xrfsr.open_scan(folder, pixel_size="1 mm").line.values.tolist() == written.LABELS


def test_stores_with_pile_up_by_symbols_still_open(tmp_path: Path) -> None:
    scan = xrfsr.as_scan(written.MAPS, ["Ca-K", "Si_K+Cl_K", "Pb-L"], "1 mm")
    old = scan.assign_coords(line=np.array(["Ca-K", "Si_Cl", "Pb-L"], object))
    old.to_zarr(tmp_path / "old.zarr", zarr_format=3, consolidated=False)
    xr.testing.assert_equal(xrfsr.open_scan(tmp_path / "old.zarr").load(), scan)


@pytest.mark.parametrize("names", [["Si_Si"], ["COMPTON_AMPLITUDE", "TFY"], ["Fe_Ka_Fe_Ka", "Num_Iter"]])
def test_a_file_without_any_element_line_warns(tmp_path: Path, names: list[str]) -> None:
    path = maps_file(tmp_path, names)
    with pytest.warns(UserWarning, match=rf"maps.h5' has no element line, only {names[0]}"):
        xrfsr.open_scan(path, pixel_size="1 mm")


@pytest.mark.parametrize("name", ["maps.h5", "maps.tif", "maps"])
def test_files_of_this_package_may_have_scatter_alone(tmp_path: Path, name: str) -> None:
    scan = xrfsr.as_scan(written.MAPS[:1], ["compton"], "1 mm")
    write = {"maps.h5": scan.xrfsr.to_pymca, "maps.tif": scan.xrfsr.to_geotiff, "maps": scan.xrfsr.to_tiffs}[name]
    write(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xrfsr.open_scan(tmp_path / name, **({"pixel_size": 1} if name == "maps" else {})).sizes["line"] == 1


def test_maps_that_were_asked_for_need_no_element(tmp_path: Path) -> None:
    path = maps_file(tmp_path, ["Ca", "TFY"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xrfsr.open_scan(path, pixel_size="1 mm", lines=["TFY"]).kind.item() == "diagnostic"
