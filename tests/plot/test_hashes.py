"""Every figure as a whole: what somebody sees, as a coarse hash, and that a wrong picture has another."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import xrfsr

pytest.importorskip("matplotlib")

SIDE = 16
CONTRAST = 4  # of 255, below which neighbours count as equal: white margins have no order
# Of 512 bits. Another font changes at most 9, a picture upside down or of another line at least 97.
TOLERANCE = 50


def difference_hash(axes: Any) -> int:
    """Return 512 bits: in which of 16 × 16 fields of a figure red and blue are darker than in the next to the left."""
    written = BytesIO()
    np.ravel(axes)[0].figure.savefig(written, format="png", dpi=100)
    with Image.open(written) as picture:
        small = picture.convert("RGB").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    fields = np.asarray(small, float)[..., [0, 2]]
    bits = np.diff(fields, axis=1) < -CONTRAST
    return int("".join("01"[int(bit)] for bit in bits.ravel()), 2)


def distance(one: int, other: int) -> int:
    return (one ^ other).bit_count()


Draw = Callable[[xr.Dataset, xr.DataArray, xr.Dataset], Any]
FIGURES: dict[str, Draw] = {
    "maps": lambda scan, photo, fine: fine.xrfsr.plot(),
    "one map": lambda scan, photo, fine: fine.xrfsr.plot("Pb"),
    "positions": lambda scan, photo, fine: fine.xrfsr.plot("Pb", positions=True),
    "photo": lambda scan, photo, fine: photo.xrfsr.plot(),
    "composite": lambda scan, photo, fine: fine.xrfsr.plot.composite(red="Pb", green="Fe", blue="Ca"),
    "compare": lambda scan, photo, fine: scan.xrfsr.plot.compare(fine, line="Pb"),
    "overlay": lambda scan, photo, fine: fine.xrfsr.plot.overlay(photo, line="Pb"),
    "profile": lambda scan, photo, fine: fine.xrfsr.plot.profile((1, 1), (5, 7), lines=["Pb", "Ca"]),
    "uncertainty": lambda scan, photo, fine: fine.xrfsr.plot.uncertainty("Pb"),
    "support": lambda scan, photo, fine: fine.xrfsr.plot.support("Pb"),
    "histogram": lambda scan, photo, fine: fine.xrfsr.plot.histogram(),
    "ratio": lambda scan, photo, fine: fine.xrfsr.plot.ratio("Fe", "Pb"),
    "overview": lambda scan, photo, fine: xrfsr.plot.overview(photo, scan, fine, fine * 1.1),
    # The curve of a training is thin lines on white, whose place depends on the release of matplotlib: its values are
    # tested in test_figures.py.
}
HASHES: dict[str, int] = {
    name: int(bits, 16)
    for name, bits in {
        "maps": "00f00c0000300c00e0344da0f034cfa0e03c8f60cc388f18ec380f18e43c0f58"
        "c4390560dc3d0da0da3e6da0da1a6d80c21a0d88c6364718c5338708c0320708",
        "one map": "000000004299b2004298b2006296b0806a85a680da807d806aa1e080e1592980"
        "e41aa4806618b2605218306055ac3c2040e9828052850220ce0406604e000260",
        "positions": "c0000000d4822208d0a6b280daa5a180f6a02d80f6a02d80f8a06880f91a2980"
        "d98eb460d48e3240d54b0c20d0682280d4e102a0f3844660c380c230000c0000",
        "photo": "80200410a0f80594a0fa05a46bc2078469c00f44eb542965ec10a569fc00856d"
        "f8485681a04b6596a041a5a6a055a3b820f7843c2bf2843c8fc0a50e03000004",
        "composite": "40f70a7850f54a587df52a08ffa40b18d7a4168ad6bc5aa2f4125a92f012cb42"
        "f087ab425287ca61450ad3d441eb417c51f8483c17f0502ccfc070cc8c240000",
        "compare": "000300006a89688068896280e199a590e199a190683b60586969292894299488"
        "d6938688628326c062c32ac05a131a404c29082869296128312931286029b028",
        "overlay": "00000000c489a400c6c0a400c380a400ff806780fac12880f2e1a080e5586980"
        "e4482580e63824405c1824405528610044a9020046850600cf070280da050000",
        "profile": "00003000ca800000c980c30ce990c30de8b063cde878e3d0c948f3f2d288f163"
        "d2c0dc68c280d80cda00ce0ccc28cc0cf928c00ce02cf00003000000000003c0",
        "uncertainty": "00000000c489a200c090a680ea86a580ca856180d2816980caa1a080e0196980"
        "e458a5a0c65aa56050582040d5a82c00c5a90280c68506a0ce059aa0da0412a8",
        "support": "000000004288a300628ce2006282e280ef816200cb81a8c0cae1a080e0592880"
        "e048a1804248a1004248a00044a8200044b0838046801200ce0092a05a000220",
        "histogram": "c03c030000300f0000300f00c030030000300f000c3203303c1f03f03c1f81f0"
        "bc0f00e0f80f00c0b80f00c0f80f00c0f00f01c0f0cf00cc0c0000300c03c030",
        "ratio": "c0000000805cc320805cc9308357d83361c6d933b19b05b3c7b865b31bc0c1c3"
        "9bfcd2c34924d3334ac4f52342d215230bcab523c9caf130cd037030f0000000",
        "overview": "c330c0c0f30cc0c0f4cc30f0f1cd30f0f44c18f0f06418f0f14cb0f0f14cb0f0"
        "f1ccb0f0dccc30f0f1c628f0f4c630f0f14db0f0f4c638f0f58630f0730c90c0",
    }.items()
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset, name: str) -> None:
    found = difference_hash(FIGURES[name](scan, photo, fine))
    assert distance(found, HASHES[name]) <= TOLERANCE, f"{name!r}: 0x{found:0128x}"


def upside_down(obj: Any) -> Any:
    """Return the maps at the other end of their coordinates."""
    return obj.assign_coords(y=obj.y.copy(data=obj.y.values[::-1]))


@pytest.mark.parametrize(
    "name", ["one map", "positions", "photo", "composite", "overlay", "uncertainty", "support", "ratio", "overview"]
)
def test_an_upside_down_picture_looks_different(
    scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset, name: str
) -> None:
    found = difference_hash(FIGURES[name](upside_down(scan), upside_down(photo), upside_down(fine)))
    assert distance(found, HASHES[name]) > TOLERANCE


@pytest.mark.parametrize("name", ["one map", "positions", "overlay", "uncertainty", "support", "compare"])
def test_the_map_of_another_line_looks_different(
    scan: xr.Dataset, photo: xr.DataArray, fine: xr.Dataset, name: str
) -> None:
    labels = {"line": scan.line.values[::-1]}
    found = difference_hash(FIGURES[name](scan.assign_coords(labels), photo, fine.assign_coords(labels)))
    assert distance(found, HASHES[name]) > TOLERANCE
