"""The HTML report in a real browser: what readers do with mouse and keys, compared with the data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr

import xrfsr

pytestmark = pytest.mark.browser

LINES = ["Fe-K", "Hg-L", "Pb-L"]
SIZES = [(1280, 900), (390, 844)]
AT_DESK_AND_TELEPHONE = pytest.mark.parametrize("size", SIZES, ids=["1280", "390"])


class Written(NamedTuple):
    url: str
    fine: xr.Dataset
    scan: xr.Dataset
    rgb: xr.DataArray


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Report of a simulated painting of 24 × 16 mm, a part of which was not measured."""
    _, scan, rgb = xrfsr.simulate.painting(64, 96, seed=1, lines=LINES)
    scan["intensity"] = scan.intensity.where((scan.y > 2) | (scan.x < 20))
    fine = scan.xrfsr.superresolve(rgb, method="guided_filter", uncertainty=True, progress=False)
    path = tmp_path_factory.mktemp("report") / "report.html"
    fine.xrfsr.report(path, scan=scan, rgb=rgb, title="Flowers")
    return Written(path.as_uri(), fine, scan, rgb)


@pytest.fixture
def page(written: Written, open_page: Callable[..., Any]) -> Any:
    return opened(open_page, written)


def opened(open_page: Callable[..., Any], written: Written, size: tuple[int, int] = SIZES[0]) -> Any:
    page = open_page(written.url, size)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def frame(page: Any) -> dict[str, float]:
    """Where the pictures lie in the window."""
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    return dict(box)


def pixels(page: Any) -> np.ndarray:
    """Colours of the pictures in the frame, shape (y, x, 3)."""
    width, height, values = page.evaluate(
        """async () => {
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const canvas = document.getElementById("map-canvas");
          const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return [width, height, btoa(Array.from(data, (each) => String.fromCharCode(each)).join(""))];
        }"""
    )
    import base64

    return np.frombuffer(base64.b64decode(values), np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def point_at(page: Any, written: Written, right: float, down: float) -> None:
    """Move the mouse to a position in mm from the upper left corner, while all is shown."""
    box = frame(page)
    height, width = written.fine.xrfsr.grid.y.extent, written.fine.xrfsr.grid.x.extent
    scale = 1.02 * max(width / box["width"], height / box["height"])
    page.mouse.move(
        box["x"] + box["width"] / 2 + (right - width / 2) / scale,
        box["y"] + box["height"] / 2 + (down - height / 2) / scale,
    )


def shown(page: Any, line: str, left: str, right: str) -> None:
    page.wait_for_selector(f"html[data-shown='{line} {left} {right}']", state="attached")


def read(page: Any, name: str) -> float:
    text = page.locator(f"#readout [data-value={name}]").inner_text(timeout=3000)
    found = re.search(r"-?\d+(\.\d+)?", text)
    assert found, text
    return float(found[0])


def position(page: Any) -> tuple[float, float]:
    text = page.locator("#readout [data-value=position]").inner_text(timeout=3000)
    found = re.fullmatch(r"x (-?[\d.]+), y (-?[\d.]+) mm", text)
    assert found, text
    return float(found[1]), float(found[2])


def step_of(page: Any, layer: str, line: int) -> float:
    data = page.evaluate("JSON.parse(document.getElementById('report-data').textContent)")
    return float(next(each for each in data["layers"] if each["name"] == layer)["lines"][line]["step"])


@AT_DESK_AND_TELEPHONE
def test_it_opens_without_faults_and_fits_the_window(
    written: Written,
    open_page: Callable[..., Any],
    accessibility_faults: Callable[[Any], list[str]],
    size: tuple[int, int],
) -> None:
    page = opened(open_page, written, size)
    assert page.title() == "Flowers"
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert accessibility_faults(page) == []
    page.select_option("#left", "composite")
    shown(page, "Fe-K", "composite", "fine")
    page.fill("#a-x", "2")
    page.fill("#a-y", "2")
    page.fill("#b-x", "12")
    page.fill("#b-y", "10")
    page.keyboard.press("Tab")
    page.wait_for_selector("html[data-profile]", state="attached")
    page.locator("details summary").click()
    assert accessibility_faults(page) == []


@AT_DESK_AND_TELEPHONE
def test_values_under_the_cursor_are_those_of_the_data(
    written: Written, open_page: Callable[..., Any], size: tuple[int, int]
) -> None:
    page = opened(open_page, written, size)
    page.select_option("#line", label="Pb-L")
    shown(page, "Pb-L", "coarse", "fine")
    page.locator("#map").scroll_into_view_if_needed()
    for right, down in ((3.6, 2.1), (10.1, 9.4), (17.4, 13.6)):
        point_at(page, written, right, down)
        page.wait_for_timeout(150)
        x, y = position(page)
        assert (x, y) == pytest.approx((right, down), abs=0.06)
        fine, scan = (each.sel(line="Pb-L").sel(y=y, x=x, method="nearest") for each in (written.fine, written.scan))
        for name, value in (
            ("fine", fine.intensity), ("coarse", scan.intensity), ("uncertainty", fine.uncertainty),
            ("support", fine.photo_support),
        ):  # fmt: skip
            assert read(page, name) == pytest.approx(float(value), abs=0.51 * step_of(page, name, 2))


def test_what_was_not_measured_says_so(written: Written, page: Any) -> None:
    point_at(page, written, 22.5, 1.0)
    page.wait_for_selector("#readout [data-value=fine]")
    assert page.locator("#readout [data-value=fine]").inner_text() == "not measured"
    picture = pixels(page)
    box = frame(page)
    assert picture[int(box["height"] * 0.08), int(box["width"] * 0.93)].tolist() == [0x9A] * 3


def test_the_picture_is_the_right_way_up(written: Written, page: Any) -> None:
    """The photo in the frame, reduced, is like the photo, and not like its mirror images."""
    page.select_option("#left", "photo")
    page.select_option("#right", "photo")
    shown(page, "Fe-K", "photo", "photo")
    picture = pixels(page)
    rows, columns = (np.linspace(0.02, 0.98, count) for count in (32, 48))
    small = picture[(rows * (picture.shape[0] - 1)).astype(int)][:, (columns * (picture.shape[1] - 1)).astype(int)]
    photo = written.rgb.transpose("y", "x", "band").values * 255
    wanted = photo[(rows * (photo.shape[0] - 1)).astype(int)][:, (columns * (photo.shape[1] - 1)).astype(int)]
    error = {
        name: np.abs(small - other).mean()
        for name, other in (("photo", wanted), ("upside down", wanted[::-1]), ("mirrored", wanted[:, ::-1]))
    }
    assert error["photo"] < 0.6 * min(error["upside down"], error["mirrored"])


def test_the_divider_moves_by_mouse_and_by_keys(written: Written, page: Any) -> None:
    page.select_option("#left", "photo")
    shown(page, "Fe-K", "photo", "fine")
    page.locator("#wipe").focus()
    page.keyboard.press("Home")
    only_fine = pixels(page)
    page.keyboard.press("End")
    only_photo = pixels(page)
    middle = only_photo.shape[0] // 2
    assert np.abs(only_fine[middle] - only_photo[middle]).mean() > 20
    handle = page.locator("#handle span").bounding_box()
    box = frame(page)
    assert handle is not None
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()
    assert page.input_value("#wipe") == "25"
    page.mouse.move(0, 0)
    both = pixels(page)
    split = both.shape[1] // 4
    assert np.abs(both[middle, : split - 3] - only_photo[middle, : split - 3]).max() <= 2
    assert np.abs(both[middle, split + 3 :] - only_fine[middle, split + 3 :]).max() <= 2


@AT_DESK_AND_TELEPHONE
def test_a_profile_is_drawn_by_mouse_and_has_the_values_of_xrfsr(
    written: Written, open_page: Callable[..., Any], size: tuple[int, int]
) -> None:
    page = opened(open_page, written, size)
    page.click("#draw")
    page.locator("#map").scroll_into_view_if_needed()
    point_at(page, written, 4, 12)
    page.mouse.down()
    point_at(page, written, 12, 8)
    point_at(page, written, 18, 6)
    page.mouse.up()
    page.wait_for_selector("html[data-profile]", state="attached")
    assert page.get_attribute("#draw", "aria-pressed") == "false"
    check_profile(page, written, "Fe-K", 0)
    page.select_option("#line", label="Hg-L")
    page.wait_for_selector("html[data-profile^=Hg-L]", state="attached")
    check_profile(page, written, "Hg-L", 1)


def check_profile(page: Any, written: Written, line: str, number: int) -> None:
    ends = [[float(page.input_value(f"#{end}-{axis}")) for axis in ("y", "x")] for end in ("a", "b")]
    assert ends[0] == pytest.approx([12, 4], abs=0.1)
    assert ends[1] == pytest.approx([6, 18], abs=0.1)
    page.locator("details").evaluate("(each) => { each.open = true; }")
    rows = page.locator("#profile-table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    found = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    wanted = written.fine.xrfsr.profile(*ends).sel(line=line)
    # Ends are written with two decimals, so that a row may be missing.
    assert abs(len(found) - wanted.sizes["distance"]) <= 1
    for column, name, layer in ((1, "intensity", "fine"), (3, "uncertainty", "uncertainty")):
        values = np.interp(found[:, 0], wanted.distance, wanted[name])
        near = 1.5 * step_of(page, layer, number) + 0.02 * float(wanted[name].max())
        assert np.abs(values - found[:, column]).max() < near
    coarse = written.scan.xrfsr.profile(*ends).sel(line=line)
    assert np.corrcoef(np.interp(found[:, 0], coarse.distance, coarse.intensity), found[:, 2])[0, 1] > 0.98
    assert f"{line} along" in page.inner_text("#profile-said")


def test_everything_can_be_done_by_keyboard(written: Written, page: Any) -> None:
    """Tab reaches every control with a visible focus; arrow keys move the cursor, Enter takes the ends of a profile."""
    wanted = {
        "line",
        "left",
        "right",
        "wipe",
        "corner",
        "zoom-in",
        "zoom-out",
        "whole",
        "map",
        "draw",
        "clear",
        "a-x",
        "b-y",
    }
    reached: set[str] = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate(
            """() => {
              const each = document.activeElement;
              return [each.id, getComputedStyle(each).outlineStyle !== "none" && each.matches(":focus-visible")];
            }"""
        )
        if name in wanted:
            assert outlined, name
            reached.add(name)
    assert reached == wanted

    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    first = position(page)
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    page.wait_for_function(f"!document.querySelector('#readout').textContent.includes('x {first[0]:.2f}')")
    second = position(page)
    step = written.fine.xrfsr.grid.spacing[0]
    assert (second[0] - first[0], second[1] - first[1]) == pytest.approx((11 * step, step), abs=0.011)
    assert page.get_attribute("#readout", "aria-live") == "polite"
    value = written.fine.intensity.sel(line="Fe-K").sel(x=second[0], y=second[1], method="nearest")
    assert read(page, "fine") == pytest.approx(float(value), abs=0.51 * step_of(page, "fine", 0))

    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-profile]", state="attached")
    assert float(page.input_value("#a-x")) - float(page.input_value("#b-x")) == pytest.approx(30 * step, abs=0.011)
    before = pixels(page)
    page.keyboard.press("+")
    assert np.abs(pixels(page) - before).mean() > 1
    page.keyboard.press("0")
    assert np.abs(pixels(page) - before).mean() < 0.5


def test_positions_count_from_the_corner_of_choice(written: Written, page: Any) -> None:
    grid = written.fine.xrfsr.grid
    for corner, wanted in {
        "top left": (5.0, 3.0),
        "top right": (grid.x.extent - 5, 3.0),
        "bottom left": (5.0, grid.y.extent - 3),
        "bottom right": (grid.x.extent - 5, grid.y.extent - 3),
        "data": (5.0 + grid.x.edges[0], 3.0 + grid.y.edges[0]),
    }.items():
        page.select_option("#corner", corner)
        page.mouse.move(2, 2)
        before = pixels(page)
        point_at(page, written, 5, 3)
        page.wait_for_selector("#readout [data-value=fine]")
        page.wait_for_timeout(100)
        assert position(page) == pytest.approx(wanted, abs=0.06), corner
        assert np.abs(pixels(page) - before).mean() < 1  # the painting stays where it is


def test_three_lines_are_one_picture(written: Written, page: Any) -> None:
    page.select_option("#left", "composite")
    page.select_option("#right", "composite")
    page.select_option("#red", label="Pb-L")
    page.select_option("#green", label="Fe-K")
    page.select_option("#blue", label="Hg-L")
    shown(page, "Fe-K", "composite", "composite")
    page.wait_for_timeout(200)
    assert "red Pb-L, green Fe-K, blue Hg-L" in page.inner_text("#legend-left")
    picture = pixels(page)
    wanted = written.fine.xrfsr.composite(red="Pb-L", green="Fe-K", blue="Hg-L").transpose("y", "x", "band").values
    grid, box = written.fine.xrfsr.grid, frame(page)
    scale = 1.02 * max(grid.x.extent / box["width"], grid.y.extent / box["height"])
    off = []
    for row, column in ((40, 20), (32, 48), (20, 70), (50, 80)):
        x = box["width"] / 2 + (column + 0.5 - 48) * grid.spacing[1] / scale
        y = box["height"] / 2 + (row + 0.5 - 32) * grid.spacing[0] / scale
        off.append(np.abs(picture[int(y), int(x)] - wanted[row, column] * 255).max())
    assert max(off) <= 6


def test_zoom_and_pan_by_mouse_keep_the_pictures_together(written: Written, page: Any) -> None:
    point_at(page, written, 9, 6)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(300)
    enlarged = pixels(page)
    point_at(page, written, 9, 6)
    page.wait_for_timeout(100)
    x, y = position(page)
    assert (x, y) == pytest.approx((9, 6), abs=0.2)  # what is under the mouse stays there
    page.mouse.down()
    point_at(page, written, 13, 8)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert position(page) == pytest.approx((9, 6), abs=0.2)  # and moves with it
    assert np.abs(pixels(page) - enlarged).mean() > 1
    page.click("#whole")
    point_at(page, written, 9, 6)
    page.wait_for_timeout(100)
    assert position(page) == pytest.approx((9, 6), abs=0.06)


def test_a_finger_reads_a_value(written: Written, open_page: Callable[..., Any]) -> None:
    page = open_page(written.url, SIZES[1], has_touch=True, is_mobile=True)
    page.wait_for_selector("html[data-ready]", state="attached")
    box = frame(page)
    page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.wait_for_selector("#readout [data-value=fine]")
    x, y = position(page)
    value = written.fine.intensity.sel(line="Fe-K").sel(x=x, y=y, method="nearest")
    assert read(page, "fine") == pytest.approx(float(value), abs=0.51 * step_of(page, "fine", 0))


def test_a_page_of_full_size_opens_soon(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Twelve maps with as many pixels as a page shows, of noise, which compresses badly.

    On a computer with nothing else to do it takes 2 s or so; the limit is for those that are busy.
    """
    lines = ["K-K", "Ca-K", "Ti-K", "Cr-K", "Mn-K", "Fe-K", "Co-K", "Ni-K", "Cu-K", "Zn-K", "Hg-L", "Pb-L"]
    one = np.random.default_rng(0).poisson(100.0, (1, 1024, 1024)).astype(np.float32)
    path = tmp_path / "report.html"
    xrfsr.as_scan(one.repeat(12, axis=0), lines, pixel_size=0.1).xrfsr.report(path)
    assert 10e6 < path.stat().st_size < 25e6
    page = open_page(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate("performance.now()") < 15_000


def test_a_picture_of_the_overview_chooses_its_line(page: Any) -> None:
    page.locator("button[data-line='2']").click()
    shown(page, "Pb-L", "coarse", "fine")
    assert page.input_value("#line") == "2"
    assert page.evaluate("document.activeElement.id") == "line"


def test_it_prints_without_controls(written: Written, page: Any) -> None:
    page.emulate_media(media="print")
    assert not page.locator("#maps").is_visible()
    for each in page.locator("#lines img, #quality table, #record table, #cite").all():
        assert each.is_visible()
    cut = page.locator(".wide").evaluate_all(
        "(all) => all.filter((each) => each.clientHeight < each.scrollHeight).length"
    )
    assert cut == 0


def test_names_from_files_are_inert(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Text that would be a script, an element or the end of one is shown as it is written."""
    evil = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    maps = np.random.default_rng(0).poisson(50.0, (2, 12, 16))
    scan = xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], pixel_size="0.5 mm")
    scan.attrs |= {"sample": evil, "title": evil, "xrfsr_method": evil, evil: "1", "xrfsr_training_curve": evil}
    scan["intensity"].attrs["units"] = "count"
    path = tmp_path / "report.html"
    scan.xrfsr.report(path)
    page = open_page(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.title() == evil
    assert page.locator("h1").inner_text() == evil
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("turned", [("y",), ("y", "x")])
def test_descending_coordinates_show_the_same(
    written: Written, open_page: Callable[..., Any], tmp_path: Path, turned: tuple[str, ...]
) -> None:
    back = {name: slice(None, None, -1) for name in turned}
    path = tmp_path / "report.html"
    written.fine.isel(back).xrfsr.report(path, scan=written.scan.isel(back), rgb=written.rgb)
    straight, other = opened(open_page, written), open_page(path.as_uri())
    other.wait_for_selector("html[data-ready]", state="attached")
    assert np.abs(pixels(straight) - pixels(other)).max() <= 2


@pytest.mark.parametrize("shape", [(8, 120), (120, 8)], ids=["wide", "tall"])
def test_wide_and_tall_paintings_fit(open_page: Callable[..., Any], tmp_path: Path, shape: tuple[int, int]) -> None:
    scan = xrfsr.as_scan(np.random.default_rng(0).poisson(50.0, (1, *shape)), ["Pb-L"], pixel_size="2 mm")
    path = tmp_path / "report.html"
    scan.xrfsr.report(path)
    for size in SIZES:
        page = open_page(path.as_uri(), size)
        page.wait_for_selector("html[data-ready]", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        picture = pixels(page)
        coloured = (np.ptp(picture, axis=-1) > 20).mean()
        assert coloured > 0.03


def test_a_tree_has_a_page_that_leads_to_its_regions(
    written: Written, open_page: Callable[..., Any], accessibility_faults: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    halves = {"left": written.fine.isel(x=slice(0, 48)), "right <b>": written.fine.isel(x=slice(48, 96))}
    xr.DataTree.from_dict(halves).xrfsr.report(tmp_path / "reports", rgb=written.rgb, title="Both halves")
    page = open_page((tmp_path / "reports" / "index.html").as_uri())
    assert accessibility_faults(page) == []
    page.get_by_role("link", name="right <b>").click()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("h1").inner_text() == "right <b>"
