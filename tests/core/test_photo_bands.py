"""Photos of any number of bands: how they are built, named and checked."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xrfsr import InvalidInput, as_photo, as_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_bands import shown_bands

SCAN = as_scan(np.random.default_rng(0).random((2, 10, 12)), ["Ca-K", "Pb-L"], pixel_size=0.5)
NAMES = ["red", "green", "blue", "infrared", "uv", "radiograph", "component 1"]


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 20, 24)).astype(np.float32)


def refused(function: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7])
@pytest.mark.parametrize("last", [False, True])
def test_names_say_which_axis_has_the_bands(count: int, last: bool) -> None:
    array, names = pixels(count), NAMES[-count:]
    photo = as_photo(np.moveaxis(array, 0, -1) if last else array, like=SCAN, bands=names)
    assert photo.band.values.tolist() == names
    assert (photo.name, photo.dtype) == ("rgb", np.float32)
    np.testing.assert_array_equal(photo, array)
    xr.testing.assert_identical(ensure_photo(photo), photo)
    xr.testing.assert_identical(ensure_photo(photo.to_dataset(name="rgb")), photo)


def test_names_of_a_dataarray_are_kept() -> None:
    array = xr.DataArray(pixels(4), {"band": ["infrared", "blue", "red", "green"]}, ("band", "y", "x"))
    photo = as_photo(array.transpose("y", "x", "band"), like=SCAN)
    assert photo.band.values.tolist() == ["infrared", "blue", "red", "green"]
    np.testing.assert_array_equal(photo.sel(band="red"), array[2])
    # Red, green and blue alone come in this order, as ever.
    assert as_photo(array[1:], like=SCAN).band.values.tolist() == ["red", "green", "blue"]
    one = as_photo(array[:1], like=SCAN)
    assert one.shape == (1, 20, 24)
    lengths = as_photo(pixels(6), like=SCAN, bands=NAMES[:6]).assign_coords(band=[450.0, 500, 550, 612.5, 900, 1000])
    assert ensure_photo(lengths).band.values.tolist() == ["450", "500", "550", "612.5", "900", "1000"]


def test_opacity_is_no_guide_and_hides_pixels() -> None:
    array = pixels(3)
    array[1, :4] = 0
    photo = as_photo(array, like=SCAN, bands=["infrared", "alpha", "uv"])
    assert photo.band.values.tolist() == ["infrared", "uv"]
    assert photo.isnull().values.all(axis=(0, 2)).sum() == 4
    shuffled = xr.DataArray(pixels(4), {"band": ["alpha", "blue", "red", "green"]}, ("band", "y", "x"))
    xr.testing.assert_identical(as_photo(shuffled, like=SCAN), as_photo(shuffled[[2, 3, 1, 0]].values, like=SCAN))
    assert "'alpha' is opacity" in refused(
        ensure_photo, as_photo(pixels(2), like=SCAN, bands=["a", "b"]).assign_coords(band=["uv", "alpha"])
    )


def test_grey_is_one_band_if_it_is_named() -> None:
    grey = pixels(1)[0]
    assert as_photo(grey, like=SCAN).shape == (3, 20, 24)
    assert as_photo(grey, like=SCAN, bands=["infrared"]).shape == (1, 20, 24)


@pytest.mark.parametrize("count", [5, 6])
def test_without_names_the_short_axis_has_the_bands(count: int) -> None:
    array = np.random.default_rng(0).random((count, 40, 48))
    scan = as_scan(np.ones((1, 10, 12)) * np.arange(12), ["Ca-K"], pixel_size=0.5)
    photo = as_photo(array, like=scan)
    assert photo.band.values.tolist() == [f"band {number}" for number in range(1, count + 1)]
    np.testing.assert_array_equal(as_photo(np.moveaxis(array, 0, -1), like=scan), photo)
    unnamed = photo.drop_vars("band")
    xr.testing.assert_identical(ensure_photo(unnamed), photo)
    xr.testing.assert_identical(ensure_photo(photo.assign_coords(band=range(1, count + 1))), photo)


def test_dask_stays_lazy_and_masks_hide() -> None:
    array = pixels(5)
    lazy = as_photo(da.from_array(array, chunks=(1, 10, 24)), like=SCAN, bands=NAMES[2:])
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy, array)
    hidden = np.zeros(array.shape, bool)
    hidden[3, 2:5] = True
    masked = as_photo(np.ma.MaskedArray(array, hidden), like=SCAN, bands=NAMES[2:])
    np.testing.assert_array_equal(masked.isnull(), np.broadcast_to(hidden.any(axis=0), array.shape))


@pytest.mark.parametrize(
    ("rgb", "bands", "text"),
    [
        (pixels(2), None, "may be grey and opacity; name them if all are to guide: bands=['infrared', 'uv', ...]"),
        (pixels(5), ["a", "b"], "must have 2 bands, as many as it has names (a, b), got shape (5, 20, 24)"),
        (pixels(5)[0], ["a", "b"], "got shape (20, 24)"),
        (np.zeros((5, 9, 5)), ["a", "b", "c", "d", "e"], "name the dimensions"),
        (pixels(2), ["a", "a"], "bands must be a list of different names"),
        (pixels(2), [], "bands must be a list of different names"),
        (pixels(2), 7, "bands must be a list of different names"),
        (pixels(2), ["a", 3], "bands must be a list of different names"),
        (pixels(1), ["alpha"], "which is opacity"),
        (4 * pixels(2) - 2, ["a", "b"], "scale each band, for example by its least and largest value"),
    ],
)
def test_what_is_refused(rgb: Any, bands: Any, text: str) -> None:
    assert text in refused(as_photo, rgb, SCAN, bands)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([1, 2, 3, 4], "4 bands without names may be red, green, blue and opacity"),
        ([4, 4, 5, 6], "bands must have different names"),
        (["a", "", "b", "c"], "bands must have different names"),
        (["r", "g", "b", "a"], "name them: .assign_coords(band=['red', 'green', 'blue'])"),
    ],
)
def test_names_that_are_unclear(names: list[Any], text: str) -> None:
    photo = as_photo(pixels(4), like=SCAN, bands=["w", "x", "y", "z"]).assign_coords(band=names)
    assert text in refused(ensure_photo, photo)


def test_bands_that_a_figure_shows() -> None:
    assert shown_bands(["infrared", "blue", "green", "red"]) == [3, 2, 1]
    assert shown_bands(["uv"]) == [0, 0, 0]
    assert shown_bands(["a", "b", "c", "d"]) == [0, 1, 2]
