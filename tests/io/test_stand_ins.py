"""Pointers of Git LFS and git-annex in place of files are named, with the command that fetches them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from written import LABELS, MAPS, SPECTRA, WRITERS, ripple, tiff_folder

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput
from xrfsr.utils.own_files import read_limited

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 12345\n"
ANNEX = b"/annex/objects/MD5E-s12345--0123456789abcdef0123456789abcdef.tif\n"
FORMS = [
    "pymca_hdf5",
    "pymca_csv",
    "datamuncher",
    "datastack",
    "imagej",
    "edf_folder",
    "text_folder",
    "ripple",
    "netcdf",
]
OPTIONS = {"pixel_size": 1.0, "lines": ["Ca-K"]}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_every_reader(tmp_path: Path, form: str) -> None:
    path = (WRITERS | SPECTRA)[form](tmp_path)
    files = [path] if path.is_file() else sorted(path.iterdir())
    for file in files:
        file.write_bytes(LFS)
    message = refusal(lambda: xrfsr.open_scan(path, **OPTIONS))
    assert "is a pointer of Git LFS and not the file itself; fetch it: git lfs pull --include='" in message
    assert any(file.name in message for file in files)
    assert "damaged" not in message


@pytest.mark.parametrize("suffix", ["bcf", "hspy", "txt", "nc", ""])
def test_any_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(ANNEX)
    assert "is a pointer of git-annex and not the file itself; fetch it: git annex get" in refusal(
        lambda: xrfsr.open_scan(path, **OPTIONS)
    )


def test_partners_photos_and_stores(tmp_path: Path) -> None:
    spectra = ripple(tmp_path)
    spectra.with_suffix(".raw").write_bytes(LFS)
    assert "spectra.raw' is a pointer of Git LFS" in refusal(lambda: xrfsr.open_scan(spectra, **OPTIONS))
    folder = tiff_folder(tmp_path)
    (folder / "Fe-Ka.tif").write_bytes(LFS)
    assert "Fe-Ka.tif' is a pointer of Git LFS" in refusal(lambda: xrfsr.open_scan(folder, 1.0))
    scan, photo = as_scan(MAPS, LABELS, 0.5), tmp_path / "photo.png"
    photo.write_bytes(LFS)
    assert "photo.png' is a pointer of Git LFS" in refusal(lambda: xrfsr.open_photo(photo, like=scan))
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    chunks = [file for file in (tmp_path / "scan.zarr" / "intensity").rglob("*") if file.is_file()]
    for file in chunks:
        if file.name != "zarr.json":
            file.write_bytes(LFS)
    assert "is a pointer of Git LFS" in refusal(lambda: xrfsr.open_scan(tmp_path / "scan.zarr").load())
    (tmp_path / "model.json").write_bytes(LFS)
    assert "model.json' is a pointer of Git LFS" in refusal(lambda: read_limited(tmp_path / "model.json", 1 << 20))


def test_a_small_file_that_is_no_pointer(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("row;column;Ca_K\n0;0;1\n0;1;2\n")
    assert isinstance(xrfsr.open_scan(tmp_path / "table.csv", 1.0).load(), xr.Dataset)
