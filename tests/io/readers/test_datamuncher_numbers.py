"""Number types of Datamuncher's .dms: integers with negative values, other byte orders, and values without meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import xrfsr
from xrfsr.errors import InvalidInput

SHAPE = (2, 40, 50)
COUNTS = np.random.default_rng(0).poisson(50.0, SHAPE)


def dms(folder: Path, values: NDArray[Any]) -> Path:
    path = folder / "maps.dms"
    head = f"3\n{values.shape[2]} {values.shape[1]} {values.shape[0]}\n".encode()
    path.write_bytes(head + values.tobytes() + b"Ca-K\nFe-K")
    return path


@pytest.mark.parametrize("dtype", ["<i4", "<i8"])
@pytest.mark.parametrize("negative", [-1, -5, -70_000])
@pytest.mark.parametrize("position", [0, -1])
def test_integers_with_a_negative_value(tmp_path: Path, dtype: str, negative: int, position: int) -> None:
    values = COUNTS.astype(dtype)
    values.flat[position] = negative
    with pytest.warns(UserWarning, match=f"contains {np.dtype(dtype).name} instead of float32"):
        found = xrfsr.open_scan(dms(tmp_path, values), 1)
    np.testing.assert_array_equal(found["intensity"], values)


@pytest.mark.parametrize("factor", [1, 300, 400_000])
def test_integers_of_any_size_behind_a_dark_edge(tmp_path: Path, factor: int) -> None:
    values = (COUNTS * factor).astype("<i4")
    values[0] = 0
    values[1, :20] = 0
    with pytest.warns(UserWarning, match="contains int32"):
        found = xrfsr.open_scan(dms(tmp_path, values), 1)
    np.testing.assert_array_equal(found["intensity"], values.astype("f4"))


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", ">i8"])
@pytest.mark.parametrize("factor", [1.0, 10.3, -3.0])
def test_big_endian_files_are_refused(tmp_path: Path, dtype: str, factor: float) -> None:
    with pytest.raises(InvalidInput, match="most significant byte first"):
        xrfsr.open_scan(dms(tmp_path, (COUNTS * factor).astype(dtype)), 1)


def test_values_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    values = COUNTS.astype("<i4")
    values[0, 0, :20] = -20_000_000
    with pytest.raises(InvalidInput, match="neither float32 nor float64"):
        xrfsr.open_scan(dms(tmp_path, values), 1)


@pytest.mark.parametrize("missing", [np.nan, -np.nan, -np.inf, np.finfo("f4").max])
@pytest.mark.parametrize("factor", [1.0, 0.01, -1e-7, 1e20, 0.0])
def test_floating_point_values_stay(tmp_path: Path, missing: float, factor: float) -> None:
    values = (COUNTS * factor).astype("<f4")
    values[:, :25] = missing
    found = xrfsr.open_scan(dms(tmp_path, values), 1)
    np.testing.assert_array_equal(found["intensity"], values)
