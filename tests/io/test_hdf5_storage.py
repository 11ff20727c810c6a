"""HDF5 datasets of which values are missing, or in other files: HDF5 would return zeros without a word."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from written import MAPS, SPECTRA, ewoksfluo

import xrfsr
from xrfsr.errors import InvalidInput

GROUP = "2.1/fit/results/parameters"
HEIGHT, WIDTH = MAPS.shape[1:]


@pytest.fixture
def fit(tmp_path: Path) -> Path:
    (tmp_path / "scan").mkdir()
    return ewoksfluo(tmp_path / "scan")


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **options).load()  # type: ignore[arg-type]
    return str(caught.value)


def virtual(path: Path, sources: list[h5py.VirtualSource], rows: list[slice]) -> None:
    layout = h5py.VirtualLayout((HEIGHT, WIDTH), np.float32)
    for source, part in zip(sources, rows, strict=True):
        layout[part] = source
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        file.create_virtual_dataset(f"{GROUP}/Ca_K", layout)


def halves(path: Path, folder: Path, named: str = "{}.h5") -> None:
    """Store the upper and lower half of a map in files of a folder."""
    sources = []
    for name, rows in (("top", slice(0, 2)), ("bottom", slice(2, HEIGHT))):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["map"] = MAPS[0, rows]
        sources.append(h5py.VirtualSource(named.format(name), "map", MAPS[0, rows].shape))
    virtual(path, sources, [slice(0, 2), slice(2, HEIGHT)])


def test_virtual_datasets_within_the_folder_are_read(fit: Path) -> None:
    halves(fit, fit.parent)
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)
    # And those of sources that are virtual themselves, or in the same file.
    (fit.parent / "top.h5").rename(fit.parent / "upper.h5")
    layout = h5py.VirtualLayout((2, WIDTH), np.float32)
    layout[:] = h5py.VirtualSource("upper.h5", "map", (2, WIDTH))
    with h5py.File(fit.parent / "top.h5", "w") as file:
        file.create_virtual_dataset("real", layout)
        file["map"] = h5py.SoftLink("real")
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)
    (fit.parent / "upper.h5").unlink()
    assert "is a virtual dataset of 'map' in 'upper.h5', which does not exist" in refusal(fit)


@pytest.mark.parametrize("missing", ["file", "dataset", "rows", "written"])
def test_a_missing_source_is_an_error(fit: Path, missing: str) -> None:
    halves(fit, fit.parent)
    (fit.parent / "bottom.h5").unlink()
    expected = "which does not exist"
    if missing != "file":
        with h5py.File(fit.parent / "bottom.h5", "w") as file:
            if missing == "rows":
                file["map"] = MAPS[0, 3:]
            elif missing == "written":
                file.create_dataset("map", (3, WIDTH), "f4", chunks=(1, WIDTH))
        expected = {
            "dataset": "does not contain it",
            "rows": "which has shape (2, 7), expected 21 values",
            "written": "lacks 3 of 3 chunks",
        }[missing]
    message = refusal(fit)
    assert expected in message
    assert "'map' in 'bottom.h5'" in message
    assert str(fit) in message


def test_sources_elsewhere_need_permission(fit: Path) -> None:
    halves(fit, fit.parents[1], f"{fit.parents[1]}/{{}}.h5")
    assert "outside the folder" in refusal(fit)
    np.testing.assert_array_equal(xrfsr.open_scan(fit, external=True)["intensity"], MAPS)


def test_sources_that_leave_a_gap_are_an_error(fit: Path) -> None:
    with h5py.File(fit.parent / "top.h5", "w") as file:
        file["map"] = MAPS[0, :3]
    source = h5py.VirtualSource("top.h5", "map", (3, WIDTH))
    virtual(fit, [source], [slice(0, 3)])
    assert "do not cover it, so the rest would be zero" in refusal(fit)
    # Twice the same rows are enough values, but not all of them.
    virtual(fit, [source, source], [slice(0, 3), slice(1, 4)])
    assert "do not cover it" in refusal(fit)


def test_a_variable_number_of_sources_is_refused(fit: Path) -> None:
    layout = h5py.VirtualLayout((HEIGHT, WIDTH), np.float32, maxshape=(None, WIDTH))
    source = h5py.VirtualSource("part.h5", "map", (HEIGHT, WIDTH), maxshape=(None, WIDTH))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    os.mkfifo(fit.parent / "part.h5")  # HDF5 would wait for it
    with h5py.File(fit, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        file.create_virtual_dataset(f"{GROUP}/Ca_K", layout)
    assert "variable number of sources" in refusal(fit)


def test_a_virtual_dataset_of_itself_is_refused(fit: Path) -> None:
    virtual(fit, [h5py.VirtualSource(".", f"/{GROUP}/Ca_K", (HEIGHT, WIDTH))], [slice(None)])
    assert "virtual dataset of itself" in refusal(fit)


def raw_file(fit: Path, name: str, size: int = h5py.h5f.UNLIMITED) -> None:
    with h5py.File(fit, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        size = MAPS[0].nbytes
        file.create_dataset(f"{GROUP}/Ca_K", (HEIGHT, WIDTH), "f4", external=[(name, 0, size)])


def test_raw_files_within_the_folder_are_read(fit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw_file(fit, "map.raw")
    (fit.parent / "map.raw").write_bytes(MAPS[0].tobytes())
    monkeypatch.chdir(tmp_path)  # where HDF5 itself would look for it
    (tmp_path / "map.raw").write_bytes(bytes(MAPS[0].nbytes))
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)
    (fit.parent / "map.raw").write_bytes(MAPS[0].tobytes()[:-4])
    assert "is stored in 'map.raw', which has 136 bytes, expected 140" in refusal(fit)
    (fit.parent / "map.raw").unlink()
    assert "is stored in 'map.raw', which does not exist" in refusal(fit)


def test_raw_files_elsewhere_need_permission(fit: Path) -> None:
    raw = fit.parents[1] / "map.raw"
    raw.write_bytes(MAPS[0].tobytes())
    raw_file(fit, str(raw))
    assert f"is stored in '{raw}', which is outside the folder" in refusal(fit)
    np.testing.assert_array_equal(xrfsr.open_scan(fit, external=True)["intensity"], MAPS)
    raw.unlink()
    raw.symlink_to("/dev/zero")
    assert "is a device, not a regular file" in refusal(fit, external=True)


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_chunks_that_were_never_written_are_counted(fit: Path, fill: float) -> None:
    with h5py.File(fit, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        chunked = file.create_dataset(f"{GROUP}/Ca_K", (HEIGHT, WIDTH), "f4", chunks=(2, 4), fillvalue=fill)
        chunked[:2] = MAPS[0, :2]
    assert f"'/{GROUP}/Ca_K' lacks 4 of 6 chunks, which would be read as {fill}" in refusal(fit)
    with h5py.File(fit, "a") as file:
        file[f"{GROUP}/Ca_K"][...] = MAPS[0]
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)


def test_a_map_that_was_never_written_is_an_error(fit: Path) -> None:
    with h5py.File(fit, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        file.create_dataset(f"{GROUP}/Ca_K", (HEIGHT, WIDTH), "f4")
    assert "was never written, so all values would be 0.0" in refusal(fit)


@pytest.mark.parametrize("form", ["hyperspy", "crono"])
def test_spectra_that_were_never_written_are_an_error(tmp_path: Path, form: str) -> None:
    path = SPECTRA[form](tmp_path)
    options = {"pixel_size": 0.5, "lines": ["Ca-K"]}
    with h5py.File(path, "a") as file:
        name = "XRF/Spectra" if form == "crono" else next(f"Experiments/{one}/data" for one in file["Experiments"])
        spectra = file[name][()]
        del file[name]
        chunks = (4, *spectra.shape[1:])
        # The scanner of Crono may reserve more than it measures.
        shape = (len(spectra) + (20 if form == "crono" else 0), *spectra.shape[1:])
        new = file.create_dataset(name, shape, spectra.dtype, chunks=chunks)
        new[: len(spectra)] = spectra
    xrfsr.open_scan(path, **options).load()  # type: ignore[arg-type]
    with h5py.File(path, "a") as file:
        del file[name]
        new = file.create_dataset(name, shape, spectra.dtype, chunks=chunks)
        new[4 : len(spectra)] = spectra[4:]
    assert "lacks 1 of" in refusal(path, **options)


def test_a_chunk_far_larger_than_its_dataset_is_refused(fit: Path) -> None:
    """A few bytes would take gigabytes to decode."""
    with h5py.File(fit, "a") as file:
        del file[f"{GROUP}/Ca_K"]
        options = {"maxshape": (None, None), "chunks": (30_000, 30_000), "compression": "gzip"}
        chunked = file.create_dataset(f"{GROUP}/Ca_K", (HEIGHT, WIDTH), "f4", **options)
        chunked.id.write_direct_chunk((0, 0), b"x" * 2_000_000)
    assert "declares chunks (30000, 30000) for shape (5, 7)" in refusal(fit)


def test_names_that_take_gigabytes_are_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        group = file.create_group("xrfmap/detsum")
        group["xrf_fit"] = MAPS
        group.create_dataset("xrf_fit_name", (10**9,), "S100", chunks=(1000,))
    assert "'/xrfmap/detsum/xrf_fit_name' is missing" in refusal(tmp_path / "scan.h5", pixel_size=1.0)


def test_one_text_that_is_named_many_times_is_not_multiplied(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("xrfmap/detsum")
        group["xrf_fit"] = MAPS
        names = group.create_dataset("xrf_fit_name", (1000,), h5py.string_dtype(), chunks=(1000,))
        names[0] = "x" * 500_000
        # The chunk has a place in the file for each text: let all of them be that of the first.
        _, chunk = names.id.read_direct_chunk((0,))
        names.id.write_direct_chunk((0,), chunk[:16] * 1000)
    assert "'/xrfmap/detsum/xrf_fit_name' has more than 16777216 bytes of text" in refusal(path, pixel_size=1.0)
