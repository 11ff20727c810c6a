"""What can be shown, in which colours, and what is computed for it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.exploration.sampling import Window
from xrfsr.exploration.scene import COMPOSITE, FINE, PHOTO, SCAN, SUPPORT, UNCERTAINTY, Scene
from xrfsr.plot.limits import limits_of

COLOURS = {"red": "Ca-K", "green": None, "blue": "Pb-L"}


@pytest.fixture
def fine(scan: xr.Dataset) -> xr.Dataset:
    made = scan.xrfsr.resample(scale=4)
    error = (made.intensity * 0.1 + 1).assign_attrs(made.intensity.attrs)
    return made.assign(uncertainty=error, photo_support=made.intensity * 0 + 0.5)


def test_layers_are_those_that_are_there(scan: xr.Dataset, fine: xr.Dataset, photo: xr.DataArray) -> None:
    assert Scene(fine, scan, photo).layers == [PHOTO, SCAN, FINE, UNCERTAINTY, SUPPORT, COMPOSITE]
    assert Scene(scan.isel(line=[0])).layers == [FINE]
    assert Scene(scan.intensity).lines == scan.line.values.tolist()


@pytest.mark.parametrize("way", [1, -1])
def test_pictures_are_the_right_way_up(scan: xr.Dataset, fine: xr.Dataset, photo: xr.DataArray, way: int) -> None:
    pytest.importorskip("bokeh")
    turned = {"y": slice(None, None, way), "x": slice(None, None, way)}
    scene = Scene(fine.isel(turned), scan.isel(turned), photo.isel(turned))
    picture = scene.picture(PHOTO, "Ca-K", COLOURS, scene.whole)
    assert picture is not None
    for band, shift in enumerate((0, 8, 16)):
        np.testing.assert_allclose(picture.pixels >> shift & 255, photo.values[band] * 255, atol=0.51)
    lead = scene.picture(FINE, "Pb-L", COLOURS, scene.whole)
    assert lead is not None
    assert lead.window == Window.of(scene.grid)
    lightness = sum(lead.pixels >> shift & 255 for shift in (0, 8, 16)).astype(float)
    assert np.corrcoef(lightness.ravel(), fine.intensity.sel(line="Pb-L").values.ravel())[0, 1] > 0.9


def test_scan_and_fine_map_share_the_limits_of_plots(scan: xr.Dataset, fine: xr.Dataset) -> None:
    scene = Scene(fine, scan)
    planes = [each.intensity.sel(line="Pb-L").values for each in (scan, fine)]
    low, high, _ = limits_of(planes)
    assert scene.limits(SCAN, "Pb-L") == scene.limits(FINE, "Pb-L") == (low, high)
    assert scene.limits(SUPPORT, "Pb-L") == (0, 1)
    assert scene.limits(UNCERTAINTY, "Pb-L") == limits_of([fine.uncertainty.sel(line="Pb-L").values])[:2]


def test_three_lines_and_what_is_missing(scan: xr.Dataset, fine: xr.Dataset) -> None:
    fine = fine.assign(intensity=fine.intensity.where(fine.x > 1))
    scene = Scene(fine, scan)
    picture = scene.picture(COMPOSITE, "Ca-K", COLOURS, scene.whole)
    assert picture is not None
    gap = (fine.x <= 1).values
    assert set(np.unique(picture.pixels[:, gap])) == {0xFF9A9A9A}
    low, high = scene.limits(FINE, "Pb-L")
    expected = np.clip((fine.intensity.sel(line="Pb-L").values[:, ~gap] - low) / (high - low), 0, 1)
    np.testing.assert_allclose((picture.pixels >> 16 & 255)[:, ~gap], expected * 255, atol=0.51)
    assert ((picture.pixels >> 8 & 255)[:, ~gap] == 0).all()


def test_values_at_a_position(scan: xr.Dataset, fine: xr.Dataset, photo: xr.DataArray) -> None:
    scene = Scene(fine, scan, photo)
    line = str(scan.line.values[1])
    found = scene.values(line, 2.3, 4.6)
    at = {"y": 2.3, "x": 4.6}
    assert found[SCAN]["intensity"] == scan.intensity.isel(line=1).sel(at, method="nearest")
    assert found[FINE]["uncertainty"] == fine.uncertainty.isel(line=1).sel(at, method="nearest")
    np.testing.assert_array_equal(found[PHOTO]["rgb"], photo.sel(at, method="nearest"))
    assert scene.values(line, -1, 3) == {}


def test_lazy_maps_of_other_lines_are_not_computed(scan: xr.Dataset) -> None:
    pytest.importorskip("bokeh")
    dask = pytest.importorskip("dask.array")
    seen = []

    def block(block: np.ndarray, block_info: dict) -> np.ndarray:
        seen.append(block_info[0]["chunk-location"])
        return block

    counted = dask.from_array(scan.intensity.values, (1, 4, 4)).map_blocks(block, dtype="f4", meta=np.empty((0, 0, 0)))
    lazy = scan.assign(intensity=(("line", "y", "x"), counted, scan.intensity.attrs))
    scene = Scene(lazy)
    assert scene.values("Pb-L", 1, 1) == {}  # nothing is shown yet
    assert seen == []
    scene.picture(FINE, "Pb-L", COLOURS, scene.whole)
    assert {each[0] for each in seen} == {2}
    count = len(seen)
    scene.picture(FINE, "Pb-L", COLOURS, Window(0, 2, 0, 2))
    assert scene.values("Pb-L", 0.2, 0.2)[FINE]["intensity"] == scan.intensity.values[2, 0, 0]
    assert len(seen) == count


def test_all_faults_at_once(scan: xr.Dataset, photo: xr.DataArray) -> None:
    away = scan.assign_coords(x=scan.x + 100).isel(line=[0])
    with pytest.raises(InvalidInput) as caught:
        Scene(scan.isel(line=[1, 2]), away, photo.assign_coords(y=photo.y + 100))
    assert len(caught.value.faults) == 3
    for text in ("scan must show the same part", "rgb must show", "must have a line"):
        assert text in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        Scene("fine.zarr", 4, "photo.jpg")
    assert len(caught.value.faults) == 3
