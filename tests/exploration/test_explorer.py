"""Regions and profiles of an exploration, as Python has them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.exploration.explorer import Explorer
from xrfsr.exploration.scene import Scene
from xrfsr.exploration.tables import readout, statistics_table

SQUARE = [(1, 1), (1, 4), (4, 4), (4, 1)]
TRIANGLE = [("1 mm", 1), (1, "0.6 cm"), (5, 6)]


@pytest.fixture
def view(scan: xr.Dataset) -> Explorer:
    error = np.sqrt(scan.intensity.values)
    known = scan.assign(uncertainty=(("line", "y", "x"), error, scan.intensity.attrs))
    fine = known.xrfsr.resample(scale=2)
    finer = np.sqrt(np.abs(fine.intensity.values))
    return Explorer(Scene(fine.assign(uncertainty=(fine.intensity.dims, finer, fine.intensity.attrs)), known))


def test_regions_are_statistics_and_masks(view: Explorer) -> None:
    fine, scan = view._scene.fine, view._scene.scan
    assert view.regions.sizes["region"] == 0
    assert view.add_region(SQUARE) == "region 1"
    assert view.add_region(TRIANGLE, " robe ") == "robe"
    found = view.regions
    assert found["mean"].dims == ("region", "line")
    assert found.region.values.tolist() == ["region 1", "robe"]
    mask = fine.xrfsr.region(TRIANGLE)
    np.testing.assert_array_equal(found.mask.sel(region="robe"), mask)
    expected = fine.xrfsr.region_statistics(mask, scan=scan)
    for name in expected.data_vars:
        np.testing.assert_array_equal(found[name].sel(region="robe"), expected[name])
    inside = fine.intensity.where(mask).mean(("y", "x"))
    np.testing.assert_allclose(found["mean"].sel(region="robe"), inside, rtol=1e-5)
    assert found.area.attrs["units"] == "mm2"
    assert (found.standard_error > 0).all()
    assert len(found.drop_dims(["y", "x"]).to_dataframe()) == 2 * fine.sizes["line"]


def test_regions_are_replaced_and_removed(view: Explorer) -> None:
    heard: list[list[str]] = []
    forget = view.listen(lambda: heard.append(list(view.polygons)))
    view.add_region(SQUARE, "a")
    before = view.regions["pixels"].values
    view.add_region(TRIANGLE, "a")
    assert (view.regions["pixels"].values != before).all()
    view.add_region(SQUARE)
    view.remove_region("a")
    assert list(view.polygons) == ["region 1"]
    view.add_region(SQUARE)
    assert heard[-1] == ["region 1", "region 2"]
    forget()
    view.remove_region("region 1")
    assert heard[-1] == ["region 1", "region 2"]
    assert "region 2" in repr(view)


def test_profile(view: Explorer) -> None:
    assert view.profile is None
    view.draw_profile((1, 1), (4, 6), width="1 mm")
    expected = view._scene.fine.xrfsr.profile((1, 1), (4, 6), width=1)
    assert view.profile is not None
    xr.testing.assert_identical(view.profile, expected)
    assert view.ends == ((1, 1), (4, 6))
    view.remove_profile()
    assert view.profile is None


def test_faults(view: Explorer) -> None:
    with pytest.raises(InvalidInput, match="2 faults"):
        view.add_region([(0, 0), (0, "x"), (1, 1)], 5)
    with pytest.raises(InvalidInput, match="must lie between"):
        view.draw_profile((-3, 0), (1, 1))
    view.add_region(SQUARE, "a")
    with pytest.raises(InvalidInput, match="got 'b'; there are a"):
        view.remove_region("b")
    assert view.profile is None
    assert list(view.polygons) == ["a"]


def test_texts_are_escaped(view: Explorer) -> None:
    view.add_region(SQUARE, "<script>alert(1)</script>")
    found = {name: view.statistics(name, "Pb-L") for name in view.polygons}
    html = statistics_table(found, "<b>")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html


def test_readout_has_the_values_with_their_units(view: Explorer) -> None:
    values = view._scene.values("Pb-L", 2.1, 3.2)
    text = readout(2.1, 3.2, "Pb-L", view._scene.unit, values)
    assert "x 3.20 mm, y 2.10 mm" in text
    assert " ± " in text
    assert "count" in text
    missing = {name: {**each, "intensity": np.array(np.nan)} for name, each in values.items()}
    assert "not measured" in readout(2.1, 3.2, "Pb-L", "count", missing)
