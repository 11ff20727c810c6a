"""Folders of texts, of PNG and of compressed EDF: one file for each line, as programs of microprobes export them."""

from __future__ import annotations

import bz2
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from written import LABELS, MAPS, edf_folder, edf_gz_folder

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.text_matrix import matrix_layout


def test_maps_in_another_kind_of_files_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "Ca-K.tif", np.eye(9, dtype=np.float32))
    np.savetxt(tmp_path / "Fe-K.csv", np.eye(9), delimiter=",")
    with pytest.warns(UserWarning, match=r"only TIFF files are read, and none of them has the lines of Fe-K\.csv"):
        scan = xrfsr.open_scan(tmp_path, pixel_size="1 mm")
    assert scan.line.values.tolist() == ["Ca-K"]


@pytest.mark.parametrize("dims", [(), ("y",), ("y", "x")])
def test_a_folder_of_results_is_one(tmp_path: Path, dims: tuple[str, ...]) -> None:
    """GeoTIFF files in a folder say as much as one of them: where they lie, in what unit, and who made them."""
    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    scan = scan.isel({dim: slice(None, None, -1) for dim in dims})
    fine = scan.xrfsr.superresolve(rgb, method="gsa").drop_vars(["visible", "visible_share"])
    for line in fine.line.values:
        fine.xrfsr.sel(line).xrfsr.to_geotiff(tmp_path / f"{line}.tif")
    opened = xrfsr.open_scan(tmp_path)
    assert opened.attrs["xrfsr_method"] == "gsa"
    assert opened.intensity.attrs["units"] == fine.intensity.attrs["units"]
    for name in ("y", "x"):
        np.testing.assert_allclose(opened[name], fine[name])
    np.testing.assert_array_equal(opened.intensity, fine.intensity)
    with pytest.warns(UserWarning, match=r"replaces the \(0\.25, 0\.25\) mm stored"):
        assert xrfsr.open_scan(tmp_path, pixel_size="1 mm").xrfsr.grid.spacing == (1.0, 1.0)


def test_a_folder_with_a_result_names_it(tmp_path: Path) -> None:
    (tmp_path / "fine.zarr").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.tif")
    with pytest.raises(InvalidInput, match=r"pass '.*fine\.zarr' in it"):
        xrfsr.open_scan(tmp_path)


DECIMALS = (MAPS / 8).round(3)


def rows(values: np.ndarray, separator: str, end: str = "", comma: bool = False) -> list[str]:
    lines = [separator.join(f"{value:g}" for value in row) + end for row in values]
    return [line.replace(".", ",") for line in lines] if comma else lines


def folder(path: Path, names: list[str], write: Callable[[np.ndarray], bytes]) -> Path:
    path.mkdir()
    for name, one in zip(names, DECIMALS, strict=True):
        (path / name).write_bytes(write(one))
    return path


TEXTS: dict[str, tuple[list[str], Callable[[np.ndarray], bytes]]] = {
    "XMapTools": (["Ca.txt", "Fe.txt", "Pb_L.txt"], lambda one: "\n".join(rows(one, "\t")).encode()),
    "AZtec": (
        ["Ca K series.csv", "Fe Kα1.csv", "Pb L series.csv"],
        lambda one: "\r\n".join(rows(one, ",", ",")).encode(),
    ),
    "Esprit": (
        ["Ca-K.txt", "Fe-KA.txt", "Pb-LA.txt"],
        lambda one: "".join(f"{row};\n" for row in rows(one, ";")).encode(),
    ),
    "decimal commas": (["Ca-K.csv", "Fe-K.csv", "Pb-L.csv"], lambda one: "\n".join(rows(one, ";", "", True)).encode()),
    "tabs and decimal commas": (
        ["Ca-K.asc", "Fe-K.asc", "Pb-L.asc"],
        lambda one: "\n".join(rows(one, "\t", "\t", True)).encode(),
    ),
    "PyXRF": (
        [f"detsum_fit_{name}.txt" for name in ("Ca_K", "Fe_K", "Pb_L")],
        lambda one: "\n".join(" ".join(f"{value:.18e}" for value in row) for row in one).encode(),
    ),
    "columns of a fixed width": (
        ["Ca.dat", "Fe.dat", "Pb_M.dat"],
        lambda one: "\n".join("".join(f"{value:12.4f}" for value in row) for row in one).encode(),
    ),
    "comments": (
        ["Ca.txt", "Fe.txt", "Pb_M.txt"],
        lambda one: "\n".join(["# Ca", "% by me", "", *rows(one, ", "), ""]).encode(),
    ),
    "UTF-16": (["Ca.txt", "Fe.txt", "Pb_M.txt"], lambda one: "\n".join(rows(one, "\t")).encode("utf-16")),
    "UTF-8 with a mark": (["Ca.csv", "Fe.csv", "Pb_M.csv"], lambda one: "\n".join(rows(one, ",")).encode("utf-8-sig")),
    "quotes": (
        ["Ca.csv", "Fe.csv", "Pb_M.csv"],
        lambda one: "\n".join(",".join(f'"{value:g}"' for value in row) for row in one).encode(),
    ),
}


@pytest.mark.parametrize("program", sorted(TEXTS))
def test_texts_of_every_kind(tmp_path: Path, program: str) -> None:
    scan = xrfsr.open_scan(folder(tmp_path / "maps", *TEXTS[program]), 1.0)
    assert scan["element"].values.tolist() == ["Ca", "Fe", "Pb"]
    np.testing.assert_allclose(scan["intensity"], DECIMALS, rtol=1e-5)
    np.testing.assert_allclose(scan["intensity"][1, ::-2, 2:5], DECIMALS[1, ::-2, 2:5], rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 7), (5, 1), (1, 1), (3, 300)])
def test_matrices_of_any_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(shape).round(4)
    (tmp_path / "maps").mkdir()
    np.savetxt(tmp_path / "maps" / "Ca-K.txt", values)
    assert matrix_layout(tmp_path / "maps" / "Ca-K.txt").shape == shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,z\n1,2,3\n", "line 1 of .*Ca-K.csv' is 'x,y,z', expected one row of a map, numbers without names"),
        ("1,2,3\n4,5\n60,70,80\n", "line 2 of .*Ca-K.csv' has 2 numbers, but the first 3"),
        ("1,2,3\n4,5,6,7\n", "line 2 of .*Ca-K.csv' has 4 numbers"),
        ("1,2,3\n4,-,6\n", "line 2 of .*Ca-K.csv' has a value that is not a number"),
        ("1,2,3\n4,five,6\n", "line 2 of .*Ca-K.csv' has a value that is not a number"),
        ("1;2;3\n" + "\n" * 5 + "1" + "\n1" * 90, "its lines differ in length"),
        ("\n\n", "contains no numbers"),
        ("0,1,2,3\n5,6,7,8\n", "no plain matrix, because its first line counts the columns"),
        ("1\t2\t3\t4\n5\t6\t7\t8\n", "no plain matrix, because its first line counts the columns"),
        ("0,9,2\n1,8,3\n2,7,4\n3,9,9\n", "no plain matrix, because its first column counts the rows"),
        ("1 9 2\n2 8 3\n3 7 4\n4 9 9\n", "no plain matrix, because its first column counts the rows"),
        ("1,2\0,3\n", "contains null characters"),
    ],
)
def test_texts_that_are_no_matrices(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "Ca-K.csv").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        xrfsr.open_scan(tmp_path / "maps", 1.0).load()


@pytest.mark.parametrize("text", ["0,9,2\n1,8,3\n2,7,4\n4,9,9\n", "0 1 2\n4 5 6\n", "0.5,1.5,2.5,3.7\n1,1,1,1\n"])
def test_matrices_that_nearly_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "Ca-K.csv").write_text(text)
    second = text.replace(",", " ").split("\n")[1].split()
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "maps", 1.0)["intensity"][0, 1], np.float32(second))


@pytest.mark.parametrize(
    ("names", "units"),
    [
        (["Al Wt%", "Fe Wt%", "Ca Wt%"], "percent"),
        (["Al_at%", "Fe_at%", "Ca_at%"], "percent"),
        (["ppm_Al", "ppm_Fe", "ppm_Ca"], "ppm"),
        (["Al_K_cps", "Fe_K_cps", "Ca_K_cps"], "count/s"),
        (["scan_Al", "scan_Fe", "scan_Ca"], "count"),
        (["Hatcps_Al", "Hatcps_Fe", "Hatcps_Ca"], "count"),
    ],
)
def test_units_in_the_names(tmp_path: Path, names: list[str], units: str) -> None:
    path = folder(tmp_path / "maps", [f"{name}.txt" for name in names], TEXTS["XMapTools"][1])
    assert xrfsr.open_scan(path, 1.0)["intensity"].attrs["units"] == units


def test_strangers_and_masks_among_texts(tmp_path: Path) -> None:
    path = folder(tmp_path / "maps", *TEXTS["PyXRF"])
    for name in ("x_pos.txt", "i0.txt"):
        (path / name).write_text("not a map")
    (path / "mask.txt").write_text("\n".join(rows(np.eye(5, 7), " ")))
    with pytest.warns(UserWarning, match=r"left out: i0\.txt, x_pos\.txt"):
        scan = xrfsr.open_scan(path, 1.0)
    np.testing.assert_array_equal(scan["valid"], np.eye(5, 7, dtype=bool))
    np.testing.assert_allclose(xrfsr.open_scan(path, 1.0, lines=["Pb-L"])["intensity"][0], DECIMALS[2], rtol=1e-6)


def test_pictures_in_colour_next_to_the_values(tmp_path: Path) -> None:
    path = folder(tmp_path / "maps", *TEXTS["AZtec"])
    colour = np.zeros((5, 7, 3), np.uint8)
    for name in TEXTS["AZtec"][0]:
        tifffile.imwrite(path / name.replace(".csv", ".tif"), colour, photometric="rgb")
    with pytest.warns(UserWarning, match=r"pictures are ignored: Ca K series\.tif"):
        scan = xrfsr.open_scan(path, 1.0)
    np.testing.assert_allclose(scan["intensity"], DECIMALS, rtol=1e-5)
    for name in TEXTS["AZtec"][0]:  # grey ones are maps, and preferred as before
        tifffile.imwrite(path / name.replace(".csv", ".tif"), np.float32(np.eye(5, 7)))
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0)["intensity"][0], np.eye(5, 7))


def test_pictures_in_colour_next_to_a_note(tmp_path: Path) -> None:
    path = tmp_path / "maps"
    path.mkdir()
    for name in ("Ca-K", "Fe-K"):
        tifffile.imwrite(path / f"{name}.tif", np.zeros((5, 7, 3), np.uint8), photometric="rgb")
    (path / "Ca-K.txt").write_text("measured on Monday")
    with pytest.raises(InvalidInput, match=r"Fe-K\.tif has the bands red, green, blue"):
        xrfsr.open_scan(path, 1.0)


def test_pictures_that_are_links_out_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    path = folder(tmp_path / "maps", *TEXTS["XMapTools"])
    tifffile.imwrite(tmp_path / "secret.tif", np.zeros((5, 7, 3), np.uint8), photometric="rgb")
    os.symlink(tmp_path / "secret.tif", path / "Ca.tif")
    with pytest.raises(InvalidInput, match=r"Ca\.tif' \(a symbolic link .* is outside the folder"):
        xrfsr.open_scan(path, 1.0)


@pytest.mark.parametrize(("dtype", "unit"), [("uint8", "count"), ("uint16", "count")])
def test_grey_pictures_in_png(tmp_path: Path, dtype: str, unit: str) -> None:
    (tmp_path / "maps").mkdir()
    maps = (MAPS / 2).astype(dtype)
    for label, one in zip(LABELS, maps, strict=True):
        Image.fromarray(one).save(tmp_path / "maps" / f"scan_{label}.png")
    Image.fromarray(np.eye(5, 7, dtype=np.uint8) * 255).save(tmp_path / "maps" / "mask.png")
    scan = xrfsr.open_scan(tmp_path / "maps", 1.0)
    np.testing.assert_array_equal(scan["intensity"], maps)
    np.testing.assert_array_equal(scan["valid"], np.eye(5, 7, dtype=bool))
    assert scan["intensity"].attrs["units"] == unit


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_stretched_pictures_in_png_are_no_counts(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "maps").mkdir()
    white = np.iinfo(dtype).max
    for label, one in zip(LABELS, MAPS, strict=True):
        stretched = (one - one.min()) / np.ptp(one) * white
        Image.fromarray(stretched.astype(dtype)).save(tmp_path / "maps" / f"{label}.png")
    with pytest.warns(UserWarning, match="stretched for display"):
        scan = xrfsr.open_scan(tmp_path / "maps", 1.0)
    assert scan["intensity"].attrs["units"] == "dimensionless"


@pytest.mark.parametrize("mode", ["LA", "P"])
def test_grey_pictures_that_do_not_say_so(tmp_path: Path, mode: str) -> None:
    """With an opacity, or with a palette that changes nothing."""
    (tmp_path / "maps").mkdir()
    maps = (MAPS / 2).astype(np.uint8)
    for label, one in zip(LABELS, maps, strict=True):
        picture = Image.fromarray(one)
        if mode == "LA":
            picture.putalpha(Image.fromarray(np.where(np.eye(5, 7), 0, 255).astype(np.uint8)))
        else:
            picture = picture.convert("P")
            picture.putpalette([grey for index in range(256) for grey in (index,) * 3])
        picture.save(tmp_path / "maps" / f"{label}.png")
    found = xrfsr.open_scan(tmp_path / "maps", 1.0)["intensity"]
    expected = np.where(np.eye(5, 7), np.nan, maps) if mode == "LA" else maps
    np.testing.assert_array_equal(found, expected)


def test_colour_pictures_in_png_are_refused(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "maps" / "Ca-K.png")
    with pytest.raises(InvalidInput, match=r"Ca-K\.png has the bands red, green, blue; expected one grey map"):
        xrfsr.open_scan(tmp_path / "maps", 1.0)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("whole", [True, False])
def test_compressed_edf(tmp_path: Path, compress: Callable[[bytes], bytes], whole: bool) -> None:
    import fabio

    suffix = "gz" if compress is gzip.compress else "bz2"
    if whole:
        image: Any = fabio.edfimage.EdfImage(data=MAPS[0], header={"Title": LABELS[0]})
        for label, one in zip(LABELS[1:], MAPS[1:], strict=True):
            image.append_frame(data=one, header={"Title": label})
        image.write(str(tmp_path / "maps.edf"))
        path = tmp_path / f"maps.EDF.{suffix}"
        path.write_bytes(compress((tmp_path / "maps.edf").read_bytes()))
    else:
        path = edf_folder(tmp_path)
        for file in sorted(path.iterdir()):
            file.with_name(f"{file.name}.{suffix}").write_bytes(compress(file.read_bytes()))
            file.unlink()
    scan = xrfsr.open_scan(path, 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    np.testing.assert_array_equal(scan["intensity"][2, 1:4, ::-3], MAPS[2, 1:4, ::-3])


def test_damage_of_compressed_edf(tmp_path: Path) -> None:
    """fabio returns zeros for the rest of such a file."""
    path = edf_gz_folder(tmp_path)
    file = path / "Fe-Ka.edf.gz"
    whole = file.read_bytes()
    for damaged, message in (
        (whole[:-20], "cannot be decompressed"),
        (whole[: len(whole) // 2], "cannot be decompressed"),
        (b"plain text", "cannot be decompressed"),
        (gzip.compress(gzip.decompress(whole)[:-8]), "it is truncated"),
        (gzip.compress(b""), "is empty"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=message) as caught:
            xrfsr.open_scan(path, 1.0)
        assert "Fe-Ka.edf.gz" in str(caught.value)
    scan = xrfsr.open_scan(edf_gz_folder(tmp_path / "other") if (tmp_path / "other").mkdir() is None else path, 1.0)
    (tmp_path / "other" / "maps" / "Fe-Ka.edf.gz").write_bytes(whole[:-20])
    with pytest.raises(InvalidInput, match="cannot be decompressed"):
        scan.load()


def test_a_compressed_file_that_inflates_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xrfsr.io import compressed_files

    monkeypatch.setattr(compressed_files, "LARGE", 1 << 16)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "Ca-K.edf.gz").write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(InvalidInput, match=r"Ca-K\.edf\.gz' inflates to more than"):
        xrfsr.open_scan(tmp_path / "maps", 1.0)


@pytest.mark.parametrize("name", ["fit.h5.gz", "map.tif.gz", "table.csv.bz2", "notes.gz"])
def test_other_compressed_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"x"))
    with pytest.raises(InvalidInput, match="is compressed; decompress it first"):
        xrfsr.open_scan(tmp_path / name, 1.0)


@pytest.mark.parametrize("name", ["Ca-K.txt", "Ca-K.asc", "Ca-K.csv"])
def test_one_text_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("1,2\n3,4\n")
    with pytest.raises(InvalidInput, match="pass the folder that contains"):
        xrfsr.open_scan(tmp_path / name, 1.0)


def test_a_folder_without_maps(tmp_path: Path) -> None:
    (tmp_path / "scan.jpg").touch()
    with pytest.raises(InvalidInput, match="Pictures in JPEG hold no measured values"):
        xrfsr.open_scan(tmp_path, 1.0)
    with pytest.raises(InvalidInput, match="contains no file of TIFF, EDF, text, PNG; expected one per line"):
        xrfsr.open_scan(tmp_path, 1.0)
