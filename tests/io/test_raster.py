"""Pictures read only themselves: one of three formats, by its first bytes, and no file of a similar name."""

from __future__ import annotations

import os
import socket
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window
from written import LABELS, MAPS, tiff_folder

import xrfsr
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.photo import open_photo
from xrfsr.io.raster import open_raster, read_header, read_raster

VRT = """<VRTDataset rasterXSize="7" rasterYSize="5"><VRTRasterBand dataType="Float32" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">{source}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""
LIKE = Grid.from_shape((5, 7), 0.5)


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.tif"])
@pytest.mark.parametrize("text", [VRT, "WCS", "\n", "MM", "GTIFF_DIR:1:{source}", "P5 7 5 255 " + "x" * 35])
def test_a_text_is_no_photo(tmp_path: Path, name: str, text: str) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", MAPS[0])
    (tmp_path / name).write_text(text.format(source=tmp_path / "secret.tif"))
    with pytest.raises(InvalidInput, match=rf"{name}' is not a PNG, JPEG or TIFF file"):
        open_photo(tmp_path / name, like=LIKE)


def test_a_text_is_no_map(tmp_path: Path) -> None:
    folder = tiff_folder(tmp_path)
    (folder / "Ca-K.tif").write_text(VRT.format(source=folder / "Fe-Ka.tif"))
    with pytest.raises(InvalidInput, match=r"Ca-K\.tif' is not a PNG, JPEG or TIFF file"):
        xrfsr.open_scan(folder, 0.5)
    (tmp_path / "maps.tif").write_text(VRT.format(source=folder / "Fe-Ka.tif"))
    with pytest.raises(InvalidInput, match=r"maps\.tif' is not a PNG, JPEG or TIFF file"):
        xrfsr.open_scan(tmp_path / "maps.tif", 0.5)


def test_names_that_mean_something_to_gdal_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GTIFF_DIR:1:secret.tif", "zip+file:secret.tif", "vrt:secret.tif"):
        tifffile.imwrite(name, MAPS[0])
        np.testing.assert_array_equal(read_raster(Path(name)).pixels[0], MAPS[0])
    tifffile.imwrite("pages.tif", MAPS, metadata=None, photometric="minisblack")
    pages = read_header(Path("pages.tif")).pages
    np.testing.assert_array_equal(read_raster(Path("pages.tif"), pages[2]).pixels[0], MAPS[2])


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.tif"])
def test_files_of_a_similar_name_are_not_opened(tmp_path: Path, name: str) -> None:
    grey = (MAPS[0] / 2).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / name)
    with open_raster(tmp_path / name) as source:
        expected, tags = source.read(), source.tags()
    aux = '<PAMDataset><Metadata><MDI key="a">b</MDI></Metadata><SRS>LOCAL_CS["x"]</SRS></PAMDataset>'
    (tmp_path / f"{name}.aux.xml").write_text(aux)
    for suffix in (".msk", ".ovr"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            size = {"count": 1, "height": 5, "width": 7, "dtype": "uint8"}
            with rasterio.open(tmp_path / f"{name}{suffix}", "w", driver="GTiff", **size) as file:
                file.write(np.zeros((1, 5, 7), np.uint8))
    for suffix in (".wld", ".tfw", ".pgw", ".jgw"):
        (tmp_path / "photo").with_suffix(suffix).write_text("2\n0\n0\n2\n0\n0\n")
    with open_raster(tmp_path / name) as source:
        assert source.tags() == tags
        assert source.transform == rasterio.Affine.identity()
        assert source.overviews(1) == []
        assert source.read_masks(1).all()
        np.testing.assert_array_equal(source.read(), expected)
    assert not np.isnan(open_photo(tmp_path / name, like=LIKE)).any()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize("make", [fifo, device, listening])
@pytest.mark.parametrize("name", ["photo.png", "photo.tif"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    make(tmp_path / name)
    with pytest.raises(InvalidInput, match=rf"{name}' is a .*, not a regular file"):
        open_photo(tmp_path / name, like=LIKE)


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in chunks:
        parts += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(kind + content))]
    return b"".join(parts)


def test_a_picture_larger_than_its_file_can_hold_is_refused(tmp_path: Path) -> None:
    head = (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (tmp_path / "photo.png").write_bytes(png([head, (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]))
    with pytest.raises(InvalidInput, match=r"photo\.png' declares 60000 x 60000 pixels"):
        open_photo(tmp_path / "photo.png", like=LIKE)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_compressed_text_that_is_far_too_long_is_refused_by_name(tmp_path: Path, kind: bytes) -> None:
    bomb = zlib.compress(bytes(10**8), 9)
    text = {b"zTXt": b"a\0\0" + bomb, b"iTXt": b"a\0\1\0\0\0" + bomb, b"iCCP": b"a\0\0" + bomb}[kind]
    head = (b"IHDR", struct.pack(">IIBBBBB", 7, 5, 8, 0, 0, 0, 0))
    pixels = (b"IDAT", zlib.compress(b"".join(b"\0" + bytes(range(7)) for _ in range(5))))
    (tmp_path / "photo.png").write_bytes(png([head, (kind, text), pixels, (kind, text), (b"IEND", b"")]))
    faults: list[str] = []
    with collect_faults(faults):  # a decoder may also leave the text out
        np.testing.assert_allclose(open_photo(tmp_path / "photo.png", like=LIKE)[0, 0], np.arange(7) / 255)
    assert all("photo.png' cannot be read" in fault for fault in faults)


def sparse(path: Path, interleave: str, nodata: float | None) -> None:
    """Write two bands of four blocks, of which three are missing."""
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": interleave, "sparse_ok": True}
    size = {"count": 2, "height": 32, "width": 32, "dtype": "float32", "nodata": nodata}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **size, **blocks) as file:
            file.write(np.ones((2, 16, 16), np.float32), window=Window(0, 0, 16, 16))
            file.descriptions = LABELS[:2]


@pytest.mark.parametrize(("interleave", "count"), [("band", 6), ("pixel", 3)])
def test_blocks_that_were_never_written_are_no_zeros(tmp_path: Path, interleave: str, count: int) -> None:
    sparse(tmp_path / "maps.tif", interleave, None)
    with pytest.raises(InvalidInput, match=rf"maps\.tif' lacks {count} of its blocks and declares no value for"):
        xrfsr.open_scan(tmp_path / "maps.tif", 0.5)
    sparse(tmp_path / "maps.tif", interleave, -1.0)
    scan = xrfsr.open_scan(tmp_path / "maps.tif", 0.5).load()
    assert int(scan["intensity"].isnull().sum()) == 2 * 3 * 16 * 16
    assert float(scan["intensity"].max()) == float(scan["intensity"].min()) == 1
