"""Energies of channels that the caller gives, for spectra without a calibration."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from spectra import CHANNELS, ENERGIES, LINES, cube

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.spectra.energies import given_energies

GIVEN = [
    (-0.1, 0.02),
    ["-0.1 keV", "20 eV"],
    ("-100eV", 0.02),
    ("-1e2 eV", np.float32(0.02)),
    ENERGIES,
    ENERGIES.tolist(),
]


def rpl(folder: Path, calibrated: bool = False) -> Path:
    """Write a Ripple file with a header of the format itself."""
    data = cube()
    path = folder / "cube.rpl"
    header = {"width": data.shape[1], "height": data.shape[0], "depth": CHANNELS, "offset": 0, "data-length": 2}
    header |= {"data-type": "unsigned", "byte-order": "little-endian", "record-by": "vector"}
    header |= {"ev-per-chan": 20, "depth-origin": -100} if calibrated else {}
    path.write_text("".join(f"{key}\t{value}\n" for key, value in header.items()))
    path.with_suffix(".raw").write_bytes(data.astype("<u2").tobytes())
    return path


@pytest.mark.parametrize("energy", GIVEN, ids=["numbers", "texts", "text and number", "exponents", "array", "list"])
def test_a_file_without_calibration_takes_energies(tmp_path: Path, energy: object) -> None:
    expected = xrfsr.open_scan(rpl(tmp_path, calibrated=True), "1 mm", lines=list(LINES)).load()
    scan = xrfsr.open_scan(rpl(tmp_path), "1 mm", lines=list(LINES), energy=energy)
    np.testing.assert_allclose(scan.intensity, expected.intensity, rtol=1e-4)


def test_without_energies_the_message_has_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"pass energy=\('-0.96 keV', '10 eV'\)"):
        xrfsr.open_scan(rpl(tmp_path), "1 mm", lines=list(LINES))


def test_energies_replace_stored_ones_with_a_warning(tmp_path: Path) -> None:
    path = rpl(tmp_path, calibrated=True)
    with pytest.warns(UserWarning, match="replaces the -0.1 and 0.02 keV stored in"):
        xrfsr.open_scan(path, "1 mm", lines=["Ca-K"], energy=(0, 0.02))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xrfsr.open_scan(path, "1 mm", lines=["Ca-K"], energy=(-0.1, "20 eV"))


@pytest.mark.parametrize(
    ("energy", "fault"),
    [
        (3, "energy must be a pair .*, or the energies of all 700 channels in keV, got 3"),
        ("10 eV", "energy must be a pair"),
        (("0 keV", "10"), "energy must be a pair"),
        (("0 keV", "10 mm"), "energy must be a pair"),
        ((0, None), "energy must be a pair"),
        ((0, 0.01, 2), "energy must be a pair"),
        (ENERGIES[:-1], "energy must be a pair .* got an array of shape"),
        ((0, 0), "does not increase"),
        ((0, "-10 eV"), "does not increase"),
        ((0, float("nan")), "energy must be a pair"),
        (np.full(CHANNELS, np.nan), "NaN"),
        (ENERGIES[::-1], "does not increase"),
    ],
)
def test_energies_that_are_none(tmp_path: Path, energy: object, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        xrfsr.open_scan(rpl(tmp_path), "1 mm", lines=["Ca-K"], energy=energy)


def test_other_formats_keep_their_energies(tmp_path: Path) -> None:
    path = tmp_path / "maps.dms"
    path.write_bytes(b"3\n2 1 1\n" + np.ones(2, "<f4").tobytes() + b"Ca K")
    with pytest.raises(InvalidInput, match="is not supported for Datamuncher; leave it out"):
        xrfsr.open_scan(path, "1 mm", energy=(0, 0.01))


def test_two_energies_are_a_pair() -> None:
    np.testing.assert_allclose(given_energies((1, 2), 4), [1, 3, 5, 7])


@pytest.mark.parametrize(
    ("energy", "fault"),
    [
        ((0, 20), "channels would be 20 keV wide, which looks like eV taken for keV; numbers are in keV: pass a pair"),
        ((-0.1, 20), "channels would be 20 keV wide"),
        (("-0.1 keV", "20 keV"), "channels would be 20 keV wide"),
        ((-100, 0.02), "the first channel would be at -100 keV, which looks like eV taken for keV"),
        ((0, "0.02 eV"), "channels would be 0.02 eV wide, which looks like keV taken for eV"),
        ((0, 0.00002), "channels would be 0.02 eV wide"),
        (1000 * ENERGIES, "channels would be 20 keV wide, .* numbers are in keV: pass the energies in keV"),
        (ENERGIES / 1000, "channels would be 0.02 eV wide"),
    ],
)
def test_energies_in_another_unit(tmp_path: Path, energy: object, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        xrfsr.open_scan(rpl(tmp_path), "1 mm", lines=["Ca-K"], energy=energy)


def test_stored_energies_in_another_unit(tmp_path: Path) -> None:
    path = rpl(tmp_path)
    path.write_text(path.read_text() + "depth-scale\t20\ndepth-origin\t0\ndepth-units\tkeV\n")
    with pytest.raises(InvalidInput, match=r"energies are wrong: channels would be 20 keV wide.*pass energy="):
        xrfsr.open_scan(path, "1 mm", lines=["Ca-K"])
    with pytest.warns(UserWarning, match="replaces the 0 and 20 keV"):
        xrfsr.open_scan(path, "1 mm", lines=["Ca-K"], energy=("0 eV", "20 eV"))


def test_a_mapping_names_the_lines_to_measure(tmp_path: Path) -> None:
    path = rpl(tmp_path, calibrated=True)
    expected = xrfsr.open_scan(path, "1 mm", lines=["Pb-L", "Ca-K"]).load()
    for lines in ({"Pb": "Pb-L", "Ca_K": "Ca-K"}, {"Pb_L": "Pb L", "calcium": "Ca_K"}, {"1": "Pb-L", "2": "Ca-K"}):
        xr.testing.assert_identical(xrfsr.open_scan(path, "1 mm", lines=lines).load(), expected)
    with pytest.raises(InvalidInput, match=r"lines names 'Ca-K' 'Fe-K', but .* pass lines=\['Ca-K', 'Fe-K'\]"):
        xrfsr.open_scan(path, "1 mm", lines={"Ca-K": "Fe-K"})
    with pytest.raises(InvalidInput, match="lines is empty"):
        xrfsr.open_scan(path, "1 mm", lines={})
    with pytest.raises(InvalidInput, match="unknown line 'Qq'"):
        xrfsr.open_scan(path, "1 mm", lines={"x": "Qq"})
