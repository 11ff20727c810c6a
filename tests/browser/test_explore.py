"""`xrfsr.explore` and `xrfsr.pick_points`, served by Panel and used by mouse and keys in a real browser."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from bokeh_pages import click, colour, drag, frame, move, until

import xrfsr

pytestmark = pytest.mark.browser
pytest.importorskip("panel", reason="Panel is not installed: nox -s browser")

LINES = ["Ca-K", "Fe-K", "Hg-L", "Pb-L"]


@pytest.fixture(scope="module")
def painting() -> Any:
    """A painting of 64 x 48 mm of four uniform quarters, each with its own colour and line."""
    rows, columns = np.mgrid[:48, :64]
    quarter = 2 * (rows >= 24) + (columns >= 32)
    maps = np.stack([100.0 * (quarter == k) + 1 + 0.01 * rows for k in range(4)])
    fine = xrfsr.as_scan(maps, LINES, 1.0, uncertainty=np.sqrt(maps))
    support = (("line", "y", "x"), np.full(maps.shape, 0.25, np.float32))
    fine = fine.assign(photo_support=support)
    coarse = maps.reshape(4, 12, 4, 16, 4).mean(axis=(2, 4))
    scan = xrfsr.as_scan(coarse, LINES, 4.0, uncertainty=np.sqrt(coarse))
    colours = np.array([[200, 30, 30], [30, 180, 30], [30, 30, 200], [220, 220, 40]], np.uint8)
    return fine, scan, xrfsr.as_photo(colours[quarter], like=fine), colours


@pytest.fixture
def serve(open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Function that serves a view and opens its page."""
    servers = []

    def serve_view(view: Any, text: str, **options: Any) -> Any:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        servers.append(view.show(port=port, address="127.0.0.1", open=False, threaded=True, verbose=False))
        home = f"127.0.0.1:{port}/"
        page = open_page(f"http://{home}", allowed=(f"http://{home}", f"ws://{home}", "data:", "blob:"), **options)
        page.get_by_text(text).first.wait_for()
        page.wait_for_timeout(500)
        return page

    yield serve_view
    for server in servers:
        server.stop()


@pytest.fixture
def view(painting: Any) -> Any:
    fine, scan, rgb, _ = painting
    return xrfsr.explore(fine, scan, rgb)


def is_bright(pixel: np.ndarray) -> bool:
    return bool(pixel.sum() > 450)  # the end of magma is nearly white


def test_pictures_the_right_way_up_and_the_wipe(serve: Callable[..., Any], view: Any, painting: Any) -> None:
    colours = painting[-1]
    page = serve(view, "Left picture")
    there = frame(page, "Wipe")
    assert there.width / there.height == pytest.approx(64 / 48, rel=0.01)
    assert (there.y_start, there.y_end) == (48, 0)  # downwards
    # The photo to the left of the middle, the fine map of the first line to the right.
    np.testing.assert_allclose(colour(page, "Wipe", 10, 15), colours[0], atol=2)
    np.testing.assert_allclose(colour(page, "Wipe", 10, 35), colours[2], atol=2)
    assert not is_bright(colour(page, "Wipe", 50, 15))
    page.get_by_label("Line", exact=True).select_option("Fe-K")
    page.wait_for_timeout(500)
    assert is_bright(colour(page, "Wipe", 50, 15))
    assert not is_bright(colour(page, "Wipe", 50, 35))
    handle = 48 - 0.06 * 48
    drag(page, "Wipe", (32, handle), (60, 30))
    np.testing.assert_allclose(colour(page, "Wipe", 50, 15), colours[1], atol=2)
    np.testing.assert_allclose(colour(page, "Wipe", 50, 35), colours[3], atol=2)
    assert frame(page, "Wipe")[4:] == there[4:]  # the picture stayed
    drag(page, "Wipe", (60, handle), (5, handle))
    assert not is_bright(colour(page, "Wipe", 10, 15))
    assert is_bright(colour(page, "Wipe", 50, 15))
    # The field, by its keys.
    field = page.get_by_label("Wipe: left picture up to x, mm")
    field.fill("20")
    field.press("Enter")
    until(page, lambda: np.abs(colour(page, "Wipe", 9, 15) - colours[0]).max() <= 2)
    np.testing.assert_allclose(colour(page, "Wipe", 9, 15), colours[0], atol=2)


def test_values_under_the_mouse(serve: Callable[..., Any], view: Any, painting: Any) -> None:
    fine, scan, _rgb, _ = painting
    page = serve(view, "Left picture")
    page.get_by_label("Line", exact=True).select_option("Pb-L")
    page.wait_for_timeout(300)
    move(page, "Wipe", 40.5, 30.5)
    page.get_by_role("table", name="Values under the mouse").wait_for()
    page.wait_for_timeout(300)
    said = page.get_by_role("table", name="Values under the mouse").inner_text()
    for maps in (scan, fine):
        value = float(maps.intensity.sel(line="Pb-L").sel(y=30.5, x=40.5, method="nearest"))
        assert f"{value:.4g} ± {value**0.5:.2g} count" in said
    assert "0.25" in said
    assert "x 40." in said
    assert "y 30." in said


def test_profile(serve: Callable[..., Any], view: Any) -> None:
    page = serve(view, "Left picture")
    page.get_by_role("button", name="Draw a profile").click()
    page.wait_for_timeout(300)
    click(page, "Wipe", 5, 10)
    click(page, "Wipe", 60, 12)
    until(page, lambda: view.ends)
    np.testing.assert_allclose(view.ends, [(10, 5), (12, 60)], atol=0.15)
    assert view.profile.sizes["distance"] > 50
    shown = page.evaluate(
        """() => {for (const view of Bokeh.index.query(() => true)) if (view.model.name === 'profile')
        return view.model.renderers.map(each => [...each.data_source.data.distance].length)}"""
    )
    assert shown[1] == view.profile.sizes["distance"]
    page.get_by_role("button", name="Look").click()
    page.wait_for_timeout(300)
    drag(page, "Wipe", (60, 12), (50, 40))
    until(page, lambda: view.ends[1][0] > 30)
    np.testing.assert_allclose(view.ends, [(10, 5), (40, 50)], atol=0.3)
    page.get_by_role("button", name="Remove profile").click()
    until(page, lambda: view.profile is None)
    assert view.profile is None


def test_region_and_its_table(serve: Callable[..., Any], view: Any, painting: Any) -> None:
    fine = painting[0]
    page = serve(view, "Left picture")
    page.get_by_role("button", name="Draw a region").click()
    name = page.get_by_label("Name of the region")
    name.fill("<b>sky")
    name.press("Enter")
    for at in ((4, 4), (28, 4), (28, 20)):
        click(page, "Wipe", *at)
    click(page, "Wipe", 4, 20, double=True)
    until(page, lambda: view.polygons)
    np.testing.assert_allclose(view.polygons["<b>sky"], [(4, 4), (4, 28), (20, 28), (20, 4)], atol=0.15)
    table = page.get_by_role("table", name="Statistics of the regions")
    table.wait_for()
    cells = table.locator("tbody tr").first.locator("td").all_inner_texts()
    found = view.regions.sel(region="<b>sky", line="Ca-K")
    mean = float(fine.intensity.sel(line="Ca-K").where(found.mask).mean())
    assert cells[:2] == ["<b>sky", "Ca-K"]
    assert float(cells[2]) == pytest.approx(mean, rel=1e-3)
    assert float(cells[4]) == pytest.approx(float(found.standard_error), rel=1e-3)
    assert int(cells[5]) == int(found.pixels) == pytest.approx(24 * 16, abs=40)
    page.get_by_role("button", name="Table of all lines").click()
    until(page, lambda: table.locator("tbody tr").count() == 4)
    assert table.locator("tbody tr").count() == 4
    page.get_by_role("button", name="Look").click()
    page.wait_for_timeout(300)
    drag(page, "Wipe", (28, 20), (56, 40))
    until(page, lambda: view.polygons["<b>sky"][2, 0] > 30)
    assert np.allclose(view.polygons["<b>sky"][2], (40, 56), atol=0.4)
    view.add_region([(30, 30), (30, 40), (40, 40)], "from Python")
    table.get_by_text("from Python").first.wait_for()
    page.get_by_role("button", name="Remove region").click()
    until(page, lambda: len(view.polygons) == 1)
    assert len(view.polygons) == 1


def test_three_lines_side_by_side_and_zoom(serve: Callable[..., Any], view: Any) -> None:
    page = serve(view, "Left picture", size=(1280, 1300))
    page.get_by_role("button", name="Side by side").click()
    page.wait_for_timeout(1500)
    # Ca, Fe and Hg as red, green and blue.
    for (x, y), band in zip(((10, 10), (50, 10), (10, 40)), range(3), strict=True):
        pixel = colour(page, "Three lines", x, y)
        assert pixel.argmax() == band
        assert pixel[band] > 200
    page.get_by_label("Red", exact=True).select_option("Pb-L")
    page.wait_for_timeout(800)
    assert colour(page, "Three lines", 50, 40)[0] > 200
    assert is_bright(colour(page, "Fine map", 10, 10))
    move(page, "Photo", 50, 40)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(800)
    zoomed = frame(page, "Photo")[4:]
    assert abs(zoomed[1] - zoomed[0]) < 60
    for other in ("Scan", "Fine map", "Uncertainty", "Three lines"):
        assert frame(page, other)[4:] == zoomed
    across, down = zoomed[1] - zoomed[0], zoomed[2] - zoomed[3]
    assert across / down == pytest.approx(64 / 48, rel=0.05)


def test_lazy_maps_get_sharper_where_one_zooms(serve: Callable[..., Any]) -> None:
    """Of 1200 x 1200 pixels a screen shows blocks of 2 x 2; zoomed in, single pixels, whose values are read."""
    maps = np.random.default_rng(0).poisson(100, (1, 1200, 1200)).astype(np.float32)
    scan = xrfsr.as_scan(maps, ["Fe-K"], 0.1).chunk(y=200, x=200)
    view = xrfsr.explore(scan)
    page = serve(view, "Left picture")
    move(page, "Wipe", 60, 60)
    page.get_by_text("mean of 2 × 2 pixels").wait_for()
    for _ in range(8):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(100)
    page.wait_for_timeout(1500)
    there = frame(page, "Wipe")
    x, y = (there.x_start + there.x_end) / 2, (there.y_start + there.y_end) / 2
    x, y = np.floor(x / 0.1) * 0.1 + 0.05, np.floor(y / 0.1) * 0.1 + 0.05
    move(page, "Wipe", x, y)
    page.wait_for_timeout(500)
    said = page.get_by_role("table", name="Values under the mouse").inner_text()
    assert "mean of" not in said
    assert f"{maps[0, int(y / 0.1), int(x / 0.1)]:g} count" in said


def test_accessible(serve: Callable[..., Any], view: Any, accessibility_faults: Callable[[Any], list[str]]) -> None:
    view.add_region([(4, 4), (4, 20), (20, 20)])
    view.draw_profile((4, 4), (40, 40))
    page = serve(view, "Left picture")
    page.get_by_role("button", name="Draw a region").click()
    page.get_by_label("Name of the region").wait_for()
    assert accessibility_faults(page) == []


def test_control_points(serve: Callable[..., Any], painting: Any) -> None:
    _fine, scan, rgb, _ = painting
    camera = np.pad(rgb.values, ((0, 0), (6, 10), (8, 4)), constant_values=0.5)
    picker = xrfsr.pick_points(camera, scan, "Pb")
    page = serve(picker, "Click a detail")
    for x, y in ((4, 4), (60, 6), (6, 44), (58, 42), (32, 24)):
        click(page, "Photo", x - 0.5 + 8, y - 0.5 + 6)
        click(page, "Map", x, y)
    until(page, lambda: len(picker.points) == 5)
    assert picker.points.shape == (5, 4)
    np.testing.assert_allclose(picker.points[0], [11.5, 9.5, 0.5, 0.5], atol=0.2)
    assert picker.residuals.max() < 0.5
    table = page.get_by_role("table", name="Control points")
    assert table.locator("tbody tr").count() == 5
    assert "mm" in table.locator("tbody tr").nth(4).inner_text()
    drag(page, "Photo", (picker.points[4, 0], picker.points[4, 1]), (50, 15))
    np.testing.assert_allclose(picker.points[4, :2], [50, 15], atol=0.5)
    assert picker.residuals.argmax() == 4
    page.get_by_role("button", name="Delete point").click()
    until(page, lambda: len(picker.points) == 4)
    assert len(picker.points) == 4
    found = xrfsr.register(camera, scan, control_points=picker.points)
    np.testing.assert_allclose(found.photo_to_map_pixels([[8 + 31.5, 6 + 23.5]]), [[7.5, 5.5]], atol=0.1)
