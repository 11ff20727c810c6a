"""Uncertainties of some maps are kept where others have none."""

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
from xrfsr.io.partial import PartialMaps
from xrfsr.processing.stitching import stitch

pytest.importorskip("PyMca5")
pytest.importorskip("fabio")


def opened(path: Path, **options: object) -> xr.Dataset:
    """Open a scan, where any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xrfsr.open_scan(path, pixel_size="1 mm", **options).load()


@pytest.mark.parametrize("end", ["csv", "dat", "tif", "edf", "folder of tif", "folder of edf"])
def test_chisq_of_a_batch_fit_drops_no_uncertainty(tmp_path: Path, end: str) -> None:
    folder = written.pymca(tmp_path, multipage="folder" not in end, chisq=True) / "IMAGES"
    for file in folder.iterdir():
        if "folder" in end and file.suffix[1:] != end[-3:]:
            file.unlink()
    scan = opened(folder if "folder" in end else folder / f"painting.{end}")
    scan = scan.sel(line=[*written.LABELS, "chisq"])
    np.testing.assert_allclose(scan.uncertainty[:-1], written.ERRORS, rtol=1e-5)
    assert scan.uncertainty[-1].isnull().all()
    np.testing.assert_allclose(scan.intensity[-1], written.MAPS[0] / 7, rtol=1e-5)


@pytest.mark.parametrize("name", ["Compton", "Scatter_Peak000", "total_cnt", "Fe_Ka_Fe_Ka"])
def test_other_maps_that_are_no_elements_need_none(tmp_path: Path, name: str) -> None:
    folder = tmp_path
    for label, maps, errors in zip(written.LABELS, written.MAPS, written.ERRORS, strict=True):
        tifffile.imwrite(folder / f"{label}.tif", maps)
        tifffile.imwrite(folder / f"s({label}).tif", errors)
    tifffile.imwrite(folder / f"{name}.tif", written.MAPS[0])
    scan = opened(folder)
    np.testing.assert_array_equal(scan.uncertainty.sel(line=list(written.LABELS)), written.ERRORS)
    assert scan.uncertainty.sel(line=name).isnull().all()


def test_an_element_without_uncertainty_is_named(tmp_path: Path) -> None:
    path = written.pymca_hdf5(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["painting/xrf_fit/results/uncertainties/Fe_Ka"]
    with pytest.warns(UserWarning, match="has none for Fe_Ka"):
        scan = xrfsr.open_scan(path, pixel_size="1 mm").load()
    assert scan.uncertainty.isnull().all(("y", "x")).values.tolist() == [False, True, False]
    np.testing.assert_allclose(scan.uncertainty[[0, 2]], written.ERRORS[[0, 2]])
    # Only the maps that were asked for count.
    assert opened(path, lines=["Pb-L"]).uncertainty.notnull().all()


def test_no_uncertainty_at_all_is_no_variable(tmp_path: Path) -> None:
    folder = written.pymca(tmp_path, chisq=True) / "IMAGES"
    assert "uncertainty" not in opened(folder / "painting.csv", lines=["chisq"])


def test_windows_of_partial_maps() -> None:
    class Numbers:
        def read(self, maps: list[int], y: slice, x: slice) -> np.ndarray:
            return np.stack([np.full((7, 9), 10 * number + 1)[y, x] for number in maps])

    maps = PartialMaps(Numbers(), (1, None, 0), (7, 9))
    found = maps.read([2, 1, 0, 1], slice(1, 7, 2), slice(None, 4))
    assert found.shape == (4, 3, 4)
    np.testing.assert_array_equal(found[:, 0, 0], [1, np.nan, 11, np.nan])
    assert np.isnan(maps.read([1], slice(0, 2), slice(0, 2))).all()


def scan_with_gaps() -> xr.Dataset:
    errors = written.ERRORS.copy()
    errors[1] = np.nan
    return xrfsr.as_scan(written.MAPS, written.LABELS, "1 mm", uncertainty=errors)


def test_stitching_keeps_maps_without_uncertainty() -> None:
    scan = scan_with_gaps()
    whole = stitch([scan.isel(x=slice(0, 3)), scan.isel(x=slice(1, None))])
    np.testing.assert_allclose(whole.intensity, scan.intensity, rtol=1e-6)
    assert whole.uncertainty.isnull().all(("y", "x")).values.tolist() == [False, True, False]
