"""Scans from folders of TIFF files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from xrfsr.core.lines import try_parse
from xrfsr.errors import InvalidInput
from xrfsr.io.open import open_scan
from xrfsr.io.readers.folder import FolderContents
from xrfsr.io.writers.zarr import to_zarr


def write(path: Path, pixels: ArrayLike, mask: np.ndarray | None = None, **options: object) -> None:
    """Write (y, x) or (band, y, x) as TIFF, with an optional mask."""
    bands = np.atleast_3d(np.asarray(pixels).T).T
    count, height, width = bands.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", driver="GTiff", **shape, **options) as file,
        ):
            file.write(bands)
            if mask is not None:
                file.write_mask(mask)


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
        scan = open_scan(tmp_path, 1.0)
    np.testing.assert_array_equal(scan["uncertainty"].sel(line="Fe-Ka"), numbers(start=50))
    assert scan["uncertainty"].sel(line="Ca-K").isnull().all()


PREFIX = st.from_regex(r"[A-Za-z0-9]{1,6}([_\- .][A-Za-z0-9]{1,4})?[_\- .]", fullmatch=True)


def faults_of(*arguments: object, **options: object) -> list[str]:
    """Return the faults that `open_scan` reports."""
    with pytest.raises(InvalidInput) as caught:
        open_scan(*arguments, **options)  # type: ignore[arg-type]
    return list(caught.value.faults)


@given(prefix=PREFIX, lines=st.sets(st.sampled_from(["Ca_K", "Fe_Ka", "Fe_Kb", "Pb_L", "Hg-L3", "Zn"]), min_size=2))
def test_any_shared_prefix_is_ignored(prefix: str, lines: set[str]) -> None:
    assume(try_parse(prefix[:-1]) is None)  # "I_K_Ca_K" may be iodine and calcium piled up
    folder = FolderContents.classify([Path(f"{prefix}{line}.tif") for line in sorted(lines)])
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


GONE = (slice(2, 4), slice(3, 6))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("how", ["nodata", "mask"])
def test_no_data_is_missing(tmp_path: Path, dtype: str, how: str) -> None:
    plane = numbers(dtype)
    plane[GONE] = 255 if dtype == "uint8" else 9999
    options = {"nodata": plane[GONE][0, 0]} if how == "nodata" else {"mask": plane != plane[GONE][0, 0]}
    write(tmp_path / "Fe_Ka.tif", plane, **options)
    write(tmp_path / "sFe_Ka.tif", plane, **options)
    write(tmp_path / "mask.tif", plane, **options)
    scan = open_scan(tmp_path, 1.0)
    gone = np.zeros(plane.shape, bool)
    gone[GONE] = True
    for name in ("intensity", "uncertainty"):
        np.testing.assert_array_equal(scan[name][0], np.where(gone, np.nan, plane))
    np.testing.assert_array_equal(scan["valid"], ~gone)


def test_no_data_that_no_pixel_can_hold_is_no_fault(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers("float32"), nodata=-3.4028234663852886e38)
    write(tmp_path / "Fe-K.tif", numbers("float32"), nodata=float("nan"))
    write(tmp_path / "Pb-L.tif", numbers("uint16"), nodata=65535)
    for plane in open_scan(tmp_path, 1.0)["intensity"]:
        np.testing.assert_array_equal(plane, numbers())


def mask_plain(path: Path, valid: np.ndarray) -> None:
    write(path, 7 * valid.astype("uint16"))


def mask_nan(path: Path, valid: np.ndarray) -> None:
    write(path, np.where(valid, 0.5, np.nan).astype("float32"))


def mask_zero_is_white(path: Path, valid: np.ndarray) -> None:
    write(path, np.where(valid, 0, 255).astype("uint8"), photometric="miniswhite")


def mask_zero_is_white_16(path: Path, valid: np.ndarray) -> None:
    write(path, np.where(valid, 0, 65535).astype("uint16"), photometric="miniswhite")


def mask_one_bit(path: Path, valid: np.ndarray) -> None:
    Image.fromarray(valid).save(path, compression="group4")


def mask_one_bit_zero_is_white(path: Path, valid: np.ndarray) -> None:
    write(path, (~valid).astype("uint8"), photometric="miniswhite", nbits=1)


def mask_palette(path: Path, valid: np.ndarray) -> None:
    image = Image.fromarray((~valid).astype("uint8")).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(path)


@pytest.mark.parametrize(
    "kind",
    [
        mask_plain,
        mask_nan,
        mask_zero_is_white,
        mask_zero_is_white_16,
        mask_one_bit,
        mask_one_bit_zero_is_white,
        mask_palette,
    ],
)
def test_a_mask_is_valid_where_it_shows_something(tmp_path: Path, kind: Callable[[Path, np.ndarray], None]) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    valid = np.random.default_rng(0).random((9, 11)) > 0.3
    kind(tmp_path / "mask.tif", valid)
    np.testing.assert_array_equal(open_scan(tmp_path, 1.0)["valid"], valid)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_maps_where_zero_is_white_are_not_guessed_at(tmp_path: Path, dtype: str) -> None:
    write(tmp_path / "Ca-K.tif", numbers(dtype), photometric="miniswhite")
    [fault] = faults_of(tmp_path, 1.0)
    assert "Ca-K.tif" in fault
    assert "MinIsWhite" in fault
    assert "palette" not in fault


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
    with pytest.warns(UserWarning, match=r"Qq-K\.tif, sum of everything\.tif in .* label it with lines="):
        assert open_scan(tmp_path, 1.0)["line"].values.tolist() == ["Ca-K", "Pb-L"]
    scan = open_scan(tmp_path, 1.0, lines=["Pb-L", "Ca_K"])
    assert scan["line"].values.tolist() == ["Pb-L", "Ca-K"]


def test_missing_lines_and_double_lines(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    with pytest.raises(InvalidInput, match=r"Fe-K, Hg-L: not in .* which has Ca-K"):
        open_scan(tmp_path, 1.0, lines=["Fe-K", "Ca-K", "Hg-L"])
    write(tmp_path / "Ca_K.tif", numbers())
    with pytest.raises(InvalidInput, match="the same line"):
        open_scan(tmp_path, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "meaning"),
    [
        ("Fe-K.tif", "Fe-K.tiff", "the same line, Fe-K"),
        ("Fe-K.tif", "Fe-K.TIF", "the same line, Fe-K"),
        ("Fe-K.tif", "Fe_K.tif", "the same line, Fe-K"),
        ("p_Fe-K.tif", "p_Fe-K.tiff", "the same line, Fe-K"),
        ("mask.tif", "mask.tiff", "both masks"),
        ("mask.tif", "valid.tif", "both masks"),
        ("s(Ca-K).tif", "sCa-K.tif", "both uncertainties of Ca-K"),
        ("sCa-K.tif", "sCa-K.tiff", "both uncertainties of Ca-K"),
    ],
)
@pytest.mark.parametrize("chosen", [False, True])
def test_two_files_that_mean_the_same(tmp_path: Path, first: str, second: str, meaning: str, chosen: bool) -> None:
    for number, name in enumerate(("p_Ca-K.tif" if first[:2] == "p_" else "Ca-K.tif", first, second)):
        write(tmp_path / name, numbers(start=number))
    if len(os.listdir(tmp_path)) < 3:
        pytest.skip("upper and lower case are the same on this file system")
    lines = ["Ca_K", "Fe-K"] if "Fe" in first else ["Ca_K"]
    [fault] = faults_of(tmp_path, 1.0, lines=lines if chosen else None)
    assert all(part in fault for part in (first, second, meaning))


def test_twins_that_are_not_asked_for_do_no_harm(tmp_path: Path) -> None:
    for name in ("Ca-K.tif", "Fe-K.tif", "Fe-K.tiff"):
        write(tmp_path / name, numbers())
    assert open_scan(tmp_path, 1.0, lines=["Ca-K"])["line"].values.tolist() == ["Ca-K"]


def test_every_kind_of_fault_is_reported_at_once(tmp_path: Path) -> None:
    for name in ("Ca-K", "Fe-K", "Zn-K", "sum of everything", "s(Mn-K)"):
        write(tmp_path / f"{name}.tif", numbers())
    write(tmp_path / "Pb-L.tif", numbers(height=8))
    write(tmp_path / "Cu-K.tiff", numbers(height=200))
    write(tmp_path / "Zn_K.tif", numbers())
    write(tmp_path / "Hg-L.tif", numbers(height=500), compress="deflate")
    for name, share in (("Cu-K.tiff", 0.5), ("Hg-L.tif", 0.9)):  # the header does not show it
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
    (tmp_path / "Ni-K.tif").write_text("no picture")
    (tmp_path / "valid.tif").write_bytes(b"II*\0 cut off")
    faults = faults_of(tmp_path, "0.5 parsec", units="arb. units")
    for part in (
        "parsec",
        "arb. units",
        "sum of everything.tif",
        "s(Mn-K).tif is the uncertainty of Mn-K, whose map is missing",
        "Zn-K.tif and Zn_K.tif",
        "Pb-L.tif has 8 × 11",
        "Cu-K.tiff' cannot be read",
        "Hg-L.tif' cannot be read",
        "Ni-K.tif' is not a PNG, JPEG or TIFF file",
        "valid.tif' cannot be read",
    ):
        assert sum(part in fault for fault in faults) == 1, part
    assert len(faults) == 10
    assert not any("previous exception" in fault for fault in faults)


def test_files_that_are_left_out_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    (tmp_path / "Fe-K.tif").write_text("no picture")
    assert open_scan(tmp_path, 1.0, lines=["Ca-K"]).sizes["line"] == 1


def test_maps_with_damaged_values_are_named_when_they_are_read(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    noise = np.random.default_rng(0).bytes(40)
    for name in ("Fe-K", "Pb-L", "mask"):
        write(tmp_path / f"{name}.tif", numbers(), compress="deflate")
        whole = (tmp_path / f"{name}.tif").read_bytes()
        (tmp_path / f"{name}.tif").write_bytes(whole[:-60] + noise + whole[-20:])
    scan = open_scan(tmp_path, 1.0)
    np.testing.assert_array_equal(scan["intensity"].sel(line="Ca-K"), numbers())
    maps = scan["intensity"].variable
    for name, part in (("Fe-K", maps[1]), ("Pb-L", maps[2]), ("mask", scan["valid"])):
        with pytest.raises(InvalidInput, match=rf"{name}\.tif' cannot be read as a picture \(.*Decod"):
            part.load()


@pytest.mark.parametrize("wanted", ["compton", ["COMPTON", "ca_k"], np.array(["compton"]), xr.DataArray(["Compton"])])
def test_lines_are_found_in_any_case(tmp_path: Path, wanted: object) -> None:
    for name in ("Ca-K", "Compton", "Snip_Bkg"):
        write(tmp_path / f"{name}.tif", numbers())
    scan = open_scan(tmp_path, 1.0, lines=wanted)
    assert scan["line"].values.tolist() == ["Compton", "Ca-K"][: len(np.atleast_1d(wanted))]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        ([], ["lines is empty"]),
        (3, ["lines must be a list of labels, got 3"]),
        (b"Ca-K", ["lines must be a list of labels, got b'Ca-K'"]),
        ([None, 7], ["got None", "got 7"]),
        (["Qq", "Fe-K", "Ca_K", "Ca-K"], ["unknown line 'Qq'", "the same line", "Fe-K: not in .* which has Ca-K"]),
        (["s(Ca-K)"], ["uncertainty of Ca-K, which is read with its map"]),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "store"])
def test_invalid_lines_are_refused(tmp_path: Path, lines: object, messages: list[str], kind: str) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    if kind == "store":
        to_zarr(open_scan(tmp_path, 1.0), tmp_path / "scan.zarr")
    faults = faults_of(*((tmp_path, 1.0) if kind == "folder" else (tmp_path / "scan.zarr",)), lines=lines)
    assert len(faults) == len(messages)
    for message, fault in zip(messages, faults, strict=True):
        assert re.search(message, fault)


@pytest.mark.parametrize("path", [None, 3, b"maps", "", "a\0b"])
def test_invalid_paths_are_refused(path: object) -> None:
    [fault] = faults_of(path, 1.0)
    assert fault.startswith(f"path must be text or a pathlib.Path, got {path!r}; pass the file or folder")


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    write(folder / "Ca-K.tif", numbers())
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("this user may read everything")
        [fault] = faults_of(folder, 1.0)
    finally:
        folder.chmod(0o700)
    assert "maps' cannot be read (Permission denied)" in fault


def test_every_unfit_file_is_reported(tmp_path: Path) -> None:
    for name in ("Ca-K", "Fe-K", "Zn-K"):
        write(tmp_path / f"{name}.tif", numbers())
    write(tmp_path / "Pb-L.tif", numbers(height=8))
    write(tmp_path / "Hg-L.tif", np.zeros((3, 9, 11), "uint8"), photometric="rgb")
    (tmp_path / "Cu-K.tif").write_bytes(b"II*\0 cut off")
    coloured = Image.fromarray(numbers("uint8")).convert("P")
    coloured.putpalette([part for index in range(256) for part in (index, 0, 255 - index)])
    coloured.save(tmp_path / "Mn-K.tif")
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
        (lambda path: path.mkdir(), "contains no file of TIFF, EDF, text, PNG"),
        (lambda path: path.write_text("x"), "has an unknown format; supported are"),
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
    with pytest.raises(InvalidInput, match="none of its files is named after an element line"):
        open_scan(tmp_path, 1.0)


def test_pixel_size_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "Ca-K.tif", numbers())
    with pytest.raises(InvalidInput, match=re.escape("pass it, such as pixel_size='0.5 mm'")):
        open_scan(tmp_path)


def test_real_portrait(shared: Path) -> None:
    with pytest.warns(UserWarning, match="contrast was stretched for display"):
        scan = open_scan(shared / "soldier", "0.5 mm")
    assert scan["intensity"].attrs["units"] == "dimensionless"
    assert dict(scan.sizes) == {"line": 6, "y": 811, "x": 285}
    # The mask hides a label in one corner of the picture.
    assert not scan["valid"][0, 0]
    assert 0.98 < float(scan["valid"].mean()) < 1


def test_real_pymca_output(shared: Path) -> None:
    scan = open_scan(shared / "formats" / "pymca" / "IMAGES", "0.1 mm")
    assert dict(scan.sizes) == {"line": 15, "y": 4, "x": 5}
    # The value that PyMca wrote to its table for row 0, column 1.
    assert float(scan["intensity"].sel(line="Fe-Ka")[0, 1]) == pytest.approx(3.05475e6, rel=1e-5)
    assert float(scan["uncertainty"].sel(line="Fe-Ka")[0, 1]) == pytest.approx(1747.7, rel=1e-5)
