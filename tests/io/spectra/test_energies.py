"""Energies of channels that the caller gives, for spectra without a calibration."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
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
