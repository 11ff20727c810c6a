"""Scans from folders of TIFF files."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

import xrfsr.io.tiff_folder as tiff_folder
from xrfsr.errors import InvalidInput
from xrfsr.io.tiff_folder import open_scan
from xrfsr.io.zarr import to_zarr


def write(path: Path, pixels: ArrayLike, **options: str) -> None:
    """Write (y, x) or (band, y, x) as TIFF."""
    bands = np.atleast_3d(np.asarray(pixels).T).T
    count, height, width = bands.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
        with rasterio.open(path, "w", driver="GTiff", **shape, **options) as file:
            file.write(bands)


def numbers(dtype: str = "float32", height: int = 9, width: int = 11, start: int = 1) -> np.ndarray:
    return (start + np.arange(height * width)).reshape(height, width).astype(dtype)


def test_reads_every_number_type_without_scaling(tmp_path: Path) -> None:
    for label, dtype in {"Ca-K": "uint8", "Fe-K": "uint16", "Pb-L": "float32", "Zn-K": "float64"}.items():
        write(tmp_path / f"{label}.tif", numbers(dtype))
    scan = open_scan(tmp_path, pixel_size="0.5 mm")
    assert scan["line"].values.tolist() == ["Ca-K", "Fe-K", "Pb-L", "Zn-K"]
    assert scan["intensity"].dtype == np.float32
    for label in scan["line"].values:
        np.testing.assert_array_equal(scan["intensity"].sel(line=label), numbers())
    assert scan["intensity"].attrs["units"] == "count"
    np.testing.assert_allclose(scan["x"], 0.25 + 0.5 * np.arange(11))
    np.testing.assert_allclose(scan["y"], 0.25 + 0.5 * np.arange(9))


@pytest.mark.parametrize("compression", ["lzw", "deflate", "packbits", "zstd"])
def test_reads_compressed_files(tmp_path: Path, compression: str) -> None:
    write(tmp_path / "Ca-K.tiff", numbers("uint16"), compress=compression)
    np.testing.assert_array_equal(open_scan(tmp_path, 1.0)["intensity"][0], numbers())


def test_row_zero_is_the_top_also_where_the_file_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down and mirrored
    Image.fromarray(numbers("uint8")[::-1, ::-1]).save(tmp_path / "Ca-K.tif", exif=exif)
    write(tmp_path / "Pb-L.tif", numbers("uint8"))
    scan = open_scan(tmp_path, 1.0)
    np.testing.assert_array_equal(scan["intensity"].sel(line="Ca-K"), scan["intensity"].sel(line="Pb-L"))
    assert scan["y"][0] < scan["y"][-1]


def test_pixel_size_units_and_spellings(tmp_path: Path) -> None:
    for name in ("Ca_Ka", "Fe Kα", "Pb_L", "Compton"):
        write(tmp_path / f"{name}.TIF", numbers())
    scan = open_scan(tmp_path, pixel_size=("250 um", 0.5), units="cps")
    assert set(scan["line"].values) == {"Ca-Ka", "Fe-Ka", "Pb-L", "Compton"}
    assert scan["kind"].sel(line="Compton") == "scatter"
    assert scan["intensity"].attrs["units"] == "count/s"
    assert float(scan["y"][1] - scan["y"][0]) == 0.25
    assert float(scan["x"][1] - scan["x"][0]) == 0.5


def test_pymca_names(tmp_path: Path) -> None:
    for number, name in enumerate(("S_K", "I_L", "Fe_Ka", "Scatter_Peak000")):
        write(tmp_path / f"painting_{name}.tif", numbers(start=100 * number))
        write(tmp_path / f"painting_s{name}.tif", numbers(start=1000 + number))
    scan = open_scan(tmp_path, 0.1)
    assert scan["line"].values.tolist() == ["Fe-Ka", "I-L", "S-K", "Scatter_Peak000"]
    np.testing.assert_array_equal(scan["intensity"].sel(line="Fe-Ka"), numbers(start=200))
    np.testing.assert_array_equal(scan["uncertainty"].sel(line="Fe-Ka"), numbers(start=1002))
    np.testing.assert_array_equal(scan["uncertainty"].sel(line="I-L"), numbers(start=1001))
    assert scan["uncertainty"].attrs["units"] == "count"


def test_uncertainties_in_brackets_and_incomplete_ones(tmp_path: Path) -> None:
    write(tmp_path / "Fe_Ka.tif", numbers())
    write(tmp_path / "s(Fe_Ka).tif", numbers(start=50))
    np.testing.assert_array_equal(open_scan(tmp_path, 1.0)["uncertainty"][0], numbers(start=50))
    write(tmp_path / "Ca_K.tif", numbers())
    with pytest.warns(UserWarning, match="has none for Ca_K"):
        assert "uncertainty" not in open_scan(tmp_path, 1.0)


PREFIX = st.from_regex(r"[A-Za-z0-9]{1,6}([_\- .][A-Za-z0-9]{1,4})?[_\- .]", fullmatch=True)


@given(prefix=PREFIX, lines=st.sets(st.sampled_from(["Ca_K", "Fe_Ka", "Fe_Kb", "Pb_L", "Hg-L3", "Zn"]), min_size=2))
def test_any_shared_prefix_is_ignored(prefix: str, lines: set[str]) -> None:
    folder = tiff_folder._Folder.sort([Path(f"{prefix}{line}.tif") for line in sorted(lines)])
    assert set(folder.maps) == lines


def test_lines_that_begin_alike_have_no_prefix(tmp_path: Path) -> None:
    for name in ("Fe_Ka", "Fe_Kb"):
        write(tmp_path / f"{name}.tif", numbers())
    assert open_scan(tmp_path, 1.0)["line"].values.tolist() == ["Fe-Ka", "Fe-Kb"]


@pytest.mark.parametrize("name", ["valid_mask", "mask", "Valid", "xrf_mask"])
def test_mask_is_nonzero_where_valid(tmp_path: Path, name: str) -> None:
    prefix = "xrf_" if name.startswith("xrf_") else ""
    write(tmp_path / f"{prefix}Ca-K.tif", numbers())
    write(tmp_path / f"{prefix}Fe-K.tif", numbers())
    mask = numbers("uint8") % 3
    write(tmp_path / f"{name}.tif", mask)
    scan = open_scan(tmp_path, 1.0)
    assert scan["valid"].dtype == bool
    np.testing.assert_array_equal(scan["valid"], mask != 0)


def test_pictures_are_left_out_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    write(tmp_path / "guide_backscatter.tif", numbers(height=30))
    write(tmp_path / "photo.tif", np.zeros((3, 40, 40), "uint8"), photometric="rgb")
    (tmp_path / "photo.png").write_bytes(b"not looked at")
    with pytest.warns(UserWarning, match=r"guide_backscatter\.tif, photo\.tif"):
        assert open_scan(tmp_path, 1.0)["line"].values.tolist() == ["Ca-K"]


def test_unknown_names_are_reported_together_with_the_way_out(tmp_path: Path) -> None:
    for name in ("Ca-K", "Pb_L", "Qq-K", "sum of everything"):
        write(tmp_path / f"{name}.tif", numbers())
    with pytest.raises(InvalidInput) as caught:
        open_scan(tmp_path, 1.0)
    for part in ("Qq-K.tif", "sum of everything.tif", "lines=['Ca-K', 'Pb_L']"):
        assert part in str(caught.value)
    scan = open_scan(tmp_path, 1.0, lines=["Pb-L", "Ca_K"])
    assert scan["line"].values.tolist() == ["Pb-L", "Ca-K"]


def test_missing_lines_and_double_lines(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    with pytest.raises(InvalidInput, match=r"Fe-K, Hg-L: not in .* which has Ca-K"):
        open_scan(tmp_path, 1.0, lines=["Fe-K", "Ca-K", "Hg-L"])
    write(tmp_path / "Ca_K.tif", numbers())
    with pytest.raises(InvalidInput, match="the same line"):
        open_scan(tmp_path, 1.0)


def test_every_unfit_file_is_reported(tmp_path: Path) -> None:
    for name in ("Ca-K", "Fe-K", "Zn-K"):
        write(tmp_path / f"{name}.tif", numbers())
    write(tmp_path / "Pb-L.tif", numbers(height=8))
    write(tmp_path / "Hg-L.tif", np.zeros((3, 9, 11), "uint8"), photometric="rgb")
    (tmp_path / "Cu-K.tif").write_bytes(b"II*\0 cut off")
    Image.fromarray(numbers("uint8")).convert("P").save(tmp_path / "Mn-K.tif")
    pages = [Image.fromarray(numbers("uint8"))] * 2
    pages[0].save(tmp_path / "Co-K.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InvalidInput) as caught:
        open_scan(tmp_path, 1.0)
    assert len(caught.value.faults) == 5
    for part in (
        "Pb-L.tif has 8 × 11",
        "9 × 11",
        "Hg-L.tif has the bands",
        "Cu-K.tif",
        "Mn-K.tif",
        "Co-K.tif has 2 pages",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no TIFF file"),
        (lambda path: path.write_text("x"), "is a file"),
    ],
)
def test_no_folder_of_tiff_files(tmp_path: Path, make, message: str) -> None:
    path = tmp_path / "maps"
    make(path)
    with pytest.raises(InvalidInput, match=message) as caught:
        open_scan(path, 1.0)
    assert str(path) in str(caught.value)


def test_folder_without_any_line(tmp_path: Path) -> None:
    write(tmp_path / "guide.tif", numbers())
    with pytest.raises(InvalidInput, match="none is named after an element line"):
        open_scan(tmp_path, 1.0)


def test_pixel_size_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    with pytest.raises(InvalidInput, match=re.escape("pass pixel_size='0.5 mm'")):
        open_scan(tmp_path)


def test_opens_a_store_of_to_zarr(tmp_path: Path, scan: xr.Dataset) -> None:
    to_zarr(scan, tmp_path / "scan.zarr")
    xr.testing.assert_identical(open_scan(tmp_path / "scan.zarr").load(), scan)
    one = open_scan(tmp_path / "scan.zarr", lines=["Pb_L"])
    assert one["line"].values.tolist() == ["Pb-L"]
    with pytest.raises(InvalidInput, match="stores its own coordinates"):
        open_scan(tmp_path / "scan.zarr", "0.5 mm")


def test_real_portrait(shared: Path) -> None:
    scan = open_scan(shared / "soldier", "0.5 mm")
    assert dict(scan.sizes) == {"line": 6, "y": 811, "x": 285}
    # The mask hides a label that was burnt into one corner of the picture.
    assert not scan["valid"][0, 0]
    assert 0.98 < float(scan["valid"].mean()) < 1


def test_real_pymca_output(shared: Path) -> None:
    scan = open_scan(shared / "formats" / "pymca" / "IMAGES", "0.1 mm")
    assert dict(scan.sizes) == {"line": 15, "y": 4, "x": 5}
    # The same fit as PyMca wrote it into its table: row 0, column 1.
    assert float(scan["intensity"].sel(line="Fe-Ka")[0, 1]) == pytest.approx(3.05475e6, rel=1e-5)
    assert float(scan["uncertainty"].sel(line="Fe-Ka")[0, 1]) == pytest.approx(1747.7, rel=1e-5)
