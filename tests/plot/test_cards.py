"""What notebooks show of scans, results, photos, maps and trees: the facts, a picture, and nothing computed for it."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pages import Page, lazily, pixels_of

import xrfsr


def shown(obj: Any) -> Page:
    made = (obj.xrfsr if isinstance(obj, xr.Dataset | xr.DataArray | xr.DataTree) else obj)._repr_html_()
    assert made is not None
    return Page(made)


def pictures(page: Page) -> list[np.ndarray]:
    return [pixels_of(str(value)) for name, value in page.attributes if name == "src"]


def alts(page: Page) -> list[str]:
    return [str(value) for name, value in page.attributes if name == "alt"]


def test_a_scan_has_its_facts_and_maps(scan: xr.Dataset) -> None:
    page = shown(scan.assign_coords(valid=(("y", "x"), np.arange(192).reshape(12, 16) >= 96)))
    for fact in ("Scan", "3 maps", "8 × 6 mm", "16 × 12, each 0.5 mm", "count", "in memory", "about 50 %"):
        assert fact in page.words
    assert "typical range, count" in page.words
    assert alts(page) == ["Map of Ca-K", "Map of Fe-Ka", "Map of Pb-L"]
    for picture in pictures(page):
        assert picture.shape[:2] == (12, 16)
        assert not picture[:6, :, 3].any()
        assert picture[6:, :, 3].all()


def test_up_is_up(scan: xr.Dataset) -> None:
    for turned in (
        scan.isel(y=slice(None, None, -1)),
        scan.isel(x=slice(None, None, -1)),
        scan.transpose("x", "y", ...),
    ):
        for one, other in zip(pictures(shown(turned)), pictures(shown(scan)), strict=True):
            assert np.array_equal(one, other)


def test_arrays_and_variables_by_line_are_scans_too(scan: xr.Dataset) -> None:
    scan = scan.assign(uncertainty=np.sqrt(scan["intensity"]))
    expected = alts(shown(scan))
    assert "uncertainty, median" in shown(scan.xrfsr.to_dataset()).words
    assert alts(shown(scan["intensity"])) == expected
    assert alts(shown(scan.xrfsr.to_dataset())) == expected


def test_a_result_has_how_it_was_made(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, method="guided_filter", scale=2, progress=False, refine=None)
    words = shown(fine).words
    for fact in ("Super-resolved maps", "guided_filter", "scale2", "footprintarea", xrfsr.__version__):
        assert fact in words
    lazy = scan.xrfsr.superresolve(photo.chunk(), method="guided_filter", scale=2, progress=False)
    assert "not computed yet" in shown(lazy).words
    assert pictures(shown(lazy)) == []


def test_a_photo_and_a_map(scan: xr.Dataset, photo: xr.DataArray) -> None:
    page = shown(photo)
    assert all(fact in page.words for fact in ("Photo", "3 bands", "64 × 48", "red, green, blue"))
    assert alts(page) == ["Photo of the painting"]
    ratio = scan.xrfsr.ratio("Ca-K", "Pb-L")
    assert alts(shown(ratio)) == ["Map of Ca-K / Pb-L"]
    assert alts(shown(scan["intensity"].sel(line="Pb-L"))) == ["Map of Pb-L"]


def test_a_tree_lists_its_nodes(scan: xr.Dataset, photo: xr.DataArray) -> None:
    tree = xr.DataTree.from_dict({"left": scan, "rgb": photo.to_dataset(name="rgb"), "other": xr.Dataset({"a": 1})})
    words = shown(tree).words
    assert all(word in words for word in ("3 nodes", "/left", "scan", "/rgb", "photo", "/other", "other data"))
    assert "superresolve" in repr(tree.xrfsr)
    assert "/left" in repr(tree.xrfsr)


def test_nothing_lazy_is_computed(scan: xr.Dataset, photo: xr.DataArray) -> None:
    for obj in (scan, photo.to_dataset(name="rgb"), scan["intensity"].sel(line="Pb-L").to_dataset(name="lead")):
        lazy = lazily(obj)
        for each in (lazy, *lazy.data_vars.values()):
            if (made := each.xrfsr._repr_html_()) is not None:
                assert "not computed yet" in made
                assert "<img" not in made


def test_labels_and_attributes_are_inert(scan: xr.Dataset) -> None:
    attack = "<img src=x onerror=alert(1)>"
    named = scan.assign_attrs(source=attack, xrfsr_method=attack, xrfsr_footprint=attack)
    for page in (shown(named), shown(scan["intensity"][0].drop_vars("line").assign_attrs(long_name=attack))):
        assert attack in page.words
        assert all(value is None or value != "x" for name, value in page.attributes if name == "src")
    tree = xr.DataTree.from_dict({attack.replace("/", ""): scan})
    assert "onerror" in shown(tree).words


@pytest.mark.parametrize(
    "broken",
    [
        xr.Dataset({"a": 1}),
        xr.DataArray(np.zeros((2, 2))),
        xr.Dataset({"intensity": (("line", "y", "x"), np.zeros((1, 2, 2)))}),
        xr.DataArray(np.zeros((3, 2, 2)), dims=("band", "y", "x")),
    ],
)
def test_what_is_neither_is_shown_as_text(broken: xr.Dataset | xr.DataArray) -> None:
    assert broken.xrfsr._repr_html_() is None
    assert repr(broken.xrfsr).startswith("<.xrfsr of a ")


def test_large_scans_are_thinned_first_and_pictures_stay_small() -> None:
    noise = np.random.default_rng(0).random((1500, 1400))
    scan = xrfsr.as_scan(np.broadcast_to(noise, (12, 1500, 1400)), lines=LINES, pixel_size="0.1 mm")
    scan = scan.assign(intensity=scan["intensity"].astype(float))
    scan.xrfsr._repr_html_()  # imports
    tracemalloc.start()
    made = scan.xrfsr._repr_html_()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < scan["intensity"].nbytes / 8
    assert sum(map(len, re.findall('src="([^"]*)"', made))) <= 30_000
    assert "12 maps, of which 4 are shown" in made


LINES = ["Ca-K", "Ti-K", "Cr-K", "Mn-K", "Fe-K", "Co-K", "Ni-K", "Cu-K", "Zn-K", "As-K", "Hg-L", "Pb-L"]


def test_grids_and_downsampling_are_shown(scan: xr.Dataset) -> None:
    turned = shown(scan.isel(y=slice(None, None, -1)).xrfsr.grid).words
    assert "8 × 6 mm" in turned
    assert "descending: the first row is at 5.75 mm" in turned
    page = shown(scan.xrfsr.downsampling(4))
    assert "64 × 48, each 0.125 mm" in page.words
    [footprint] = pictures(page)
    assert footprint.shape[:2] == (6, 6)  # 4 × 4 fine pixels, with one around them
    assert (footprint[1:5, 1:5, 0] > 200).all()
    assert (footprint[0, :, 0] < 50).all()
    assert "0.6 × 0.6 mm" in shown(scan.xrfsr.downsampling(4, "gaussian", "0.6 mm")).words


def test_a_model_is_shown(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, steps=5, K=2, M=8, pixels=64, progress=False)
    words = shown(model).words
    assert all(
        fact in words for fact in ("Trained model", "Ca-K", "scale4", "3 bands", "5 steps", "each with 2 layers")
    )


def test_a_registration_is_shown(scan: xr.Dataset, photo: xr.DataArray) -> None:
    points = [[1.5, 1.5, 0, 0], [61.5, 1.5, 15, 0], [1.5, 45.5, 0, 11], [61.5, 45.5, 15, 11]]
    page = shown(xrfsr.register(photo.values, scan, control_points=points, scale=4))
    assert all(fact in page.words for fact in ("Registration", "control points4", "64 × 48"))
    assert alts(page) == ["Photo on the grid of the scan"]
