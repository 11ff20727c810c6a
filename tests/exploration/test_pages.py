"""Pages of Panel, without a browser: they are built, and what is drawn on them arrives; and what is said without it."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput


def test_without_panel_the_message_says_what_to_install(scan: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "panel", None)
    with pytest.raises(InvalidInput) as caught:
        xrfsr.explore("fine.zarr", scan)
    assert len(caught.value.faults) == 2
    assert 'pip install "xrfsr[explore]"' in str(caught.value)
    with pytest.raises(InvalidInput, match=r"xrfsr\[explore\]"):
        xrfsr.pick_points(np.ones((8, 8, 3)), scan)


def test_the_room_is_imported_without_panel() -> None:
    heavy = "{'panel', 'bokeh', 'matplotlib', 'torch'}"
    code = f"import sys, xrfsr; xrfsr.explore, xrfsr.pick_points; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


class TestPages:
    @pytest.fixture(autouse=True)
    def with_panel(self) -> None:
        pytest.importorskip("panel", reason="Panel is not installed: nox -s browser")

    @pytest.fixture
    def page(self, scan: xr.Dataset, photo: xr.DataArray) -> Any:
        from xrfsr.exploration.page import _Page

        view = xrfsr.explore(scan, rgb=photo)
        return _Page(view, view._scene)

    def test_every_display_has_a_page_of_its_own(self, scan: xr.Dataset) -> None:
        view = xrfsr.explore(scan)
        assert view.__panel__() is not view.__panel__()
        assert view.__panel__().get_root() is not None

    def test_in_a_notebook(self, scan: xr.Dataset) -> None:
        bundle, _ = xrfsr.explore(scan)._repr_mimebundle_()
        assert "text/html" in bundle

    def test_clicks_draw_a_profile_and_a_region(self, page: Any) -> None:
        drawing = page.drawing
        drawing.task.value = "Draw a profile"
        drawing._clicked(1, 1)
        drawing._clicked(4, 6)
        assert page.view.ends == ((1, 1), (4, 6))
        assert page.profile_box.visible
        drawing.task.value = "Draw a region"
        for at in ((1, 1), (1, 5), (5, 5), (5, 5)):
            drawing._clicked(*at)
        drawing.name.value = "a"
        drawing._finish()
        np.testing.assert_array_equal(page.view.polygons["a"], [(1, 1), (1, 5), (5, 5)])
        assert "<td>a</td>" in page.table.object
        page.every.value = "Table of all lines"
        assert page.table.object.count("<td>a</td>") == 3
        drawing._moved_corner({"x": [1, 5, 4], "y": [1, 1, 5]})
        np.testing.assert_array_equal(page.view.polygons["a"], [(1, 1), (1, 5), (5, 4)])
        page.view.remove_region("a")
        assert not drawing.edit_row.visible

    def test_what_is_refused_is_said(self, page: Any) -> None:
        drawing = page.drawing
        drawing.task.value = "Draw a profile"
        drawing._clicked(-50, 1)
        drawing._clicked(4, 6)
        assert "must lie between" in drawing.fault.object
        assert page.view.ends is None
        drawing.task.value = "Draw a region"
        assert not drawing.fault.visible
        drawing._clicked(1, 1)
        drawing._finish()
        assert "at least three" in drawing.fault.object

    def test_the_table_of_the_mouse(self, page: Any, scan: xr.Dataset) -> None:
        page._pointed({"x": [3.1], "y": [2.2]})
        value = float(scan.intensity[0].sel(x=3.1, y=2.2, method="nearest"))
        assert f"{value:g} count" in page.readout.object

    def test_side_by_side_fills_every_figure(self, page: Any) -> None:
        assert all(not each._source.data["image"] for each in page.small.values())
        page.mode.value = "Side by side"
        assert all(each._source.data["image"] for each in page.small.values())
        assert page.grid.visible

    def test_points_are_shown_with_numbers(self, scan: xr.Dataset, photo: xr.DataArray) -> None:
        pytest.importorskip("skimage")
        from xrfsr.exploration.picker_page import _Page

        picker = xrfsr.pick_points(photo.values, scan.isel(y=slice(None, None, -1)), "Pb")
        page = _Page(picker, picker._photo, picker._scene, picker._line)
        page.clicked(page.sides["photo"], 10.0, 20.0)
        page.clicked(page.sides["scan"], 0.25, 0.75)  # mm; rows of this scan count upwards
        np.testing.assert_allclose(picker.points, [[10, 20, 0, 10]])
        assert page.sides["scan"].points.data["number"] == ["1"]
        page.moved(page.sides["scan"], {"number": ["1"], "x": [1.25], "y": [0.75]})
        np.testing.assert_allclose(picker.points, [[10, 20, 2, 10]])
        page.clicked(page.sides["photo"], 1000.0, 20.0)
        assert "must lie on the photo" in page.fault.object
        page._remove()
        assert page.table.object == ""

    def test_faults_of_pick_points(self, scan: xr.Dataset, photo: xr.DataArray) -> None:
        with pytest.raises(InvalidInput, match="swapped"):
            xrfsr.pick_points(scan, photo)
        with pytest.raises(InvalidInput) as caught:
            xrfsr.pick_points("nowhere.jpg", scan, "Qq")
        assert len(caught.value.faults) == 2

    def test_taps_outside_the_frame_have_no_position(self) -> None:
        from xrfsr.exploration.drawing import Drawing

        drawing = Drawing(SimpleNamespace(ends=None, polygons={}, width=None))  # type: ignore[arg-type]
        drawing.task.value = "Draw a region"
        drawing._clicked(None, None)
        assert drawing.draft == []
