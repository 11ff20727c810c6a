"""The overview figure: its panels and their scales."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from xrfsr.core.coordinates import grid_coords, grid_of
from xrfsr.errors import InvalidInput
from xrfsr.plot import overview


@pytest.fixture
def fine(scan: xr.Dataset) -> xr.Dataset:
    """Return the scan with every pixel divided into 4 × 4 equal ones."""
    maps = scan["intensity"].values.repeat(4, axis=1).repeat(4, axis=2)
    coords = {"line": scan["line"], **grid_coords(grid_of(scan).refine(4))}
    return xr.Dataset({"intensity": (("line", "y", "x"), maps, {"units": "count"})}, coords)


def panels(drawn: np.ndarray) -> list[list]:
    """Return the axes row by row, and check that they lie in this order on the page."""
    heights = [[round(axes.get_position().y0, 6) for axes in row] for row in drawn]
    assert all(len(set(row)) == 1 for row in heights)
    assert heights == sorted(heights, reverse=True)
    for row in drawn:
        places = [axes.get_position().x0 for axes in row]
        assert places == sorted(places)
    return [list(row) for row in drawn]


def texts(drawn: np.ndarray) -> list[str]:
    return [text.get_text() for text in drawn[0, 0].figure.texts]


def scale_bar(axes) -> str:
    (bar,) = [artist for artist in axes.artists if hasattr(artist, "size_bar")]
    return bar.txt_label.get_text()


def test_one_row_per_line_and_one_scale_per_row(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    figure = overview(photo, scan, fine, truth=fine * 1.1)
    rows = panels(figure)
    assert [len(row) for row in rows] == [5, 5, 5]
    for row, label in zip(rows, ["Ca-K", "Fe-Ka", "Pb-L"], strict=True):
        photograph, coarse, result, truth, error = (axes.get_images()[0] for axes in row)
        assert photograph.get_array().shape == (48, 64, 3)
        np.testing.assert_array_equal(coarse.get_array(), scan["intensity"].sel(line=label))
        np.testing.assert_array_equal(result.get_array(), fine["intensity"].sel(line=label))
        assert coarse.get_clim() == result.get_clim() == truth.get_clim()
        assert coarse.get_clim()[0] == 0
        np.testing.assert_allclose(error.get_array(), 0.1 * fine["intensity"].sel(line=label), rtol=1e-4)
        assert error.get_clim()[1] == pytest.approx(truth.get_clim()[1] / 4)
    for text in (
        "Photo",
        "Scan",
        "Fine",
        "Truth",
        "|Error|",
        "Ca-K",
        "3.73 keV",
        "16 × 12, 500 µm",
        "64 × 48, 125 µm",
        "count",
    ):
        assert text in texts(figure), text
    assert scale_bar(rows[0][0]) == "2 mm"


def test_without_truth_and_with_chosen_lines(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    figure = overview(photo, scan["intensity"], fine["intensity"], lines=["Pb_L"])
    assert [len(row) for row in panels(figure)] == [3]
    assert "Pb-L" in texts(figure)
    assert "Ca-K" not in texts(figure)


@pytest.mark.parametrize("flip", ["y", "x"])
def test_the_same_place_is_at_the_same_place_whichever_way_coordinates_run(
    scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset, flip: str
) -> None:
    turned = fine.isel({flip: slice(None, None, -1)})
    straight, mirrored = (panels(overview(photo, scan, f, lines=["Ca-K"]))[0][2] for f in (fine, turned))
    assert straight.get_xlim() == mirrored.get_xlim() == (0, 8)
    assert straight.get_ylim() == mirrored.get_ylim() == (6, 0)  # row 0 on top
    for axes, maps in ((straight, fine), (mirrored, turned)):
        image = axes.get_images()[0]
        left, right, bottom, top = image.get_extent()
        row, column = int((0.3 - top) / (bottom - top) * 48), int((1.2 - left) / (right - left) * 64)
        here = maps["intensity"].sel(line="Ca-K").sel(y=0.3, x=1.2, method="nearest")
        assert image.get_array()[row, column] == here


def test_a_part_of_the_painting_is_shown_with_its_part_of_the_photo(
    scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset
) -> None:
    part = {"x": slice(2, 6), "y": slice(1, 5)}
    row = panels(overview(photo, scan.sel(part), fine.sel(part), lines=["Ca-K"]))[0]
    assert {axes.get_xlim() for axes in row} == {(2, 6)}
    assert {axes.get_ylim() for axes in row} == {(5, 1)}


def test_missing_pixels_constant_maps_and_tall_paintings(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    hollow = scan.isel(x=slice(0, 2)).where(scan["y"] > 2)
    hollow["intensity"].loc[{"line": "Fe-Ka"}] = 0
    hollow["intensity"].loc[{"line": "Pb-L"}] = np.nan
    figure = overview(photo, hollow, hollow, truth=hollow)[0, 0].figure
    width, height = figure.get_size_inches()
    assert height < 2.5 * width
    figure.savefig(tmp_path / "overview.png")
    with Image.open(tmp_path / "overview.png") as picture:
        assert picture.size == (int(width * 150), int(height * 150))


def test_wrong_lines_and_another_grid_are_reported(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match=r"scan has no Pb-L; it has Ca-K, Fe-Ka"):
        overview(photo, scan.isel(line=[0, 1]), fine)
    with pytest.raises(InvalidInput, match="Hg-L"):
        overview(photo, scan, fine, lines=["Hg-L"])
    with pytest.raises(InvalidInput, match=r"pixels of the result \(48 × 64\), got 12 × 16"):
        overview(photo, scan, fine, truth=scan)


def test_without_matplotlib_the_way_to_it_is_named() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from xrfsr.plot import overview\n"
        "try: overview(None, None, None)\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "xrfsr[plot]"' in done.stdout


def test_photos_and_maps_as_superresolve_takes_them(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    expected = panels(overview(photo, scan, fine))[0][0].get_images()[0].get_array()
    for other in (
        photo.isel(band=[2, 0, 1]).transpose("y", "x", "band"),
        (photo * 65535).round().astype(np.uint16),
        photo.chunk(y=10),
    ):
        found = panels(overview(other, scan, fine))[0][0].get_images()[0].get_array()
        np.testing.assert_allclose(found, expected, atol=1e-4)
    spelt = fine.assign_coords(line=["Ca_K", "Fe Ka", "Pb L"])
    assert "Fe-Ka" in texts(overview(photo, scan, spelt, lines=["Fe_Kα"]))
    assert "Fe-Ka" in texts(overview(photo, scan, spelt, lines=["Fe"]))


def test_every_fault_at_once(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    with pytest.raises(InvalidInput) as caught:
        overview(None, scan.drop_vars("x"), fine.drop_vars("line"))
    assert [fault.partition(":")[0] for fault in caught.value.faults[1:]] == ["scan", "fine"]
    with pytest.raises(InvalidInput, match="must name at least one line"):
        overview(photo, scan, fine, lines=[])
