"""What each figure shows: its pixels where they lie, its limits and its labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput

pytest.importorskip("matplotlib")


def at(axes: Any, y: float, x: float, image: int = 0) -> Any:
    """Return the pixel that is drawn at a position in mm."""
    shown = axes.get_images()[image]
    left, right, bottom, top = shown.get_extent()
    pixels = shown.get_array()
    row, column = int((y - top) / (bottom - top) * pixels.shape[0]), int((x - left) / (right - left) * pixels.shape[1])
    return pixels[row, column]


def key(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []


def bar(axes: Any) -> Any:
    """Return the colour bar of a picture."""
    return axes.get_images()[0].colorbar


def scale_bars(axes: Any) -> list[str]:
    return [each.txt_label.get_text() for each in axes.artists if hasattr(each, "size_bar")]


def is_upright(axes: Any, scan: xr.Dataset) -> bool:
    grid = scan.xrfsr.grid
    return (axes.get_xlim(), axes.get_ylim()) == (grid.x.edges, grid.y.edges[::-1]) and axes.get_aspect() == 1


@pytest.mark.parametrize("down", [1, -1])
@pytest.mark.parametrize("right", [1, -1])
def test_every_picture_shows_the_same_place_at_the_same_place(
    scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset, down: int, right: int
) -> None:
    turned = {"y": slice(None, None, down), "x": slice(None, None, right)}
    stored, coarse, rgb = fine.isel(turned), scan.isel(turned), photo.isel(turned)
    y, x = 0.8, 5.3
    here = fine.sel(y=y, x=x, method="nearest")
    lead, iron = (here.intensity.sel(line=line).item() for line in ("Pb-L", "Fe-Ka"))
    plot = stored.xrfsr.plot
    assert at(plot("Pb"), y, x) == lead
    assert at(plot.uncertainty("Pb"), y, x) == pytest.approx(lead**0.5)
    assert at(plot.support("Pb"), y, x) == pytest.approx(here.photo_support.sel(line="Pb-L").item())
    assert at(plot.ratio("Fe", "Pb"), y, x) == pytest.approx(iron / lead)
    assert at(plot.profile((1, 1), (5, 7), lines="Pb")[0], y, x) == lead
    left, middle = coarse.xrfsr.plot.compare(stored, line="Pb")
    assert at(left, y, x) == scan.intensity.sel(line="Pb-L").sel(y=y, x=x, method="nearest").item()
    assert at(middle, y, x) == lead
    over = plot.overlay(rgb, line="Pb")
    seen = photo.sel(y=y, x=x, method="nearest").values
    np.testing.assert_allclose(at(over, y, x), np.repeat(seen.mean(), 3), atol=1e-6)
    assert at(over, y, x, image=1) == lead
    np.testing.assert_allclose(at(rgb.xrfsr.plot(), y, x), seen, atol=1e-6)
    colours = at(plot.composite(red="Pb", blue="Fe"), y, x)
    expected = fine.xrfsr.composite(red="Pb", blue="Fe").sel(y=y, x=x, method="nearest").values
    np.testing.assert_allclose(colours, expected, atol=1e-6)
    for axes in (over, left, middle, plot("Pb"), plot.ratio("Fe", "Pb")):
        assert is_upright(axes, scan)
        assert scale_bars(axes) == ([] if axes is middle else ["2 mm"])


def test_limits_are_robust_and_arrows_show_what_exceeds_them(fine: xr.Dataset) -> None:
    fine.intensity[2, 0, 0] = 1e6
    axes = fine.xrfsr.plot("Pb")
    low, high = axes.get_images()[0].get_clim()
    assert low == 0
    assert high < 200
    assert bar(axes).extend == "max"
    assert bar(axes).ax.get_ylabel() == "count"
    fine.intensity[2, 1:9, 0] = -5.0
    assert fine.xrfsr.plot("Pb").get_images()[0].get_clim()[0] == -5
    assert bar(fine.xrfsr.plot("Ca")).extend in ("max", "neither")


def test_what_was_not_measured_is_grey_and_named(scan: xr.Dataset, fine: xr.Dataset) -> None:
    assert key(fine.xrfsr.plot("Pb")) == []
    hollow = fine.where(fine.x > 1)
    assert key(hollow.xrfsr.plot("Pb")) == ["not measured"]
    axes = hollow.xrfsr.plot()
    assert [key(each) for each in axes] == [["not measured"], [], []]
    assert axes[0].get_images()[0].get_array().mask[:, :8].all()
    grey = axes[0].get_images()[0].cmap(np.ma.masked_all(1))[0]
    assert grey[0] == grey[1] == grey[2]
    masked = scan.assign_coords(valid=(("y", "x"), np.arange(16) > np.zeros((12, 1))))
    assert key(masked.xrfsr.plot("Pb")) == ["not measured"]
    picture = hollow.xrfsr.plot.composite(green="Pb")
    assert key(picture) == ["green Pb-L", "not measured"]
    np.testing.assert_allclose(at(picture, 3, 0.5), grey[:3], atol=0.01)


def test_profile_has_a_band_where_the_uncertainty_is_known(scan: xr.Dataset, fine: xr.Dataset) -> None:
    picture, along = fine.xrfsr.plot.profile((1, 1), (5, 7), width="1 mm", lines=["Pb", "Ca"])
    expected = fine.xrfsr.profile((1, 1), (5, 7), width="1 mm").sel(line="Pb-L")
    np.testing.assert_allclose(along.lines[0].get_ydata(), expected.intensity)
    np.testing.assert_allclose(along.lines[0].get_xdata(), expected.distance)
    band = along.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx((expected.intensity + expected.uncertainty).max().item())
    assert "± 1 std. dev." in along.get_ylabel()
    assert key(along) == ["Pb-L", "Ca-K"]
    path, dot = picture.lines
    np.testing.assert_allclose(path.get_xydata(), [(1, 1), (7, 5)])
    np.testing.assert_allclose(dot.get_xydata(), [(1, 1)])
    corners = picture.patches[0].get_xy()
    assert np.hypot(*(corners[0] - corners[3])) == pytest.approx(1)
    _, along = scan.xrfsr.plot.profile((1, 1), (5, 7))
    assert not along.collections
    assert len(along.lines) == 3
    picture, along = scan.xrfsr.ratio("Ca", "Pb").xrfsr.plot.profile((1, 1), (5, 7))
    assert picture.get_title("left") == "Ca-K / Pb-L"


def test_compare_has_one_scale_and_the_area_that_all_show(scan: xr.Dataset, fine: xr.Dataset) -> None:
    part = fine.sel(x=slice(2, 6))
    axes = scan.xrfsr.plot.compare(part, fine * 2, line="Pb", titles=["a", "b", "c"])
    assert {each.get_images()[0].get_clim() for each in axes} == {axes[0].get_images()[0].get_clim()}
    assert axes[0].get_images()[0].get_clim()[1] > 1.9 * np.quantile(fine.intensity.sel(line="Pb-L"), 0.99)
    assert {each.get_xlim() for each in axes} == {(2, 6)}
    assert [each.get_title("left") for each in axes] == ["a", "b", "c"]
    assert bar(axes[2]).ax.get_ylabel() == "Pb-L, count"
    titles = [each.get_title("left") for each in scan.xrfsr.plot.compare(fine, line="Pb")]
    assert titles == ["500 µm pixels", "125 µm pixels"]
    ratios = [each.xrfsr.ratio("Ca", "Pb") for each in (scan, fine)]
    assert len(xrfsr.plot.compare(ratios)) == 2


def test_ratio_is_centred_and_greys_what_is_not_significant(fine: xr.Dataset) -> None:
    fine.uncertainty[2, :10] = 1e3
    fine.intensity[1, 20:25] = 0
    axes = fine.xrfsr.plot.ratio("Fe", "Pb")
    image, veil = axes.get_images()
    significant = fine.xrfsr.ratio("Fe", "Pb", uncertainty=True).significant
    np.testing.assert_array_equal(veil.get_array().mask, significant)
    assert key(axes) == ["not significant"]
    ratios = fine.xrfsr.ratio("Fe", "Pb").where(significant)
    assert (image.norm.vmin * image.norm.vmax) ** 0.5 == pytest.approx(ratios.median().item())
    np.testing.assert_allclose(image.cmap(image.norm(ratios.median().item()))[:3], 0.97, atol=0.01)
    assert image.get_array()[22, 3] < image.norm.vmin  # a ratio of zero is no gap
    image = fine.xrfsr.plot.ratio("Fe", "Pb", center=2).get_images()[0]
    assert (image.norm.vmin * image.norm.vmax) ** 0.5 == pytest.approx(2)
    alone = fine.drop_vars("uncertainty").xrfsr.plot.ratio("Fe", "Pb")
    assert len(alone.get_images()) == 1


def test_overlay_grows_opaque_with_the_value(scan: xr.Dataset, photo: xr.DataArray) -> None:
    axes = scan.xrfsr.plot.overlay(photo, line="Pb", color="red", opacity=0.8)
    image = axes.get_images()[1]
    inks = image.cmap([0.0, 0.5, 1.0])
    np.testing.assert_allclose(inks[:, 3], [0, 0.4, 0.8], atol=0.01)
    np.testing.assert_allclose(inks[:, :3], [[1, 0, 0]] * 3)
    assert axes.get_title("left") == "Pb-L"


def test_histogram_counts_every_pixel(scan: xr.Dataset) -> None:
    axes = scan.xrfsr.plot.histogram(bins=10)
    assert [each.get_title("left") for each in axes] == ["Ca-K", "Fe-Ka", "Pb-L"]
    shares = sum(patch.get_height() for patch in axes[0].patches)
    _, high, extend = xrfsr.plot.limits.limits_of([scan.intensity.values[0]])
    beyond = float((scan.intensity[0] > high).mean())
    assert shares == pytest.approx(1 - beyond)
    assert (extend == "max") == (beyond > 0)
    assert axes[0].get_yscale() == "log"


def test_training_of_a_result_and_of_a_model(fine: xr.Dataset) -> None:
    class Model:
        training = {"seed": 0, "curve": [[[0, 0.5], [100, 0.25]], []]}  # noqa: RUF012

    axes = fine.xrfsr.plot.training()
    assert [line.get_label() for line in axes.lines] == ["network 1", "network 2"]
    assert np.isnan(axes.lines[1].get_ydata()[1])
    axes = xrfsr.plot.training(Model())
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 0.5], [100, 0.25]])


DAMAGED = ["", "{", "[]", '{"a": 3}', '{"a": [[1]]}', '{"a": [["<b>", 1]]}', '{"a": []}', "[" * 10**5]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_curve_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="pairs of a step and a loss"):
        xrfsr.plot.training(xr.Dataset(attrs={"xrfsr_training_curve": text}))


def test_given_axes_are_drawn_on(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(2, 2)
    drawn = scan.xrfsr.plot(["Ca", "Pb"], ax=axes[0])
    assert list(drawn) == list(axes[0])
    assert fine.xrfsr.plot.overlay(photo, line="Pb", ax=axes[1, 0]) is axes[1, 0]
    assert fine.xrfsr.plot.training(ax=[axes[1, 1]]) is axes[1, 1]
    assert is_upright(axes[0, 0], scan)
    figure.canvas.draw()
    part = Figure(layout="constrained").subfigures(1, 2)[0]
    drawn = scan.xrfsr.plot("Ca", ax=part.subplots())
    assert bar(drawn).ax.get_ylabel() == "count"
    part.figure.canvas.draw()


def test_texts_of_a_file_are_not_read_as_formulas(fine: xr.Dataset) -> None:
    strange = r"_$\frac{$"
    single = fine.intensity.isel(line=0, drop=True).assign_attrs(long_name=strange, units=strange)
    curve = xr.Dataset(attrs={"xrfsr_training_curve": '{"_$x{$": [[0, 1]], "_": [[0, 2]]}'})
    for axes in (
        single.xrfsr.plot(),
        single.xrfsr.plot.profile((1, 1), (2, 2)),
        single.xrfsr.plot.histogram(),
        fine.xrfsr.plot.composite(red=single),
        xrfsr.plot.training(curve),
    ):
        figure = np.ravel(axes)[0].figure
        figure.canvas.draw()
    assert single.xrfsr.plot().get_title("left") == strange


@pytest.mark.parametrize(
    ("call", "faults"),
    [
        (lambda s, f, p: f.xrfsr.plot(["Qq", "Pb"], columns=0, ax=3), ["Qq", "columns must be", "ax must be axes"]),
        (lambda s, f, p: s.xrfsr.plot.uncertainty(), ["superresolve(rgb, uncertainty=True)"]),
        (lambda s, f, p: s.xrfsr.plot.support("Zn"), ["superresolve(rgb, uncertainty=True)", "no line 'Zn'"]),
        (lambda s, f, p: p.xrfsr.plot.histogram(), ["a photo was passed as the scan"]),
        (lambda s, f, p: p.xrfsr.plot.uncertainty(), ["a photo was passed as the scan"]),
        (lambda s, f, p: s.xrfsr.plot.overlay(s, line="Pb", opacity=2), ["a scan was passed as the photo", "opacity"]),
        (lambda s, f, p: s.xrfsr.plot.overlay(p), ["line must name one of 3 maps, such as line='Ca-K'"]),
        (lambda s, f, p: s.xrfsr.plot.overlay(p.assign_coords(x=p.x + 100), line="Pb"), ["no area in common"]),
        (lambda s, f, p: s.xrfsr.plot.compare(f, line="Zn", titles=["a"]), ["map 1", "map 2", "titles must be 2"]),
        (lambda s, f, p: s.xrfsr.plot.compare(f.xrfsr.ratio("Ca", "Pb"), line="Pb"), ["one unit, got 'count', ''"]),
        (lambda s, f, p: s.xrfsr.plot.profile((1, 1), (50, 2), lines="Zn"), ["no line 'Zn'", "end must lie"]),
        (lambda s, f, p: s.xrfsr.plot.ratio("Zn", "Pb", center=-1), ["no line 'Zn'", "center must be a number > 0"]),
        (lambda s, f, p: s.xrfsr.plot.composite(red="Zn", positions=1), ["no line 'Zn'", "positions must be True"]),
        (lambda s, f, p: s.xrfsr.plot.training(), ["no attribute 'xrfsr_training_curve'"]),
        (lambda s, f, p: s.xrfsr.plot.histogram(bins=1), ["bins must be an integer from 2"]),
    ],
)
def test_every_fault_at_once(
    scan: xr.Dataset, fine: xr.Dataset, photo: xr.DataArray, call: Any, faults: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        call(scan, fine, photo)
    assert len(caught.value.faults) == len(faults), caught.value
    for text in faults:
        assert text in str(caught.value)


def test_axes_of_another_number(scan: xr.Dataset) -> None:
    from matplotlib.figure import Figure

    pair = Figure().subplots(1, 2)
    with pytest.raises(InvalidInput, match="as many axes as there are panels, 3, got 2"):
        scan.xrfsr.plot(ax=pair)
    with pytest.raises(InvalidInput, match="as many axes as there are panels, 1, got 2"):
        scan.xrfsr.plot.ratio("Ca", "Pb", ax=pair)
    with pytest.raises(InvalidInput, match="ax must be axes of matplotlib"):
        scan.xrfsr.plot("Ca", ax=Figure().add_subplot(projection="polar"))
