"""An HDF5 file of unknown layout is described, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io import hdf5_contents


def refusal(path: Path, write: Callable[[h5py.File], None]) -> str:
    with h5py.File(path, "w") as file:
        write(file)
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, 1.0)
    return str(caught.value)


def spectra(file: h5py.File) -> None:
    file["1.1/measurement/mca"] = np.zeros((3, 4, 2048), np.uint16)
    file["1.1/title"] = "scan"
    file["1.1/measurement/elapsed"] = np.zeros((12, 1))


def stack(file: h5py.File) -> None:
    file["entry/data/maps"] = np.zeros((20, 30, 40), np.float32)


def planes(file: h5py.File) -> None:
    for number in range(20):
        file[f"results/map {number:02}"] = np.zeros((30, 40))


def loop(file: h5py.File) -> None:
    inner = file.create_group("a/b")
    inner["again"] = file["a"]
    file["a/values"] = np.zeros((5, 6))
    file["a/outside"] = h5py.ExternalLink("/etc/other.h5", "/data")


@pytest.mark.parametrize(
    ("write", "parts"),
    [
        (spectra, ["'1.1/measurement/mca' (3, 4, 2048)", "looks like spectra: fit them", "elapsed"]),
        (stack, ["'entry/data/maps' (20, 30, 40)", "xrfsr.as_scan(file['entry/data/maps'][()]", "pixel_size="]),
        (planes, ["'results/map 00' (30, 40)", "and 12 more", "np.stack"]),
        (loop, ["'a/values' (5, 6)"]),
        (lambda file: file.create_group("empty"), ["groups without an array of numbers: 'empty'"]),
        (lambda file: None, ["it contains nothing"]),
    ],
)
def test_what_a_message_says(tmp_path: Path, write: Callable[[h5py.File], None], parts: list[str]) -> None:
    message = refusal(tmp_path / "other.h5", write)
    assert all(part in message for part in ["other.h5", "no element maps in the layout of PyMca", *parts])
    assert ("fit them" in message) == (write is spectra)


def test_links_to_other_files(tmp_path: Path) -> None:
    def master(file: h5py.File) -> None:
        for number in (1, 2):
            file[f"{number}.1"] = h5py.ExternalLink("scan.h5", f"/{number}.1")

    assert "it contains links to 'scan.h5'; pass the file with the maps" in refusal(tmp_path / "master.h5", master)


def test_linked_files_are_not_opened_to_find_the_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = np.zeros((4, 5))
    opened: list[str] = []
    real = h5py.File.__init__

    def count(self: h5py.File, name: object, *arguments: object, **options: object) -> None:
        opened.append(Path(str(name)).name)
        real(self, name, *arguments, **options)

    def master(file: h5py.File) -> None:
        file["1.1"] = h5py.ExternalLink("scan.h5", "/")

    with h5py.File(tmp_path / "master.h5", "w") as file:
        master(file)
    monkeypatch.setattr(h5py.File, "__init__", count)
    with pytest.raises(InvalidInput, match=r"links to 'scan\.h5'"):
        xrfsr.open_scan(tmp_path / "master.h5", 1.0)
    assert "scan.h5" not in opened


def test_a_file_of_very_many_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(file: h5py.File) -> None:
        for number in range(60):
            file.create_dataset(f"{number}", (2, 2), "f4")

    monkeypatch.setattr(hdf5_contents, "MAX_VISITED", 40)
    assert "and 32 more" in refusal(tmp_path / "many.h5", many)
