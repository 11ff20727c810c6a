"""Images of other things among the maps of one file are left out with one warning, and can be given a label."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
from rasterio.errors import NotGeoreferencedWarning

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.page_names import names_of_maps

MAPS = np.random.default_rng(0).poisson(30, (4, 5, 7)).astype("float32")


def imagej(folder: Path, names: list[str]) -> Path:
    path = folder / "stack.tif"
    tifffile.imwrite(path, MAPS[: len(names)], imagej=True, metadata={"axes": "ZYX", "Labels": names})
    return path


def pages(folder: Path, names: list[str]) -> Path:
    path = folder / "pages.tif"
    with tifffile.TiffWriter(path) as file:
        for name, values in zip(names, MAPS, strict=False):
            file.write(values, extratags=[(285, "s", 0, name, True)], metadata=None)
    return path


def ome(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.ome.tif"
    tifffile.imwrite(path, MAPS[: len(names)], metadata={"axes": "CYX", "Channel": {"Name": names}})
    return path


def geotiff(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", count=len(names), height=5, width=7, dtype="float32") as file:
            file.write(MAPS[: len(names)])
            file.descriptions = names
    return path


def dms(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.dms"
    path.write_bytes(f"2\n7 5 {len(names)}\n".encode() + MAPS[: len(names)].tobytes() + "\n".join(names).encode())
    return path


def ims(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.ims"
    values = "\n".join(" ".join(map(str, row)) for row in MAPS[: len(names)].reshape(-1, 7))
    path.write_text(f"2\n7 5 {len(names)}\n{values}\n" + "\n".join(names))
    return path


def edf(folder: Path, names: list[str]) -> Path:
    fabio = pytest.importorskip("fabio")
    image = fabio.edfimage.EdfImage(data=MAPS[0], header={"Title": names[0]})
    for name, values in zip(names[1:], MAPS[1:], strict=False):
        image.append_frame(data=values, header={"Title": name})
    image.write(str(folder / "maps.edf"))
    return folder / "maps.edf"


def csv(folder: Path, names: list[str]) -> Path:
    path = folder / "maps.csv"
    rows = [
        ";".join(map(str, (row, column, *MAPS[: len(names), row, column]))) for row in range(5) for column in range(7)
    ]
    path.write_text("\n".join([";".join(["row", "column", *names]), *rows]))
    return path


FORMATS = [imagej, pages, ome, geotiff, dms, ims, edf, csv]
TIFFS = [imagej, pages, ome, geotiff]
Write = Callable[[Path, list[str]], Path]


def opened(path: Path, **options: object) -> tuple[xr.Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = xrfsr.open_scan(path, pixel_size=1, **options).load()  # type: ignore[arg-type]
    return scan, [str(one.message) for one in caught]


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("stranger", ["BSE", "x_pos", "i0", "Compton peak", "live time", "Qq-K", "Pb", "s(Hg-L)"])
def test_a_stranger_is_left_out_with_one_warning(tmp_path: Path, write: Write, stranger: str) -> None:
    path = write(tmp_path, ["Ca-K", stranger, "Fe_Ka"])
    scan, [message] = opened(path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-Ka"]
    np.testing.assert_array_equal(scan.intensity, MAPS[[0, 2]])
    assert f"left out: {stranger} in '{path}'; if one is a map, label it with lines=" in message
    scan, said = opened(path, lines=["Fe", "Ca-K"])
    np.testing.assert_array_equal(scan.intensity, MAPS[[2, 0]])
    assert said == []


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("stranger", ["BSE", "i0", "Pb", "map 3"])
def test_a_stranger_can_be_given_a_label(tmp_path: Path, write: Write, stranger: str) -> None:
    path = write(tmp_path, ["Ca-K", "Fe_Ka", stranger])
    scan, said = opened(path, lines={stranger: "Pb-L", "Ca-K": "Ca-K"})
    assert (scan.line.values.tolist(), said) == (["Pb-L", "Ca-K"], [])
    np.testing.assert_array_equal(scan.intensity, MAPS[[2, 0]])
    with pytest.raises(InvalidInput, match=rf"{stranger}.* are read under a label: lines=\{{'{stranger}': '.*'"):
        xrfsr.open_scan(path, 1, lines=["Ca-K", stranger])


@pytest.mark.parametrize("write", FORMATS)
def test_several_strangers_are_in_one_warning_and_scatter_is_no_stranger(tmp_path: Path, write: Write) -> None:
    scan, [message] = opened(write(tmp_path, ["BSE", "Compton", "Ca-K", "y_pos"]))
    assert scan.line.values.tolist() == ["Compton", "Ca-K"]
    np.testing.assert_array_equal(scan.intensity, MAPS[[1, 2]])
    assert "left out: BSE, y_pos in" in message


@pytest.mark.parametrize("write", FORMATS)
def test_a_file_of_strangers_alone_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(InvalidInput, match=r"(?s)BSE.*i0.*label the maps with lines="):
        xrfsr.open_scan(write(tmp_path, ["BSE", "i0"]), 1)


@pytest.mark.parametrize("wrong", ["shape", "rgb"])
def test_a_stranger_need_not_be_a_map(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(MAPS[0], extratags=[(285, "s", 0, "Ca-K", True)], metadata=None)
        other = MAPS[1, :3] if wrong == "shape" else np.zeros((5, 7, 3), "uint8")
        options = {} if wrong == "shape" else {"photometric": "rgb"}
        file.write(other, extratags=[(285, "s", 0, "overview", True)], metadata=None, **options)
    scan, [message] = opened(path)
    np.testing.assert_array_equal(scan.intensity, MAPS[:1])
    assert "left out: overview in" in message


@pytest.mark.parametrize("write", FORMATS)
def test_strangers_of_one_name(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, ["BSE", "Ca-K", "BSE"])
    scan, [message] = opened(path)
    np.testing.assert_array_equal(scan.intensity, MAPS[[1]])
    assert "left out: BSE" in message
    with pytest.raises(InvalidInput, match="BSE"):
        xrfsr.open_scan(path, 1, lines={"BSE": "Pb-L"})


@pytest.mark.parametrize("write", TIFFS)
@pytest.mark.parametrize(
    "called",
    ["{}.tif", "{}.TIFF", "{}.png", "scan1_{}.tif", "scan1_{}", "scan1_{}_raw.tif", "C:\\maps\\{}.tif", "/maps/{}.tif"],
)
def test_names_of_files_are_read_as_in_a_folder(tmp_path: Path, write: Write, called: str) -> None:
    names = [called.format(name) for name in ("Ca-K", "Fe_Ka", "BSE", "s(Ca-K)")]
    path = write(tmp_path, names)
    scan, [message, _] = opened(path)  # and that Fe has no uncertainty
    assert scan.line.values.tolist() == ["Ca-K", "Fe-Ka"]
    np.testing.assert_array_equal(scan.intensity, MAPS[:2])
    np.testing.assert_array_equal(scan.uncertainty[0], MAPS[3])
    assert f"left out: {names[2]} in" in message
    for name in ("BSE", names[2]):
        scan, _ = opened(path, lines={name: "Pb-L"})
        assert scan.line.values.tolist() == ["Pb-L"]
        np.testing.assert_array_equal(scan.intensity, MAPS[[2]])
    scan, _ = opened(path, lines=["Fe"])
    np.testing.assert_array_equal(scan.intensity, MAPS[[1]])


def test_what_imagej_keeps_below_the_name_of_a_slice(tmp_path: Path) -> None:
    names = [
        "a_Ca-K.tif\n7x5 pixels; 32-bit",
        "a_Fe_Ka.tif\nSoftware: x\n",
        "a_BSE\nunits: mm",
        "a_Hg-L\nno element map",
    ]
    scan, [message] = opened(imagej(tmp_path, names))
    assert scan.line.values.tolist() == ["Ca-K", "Fe-Ka"]
    np.testing.assert_array_equal(scan.intensity, MAPS[:2])
    assert "left out: a_BSE in" in message


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["01_Ca-K.tif", "02_Fe-K.tif"], ["Ca-K", "Fe-K"]),
        (["c:1/2 - Ca-K", "c:2/2 - Fe-K"], ["Ca-K", "Fe-K"]),
        (["c:1/2 z:1/1 - a_Ca-K.tif", "c:2/2 z:1/1 - a_Fe-K.tif"], ["Ca-K", "Fe-K"]),
        (["Ca-K / Pb-L.tif", "Ca-K / Fe-K.tif"], ["Ca-K / Pb-L.tif", "Ca-K / Fe-K.tif"]),
        (["Ca-K", "a_Ca-K", "a_Fe-K"], ["Ca-K", "a_Ca-K", "Fe-K"]),
        (["a_Ca_K", "a_sCa_K", "a_wCa_K"], ["Ca_K", "sCa_K", "wCa_K"]),
        (["Ca-K", "", "photo.tif"], ["Ca-K", "", "photo.tif"]),
        (["Ca_K", "s(Ca_K)"], ["Ca_K", "s(Ca_K)"]),
        (["", ""], ["", ""]),
    ],
)
def test_names(names: list[str], expected: list[str]) -> None:
    assert names_of_maps(names, None, Path("stack.tif"), []) == expected


def test_two_scans_in_one_stack(tmp_path: Path) -> None:
    path = imagej(tmp_path, ["a_Ca-K.tif", "a_Fe-K.tif", "b_Ca-K.tif", "b_Fe-K.tif"])
    with pytest.raises(
        InvalidInput, match=r"as many maps named 'a_\*' as 'b_\*'; name the maps to read: lines=\{'a_Ca"
    ):
        xrfsr.open_scan(path, 1)
    scan, said = opened(path, lines={"b_Ca-K.tif": "Ca-K", "b_Fe-K.tif": "Fe-K"})
    np.testing.assert_array_equal(scan.intensity, MAPS[2:])
    assert said == []
