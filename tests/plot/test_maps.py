"""Figures of maps and photos: the first row of the painting is at the top, whatever way the coordinates run."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.plot import maps

pytest.importorskip("matplotlib")


def pictures(drawn: Any) -> list[Any]:
    """Return the axes as a list, whether they are one or several."""
    return list(np.atleast_1d(drawn))


@pytest.mark.parametrize("down", [1, -1])
@pytest.mark.parametrize("right", [1, -1])
def test_the_right_way_up(scan: xr.Dataset, down: int, right: int) -> None:
    stored = scan.isel(y=slice(None, None, down), x=slice(None, None, right))
    shown = pictures(stored.xrfsr.plot())
    assert [axes.get_title("left") for axes in shown] == scan.line.values.tolist()
    for axes, expected in zip(shown, scan.intensity.values, strict=True):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), expected)
        left, right_edge, bottom, top = image.get_extent()
        assert (left, right_edge) == scan.xrfsr.grid.x.edges
        assert (top, bottom) == scan.xrfsr.grid.y.edges
        assert axes.get_ylim() == (bottom, top)  # downwards
        assert axes.get_aspect() == 1


def test_lines_photos_and_single_maps(scan: xr.Dataset, photo: xr.DataArray) -> None:
    assert [axes.get_title("left") for axes in pictures(maps(scan, lines=["Pb", "Ca_K"]))] == ["Pb-L", "Ca-K"]
    assert len(pictures(scan.xrfsr.plot("Ca", columns=1))) == 1
    (axes,) = pictures(photo.xrfsr.plot())
    assert axes.get_images()[0].get_array().shape == (48, 64, 3)
    ratio = scan.xrfsr.ratio("Ca", "Pb")
    (axes,) = pictures(ratio.xrfsr.plot())
    assert axes.get_title("left") == "Ca-K / Pb-L"
    (axes,) = pictures(scan.intensity.sel(line="Pb-L").xrfsr.plot())
    assert axes.get_title("left") == "Pb-L"
    assert len(pictures(scan.xrfsr.to_dataset().xrfsr.plot())) == 3
    assert len(pictures(scan.chunk(line=1).xrfsr.plot())) == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"columns": 0}, "columns must be an integer from 1 to 100, got 0"),
        ({"lines": ["Zn-K"]}, "the scan has no line 'Zn-K'"),
        ({"lines": []}, "line must be text"),
        ({"positions": 3}, "positions must be True or False, got 3"),
    ],
)
def test_what_cannot_be_shown(scan: xr.Dataset, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        maps(scan, **options)
