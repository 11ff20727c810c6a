"""Stacks for ImageJ: labelled slices and RGB images from the top left of the painting, calibrated in millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.imagej import to_imagej


def calibration(path: Path) -> tuple[dict, tuple[float, float]]:
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        sizes = [tags[name].value[1] / tags[name].value[0] for name in ("YResolution", "XResolution")]
        assert file.imagej_metadata is not None
        return file.imagej_metadata, (sizes[0], sizes[1])


@pytest.mark.parametrize("turned", ["", "y", "x", "yx"])
@pytest.mark.parametrize(("size", "origin"), [(0.5, (0, 0)), (("250 um", 0.3), (12.5, -3))])
def test_slices_have_labels_and_millimetres(turned: str, size: object, origin: object, tmp_path: Path) -> None:
    maps = np.arange(2 * 5 * 7, dtype=float).reshape(2, 5, 7)
    maps[1, 2, 3] = np.nan
    scan = xrfsr.as_scan(maps, ["Ca-K", "Pb-La"], size, "count/s", uncertainty=maps / 7, origin=origin)
    scan = scan.assign(ratio=scan.xrfsr.ratio("Pb-La", "Ca-K"))
    to_imagej(scan.isel({dim: slice(None, None, -1) for dim in turned}), tmp_path / "stack.tif")
    metadata, spacing = calibration(tmp_path / "stack.tif")
    assert [label.splitlines()[0] for label in metadata["Labels"]] == [
        "Ca-K", "Pb-La", "s(Ca-K)", "s(Pb-La)", "Pb-La / Ca-K",
    ]  # fmt: skip
    assert (metadata["unit"], metadata["slices"]) == ("mm", 5)
    np.testing.assert_allclose(spacing, scan.xrfsr.grid.spacing)
    # What ImageJ shows for the middle of the first pixel.
    np.testing.assert_allclose((0.5 - metadata["xorigin"]) * spacing[1], scan.x[0])
    np.testing.assert_allclose((0.5 - metadata["yorigin"]) * spacing[0], scan.y[0])
    stack = tifffile.imread(tmp_path / "stack.tif")
    np.testing.assert_array_equal(stack[:2], scan["intensity"])
    np.testing.assert_array_equal(stack[4], scan["ratio"])
    back = xrfsr.open_scan(tmp_path / "stack.tif")
    for name in ("intensity", "uncertainty"):
        np.testing.assert_array_equal(back[name], scan[name])
        assert back[name].attrs["units"] == "count/s"
    np.testing.assert_allclose(back.x, scan.x)
    np.testing.assert_allclose(back.y, scan.y)


def test_one_map_and_one_ratio(tmp_path: Path, scan: xr.Dataset) -> None:
    to_imagej(scan.isel(line=[1]), tmp_path / "one.tif")
    back = xrfsr.open_scan(tmp_path / "one.tif")
    np.testing.assert_array_equal(back["intensity"], scan["intensity"].isel(line=[1]))
    assert back.line.values.tolist() == ["Fe-Ka"]
    ratio = scan.xrfsr.ratio("Ca-K", "Pb-L")
    ratio.xrfsr.to_imagej(tmp_path / "ratio.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "ratio.tif"), ratio)
    with pytest.raises(InvalidInput, match="one map without a name"):
        xrfsr.open_scan(tmp_path / "ratio.tif")


def test_a_photo_is_an_rgb_image(tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    photo.where(photo.x > 1).chunk(y=10).xrfsr.to_imagej(tmp_path / "photo.tif")
    expected = np.where(photo.x > 1, np.rint(255 * photo), 0)
    metadata, spacing = calibration(tmp_path / "photo.tif")
    assert (metadata["unit"], spacing) == ("mm", (0.125, 0.125))
    with tifffile.TiffFile(tmp_path / "photo.tif") as file:
        assert file.series[0].axes == "YXS"
        np.testing.assert_array_equal(np.moveaxis(file.asarray(), -1, 0), expected)
    opened = xrfsr.open_photo(tmp_path / "photo.tif", like=scan)
    np.testing.assert_allclose(opened, expected / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("mm", 0.5), ("cm", 5), ("micron", 5e-4), (r"\u00B5m", 5e-4), ("um", 5e-4), ("inch", None), (None, None)],
)
def test_calibrations_that_were_set_in_imagej(unit: str | None, expected: float | None, tmp_path: Path) -> None:
    """Files that others wrote: a pixel size that is passed still decides."""
    path, maps = tmp_path / "stack.tif", np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
    metadata = {"axes": "ZYX", "Labels": ["Ca-K", "Fe-K"], **({"unit": unit} if unit else {})}
    tifffile.imwrite(path, maps, imagej=True, resolution=(2, 2), metadata=metadata)
    if expected is None:
        with pytest.raises(InvalidInput, match="pixel_size is missing"):
            xrfsr.open_scan(path)
    else:
        np.testing.assert_allclose(xrfsr.open_scan(path).xrfsr.grid.spacing, expected)
        assert xrfsr.open_scan(path, expected).xrfsr.grid.spacing == (expected, expected)
    size = expected or 3
    np.testing.assert_array_equal(xrfsr.open_scan(path, size)["intensity"], maps)


def test_no_other_file_is_replaced(tmp_path: Path, scan: xr.Dataset) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((2, 3), np.float32), imagej=True)
    with pytest.raises(InvalidInput, match="is not a TIFF file that xrfsr wrote, so it is not replaced"):
        to_imagej(scan, path, overwrite=True)
    with pytest.raises(InvalidInput, match=r"must end in \.tif or \.tiff"):
        to_imagej(scan, tmp_path / "stack.ijm")
