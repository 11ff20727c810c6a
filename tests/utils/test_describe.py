"""Values in messages: what they are, in less than a line, without the contents of an array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pint
import pytest
import torch
import xarray as xr

from xrfsr.core.grid import Grid
from xrfsr.utils.describe import LONGEST, describe, listing

unit: Any = pint.application_registry


class Long:
    def __repr__(self) -> str:
        return "x" * 10_000


CASES: list[tuple[object, str]] = [
    (None, "None"),
    (np.bool_(True), "True"),
    (np.float64("nan"), "nan"),
    (np.float32(0.5), "0.5"),
    (np.str_("Fe"), "'Fe'"),
    (10**5000, "an integer of about 5000 digits"),
    (1 + 2j, "(1+2j)"),
    ("", "''"),
    ("a\nb", r"'a\nb'"),
    (b"\x00" * 500, "b'" + r"\x00" * 30 + "...' (500 bytes)"),
    (Path("some/photo.jpg"), "'some/photo.jpg'"),
    ([], "an empty list"),
    ((np.float64(1), None), "(1.0, None)"),
    ((1,), "(1,)"),
    ({1}, "{1}"),
    ([[1, 2], [3]], "a list of 2 entries"),
    (["x" * 50, "y" * 50], "a list of 2 entries"),
    ([np.zeros(3)], "a list of 1 entry"),
    (range(3), "range(0, 3)"),
    ({"a": np.zeros(3)}, "a dict with a"),
    ({}, "an empty dict"),
    (dict, "the class dict"),
    (print, "the function print"),
    (object(), "an object"),
    (Long(), "a Long"),
    ((each for each in "ab"), "a generator"),
    (np.zeros((3, 4)), "an array of shape (3, 4) and dtype float64"),
    (np.array(3.0), "3.0"),
    (np.ma.zeros(3), "an array of shape (3,) and dtype float64"),
    (da.zeros((3, 4)), "a Dask array of shape (3, 4) and dtype float64"),
    (torch.zeros(3, 4), "a tensor of shape (3, 4) and dtype float32"),
    (pd.DataFrame(np.zeros((3, 4))), "a DataFrame of shape (3, 4)"),
    (pd.Series([1.0, 2.0]), "a Series of shape (2,)"),
    (unit.Quantity(4, "mm"), "4 mm"),
    (unit.Quantity(np.arange(3), "mm"), "a quantity of shape (3,) in mm"),
    (xr.DataArray(np.zeros((3, 4)), dims=("y", "x")), "a DataArray (y: 3, x: 4)"),
    (xr.Dataset({"a": 1, "b": 2}), "a Dataset with a, b"),
    (xr.Dataset(), "a Dataset without variables"),
    (xr.DataTree(), "a DataTree without variables"),
    (Grid.from_shape((2, 3), 0.5), "<Grid of 2 x 3 pixels of 0.5 x 0.5 mm, y 0 to 1, x 0 to 1.5 mm>"),
]


@pytest.mark.parametrize(("value", "words"), CASES, ids=[words for _, words in CASES])
def test_values_in_a_few_words(value: object, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize(
    "value",
    [
        "Ca-K, " * 2000,
        list(range(1000)),
        dict.fromkeys(map(str, range(1000))),
        {"x" * 1000: 1},
        xr.Dataset({f"variable {number}": 1 for number in range(1000)}),
        xr.DataArray(np.zeros((1,) * 20)),
        type("x" * 1000, (), {}),
        type("x" * 1000, (), {})(),
        float("1" * 300),
    ],
    ids=lambda value: type(value).__name__[:10],
)
def test_no_description_is_longer_than_a_line_or_two(value: object) -> None:
    assert len(describe(value)) < 4 * LONGEST
    assert "\n" not in describe(value)


def test_names_from_files_do_not_reach_the_terminal_unchanged() -> None:
    assert listing(["Ca-K", "\x1b[2JFe-K", "a\nb", "x" * 200]) == r"Ca-K, \x1b[2JFe-K, a\nb, " + "x" * 30 + "..."
    assert listing(range(100), 2) == "0, 1 and 98 more"
    assert listing([]) == ""
