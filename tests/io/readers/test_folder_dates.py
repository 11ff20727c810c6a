"""Folders in which the names of the files have dates, which are those of scans and not running numbers."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr

from tests import written
from xrfsr.errors import InvalidInput
from xrfsr.io.open import open_scan


def write(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        tifffile.imwrite(folder / f"{name}.tif", written.MAPS[0] + 1000 * number)


def opened(folder: Path, **options: object) -> tuple[xr.Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = open_scan(folder, 1.0, **options).load()  # type: ignore[arg-type]
    return scan, [str(one.message) for one in caught]


@pytest.mark.parametrize(
    ("names", "dates", "fix"),
    [
        (["2024-05-01_Ca_K", "2024-05-02_Fe_K"], ["2024-05-01", "2024-05-02"], "prefix='2024-05-01_'"),
        (["2024-04-30_Ca_K", "2024-05-01_Fe_K"], ["2024-04-30", "2024-05-01"], "prefix='2024-04-30_'"),
        (["2023_12_31_Ca_K", "2024_01_01_Fe_K"], ["2023_12_31", "2024_01_01"], "prefix='2023_12_31_'"),
        (["20240501 Ca K", "20240502 Fe K"], ["20240501", "20240502"], "prefix='20240501 '"),
        (["01.05.2024-Ca-K", "12.06.2024-Fe-K"], ["01.05.2024", "12.06.2024"], "prefix='01.05.2024-'"),
        (["240501_Ca_K", "240502_Fe_K"], ["240501", "240502"], "prefix='240501_'"),
        (["p_2024-05-01_Ca_K_raw", "p_2024-06-01_Fe_K_raw"], ["2024-05-01", "2024-06-01"], "prefix='p_2024-05-01_'"),
        (["Ca_K_2024-05-01", "Fe_K_2024-05-02"], ["2024-05-01", "2024-05-02"], "lines=['Ca_K']"),
        (["Ca_20240501", "Fe_20240731"], ["20240501", "20240731"], "lines=['Ca']"),
    ],
)
def test_maps_of_several_dates_open_with_a_warning(
    tmp_path: Path, names: list[str], dates: list[str], fix: str
) -> None:
    write(tmp_path, *names)
    scan, [message] = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-K"]
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000])
    for date, name in zip(dates, names, strict=True):
        assert f"{date} ({name}.tif)" in message
    assert f"{fix} reads those of one date" in message
    key, value = fix.split("=")
    scan, _ = opened(tmp_path, **{key: [value.strip("[']")] if key == "lines" else value.strip("'")})
    assert scan.line.values.tolist() == ["Ca-K"]
    assert opened(tmp_path, lines={names[0]: "Ca-K", names[1]: "Fe-K"})[1] == []


@pytest.mark.parametrize(
    "names",
    [
        ["2024-05-01_Ca_K", "2024-05-01_Fe_K"],
        ["2024-05-01_01_Ca_K", "2024-05-01_02_Fe_K"],
        ["2024-05-01_12-30-01_Ca_K", "2024-05-01_12-30-05_Fe_K"],
        ["01_Ca_K", "02_Fe_K"],
        ["123001_Ca_K", "123099_Fe_K"],
        ["2019_Ca_K", "2020_Fe_K"],
    ],
)
def test_one_date_and_other_numbers_give_no_warning(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, *names)
    scan, said = opened(tmp_path)
    assert (scan.line.values.tolist(), said) == (["Ca-K", "Fe-K"], [])


def test_most_maps_decide_between_dates(tmp_path: Path) -> None:
    write(tmp_path, "2024-05-01_Ca_K", "2024-05-01_Fe_K", "2024-05-02_Pb_L")
    scan, [message] = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-K"]
    assert "prefix='2024-05-02_' reads others of them" in message


@pytest.mark.parametrize(
    "names",
    [
        ["2024-05-01_Ca_K", "2024-05-02_Ca_K"],
        ["2024-05-01_Ca_K", "2024-05-01_Fe_K", "2024-05-02_Pb_L", "2024-05-02_Zn_K"],
        ["scan1_Ca_K", "scan2_Fe_K"],
        ["scan1_Ca_K", "scan1_Fe_K", "scan2_Ca_K", "scan2_Fe_K"],
    ],
)
def test_scans_with_as_many_maps_are_chosen_by_prefix_or_by_labels(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, *names)
    first, last = (name[:-4] for name in (names[0], names[-1]))
    rivals = f"'{first}*' as '{last}*'; choose one with prefix='{first}', or name the maps of one scan with "
    with pytest.raises(InvalidInput, match=re.escape(f"{rivals}lines={{'{names[0]}': 'Ca-K', ...}}")):
        open_scan(tmp_path, 1.0)
    assert opened(tmp_path, prefix=first)[0].sizes["line"] == len(names) / 2
    scan, said = opened(tmp_path, lines={names[0]: "Ca-K", names[-1]: "Fe-K"})
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000 * (len(names) - 1)])
    assert said == []
