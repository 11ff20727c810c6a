"""Cubes of HyperSpy in zarr of which a chunk is lost, is no file, or is elsewhere: never zero counts."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from written import LABELS, MAPS, hyperspy

import xrfsr
from xrfsr.errors import InvalidInput

LINES = {"lines": LABELS, "pixel_size": 0.5}


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """Write a cube as a zarr store of version 2, with the content that HyperSpy writes to HDF5."""
    path = tmp_path / "spectra.zspy"
    with h5py.File(hyperspy(tmp_path)) as file:
        _copy(file, zarr.create_group(path, zarr_format=2))
    return path


def _copy(source: h5py.Group, target: zarr.Group) -> None:
    target.attrs.update({name: _plain(value) for name, value in source.attrs.items()})
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        elif item.dtype.kind in "iuf":
            array = target.create_array(name, shape=item.shape, dtype=item.dtype, chunks=(2, 7, 500), fill_value=0)
            array[...] = item[()] + 1  # no chunk of zeros, which zarr would leave out


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value.tolist() if hasattr(value, "tolist") else value


def chunks(path: Path) -> list[Path]:
    return sorted(path.glob("Experiments/*/data/[0-9]*"))


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **LINES, **options).load()
    assert path.name in str(caught.value)
    return str(caught.value)


def test_a_whole_cube_is_read(cube: Path, tmp_path: Path) -> None:
    assert len(chunks(cube)) == 6
    scan = xrfsr.open_scan(cube, **LINES).load()
    np.testing.assert_allclose(scan["intensity"], MAPS, rtol=1e-5)
    with zipfile.ZipFile(tmp_path / "packed.zspy", "w") as packed:
        for file in cube.rglob("*"):
            packed.write(file, file.relative_to(cube))
    assert xrfsr.open_scan(tmp_path / "packed.zspy", **LINES).load()["intensity"].equals(scan["intensity"])


def test_a_lost_chunk_is_an_error_that_names_it(cube: Path) -> None:
    lost = chunks(cube)[3]
    content = lost.read_bytes()
    lost.unlink()
    assert f"lacks 1 of 6 chunks, '{lost.relative_to(cube)}'" in refusal(cube)
    lost.touch()
    assert f"lacks 1 of 6 chunks, '{lost.relative_to(cube)}'" in refusal(cube)
    lost.write_bytes(content)
    scan = xrfsr.open_scan(cube, **LINES)
    lost.unlink()
    with pytest.raises(InvalidInput, match=rf"/data/{lost.name}' is missing"):
        scan.load()


@pytest.mark.parametrize("external", [False, True])
def test_a_chunk_that_is_elsewhere_or_no_file(cube: Path, external: bool) -> None:
    chunk = chunks(cube)[0]
    chunk.rename(cube.parent / "elsewhere")
    chunk.symlink_to(cube.parent / "elsewhere")
    if external:
        assert xrfsr.open_scan(cube, **LINES, external=True).load().sizes["line"] == 3
    else:
        assert "is outside the folder" in refusal(cube)
    chunk.unlink()
    os.mkfifo(chunk)
    assert "is a named pipe (FIFO), not a regular file" in refusal(cube, external=external)
