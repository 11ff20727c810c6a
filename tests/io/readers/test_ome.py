"""OME-TIFF: pages are named by their channels, in every arrangement that its header may describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from written import LABELS, MAPS, ome_tiff

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.ome import parse_ome


def header(inside: str, **attributes: object) -> str:
    sizes = {"SizeC": 3, "SizeZ": 1, "SizeT": 1, **attributes}
    listed = " ".join(f'{name}="{value}"' for name, value in sizes.items())
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    return f'<?xml version="1.0"?><OME xmlns="{space}"><Image Name="i"><Pixels {listed}>{inside}</Pixels></Image></OME>'


NAMED = "".join(f'<Channel ID="Channel:0:{at}" Name="{name}"/>' for at, name in enumerate(LABELS))


def write(path: Path, text: str, maps: np.ndarray = MAPS) -> Path:
    with tifffile.TiffWriter(path) as file:
        for number, one in enumerate(maps):
            file.write(one, description=text if number == 0 else None, metadata=None)
    return path


@pytest.mark.parametrize(
    ("axes", "suffix"), [("CYX", ".tif"), ("YXC", ".ome.tif"), ("ZCYX", ".ome.tiff"), ("TCZYX", ".ome.tif")]
)
def test_what_tifffile_writes(tmp_path: Path, axes: str, suffix: str) -> None:
    maps: Any = {"YXC": np.moveaxis(MAPS, 0, -1), "ZCYX": MAPS[None], "TCZYX": MAPS[None, :, None]}.get(axes, MAPS)
    options = {"planarconfig": "contig", "photometric": "minisblack"} if axes == "YXC" else {}
    metadata = {"axes": axes, "Channel": {"Name": LABELS}}
    tifffile.imwrite(tmp_path / f"maps{suffix}", maps, ome=True, metadata=metadata, **options)
    if axes == "YXC":  # three samples of one channel, which has one name
        with pytest.raises(InvalidInput, match="have no names"):
            xrfsr.open_scan(tmp_path / f"maps{suffix}", 1.0)
        return
    scan = xrfsr.open_scan(tmp_path / f"maps{suffix}", 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)


def test_pixel_size_and_tiles(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "maps.ome.tif",
        MAPS,
        tile=(16, 16),
        compression="zlib",
        metadata={"axes": "CYX", "Channel": {"Name": LABELS}, "PhysicalSizeX": 0.02, "PhysicalSizeXUnit": "cm"}
        | {"PhysicalSizeY": 100},
    )
    scan = xrfsr.open_scan(tmp_path / "maps.ome.tif")
    np.testing.assert_allclose((scan["y"][0], scan["x"][0]), (0.05, 0.1))
    with pytest.warns(UserWarning, match="replaces"):
        xrfsr.open_scan(ome_tiff(tmp_path), 1.0)


@pytest.mark.parametrize(
    ("data", "order"),
    [
        ("", [0, 1, 2]),
        ("<TiffData/>", [0, 1, 2]),
        ('<TiffData IFD="0" PlaneCount="3"/>', [0, 1, 2]),
        ("".join(f'<TiffData IFD="{page}" FirstC="{2 - page}" PlaneCount="1"/>' for page in range(3)), [2, 1, 0]),
        ("".join(f'<TiffData IFD="{page}" FirstC="{(page + 1) % 3}"/>' for page in range(3)), [1, 2, 0]),
    ],
)
def test_pages_in_any_order(tmp_path: Path, data: str, order: list[int]) -> None:
    scan = xrfsr.open_scan(write(tmp_path / "maps.ome.tif", header(NAMED + data)), 1.0)
    assert scan["line"].values.tolist() == [LABELS[channel] for channel in order]
    np.testing.assert_array_equal(scan["intensity"], MAPS)


def test_an_image_for_each_line(tmp_path: Path) -> None:
    images = "".join(
        f'<Image Name="{name}"><Pixels SizeC="1" SizeZ="1" SizeT="1"><Channel/></Pixels></Image>' for name in LABELS
    )
    path = write(tmp_path / "maps.ome.tif", f'<?xml version="1.0"?><OME xmlns="o">{images}</OME>')
    assert xrfsr.open_scan(path, 1.0)["line"].values.tolist() == LABELS


def test_depths_and_times(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "maps.ome.tif", np.stack([MAPS, MAPS]), metadata={"axes": "TCYX", "Channel": {"Name": LABELS}}
    )
    with pytest.raises(InvalidInput, match=r"maps\.ome\.tif' has 1 depths and 2 times of each channel, expected one"):
        xrfsr.open_scan(tmp_path / "maps.ome.tif", 1.0)


@pytest.mark.parametrize(
    "text",
    [
        header(NAMED, SizeC="many"),
        header(NAMED, SizeC=-3),
        header(NAMED, SizeC=10**9, SizeZ=10**9),
        header(NAMED + '<TiffData IFD="-1"/>'),
        header(NAMED + '<TiffData IFD="0" PlaneCount="999999999999"/>'),
        header(NAMED)[:-9],
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + header(NAMED.replace("Ca-K", "&a;"))[21:],
    ],
)
def test_damaged_headers(text: str) -> None:
    assert parse_ome(text, Path("maps.ome.tif")) is None


def test_files_of_a_set_and_names_that_are_missing() -> None:
    other = NAMED + '<TiffData IFD="0" FirstC="0"><UUID FileName="other.tif"/></TiffData>'
    mine = '<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="maps.ome.tif"/></TiffData>'
    found = parse_ome(header(other + mine), Path("maps.ome.tif"))
    assert found is not None
    assert found.names == {0: LABELS[1]}
    found = parse_ome(header('<Channel Name="Ca-K"/>', PhysicalSizeX="1", PhysicalSizeY="nan"), Path("maps.ome.tif"))
    assert found is not None
    assert (found.names, found.spacing) == ({0: "Ca-K", 1: "", 2: ""}, None)
