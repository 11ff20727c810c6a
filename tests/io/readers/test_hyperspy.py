"""Files of HyperSpy: maps in signals of any order, and its HDF5 under other suffixes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from written import ERRORS, HEIGHT, LABELS, MAPS, WIDTH, hyperspy, hyperspy_maps, signal_of_maps

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput


def save(path: Path, *signals: dict[str, Any]) -> Path:
    from rsciio.hspy import file_writer

    for signal in signals:
        file_writer(str(path.with_name("one.hspy")), signal)
        with h5py.File(path.with_name("one.hspy")) as one, h5py.File(path, "a") as file:
            file.attrs.update(one.attrs)
            for name, group in one["Experiments"].items():
                one.copy(group, file.require_group("Experiments"), name)
    return path


def single(line: str, values: np.ndarray, *, title: str | None = None, named: bool = True) -> dict[str, Any]:
    """Return one map, as `get_lines_intensity` does."""
    signal = signal_of_maps()
    title = f"X-ray line intensity of painting: {line} at 6.40 keV" if title is None else title
    metadata = {"General": {"title": title}, "Signal": {"signal_type": ""}}
    if named:
        metadata["Sample"] = {"xray_lines": [line]}
    axes = [{**axis, "index_in_array": number} for number, axis in enumerate(signal["axes"][1:])]
    return {**signal, "data": values, "axes": axes, "metadata": metadata}


def expected(scan: xr.Dataset) -> None:
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    np.testing.assert_allclose(scan["y"], 1 + 0.25 * np.arange(HEIGHT))
    np.testing.assert_allclose(scan["x"], 1 + 0.25 * np.arange(WIDTH))


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0), (1, 0, 2)])
def test_dimensions_in_any_order(tmp_path: Path, order: tuple[int, int, int]) -> None:
    signal = signal_of_maps()
    signal["data"] = MAPS.transpose(order)
    signal["axes"] = [{**signal["axes"][dim], "index_in_array": at} for at, dim in enumerate(order)]
    path = save(tmp_path / "maps.hspy", signal)
    expected(xrfsr.open_scan(path))
    part = xrfsr.open_scan(path, lines=["pb l", "Ca_K"])["intensity"][:, 1:4, ::-2]
    np.testing.assert_array_equal(part, MAPS[[2, 0], 1:4, ::-2])


@pytest.mark.parametrize(
    ("suffix", "write"),
    [(".h5", hyperspy), (".HDF5", hyperspy), ("", hyperspy), (".hspy", hyperspy_maps), (".nxs", hyperspy_maps)],
)
def test_any_suffix(tmp_path: Path, suffix: str, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path).rename(tmp_path / f"renamed{suffix}")
    lines = LABELS if write is hyperspy else None
    np.testing.assert_array_equal(xrfsr.open_scan(path, lines=lines)["intensity"][0], MAPS[0])


def test_what_to_hyperspy_writes_is_read_again(tmp_path: Path) -> None:
    scan = as_scan(MAPS, ["Ca-K", "Pb-L", "compton"], ("250 um", "1 mm"), uncertainty=ERRORS, units="count/s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("hyperspy.api", reason="the extra hyperspy is not installed")
        signal = scan.xrfsr.to_hyperspy()
        signal.save(tmp_path / "maps.hspy")
        signal.T.save(tmp_path / "turned.hspy")
    for name in ("maps", "turned"):
        found = xrfsr.open_scan(tmp_path / f"{name}.hspy")
        xr.testing.assert_allclose(found["intensity"].load(), scan["intensity"])
        assert found["intensity"].attrs["units"] == scan["intensity"].attrs["units"]
        assert found["kind"].values.tolist() == ["element", "element", "scatter"]


def test_maps_in_zarr(tmp_path: Path) -> None:
    """rosettasciio does not write .zspy with zarr 3, so the groups of its HDF5 are copied."""
    root = zarr.open_group(tmp_path / "maps.zspy", mode="w", zarr_format=2)

    def copy(name: str, found: Any) -> None:
        if isinstance(found, h5py.Group):
            root.require_group(name).attrs.update({key: plain(value) for key, value in found.attrs.items()})
        elif found.dtype.kind == "f":
            root.create_array(name, data=found[()], chunks=(1, 2, 3))
        else:
            parent, _, key = name.rpartition("/")
            root[parent].attrs[key.removeprefix("_list_")] = [value.decode() for value in found[()]]

    with h5py.File(save(tmp_path / "maps.hspy", signal_of_maps())) as file:
        file.visititems(copy)
    expected(xrfsr.open_scan(tmp_path / "maps.zspy"))


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def test_a_stack_of_signals_knows_the_line_of_each(tmp_path: Path) -> None:
    signal = signal_of_maps()
    signal["axes"][0]["name"] = "stack_element"
    signal["metadata"]["Sample"] = {"xray_lines": ["Ca_K"]}  # HyperSpy keeps that of the first
    lines = [{"Sample": {"xray_lines": [label]}} for label in LABELS[:2]]
    lines.append({"General": {"title": "X-ray line intensity of a: b: Pb_L at 10.55 keV"}})
    stacked = {f"element{number}": {"metadata": one} for number, one in enumerate(lines)}
    signal["original_metadata"] = {"stack_elements": stacked}
    expected(xrfsr.open_scan(save(tmp_path / "maps.hspy", signal)))


def test_single_maps_of_one_file(tmp_path: Path) -> None:
    signals = [single("Ca_K", MAPS[0]), single("Fe_Ka", MAPS[1], named=False)]
    path = save(tmp_path / "maps.hspy", signals[1], signals[0], single("Pb_L", MAPS[2], title="lead"))
    expected(xrfsr.open_scan(path, lines=LABELS))
    one = xrfsr.open_scan(path, group="lead")
    assert one["line"].values.tolist() == ["Pb-L"]
    save(path, single("Hg_L", MAPS[2, 1:], title="mercury"))
    with pytest.raises(InvalidInput, match=r"differ in shape: .*Hg_L \(4, 7\).*select some with lines"):
        xrfsr.open_scan(path)
    expected(xrfsr.open_scan(path, lines=LABELS))


@pytest.mark.parametrize("names", [None, ["Ca_K"], ["Ca_K", "Fe_Ka", "Pb_L", "Hg_L"]])
def test_maps_without_names(tmp_path: Path, names: list[str] | None) -> None:
    signal = signal_of_maps()
    signal["metadata"]["Sample"] = {"xray_lines": names} if names else {"elements": ["Ca", "Fe", "Pb"]}
    with pytest.raises(
        InvalidInput, match=r"shape \(3, 5, 7\), expected .* maps with names; for maps, set signal\.metadata"
    ):
        xrfsr.open_scan(save(tmp_path / "maps.hspy", signal))
    with pytest.raises(InvalidInput, match="maps with names"):
        xrfsr.open_scan(save(tmp_path / "photo.hspy", single("", MAPS[0], title="photo", named=False)))


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        ("X-rays (Counts)", "count"),
        ("intensity (count/s)", "count/s"),
        ("a (b) (dimensionless)", "dimensionless"),
        ("intensity (wt%)", "percent"),
        ("intensity (nosuchunit)", "count"),
        ("rate (Hz)", "Hz"),
        ("(", "count"),
        ("", "count"),
    ],
)
def test_units(tmp_path: Path, quantity: str, units: str) -> None:
    signal = signal_of_maps()
    signal["metadata"]["Signal"]["quantity"] = quantity
    path = save(tmp_path / "maps.hspy", signal)
    assert xrfsr.open_scan(path)["intensity"].attrs["units"] == units


def test_spectra_without_units_are_no_maps(tmp_path: Path) -> None:
    signal = signal_of_maps()
    signal["axes"][2].update({"units": "", "name": "channel"})
    signal["axes"][0]["navigate"] = signal["axes"][1]["navigate"] = True
    del signal["metadata"]["Sample"]
    with pytest.raises(InvalidInput, match="must be in keV or eV"):
        xrfsr.open_scan(save(tmp_path / "maps.hspy", signal))
