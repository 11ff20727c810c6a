"""Chunks that filters of HDF5 compress are checked before they are decoded; a filter that is missing is named."""

from __future__ import annotations

import bz2
import struct
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io import hdf5_filters
from xrfsr.io.chunk_sizes import lzf_size

SHAPE, CHUNKS = (2, 23, 37), (1, 10, 16)
DTYPES = ("f8", "u2", ">i4", "f4", "u1")
SIZE = 10 * 16 * 4
MAPS = np.random.default_rng(0).poisson(40, SHAPE).astype(np.float32)
FILTERS: dict[str, Any] = {
    "LZ4": hdf5plugin.LZ4(),
    "LZ4 of small blocks": hdf5plugin.LZ4(nbytes=48),
    "bitshuffle": hdf5plugin.Bitshuffle(cname="none"),
    "bitshuffle LZ4": hdf5plugin.Bitshuffle(cname="lz4"),
    "bitshuffle of small blocks": hdf5plugin.Bitshuffle(nelems=24, cname="lz4"),
    "bitshuffle Zstandard": hdf5plugin.Bitshuffle(cname="zstd"),
    "Zstandard": hdf5plugin.Zstd(),
    "bzip2": hdf5plugin.BZip2(),
    **{f"Blosc {name}": hdf5plugin.Blosc(cname=name) for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")},
    "Blosc shuffled": hdf5plugin.Blosc(cname="lz4", shuffle=hdf5plugin.Blosc.BITSHUFFLE),
    "LZF": "lzf",
}


def write(path: Path, maps: np.ndarray = MAPS, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("xrfmap/detsum")
        group.create_dataset("xrf_fit", data=maps, chunks=CHUNKS, **options)
        group.create_dataset("xrf_fit_name", data=np.array([b"Ca_K", b"Fe_K"]), chunks=(2,), **options)
    return path


def with_chunk(path: Path, chunk: bytes, compression: Any) -> Path:
    """Write maps of which one chunk is given as it is stored."""
    with h5py.File(write(path, compression=compression), "a") as file:
        file["xrfmap/detsum/xrf_fit"].id.write_direct_chunk((0, 0, 16), chunk)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, 1.0).load()
    assert "fit.h5" in str(caught.value) or "source.h5" in str(caught.value)
    return str(caught.value)


CASES = [(name, DTYPES[number % len(DTYPES)]) for number, name in enumerate(sorted(FILTERS))]


@pytest.mark.parametrize(("name", "dtype"), [*CASES, *(("bitshuffle LZ4", dtype) for dtype in DTYPES)])
def test_every_filter_and_number_type(tmp_path: Path, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_filters, "HARMLESS", 0)  # so that all are checked
    more = {"fletcher32": True} if dtype == "u2" else {"shuffle": True} if dtype == "f8" else {}
    path = write(tmp_path / "fit.h5", MAPS.astype(dtype), compression=FILTERS[name], **more)
    scan = xrfsr.open_scan(path, 1.0)
    assert scan["line"].values.tolist() == ["Ca-K", "Fe-K"]
    np.testing.assert_array_equal(scan["intensity"][1, 3:22:5, ::-4], MAPS[1, 3:22:5, ::-4])
    np.testing.assert_array_equal(scan["intensity"], MAPS)


@pytest.mark.parametrize("more", [{}, {"compression": "gzip", "shuffle": True}, {"compression": "lzf"}])
def test_packed_integers(tmp_path: Path, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_filters, "HARMLESS", 0)
    path = write(tmp_path / "fit.h5")
    with h5py.File(path, "a") as file:
        del file["xrfmap/detsum/xrf_fit"]
        maps = MAPS.astype("i4")
        file["xrfmap/detsum"].create_dataset("xrf_fit", data=maps, chunks=CHUNKS, scaleoffset=0, **more)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0)["intensity"], MAPS)


def test_sources_of_a_virtual_dataset(tmp_path: Path) -> None:
    write(tmp_path / "source.h5", compression=FILTERS["bitshuffle LZ4"])
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource("source.h5", "xrfmap/detsum/xrf_fit", SHAPE)
    path = write(tmp_path / "fit.h5")
    with h5py.File(path, "a") as file:
        del file["xrfmap/detsum/xrf_fit"]
        file.create_virtual_dataset("xrfmap/detsum/xrf_fit", layout)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0)["intensity"], MAPS)
    with_chunk(tmp_path / "source.h5", struct.pack(">QI", 1 << 40, 4096) + bytes(64), FILTERS["bitshuffle LZ4"])
    assert "inflates to more than 640 bytes" in refusal(path)


@pytest.mark.parametrize("name", ["LZ4", "bitshuffle LZ4", "Blosc lz4", "Zstandard", "bzip2"])
def test_a_filter_that_is_not_installed_is_named(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "fit.h5", compression=FILTERS[name])
    monkeypatch.setattr(hdf5_filters, "_available", lambda number: number < 256)
    message = refusal(path)
    assert (
        f"is compressed with {name.split()[0]} (HDF5 filter {FILTERS[name].filter_id}), which is not installed"
        in message
    )
    assert 'pip install "xrfsr[formats]"' in message
    assert "damaged" not in message


@pytest.mark.parametrize("compression", [hdf5plugin.Blosc2(), hdf5plugin.Zfp()])
def test_a_filter_whose_chunks_cannot_be_checked_is_named(tmp_path: Path, compression: Any) -> None:
    with h5py.File(tmp_path / "fit.h5", "w") as file:
        group = file.create_group("xrfmap/detsum")
        group.create_dataset("xrf_fit", data=MAPS, chunks=CHUNKS, compression=compression)
        group["xrf_fit_name"] = np.array([b"Ca_K", b"Fe_K"])
    message = refusal(tmp_path / "fit.h5")
    assert f"(HDF5 filter {compression.filter_id}), whose chunks cannot be checked" in message
    assert "h5repack" in message


def test_a_filter_that_nobody_knows(tmp_path: Path) -> None:
    path = write(tmp_path / "fit.h5")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(CHUNKS)
    plist.set_filter(40_000, h5py.h5z.FLAG_OPTIONAL, (1,))
    with h5py.File(path, "a") as file:
        del file["xrfmap/detsum/xrf_fit"]
        space = h5py.h5s.create_simple(SHAPE)
        h5py.h5d.create(file["xrfmap/detsum"].id, b"xrf_fit", h5py.h5t.IEEE_F32LE, space, plist)
        file["xrfmap/detsum/xrf_fit"][...] = MAPS
    assert "is compressed with a filter (HDF5 filter 40000), whose chunks cannot be checked" in refusal(path)


def lz4(data: bytes) -> bytes:
    return numcodecs.lz4.compress(data)[4:]


def blosc(data: bytes) -> bytes:
    return numcodecs.blosc.compress(data, b"lz4", 5)


BOMB = bytes(1 << 22)
BOMBS = {
    "LZ4": struct.pack(">QII", len(BOMB), len(BOMB), len(lz4(BOMB))) + lz4(BOMB),
    "bitshuffle LZ4": struct.pack(">QII", len(BOMB), len(BOMB), len(lz4(BOMB))) + lz4(BOMB),
    "bitshuffle Zstandard": struct.pack(">QI", len(BOMB), len(BOMB)) + bytes(64),
    "Blosc lz4": blosc(BOMB),
    "Zstandard": numcodecs.zstd.compress(BOMB),
    "bzip2": bz2.compress(BOMB),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_chunk_that_takes_more_memory_than_it_declares(tmp_path: Path, name: str) -> None:
    values = (0, 5, 4, 0, 2 if "LZ4" in name else 3)  # those of bitshuffle
    filters = [hdf5_filters.StoredFilter(FILTERS[name].filter_id, values, "")]
    with pytest.raises(ValueError, match=f"inflates to more than {SIZE} bytes"):
        hdf5_filters.check_chunk(filters, SIZE, 0, BOMBS[name])
    if len(BOMBS[name]) < SIZE:
        assert f"inflates to more than {SIZE} bytes" in refusal(
            with_chunk(tmp_path / "fit.h5", BOMBS[name], FILTERS[name])
        )


def test_lzf_that_repeats_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_filters, "HARMLESS", 0)
    bomb = bytes([0, 0]) + bytes([0xE0, 255, 0]) * 100
    assert lzf_size(bomb) == 1 + 100 * 264
    assert "inflates to more than 640 bytes" in refusal(with_chunk(tmp_path / "fit.h5", bomb, "lzf"))
    for cut in (bytes([5, 1, 2]), bytes([0x20]), bytes([0xE0, 1])):
        with pytest.raises(ValueError, match="truncated"):
            lzf_size(cut)


@pytest.mark.parametrize(
    ("name", "damage"),
    [*((name, damage) for name in ("LZ4", "bitshuffle LZ4") for damage in range(12)), ("bitshuffle Zstandard", 7)],
)
def test_damaged_blocks_do_not_crash(tmp_path: Path, name: str, damage: int) -> None:
    """The plugins read beyond the end of such chunks, divide by zero, or never end."""
    path = write(tmp_path / "fit.h5", compression=FILTERS[name])
    with h5py.File(path) as file:
        _, chunk = file["xrfmap/detsum/xrf_fit"].id.read_direct_chunk((0, 0, 16))
    if damage < 6:
        header = ((SIZE, 0), (SIZE, 1), (SIZE, 12), (SIZE - 3, 64), (0, 0), (SIZE, 2**32 - 1))[damage]
        chunk = struct.pack(">QI", *header) + chunk[12:]
    elif damage < 9:
        chunk = chunk[: (1, 11, len(chunk) // 2)[damage - 6]]
    else:
        changed = bytearray(chunk)
        changed[(12, 16, len(chunk) // 2)[damage - 9]] ^= 0xFF
        chunk = bytes(changed)
    with_chunk(path, chunk, FILTERS[name])
    scan = xrfsr.open_scan(path, 1.0)
    try:
        scan.load()
    except InvalidInput as error:
        assert "copy or export it again" in str(error)  # noqa: PT017  (a flipped bit of a value may be no damage)


@pytest.mark.parametrize(
    ("number", "values"), [(32008, (0, 5, 0, 0, 2)), (32008, (0, 5)), (32001, (2, 2)), (32000, (4, 0x106, 1 << 30))]
)
def test_parameters_that_make_a_filter_crash(number: int, values: tuple[int, ...]) -> None:
    stored = [hdf5_filters.StoredFilter(number, values, "")]
    assert f"wrong parameters {values}" in str(hdf5_filters.pipeline_fault(stored, SIZE))
    good = hdf5_filters.StoredFilter(32008, (0, 5, 4, 0, 2), "")
    assert hdf5_filters.pipeline_fault([good], SIZE) is None
    assert "compressed twice" in str(hdf5_filters.pipeline_fault([good, good], SIZE))
