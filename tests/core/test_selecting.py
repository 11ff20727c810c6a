"""Maps chosen by element, family, kind and line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput

LABELS = ["S-K", "Pb-M", "Ca-K", "Pb-L", "Compton", "Fe-K"]


@pytest.fixture
def scan() -> xr.Dataset:
    return xrfsr.as_scan(np.random.default_rng(0).random((6, 3, 4)), LABELS, 0.5)


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        ({"element": "Pb"}, ["Pb-M", "Pb-L"]),
        ({"element": "Ca"}, "Ca-K"),
        ({"element": ["Ca"]}, ["Ca-K"]),
        ({"element": ("Pb", "S")}, ["Pb-M", "Pb-L", "S-K"]),
        ({"element": np.array(["Fe", "S"])}, ["Fe-K", "S-K"]),
        ({"element": np.array("Fe")}, "Fe-K"),
        ({"family": "K"}, ["S-K", "Ca-K", "Fe-K"]),
        ({"family": "L"}, "Pb-L"),
        ({"element": "Pb", "family": "L"}, "Pb-L"),
        ({"element": ["Pb"], "family": "L"}, ["Pb-L"]),
        ({"element": "Pb", "family": ["L", "M"]}, ["Pb-L", "Pb-M"]),
        ({"kind": "scatter"}, "Compton"),
        ({"kind": "element"}, ["S-K", "Pb-M", "Ca-K", "Pb-L", "Fe-K"]),
        ({"line": "Pb L"}, "Pb-L"),
        ({"line": ["fe_k", "Ca"]}, ["Fe-K", "Ca-K"]),
    ],
)
def test_choices(scan: xr.Dataset, wanted: dict[str, Any], labels: Any) -> None:
    expected = scan.sel(line=labels)
    xr.testing.assert_identical(scan.xrfsr.sel(**wanted), expected)
    xr.testing.assert_identical(scan.intensity.xrfsr.sel(**wanted), expected.intensity)
    lazy = scan.chunk(line=1).xrfsr.sel(**wanted)
    assert lazy.intensity.chunks
    # Labels alone count, however the other coordinates came there.
    bare = scan.drop_vars(["element", "family", "kind", "energy"])
    xr.testing.assert_identical(bare.xrfsr.sel(**wanted).intensity.variable, expected.intensity.variable)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({}, "nothing was given to select by; pass element='Pb'"),
        ({"element": "pb"}, "element must be one that a map has, S, Pb, Ca, Fe, got 'pb'; did you mean 'Pb'?"),
        ({"element": ["Pb", "Hg"]}, "S, Pb, Ca, Fe, got 'Hg'"),
        ({"element": "Ca", "family": "L"}, "no map has element 'Ca' and family 'L'; choose from S-K, Pb-M"),
        ({"family": "N"}, "family must be one that a map has, K, M, L, got 'N'"),
        ({"line": "Pb"}, "'Pb' may be any of its lines; write 'Pb-M' or 'Pb-L'"),
        ({"line": "Zn-K"}, "the scan has no line 'Zn-K'"),
        ({"element": 82}, "element must be text such as 'Pb', or a list of it, got 82"),
        ({"element": []}, "element must be text such as 'Pb'"),
    ],
)
def test_what_no_map_has(scan: xr.Dataset, wanted: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        scan.xrfsr.sel(**wanted)


def test_scans_stay_as_flexible_as_any_dataset(scan: xr.Dataset) -> None:
    """What an index on `element` would break: see the docstring of `sel`."""
    other = scan.isel(line=[5, 2, 3])
    for made in (scan.reindex(line=other.line), (scan + other.isel(line=[2, 1, 0])).reindex(line=other.line)):
        assert made.element.values.tolist() == ["Fe", "Ca", "Pb"]
    apart = xr.concat([scan.isel(line=[0, 1]), scan.isel(line=slice(2, None))], "line")
    xr.testing.assert_identical(apart, scan)
    assert scan.assign(twice=scan.intensity * 2).assign_coords(line=list("abcdef")).sizes["line"] == 6
    merged = xr.merge([scan.isel(line=[0, 1]), scan.isel(line=[2])], join="outer", compat="no_conflicts")
    assert set(merged.element.values.tolist()) == {"S", "Pb", "Ca"}


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [({"element": "Pb"}, ["Pb-M", "Pb-L"]), ({"element": "Fe"}, "Fe-K"), ({"family": "L"}, "Pb-L")],
)
def test_xarray_selects_by_one_coordinate(scan: xr.Dataset, wanted: dict[str, str], labels: list[str] | str) -> None:
    assert scan.sel(wanted)["line"].values.tolist() == labels
    assert scan.chunk("auto").sel(wanted)["line"].values.tolist() == labels
