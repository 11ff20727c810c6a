"""Compressed chunks of HDF5 take no more memory than their size."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io import hdf5_filters

SIDE = 1200


def fit(path: Path, chunk: bytes | None, **options: object) -> Path:
    """Write a map of one compressed chunk, or a chunk as it is given."""
    with h5py.File(path, "w") as file:
        group = file.create_group("fit/xrf_fit/results/parameters")
        group.attrs["signal"] = "Ca_K"
        options = {"chunks": (SIDE, SIDE), "compression": "gzip", **options}
        dataset = group.create_dataset("Ca_K", (SIDE, SIDE), "f4", **options)
        if chunk is None:
            dataset[...] = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
        else:
            dataset.id.write_direct_chunk((0, 0), chunk)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, 1.0).load()
    return str(caught.value)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("fletcher32", [False, True])
def test_large_chunks_are_read(
    tmp_path: Path, shuffle: bool, fletcher32: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_filters, "HARMLESS", 0)  # so that all are checked
    scan = xrfsr.open_scan(fit(tmp_path / "fit.h5", None, shuffle=shuffle, fletcher32=fletcher32), 1.0)
    expected = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    np.testing.assert_array_equal(scan["intensity"][0, 5:900:7, ::-3], expected[5:900:7, ::-3])


def test_a_chunk_that_inflates_beyond_its_size_is_refused(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(1 << 25), 9)
    noise = np.random.default_rng(0).bytes(2 << 20)
    whole = zlib.compress(noise + bytes(1 << 25), 1)
    assert len(bomb) < 1 << 20 < len(whole) < 4 * SIDE**2
    assert "has a chunk that is damaged: it inflates to more than 5760000 bytes" in refusal(
        fit(tmp_path / "fit.h5", whole)
    )


def test_a_chunk_that_is_larger_than_its_values_is_refused(tmp_path: Path) -> None:
    message = refusal(fit(tmp_path / "fit.h5", bytes(7_000_000)))
    assert "has a chunk of 7000000 bytes, expected at most" in message


def test_chunks_that_are_compressed_twice_are_refused(tmp_path: Path) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((SIDE, SIDE))
    plist.set_deflate(9)
    plist.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_OPTIONAL, (9,))
    with h5py.File(fit(tmp_path / "fit.h5", None), "a") as file:
        group = file["fit/xrf_fit/results/parameters"]
        del group["Ca_K"]
        space = h5py.h5s.create_simple((SIDE, SIDE))
        h5py.h5d.create(group.id, b"Ca_K", h5py.h5t.IEEE_F32LE, space, plist)
        group["Ca_K"][...] = 1
    assert "is compressed twice" in refusal(tmp_path / "fit.h5")
