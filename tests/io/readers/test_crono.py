"""CRONO files in the layout that cronomaxrf documents; no file of a scanner is available."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from spectra import ENERGIES, HEIGHT, LINES, TRUTH, WIDTH, cube

from xrfsr.errors import InvalidInput
from xrfsr.io.spectra.cubes import WindowMaps

ROIS = ("CaKa", "FeKa", "PbLa")


def crono(folder: Path, rois: tuple[str, ...] = ROIS, computed: np.ndarray | None = None) -> Path:
    """Write a zigzag scan with spectra between the rows that belong to no pixel."""
    spectra = cube()
    measured = np.random.default_rng(1).poisson(5, (HEIGHT * (WIDTH + 3) + 40, len(ENERGIES))).astype(np.uint16)
    index = np.arange(HEIGHT * (WIDTH + 3)).reshape(HEIGHT, WIDTH + 3)[:, 2:-1] + 20
    index[1::2] = index[1::2, ::-1]
    measured[index] = spectra
    path = folder / "scan.HDF5"
    letters = h5py.vlen_dtype(np.dtype("S1"))
    with h5py.File(path, "w") as file:
        file["XRF/Spectra"] = measured
        file["XRF/SpectraSelectedIndex"] = index[..., None].astype(np.uint64)
        file["XRF/EnergyVector"] = ENERGIES.astype(np.float32)
        file["XRF/LiveTimes"] = np.full(len(measured), 59_000, np.uint64)
        file["XRF/RealTimes"] = np.full(len(measured), 60_000, np.uint64)
        names = file.create_dataset("XRF/ROIs/ROIsNames", (len(rois),), letters)
        for number, name in enumerate(rois):
            names[number] = np.array(list(name), "S1")
        file["XRF/ROIs/ROIsEnergies"] = np.ones((len(rois), 2))
        maps = np.full((HEIGHT, WIDTH, len(rois)), np.nan) if computed is None else computed
        file["XRF/Maps/ComputedMaps"] = maps
    return path


def gridified(folder: Path) -> Path:
    path = folder / "scan_GRIDIFIED.HDF5"
    with h5py.File(path, "w") as file:
        file["spectra"] = cube()
        file["energies"] = ENERGIES.astype(np.float32)
    return path


def opened(path: Path, **options: object) -> xr.Dataset:
    options = {"lines": list(LINES), "pixel_size": 0.5, **options}
    return xr.open_dataset(path, engine="xrfsr", **options)  # type: ignore[arg-type]


def faults_of(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        opened(path, **options).load()
    return str(caught.value)


@pytest.mark.parametrize("write", [crono, gridified])
def test_counts_uncertainty_and_the_right_way_up(write: Callable[[Path], Path], tmp_path: Path) -> None:
    scan = opened(write(tmp_path))
    pull = (scan["intensity"] - 0.915 * TRUTH) / scan["uncertainty"]
    assert float(abs(pull).max()) < 5
    assert scan["intensity"].attrs["units"] == "count"


def test_both_are_the_same_in_any_window_from_any_thread(tmp_path: Path) -> None:
    expected = opened(gridified(tmp_path)).load()["intensity"]
    path = crono(tmp_path)
    np.testing.assert_array_equal(opened(path)["intensity"], expected)
    np.testing.assert_array_equal(opened(path)["intensity"][1:, ::-3, 2:8:2], expected[1:, ::-3, 2:8:2])
    chunked = pickle.loads(pickle.dumps(opened(path, chunks={}).chunk(y=2)))
    with ThreadPoolExecutor(4) as pool:
        for one in pool.map(lambda _: chunked["intensity"].compute(), range(4)):
            np.testing.assert_array_equal(one, expected)


def test_nothing_is_read_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(WindowMaps, "read", refuse)
    scan = opened(crono(tmp_path))
    with pytest.raises(InvalidInput, match="read"):
        scan.load()


def test_lines_of_the_regions(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="ignored: Compton"):
        scan = opened(crono(tmp_path, ("CaKa", "Compton", "FeKa")), lines=None)
    assert scan["line"].values.tolist() == ["Ca-Ka", "Fe-Ka"]
    message = faults_of(crono(tmp_path, ("CaKa", "TiKaBaLa", "New ROI (1)")), lines=None)
    assert "unknown line 'TiKaBaLa'" in message
    assert "lines=['CaKa']" in message
    assert "lines must be chosen" in faults_of(gridified(tmp_path), lines=None)


def test_computed_maps(tmp_path: Path) -> None:
    maps = np.moveaxis(TRUTH, 0, -1)
    scan = opened(crono(tmp_path, computed=maps), group="ComputedMaps", lines=["Pb-La", "Ca-Ka"])
    np.testing.assert_array_equal(scan["intensity"], TRUTH[[2, 0]])
    assert "were not computed" in faults_of(crono(tmp_path), group="ComputedMaps", lines=None)
    assert "2 maps" in faults_of(crono(tmp_path, computed=maps[..., :2]), group="ComputedMaps", lines=None)
    assert "got 'other'" in faults_of(crono(tmp_path), group="other")


def test_pixel_size_is_asked_for(tmp_path: Path) -> None:
    assert "pixel_size is missing" in faults_of(crono(tmp_path), pixel_size=None)


def replaced(path: Path, name: str, value: object) -> Path:
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None:
            file[name] = value
    return path


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("XRF/SpectraSelectedIndex", np.full((3, 4, 1), 10_000), "selects spectra 10000 to 10000"),
        ("XRF/SpectraSelectedIndex", np.full((3, 4, 1), -1), "selects spectra -1 to -1"),
        ("XRF/SpectraSelectedIndex", np.zeros((3, 4, 1)), "integers (row, column, 1)"),
        ("XRF/SpectraSelectedIndex", np.zeros((3, 4, 2), int), "integers (row, column, 1)"),
        ("XRF/EnergyVector", None, "no energies in 'XRF/EnergyVector'"),
        ("XRF/EnergyVector", np.arange(10.0), "700 channels, but energies of 10"),
        ("XRF/EnergyVector", np.zeros(700), "does not increase"),
        ("XRF/EnergyVector", np.full(700, np.nan), "NaN"),
        ("XRF/Spectra", np.zeros((3, 4, 5)), "expected numbers (spectrum, channel)"),
        ("XRF/Spectra", np.zeros((3, 700), np.uint16), "but contains 0 to 2"),
        ("XRF/Spectra", np.full((300, 700), b"a"), "expected numbers (spectrum, channel)"),
    ],
)
def test_inconsistent_datasets_are_refused(tmp_path: Path, name: str, value: object, fault: str) -> None:
    message = faults_of(replaced(crono(tmp_path), name, value))
    assert fault in message
    assert "scan.HDF5" in message


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    path = replaced(crono(tmp_path), "XRF/Spectra", None)
    with h5py.File(path, "a") as file:
        file.create_dataset("XRF/Spectra", (10**9, 700), "u2", chunks=(100, 700))
    assert "bytes of them" in faults_of(path)
