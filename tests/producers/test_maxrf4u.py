"""Element maps that maxrf4u computes from spectra are read back from its datastacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import xrfsr


@pytest.mark.parametrize(("name", "lines"), [("text", ["Ca-K", "Fe-K"]), ("numbers", ["Ca-K", "Fe-K", "Cu-K"])])
def test_the_newest_element_maps_with_names_as_text_or_numbers(
    name: str, lines: list[str], produced: Callable[[str], Path]
) -> None:
    folder = produced("maxrf4u")
    scan = xrfsr.open_scan(folder / f"{name}.datastack", "0.5 mm")
    expected = np.load(folder / f"{name}.npz")
    assert [line.partition("-")[0] for line in lines] == expected["names"].tolist()
    assert scan["line"].values.tolist() == lines
    np.testing.assert_array_equal(scan["intensity"], expected["maps"])
    # As painted: iron grows to the right, calcium downwards.
    assert (np.diff(scan["intensity"].sel(line="Fe-K").mean("y")) > 0).mean() > 0.9
    assert (np.diff(scan["intensity"].sel(line="Ca-K").mean("x")) > 0).mean() > 0.9
