"""Folders with strangers, several prefixes, and suffixes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests import written
from xrfsr.errors import InvalidInput
from xrfsr.io.open import open_scan
from xrfsr.io.readers.folder_contents import FolderContents
from xrfsr.io.readers.folder_names import Affixes, find_maps

fabio = pytest.importorskip("fabio")

LINES = ("Ca_K", "Fe_Ka", "Pb_L")
AFFIXES = st.sampled_from(["scan1_", "2024-05-01 ", "NG.1093-", "p_12_", ""])
SUFFIXES = st.sampled_from(["_raw", "_norm", "_cps", "_8bit", "_map", "-16-bit", ".normalised", "_2mm", "_layer_3", ""])


def write(folder: Path, *names: str) -> None:
    """Write a map that differs from all others to each file; EDF by its ending, else TIFF."""
    for number, name in enumerate(names):
        values = written.MAPS[0] + 1000 * number
        if name.endswith(".edf"):
            fabio.edfimage.EdfImage(data=values).write(str(folder / name))
        else:
            tifffile.imwrite(folder / f"{name}.tif", values)


def opened(folder: Path, **options: object) -> tuple[xr.Dataset, list[str]]:
    """Open a folder; return the scan and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = open_scan(folder, 1.0, **options).load()  # type: ignore[arg-type]
    return scan, [str(one.message) for one in caught]


STRANGERS = [
    "i0",
    "x_pos",
    "BSE",
    "Electron Image 1",
    "I_0",
    "Pb",
    "sum of everything",
    "dwell_time",
    "Cu_As",
    "He",
    "old_Ti_K",
]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("prefix", ["", "painting_"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_stranger_is_left_out_with_one_warning(tmp_path: Path, stranger: str, prefix: str, shared: bool) -> None:
    name = f"{prefix if shared else ''}{stranger}"
    write(tmp_path, *(f"{prefix}{line}" for line in LINES), name)
    scan, said = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-Ka", "Pb-L"]
    np.testing.assert_array_equal(scan.intensity[2], written.MAPS[0] + 2000)
    [message] = said
    assert f"{name}.tif" in message
    assert "lines={" in message
    _, said = opened(tmp_path, lines=["Ca-K", "Pb"])
    assert said == []


def test_strangers_need_not_be_maps(tmp_path: Path) -> None:
    write(tmp_path, *LINES)
    (tmp_path / "overview.tif").write_bytes(b"not looked at")
    tifffile.imwrite(tmp_path / "BSE.tif", np.zeros((30, 40, 3), np.uint8), photometric="rgb")
    scan, [message] = opened(tmp_path)
    assert scan.sizes["line"] == 3
    assert "BSE.tif, overview.tif" in message


def test_an_edf_folder_with_a_picture_in_tiff(tmp_path: Path) -> None:
    write(tmp_path, "Ca_K.edf", "Fe_Ka.edf", "BSE", "mask.edf")
    scan, [message] = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-Ka"]
    assert scan.valid.all()
    assert "BSE.tif" in message


@given(
    prefix=AFFIXES,
    suffix=SUFFIXES,
    lines=st.sets(st.sampled_from(["Ca_K", "Fe_Ka", "Hg-L3", "Zn", "Pb Mα1"]), min_size=2),
)
def test_prefix_and_suffix_come_off(prefix: str, suffix: str, lines: set[str]) -> None:
    names = [f"{prefix}{line}{suffix}" for line in sorted(lines)] + [f"{prefix}s({sorted(lines)[0]}){suffix}"]
    folder = FolderContents.classify([Path(f"{name}.tif") for name in [*names, "i0", "x_pos"]])
    assert lines <= set(folder.maps)
    assert set(folder.uncertainties) == {min(lines)}


def test_a_suffix_that_only_some_have_stays(tmp_path: Path) -> None:
    write(tmp_path, "Ca_K", "Fe_K", "Ca_K_norm", "Fe_K_norm")
    scan, [message] = opened(tmp_path)
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000])
    assert "Ca_K_norm.tif, Fe_K_norm.tif" in message


def test_most_maps_decide_between_prefixes(tmp_path: Path) -> None:
    write(tmp_path, "scan1_Ca_K", "scan1_Fe_K", "scan2_Ca_K")
    scan, [message] = opened(tmp_path)
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000])
    assert "scan2_Ca_K.tif" in message
    assert "prefix='scan2_' reads others" in message
    scan, said = opened(tmp_path, prefix="scan2_")
    assert scan.line.values.tolist() == ["Ca-K"]
    assert scan.intensity[0, 0, 0] == written.MAPS[0, 0, 0] + 2000
    assert said == []


@pytest.mark.parametrize("lines", [None, ["Ca-K"]])
def test_two_prefixes_with_as_many_maps_have_to_be_chosen_from(tmp_path: Path, lines: list[str] | None) -> None:
    write(tmp_path, "scan1_Ca_K", "scan1_Fe_K", "scan2_Ca_K", "scan2_Fe_K", "i0")
    with pytest.raises(InvalidInput, match=re.escape("'scan1_*' as 'scan2_*'; choose one with prefix='scan1_'")):
        open_scan(tmp_path, 1.0, lines=lines)
    for prefix, number in (("scan1_", 0), ("scan1", 0), ("scan2_", 2), ("scan2", 2)):
        scan, _ = opened(tmp_path, prefix=prefix, lines=lines)
        assert scan.intensity.sel(line="Ca-K")[0, 0] == written.MAPS[0, 0, 0] + 1000 * number
    scan, _ = opened(tmp_path, lines={"scan2_Ca_K": "Ca-K", "scan1_Fe_K.tif": "Fe-K"})
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [2000, 1000])


def test_two_suffixes_with_as_many_maps_are_told_apart_by_labels(tmp_path: Path) -> None:
    write(tmp_path, "Ca_K_raw", "Fe_K_raw", "Ca_K_norm", "Fe_K_norm")
    with pytest.raises(InvalidInput, match=r"'\*_raw' as '\*_norm'; name the maps to read, such as lines="):
        open_scan(tmp_path, 1.0)
    scan, _ = opened(tmp_path, lines={"Ca_K_norm": "Ca-K"})
    assert scan.intensity[0, 0, 0] == written.MAPS[0, 0, 0] + 2000


@pytest.mark.parametrize(
    ("prefix", "fault"),
    [
        ("scan9_", "prefix='scan9_': no map in '.*' is named so; the maps have the prefixes 'scan1_' and 'scan2_'"),
        (3, "prefix must be the text with which the names begin, got 3"),
    ],
)
def test_prefixes_that_do_not_exist(tmp_path: Path, prefix: object, fault: str) -> None:
    write(tmp_path, "scan1_Ca_K", "scan1_Fe_K", "scan2_Ca_K")
    with pytest.raises(InvalidInput, match=fault):
        open_scan(tmp_path, 1.0, prefix=prefix)  # type: ignore[arg-type]


def test_other_formats_have_no_prefix(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="prefix='a' is not supported for Datamuncher; leave it out"):
        open_scan(written.datamuncher(tmp_path), 1.0, prefix="a")


def test_a_folder_without_any_line_is_refused_with_all_its_names(tmp_path: Path) -> None:
    write(tmp_path, "i0", "BSE", "Pb")
    with pytest.raises(InvalidInput) as caught:
        open_scan(tmp_path, 1.0)
    assert all(part in str(caught.value) for part in ("i0.tif", "BSE.tif", "'Pb-L' or 'Pb-M'"))


@pytest.mark.parametrize(
    ("stems", "affixes"),
    [
        (["Fe_Ka", "Fe_Kb"], ("", "")),
        (["I_0", "I_t"], ("", "")),  # no iodine
        (["Sn_La", "Ba_La"], ("", "")),
        (["Fe_map", "Ca_map"], ("", "_map")),
        (["detsum_Ca_K_norm", "detsum_compton_norm", "i0_time"], ("detsum_", "_norm")),
        (["Map 1_Al Kα1", "Map 1_Si Kα1", "Electron Image 1"], ("Map 1_", "")),
        (["p_Compton"], ("p_", "")),
        (["F_Ca_K", "F_S_K"], ("F_", "")),
        (["Ca_K+Fe_K", "Si_K+Fe_K", "chisq"], ("", "")),  # pile-up, and neither Ca nor Si
        (["Ca_K", "Fe_K", "Si_Ka1-Cl_Ka1", "Si_Ka1-Ar_Ka1", "Si_Ka1-K_Ka1"], ("", "")),
        (["p_Ca_K", "p_Fe_K", "p_Si_Ka1-Cl_Ka1", "p_Si_Ka1-Ar_Ka1", "p_Si_Ka1-K_Ka1"], ("p_", "")),
        (["Ca_K", "old_K", "x_I"], ("", "")),
        (["S_K_Ka", "S_Ca_Ka", "S_Fe_Ka"], ("S_", "")),
        (["Fe_Ka_1", "Ca_K_1", "Pb_L_1"], ("", "_1")),
        (["Pb_L_1", "Hg_L_2"], ("", "")),
        (["Pb_L_1", "Fe_K", "Ca_K_2"], ("", "")),  # Pb-L1
        ([], ("", "")),
    ],
)
def test_names_of_programs(stems: list[str], affixes: tuple[str, str]) -> None:
    assert find_maps(stems).affixes == Affixes(*affixes)


def test_many_parts_and_many_files_take_no_time() -> None:
    stems = [f"{'_'.join('abcdefgh' * 12)}_{number}" for number in range(20)]
    assert find_maps(stems).affixes == Affixes()


@pytest.mark.parametrize(
    "names",
    [
        ["01_Ca_K", "02_Fe_K", "03_Pb_L"],
        ["1-Ca-K", "2-Fe-K", "3-Pb-L"],
        ["Ca_K_01", "Fe_K_02", "Pb_L_03"],
        ["Ca_K_1", "Fe_K_2", "Pb_L_3"],  # not Pb-L3
        ["Ca_K.001", "Fe_K.002", "Pb_L.003"],
        ["S1_01_Ca_K_raw", "S1_02_Fe_K_raw", "S1_03_Pb_L_raw"],
        ["S1_Ca_K_7_raw", "S1_Fe_K_8_raw", "S1_Pb_L_9_raw"],
        ["20 Ca K", "26 Fe K", "82 Pb L"],
        ["Ca_K_3.69", "Fe_K_6.40", "Pb_L_10.55"],
        ["01_Ca_K", "02_Fe_K", "Pb-L"],
    ],
)
@pytest.mark.parametrize("lines", [None, ["Ca-K", "Fe-K", "Pb-L"]])
def test_running_numbers_come_off(tmp_path: Path, names: list[str], lines: list[str] | None) -> None:
    write(tmp_path, *names)
    scan, said = opened(tmp_path, lines=lines)
    assert (sorted(scan.line.values.tolist()), said) == (["Ca-K", "Fe-K", "Pb-L"], [])
    for number, label in enumerate(("Ca-K", "Fe-K", "Pb-L")):
        np.testing.assert_array_equal(scan.intensity.sel(line=label), written.MAPS[0] + 1000 * number)


def test_running_numbers_of_symbols_uncertainties_and_strangers(tmp_path: Path) -> None:
    write(tmp_path, "01_Ca", "02_Fe", "03_Pb", "04_BSE", "01_sFe", "01_sCa")
    scan, [message] = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-K"]
    assert scan.uncertainty.sel(line="Fe-K")[0, 0] == written.MAPS[0, 0, 0] + 4000
    assert "03_Pb.tif, 04_BSE.tif in" in message
    assert "lines={'Pb': 'Pb-L', ...}" in message
    for pb in ("Pb", "03_Pb", "03_Pb.tif"):
        scan, _ = opened(tmp_path, lines={pb: "Pb-L", "Ca": "Ca-K"})
        np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [2000, 0])


def test_a_running_number_as_prefix_is_read_alone(tmp_path: Path) -> None:
    write(tmp_path, "01_Ca_K", "02_Fe_K")
    assert opened(tmp_path, prefix="02_")[0].line.values.tolist() == ["Fe-K"]


@pytest.mark.parametrize("names", [["1_Ca_K", "1_Fe_K", "2_Ca_K", "2_Fe_K"], ["1_Ca_K", "2_Ca_K"]])
def test_numbers_of_scans_do_not_run(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, *names)
    with pytest.raises(InvalidInput, match="choose one with prefix='1_'"):
        open_scan(tmp_path, 1.0)


@pytest.mark.parametrize(
    "names",
    [
        ["S1_Ca-K", "S1_Fe-K", "Cu-K"],
        ["Ca_K_raw", "Fe_K_raw", "Cu_K"],
        ["S1_Ca_K_raw", "S1_Fe_K_raw", "Cu"],
        ["S1_Ca-K", "S1_Fe-K", "Cu-K", "Zn-K"],
    ],
)
def test_lines_without_the_prefix_of_others_are_read(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, *names, "sCu-K" if "Cu-K" in names else "i0")
    scan, _ = opened(tmp_path, lines=["Ca-K", "Fe-K", "Cu-K"])
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000, 2000])
    scan, said = opened(tmp_path)
    assert {"Ca-K", "Fe-K", "Cu-K"} <= set(scan.line.values)
    assert scan.sizes["line"] == len(names)
    assert not any("Cu" in message and "left out" in message for message in said)


def test_lines_that_would_be_read_twice_are_left_out_under_their_own_heading(tmp_path: Path) -> None:
    write(tmp_path, "S1_Ca-K", "S1_Fe-K", "Ca-K", "i0")
    scan, [message] = opened(tmp_path)
    np.testing.assert_array_equal(scan.intensity[:, 0, 0], written.MAPS[0, 0, 0] + [0, 1000])
    assert "not named after a line are left out: i0.tif; files without the prefix" in message
    assert "'S1_*', are left out: Ca-K.tif in" in message
    assert "lines={'Ca-K.tif': 'Ca-K', ...}" in message
    scan, _ = opened(tmp_path, lines={"Ca-K.tif": "Ca-K"})
    assert scan.intensity[0, 0, 0] == written.MAPS[0, 0, 0] + 2000


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("README", "{'README': '<element>-<line>', ...}"),
        ("I_0", "{'I_0': '<element>-<line>', ...}"),
        ("Cu_As", "{'Cu_As': '<element>-<line>', ...}"),
        ("Pb", "{'Pb': 'Pb-L', ...}"),
        ("old_Ti_K", "{'old_Ti_K': 'Ti-K', ...}"),
        ("copper map", "{'copper map': 'Cu-K', ...}"),
        ("x_K_K", "{'x_K_K': 'K-K', ...}"),
    ],
)
def test_examples_name_no_other_element(tmp_path: Path, name: str, example: str) -> None:
    write(tmp_path, "Ca_K", "Fe_K", name)
    _, [message] = opened(tmp_path)
    assert f"lines={example}, which has to name every map that is wanted" in message


@pytest.mark.parametrize("prefix", ["S_", "B_", "I ", "P-"])
def test_a_shared_prefix_that_is_an_element_is_none(tmp_path: Path, prefix: str) -> None:
    write(tmp_path, *(prefix + symbol for symbol in ("Ca", "Fe", "K", "Mn")))
    scan, warned = opened(tmp_path)
    assert scan.line.values.tolist() == ["Ca-K", "Fe-K", "K-K", "Mn-K"]
    assert not warned
