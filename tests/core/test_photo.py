"""Photos: accepted forms, conversions to the standard form, and refusals."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scans import assert_faults, faults_of, masked_scan, nothing_computed

from xrfsr import InvalidInput, as_photo, as_scan
from xrfsr.core.coordinates import grid_of
from xrfsr.core.photo import ensure_photo


@pytest.fixture
def scan() -> xr.Dataset:
    return masked_scan()


class TestAsPhoto:
    def test_edges_and_bands(self, scan: xr.Dataset) -> None:
        photo = as_photo(np.zeros((3, 11, 13)), like=scan)
        assert (photo.name, photo.dims, photo.dtype) == ("rgb", ("band", "y", "x"), np.float32)
        assert photo.band.values.tolist() == ["red", "green", "blue"]
        assert photo.band.dtype.kind == "U"
        assert grid_of(photo).y.edges == pytest.approx((0.0, 2.5))
        assert grid_of(photo).x.edges == pytest.approx((0.0, 3.0))
        xr.testing.assert_identical(ensure_photo(photo), photo)

    def test_it_follows_a_descending_scan(self, scan: xr.Dataset) -> None:
        photo = as_photo(np.zeros((3, 10, 12)), like=scan.isel(y=slice(None, None, -1)))
        assert photo.y.values[:2].tolist() == [2.375, 2.125]

    @pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "u4"])
    def test_integers_are_scaled(self, scan: xr.Dataset, dtype: str) -> None:
        top = np.iinfo(dtype).max
        photo = as_photo(np.array([0, top // 5, top], dtype)[:, None, None].repeat(4, 1).repeat(5, 2), like=scan)
        np.testing.assert_allclose(photo[:, 0, 0], [0, 0.2, 1], rtol=1e-6)

    def test_layouts_agree(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 12))
        expected = as_photo(rgb, like=scan)
        np.testing.assert_allclose(expected, rgb, rtol=1e-6)
        last = rgb.transpose(1, 2, 0)
        for other in (
            last,
            last.tolist(),
            xr.DataArray(last, dims=("y", "x", "band")),
            xr.DataArray(last, dims=tuple("abc")),
        ):
            xr.testing.assert_identical(as_photo(other, like=scan), expected)

    @pytest.mark.parametrize("shape", [(10, 12), (1, 10, 12), (10, 12, 1)])
    def test_grey_is_repeated(self, scan: xr.Dataset, shape: tuple[int, ...]) -> None:
        grey = np.random.default_rng(1).random((10, 12))
        photo = as_photo(grey.reshape(shape), like=scan)
        np.testing.assert_allclose(photo, np.stack([grey] * 3), rtol=1e-6)

    @pytest.mark.parametrize("axis", [0, 2])
    def test_transparent_pixels_are_missing(self, scan: xr.Dataset, axis: int) -> None:
        rgba = np.arange(1, 4 * 10 * 12 + 1, dtype=np.uint16).reshape(4, 10, 12)
        rgba[3, 2:5] = 0
        photo = as_photo(np.moveaxis(rgba, 0, axis), like=scan)
        assert photo.isnull().values.all(axis=(0, 2)).tolist() == [row in (2, 3, 4) for row in range(10)]
        np.testing.assert_allclose(photo[:, 5:] * 65535, rgba[:3, 5:], atol=1e-2)

    @pytest.mark.parametrize("axis", [0, 2])
    def test_masked_pixels_are_missing(self, scan: xr.Dataset, axis: int) -> None:
        rgb = np.random.default_rng(1).integers(0, 255, (3, 10, 12), dtype=np.uint8)
        masked = np.ma.masked_greater(rgb, 200)
        photo = as_photo(np.ma.MaskedArray(np.moveaxis(rgb, 0, axis), np.moveaxis(masked.mask, 0, axis)), like=scan)
        np.testing.assert_array_equal(photo.isnull(), np.broadcast_to(masked.mask.any(axis=0), (3, 10, 12)))

    def test_dimensions_and_bands_are_found_by_name(self, scan: xr.Dataset) -> None:
        rgb = xr.DataArray(np.random.default_rng(1).random((3, 10, 12)), dims=("band", "y", "x"))
        expected = as_photo(rgb, like=scan)
        named = rgb.assign_coords(band=["red", "green", "blue"])
        for other in (
            rgb.transpose("x", "y", "band"),
            rgb.rename(band="channel").transpose("x", "channel", "y"),
            named.isel(band=[2, 0, 1]),
            named.isel(band=[2, 1, 0]).transpose("y", "x", "band"),
        ):
            xr.testing.assert_identical(as_photo(other, like=scan), expected)
        xr.testing.assert_identical(as_photo(rgb[0].T, like=scan), as_photo(rgb[0], like=scan))

    def test_ambiguous_shapes_are_explained(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 3))
        assert_faults(faults_of(as_photo, rgb, scan), "xr.DataArray(rgb, dims=('band', 'y', 'x'))")
        with pytest.warns(UserWarning, match="10 x 3 pixels .* 2.5 x 3 mm .* not square"):
            assert as_photo(xr.DataArray(rgb, dims=("band", "y", "x")), like=scan).shape == (3, 10, 3)
        with pytest.warns(UserWarning, match="3 x 10 pixels"):
            assert as_photo(xr.DataArray(rgb, dims=("y", "x", "band")), like=scan).shape == (3, 3, 10)

    def test_a_photo_on_its_side_is_noticed(self) -> None:
        wide = as_scan(np.random.default_rng(0).random((1, 8, 16)), lines=["Ca-K"], pixel_size=1)
        with pytest.warns(UserWarning, match="columns seem to be exchanged: rotate it by 90 degrees"):
            as_photo(np.zeros((64, 32, 3)), like=wide)
        oblong = as_scan(np.random.default_rng(0).random((1, 8, 16)), lines=["Ca-K"], pixel_size=("2 mm", "1 mm"))
        as_photo(np.zeros((3, 32, 64)), like=oblong)  # on the pixels of the scan, each divided by four
        as_photo(np.zeros((3, 64, 64)), like=oblong)
        as_photo(np.zeros((3, 65, 63)), like=oblong)  # cropped by hand

    def test_the_grid_of_a_scan_will_do(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 12))
        xr.testing.assert_identical(as_photo(rgb, like=scan.xrfsr.grid), as_photo(rgb, like=scan))

    @pytest.mark.parametrize("like", ["maps", np.zeros((3, 4))])
    def test_like_is_a_scan(self, like: Any) -> None:
        assert_faults(faults_of(as_photo, np.zeros((3, 10, 12)), like), "a Dataset, DataArray or xrfsr.Grid is needed")

    def test_without_a_scan_it_has_no_place(self) -> None:
        assert_faults(faults_of(as_photo, np.zeros((3, 10, 12))), "xrfsr.register(photo, scan).photo")

    @pytest.mark.parametrize(
        ("rgb", "text"),
        [
            (np.zeros((8, 10, 12)), "got (8, 10, 12)"),
            (np.zeros(12), "got (12,)"),
            (np.zeros((0, 12, 3)), "has no pixel"),
            (
                [[[0.1, 0.2, 0.3]], [[0.1, 0.2]]],
                "got a list of 2 entries; convert it to a NumPy array of numbers",
            ),
            (
                np.full((3, 10, 12), 255.0),
                "must lie in [0, 1], got values from 255 to 255; divide by the white value, 255 as it seems, or",
            ),
            (np.full((3, 10, 12), -0.1), "got values from -0.1"),
            (np.full((3, 10, 12), np.inf), "got values from inf"),
            (np.full((3, 10, 12), np.nan), "all values of 'rgb' are NaN"),
            (np.zeros((3, 10, 12), int), "got dtype int64"),
            (np.zeros((3, 10, 12), complex), "got dtype complex128"),
        ],
    )
    def test_refused(self, scan: xr.Dataset, rgb: np.ndarray, text: str) -> None:
        assert_faults(faults_of(as_photo, rgb, scan), text)

    def test_faults_of_photo_and_scan_together(self, scan: xr.Dataset) -> None:
        assert_faults(faults_of(as_photo, np.zeros(3), scan.drop_vars(["x", "y"])), "got (3,)", "'y'", "'x'")

    def test_missing_pixels_stay_missing(self, scan: xr.Dataset) -> None:
        rgb = np.full((3, 10, 12), 0.5)
        rgb[:, 0, 0] = np.nan
        assert int(as_photo(rgb, like=scan).isnull().sum()) == 3

    def test_dask_stays_lazy(self, scan: xr.Dataset) -> None:
        rgb = da.full((10, 12, 3), 300.0, chunks=(5, 12, 3))
        with nothing_computed():
            photo = ensure_photo(as_photo(rgb, like=scan))
            as_photo((rgb / 2).astype("u1"), like=scan)
            as_photo(rgb[..., 0], like=scan)
        assert photo.chunks is not None
        with pytest.raises(InvalidInput, match="got values from 300 to 300"):
            ensure_photo(photo, values=True)


class TestEnsurePhoto:
    @pytest.fixture
    def photo(self, scan: xr.Dataset) -> xr.DataArray:
        return as_photo(np.random.default_rng(1).random((3, 10, 12)), like=scan)

    def test_repairs(self, photo: xr.DataArray) -> None:
        other = photo.isel(band=[2, 0, 1]).transpose("x", "band", "y").astype("f8").rename("picture")
        other["x"] = ("x", photo.x.values * 1000, {"units": "um"})
        xr.testing.assert_allclose(ensure_photo(other), photo, rtol=1e-12)
        xr.testing.assert_identical(ensure_photo(photo.to_dataset()), photo)
        for unnamed in (photo.assign_coords(band=[1, 2, 3]), photo.drop_vars("band")):
            xr.testing.assert_identical(ensure_photo(unnamed), photo)
        integers = (photo * 255).round().astype("u1")
        np.testing.assert_allclose(ensure_photo(integers), photo, atol=0.5 / 255 + 1e-6)

    @pytest.mark.parametrize(
        ("change", "texts"),
        [
            (lambda p: p.isel(band=0, drop=True), ["in any order, got ('y', 'x')"]),
            (lambda p: p.isel(band=[]), ["has no band"]),
            (lambda p: p.assign_coords(band=["r", "g", "b"]), ["unknown bands ['r', 'g', 'b']"]),
            (lambda p: p * 255, ["must lie in [0, 1]"]),
            (
                lambda p: p.drop_vars(["x", "y"]),
                ["no coordinates 'y' and 'x' in mm; xrfsr.as_photo("],
            ),
            (lambda p: p.assign_coords(x=p.x.values, band=[3, 2, 1]), ["unknown bands", "'x' has no units"]),
            (
                lambda p: p.values,
                ["got an array of shape (3, 10, 12) and dtype float32; xrfsr.as_photo(rgb, like=scan) builds"],
            ),
            (lambda p: xr.Dataset({"a": p}), ["got a Dataset"]),
        ],
    )
    def test_refused(self, photo: xr.DataArray, change: Any, texts: list[str]) -> None:
        assert_faults(faults_of(ensure_photo, change(photo)), *texts)
