"""Zarr stores in folders and zip files: no chunk is missed in silence, and none takes more memory than it may."""

from __future__ import annotations

import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from written import LABELS, MAPS, datastack

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.chunk_sizes import zstd_size
from xrfsr.io.writers.zarr import to_zarr
from xrfsr.io.zarr_arrays import ArrayLayout
from xrfsr.io.zarr_codecs import decode
from xrfsr.io.zarr_files import FolderFiles

SCAN = as_scan(MAPS, LABELS, 0.5)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Write a scan with small chunks, among them one of zeros only."""
    scan = SCAN.copy(deep=True)
    scan["intensity"][1, :3, :4] = 0
    to_zarr(scan, tmp_path / "scan.zarr", chunks={"y": 3, "x": 4})
    return tmp_path / "scan.zarr"


def foreign(folder: Path, fill: float = np.nan, dtype: str = "float32") -> Path:
    """Write a scan as xarray does, without chunks that hold only the fill value."""
    scan = SCAN.copy(deep=True)
    scan["intensity"] = scan["intensity"].astype(dtype).copy(data=np.nan_to_num(MAPS).astype(dtype))
    scan["intensity"][1, :3, :4] = fill
    path = folder / "other.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scan.to_zarr(path, zarr_format=3, encoding={"intensity": {"chunks": (1, 3, 4)}})
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **options).load()  # type: ignore[arg-type]
    assert path.name in str(caught.value)
    return str(caught.value)


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    metadata = json.loads(file.read_text())
    edit(metadata)
    file.write_text(json.dumps(metadata))


@pytest.mark.parametrize("name", ["intensity/c/1/0/1", "line/c/0", "x/c/0"])
@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_chunk_is_an_error_that_names_it(store: Path, name: str, empty: bool) -> None:
    (store / name).unlink()
    if empty:
        (store / name).touch()
    assert f"chunks, '{name}': it is incomplete" in refusal(store)


def test_several_missing_chunks_are_counted(store: Path) -> None:
    for name in ("0/1/0", "0/1/1", "2/0/0"):
        (store / "intensity" / "c" / name).unlink()
    assert "'intensity' in" in (message := refusal(store))
    assert "lacks 3 of 12 chunks, the first is 'intensity/c/0/1/0'" in message


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("how", ["missing", "empty", "not a regular file"])
def test_a_chunk_that_is_lost_after_opening_is_an_error(store: Path, how: str, pickled: bool) -> None:
    scan = xrfsr.open_scan(store, chunks={})
    scan = pickle.loads(pickle.dumps(scan)) if pickled else scan
    file = store / "intensity/c/2/1/1"
    file.unlink()
    if how == "empty":
        file.touch()
    elif how != "missing":
        os.mkfifo(file)
    with pytest.raises(
        InvalidInput, match=rf"'intensity' in .*scan\.zarr' cannot be read \('intensity/c/2/1/1' is {how}"
    ):
        scan["intensity"].load()
    np.testing.assert_array_equal(scan["intensity"][0], MAPS[0])


def test_a_window_is_read_without_a_list_of_all_files(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = pickle.loads(pickle.dumps(xrfsr.open_scan(store)))
    monkeypatch.setattr(FolderFiles, "sizes", property(lambda _: pytest.fail("all files are listed")))
    np.testing.assert_array_equal(scan["intensity"][0, 1:3, ::2], MAPS[0, 1:3, ::2])
    chunk = store / "intensity/c/2/0/0"
    chunk.rename(store.parent / "elsewhere")
    chunk.symlink_to(store.parent / "elsewhere")
    with pytest.raises(InvalidInput, match="'intensity/c/2/0/0' is a symbolic link that leads out of the store"):
        scan["intensity"][2].load()


def test_shards_are_complete_too(tmp_path: Path) -> None:
    maps = np.zeros((1, 2050, 3), np.float32)
    maps[0, -1] = 7
    to_zarr(as_scan(maps, ["Ca-K"], 0.5), tmp_path / "scan.zarr", chunks={"y": 100})
    assert (tmp_path / "scan.zarr/intensity/c/0/5/0").is_file()
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "scan.zarr")["intensity"], maps)
    (tmp_path / "scan.zarr/intensity/c/0/5/0").unlink()
    assert "lacks 1 of 6 chunks, 'intensity/c/0/5/0'" in refusal(tmp_path / "scan.zarr")


def test_other_programs_may_leave_out_missing_values(tmp_path: Path) -> None:
    path = foreign(tmp_path)
    with pytest.warns(UserWarning, match="lacks 1 of 12 chunks, which are read as missing values") as caught:
        scan = xrfsr.open_scan(path)
    assert caught[0].filename == __file__
    assert int(scan["intensity"].isnull().sum()) == 12


def test_chunks_that_would_be_read_as_a_number_are_missed(tmp_path: Path) -> None:
    path = foreign(tmp_path, 0, "uint16")
    message = refusal(path)
    assert "lacks 1 of 12 chunks, 'intensity/c/1/0/0'" in message
    assert "write_empty_chunks=True" in message


def test_consolidated_metadata_do_not_count(store: Path) -> None:
    """They may promise another array than the one that is checked."""

    def edit(metadata: dict[str, Any]) -> None:
        metadata["consolidated_metadata"]["metadata"]["intensity"]["shape"] = [3, 10**6, 10**6]

    change(store / "zarr.json", edit)
    assert xrfsr.open_scan(store).sizes["y"] == MAPS.shape[1]


@pytest.mark.parametrize("external", [False, True])
def test_links_in_a_store(store: Path, external: bool) -> None:
    chunk = store / "intensity/c/1/0/1"
    chunk.rename(store.parent / "elsewhere")
    chunk.symlink_to(store.parent / "elsewhere")
    if external:
        assert xrfsr.open_scan(store, external=True).load().sizes["line"] == 3
    else:
        assert f"'{chunk}' (a symbolic link to" in refusal(store)
    chunk.unlink()
    (store.parent / "elsewhere").rename(store / "inside")
    chunk.symlink_to(store / "inside")
    assert xrfsr.open_scan(store, external=external).load().sizes["line"] == 3
    (store / "up").symlink_to("..")
    if external:
        assert xrfsr.open_scan(store, external=True).load().sizes["line"] == 3
    else:
        assert "up' is a symbolic link to a folder" in refusal(store)
    (store / "up").unlink()
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    assert "is a device, not a regular file" in refusal(store, external=True)
    chunk.unlink()
    os.mkfifo(chunk)
    assert "is a named pipe (FIFO), not a regular file" in refusal(store, external=external)
    (store.parent / "link.zarr").symlink_to(store)
    chunk.unlink()
    assert "link.zarr" in refusal(store.parent / "link.zarr")


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda one: one.update(shape=[3, 10**6, 10**6]), "declares (3, 1000000, 1000000) values"),
        (lambda one: one["chunk_grid"]["configuration"].update(chunk_shape=[1, 10**5, 10**5]), "declares chunks"),
        (lambda one: one["chunk_grid"]["configuration"].update(chunk_shape=[1, 0, 4]), "shape or chunks are"),
        (lambda one: one.update(shape=[3, 5, -7]), "shape or chunks are"),
        (lambda one: one.update(shape=[3, 5, 10**30]), "shape or chunks are"),
        (lambda one: one.update(codecs=[{"name": "bytes"}, {"name": "zfpy", "configuration": {}}]), "codec 'zfpy'"),
        (lambda one: one.update(codecs=7), "cannot be read"),
    ],
)
def test_metadata_that_promise_too_much(store: Path, edit: Callable[[dict[str, Any]], object], problem: str) -> None:
    change(store / "intensity/zarr.json", edit)
    assert problem in refusal(store)


def test_a_file_larger_than_its_chunk_is_refused(store: Path) -> None:
    with (store / "intensity/c/0/0/0").open("ab") as file:
        file.truncate(10**9)
    assert "has a chunk of 1000000000 bytes, expected at most" in refusal(store)


PLAIN = bytes(range(256)) * 40
V2 = {
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
}


@pytest.mark.parametrize("name", V2)
def test_chunks_are_decoded_within_their_size(name: str) -> None:
    encoded = bytes(V2[name].encode(PLAIN))
    assert decode(name, encoded, len(PLAIN)) == PLAIN
    bomb = bytes(V2[name].encode(bytes(3 * 10**7)))
    assert len(bomb) < 10**6
    with pytest.raises(ValueError, match=r"a chunk (declares|takes)"):
        decode(name, bomb, len(PLAIN))
    for damaged in (b"", encoded[:3], encoded[: len(encoded) // 2]):
        with pytest.raises((ValueError, RuntimeError, OSError)):
            decode(name, damaged, len(PLAIN))


def zstd_frame(blocks: list[tuple[int, int, bytes]]) -> bytes:
    """Return a frame without a declared size, of blocks (kind, size, content)."""
    parts = [struct.pack("<IBB", 0xFD2FB528, 0, 0x58)]
    for number, (kind, size, content) in enumerate(blocks):
        parts += [(size << 3 | kind << 1 | (number == len(blocks) - 1)).to_bytes(3, "little"), content]
    return b"".join(parts)


def test_zstd_without_a_declared_size() -> None:
    frame = zstd_frame([(0, 5, b"hello"), (1, 3, b"!")])
    skipped = struct.pack("<II", 0x184D2A53, 4) + b"skip"
    assert zstd_size(skipped + frame) == 8  # which only newer releases of numcodecs decode
    with pytest.raises(ValueError, match="declares 16777208 bytes, expected at most 1000"):
        decode("zstd", skipped + zstd_frame([(1, (1 << 21) - 1, b"!")] * 8), 1000)


def test_text_is_no_bomb() -> None:
    text = numcodecs.VLenUTF8().encode(np.array(["Ca-K", "Fe-K"], object))
    assert decode("text", text, 2) == bytes(text)
    with pytest.raises(ValueError, match="declares more than 1 texts"):
        decode("text", text, 1)


def v2_stack(path: Path, compressor: Any = None, filters: Any = None, dtype: str = "<f4", **more: object) -> None:
    """Write a datastack by hand, as version 2 of zarr does, with every map in one chunk."""
    shape = list(MAPS.shape)
    config = compressor.get_config() if compressor else None
    array: dict[str, Any] = {"zarr_format": 2, "order": "C", "compressor": None, "filters": None}
    names = {**array, "shape": [3], "chunks": [3], "dtype": "<U5", "fill_value": ""}
    array.update(shape=shape, chunks=[1, *shape[1:]], dtype=dtype, compressor=config, filters=filters, fill_value=0.0)
    encode = compressor.encode if compressor else bytes
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(".zgroup", '{"zarr_format": 2}')
        file.writestr("nmf_elementmaps/.zarray", json.dumps({**array, **more}))
        file.writestr("nmf_elements/.zarray", json.dumps(names))
        file.writestr("nmf_elements/0", np.array(["Ca_K", "Fe_Ka", "Pb_L"], "<U5").tobytes())
        for number, one in enumerate(MAPS):
            file.writestr(f"nmf_elementmaps/{number}.0.0", bytes(encode(one.tobytes())))


@pytest.mark.parametrize("name", [None, *V2])
def test_every_compression_of_version_2_is_read(tmp_path: Path, name: str | None) -> None:
    v2_stack(tmp_path / "maps.datastack", V2[name] if name else None)
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "maps.datastack", 0.5)["intensity"], MAPS)


@pytest.mark.parametrize("codec", ["ZstdCodec", "BloscCodec", "GzipCodec"])
@pytest.mark.parametrize("shards", [None, (3, 5, 7)])
def test_every_compression_of_version_3_is_read(tmp_path: Path, codec: str, shards: tuple[int, ...] | None) -> None:
    group = zarr.create_group(tmp_path / "folder")
    options: dict[str, Any] = {"chunks": (1, 5, 7), "shards": shards, "compressors": getattr(zarr.codecs, codec)()}
    group.create_array("nmf_elementmaps", shape=MAPS.shape, dtype=MAPS.dtype, **options)[...] = MAPS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group.create_array("nmf_elements", data=np.array(["Ca_K", "Fe_Ka", "Pb_L"], np.dtypes.StringDType()))
    with zipfile.ZipFile(tmp_path / "maps.datastack", "w") as packed:
        for file in (tmp_path / "folder").rglob("*"):
            packed.write(file, file.relative_to(tmp_path / "folder"))
    scan = xrfsr.open_scan(tmp_path / "maps.datastack", 0.5)
    np.testing.assert_array_equal(scan["intensity"][:, 1:, ::2], MAPS[:, 1:, ::2])


class Trap:
    """Object that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_no_code_in_a_store_is_executed(tmp_path: Path) -> None:
    path, made = tmp_path / "maps.datastack", tmp_path / "made"
    codec = numcodecs.Pickle()
    v2_stack(path, None, [codec.get_config()], "|O")
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            is_names = name.startswith("nmf_elements/")
            if is_names and name.endswith(".zarray"):
                metadata = {**json.loads(content), "dtype": "|O", "filters": [codec.get_config()]}
                content = json.dumps(metadata).encode()
            elif is_names:
                content = codec.encode(np.array([Trap(made)] * 3, object))
            file.writestr(name, content)
    assert "codec 'pickle', which is not supported" in refusal(path, pixel_size=0.5)
    assert not made.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"shape": [3, 10**6, 10**6]},
        {"shape": [3, 10**6, 10**6], "chunks": [3, 10**6, 10**6]},
        {"shape": [3, 10**6, 10**6], "chunks": [1, 10**4, 10**4]},
        {"chunks": [1, 10**6, 10**6]},
        {"chunks": [1, 10**4, 10**4]},
    ],
)
def test_a_small_file_that_declares_a_trillion_pixels(tmp_path: Path, more: dict[str, Any]) -> None:
    path = tmp_path / "maps.datastack"
    v2_stack(path, **more)
    assert path.stat().st_size < 3000
    assert "declares" in refusal(path, pixel_size=0.5)


def rewrite(path: Path, edit: Callable[[dict[str, bytes]], object], **options: Any) -> None:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)


def test_a_missing_member_is_an_error_that_names_it(tmp_path: Path) -> None:
    v2_stack(tmp_path / "maps.datastack")
    rewrite(tmp_path / "maps.datastack", lambda members: members.pop("nmf_elementmaps/1.0.0"))
    assert "lacks 1 of 3 chunks, 'nmf_elementmaps/1.0.0'" in refusal(tmp_path / "maps.datastack", pixel_size=0.5)


def test_members_in_a_zip_file(tmp_path: Path) -> None:
    path = datastack(tmp_path)
    for name in ("../outside", "/outside", "a/../../outside", "a\\b"):
        rewrite(path, lambda members, name=name: members.update({name: b"x"}))  # type: ignore[misc]
        assert f"contains {name!r}" in refusal(path, pixel_size=0.5)
        rewrite(path, lambda members, name=name: members.pop(name))  # type: ignore[misc]
    with zipfile.ZipFile(path, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr("nmf_elementmaps/zarr.json", file.read("nmf_elementmaps/zarr.json"))
    assert "contains 'nmf_elementmaps/zarr.json' 2 times" in refusal(path, pixel_size=0.5)
    assert not (tmp_path.parent / "outside").exists()


def test_members_that_are_bombs(tmp_path: Path) -> None:
    path = tmp_path / "maps.datastack"
    v2_stack(path)
    deflated = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 9}
    rewrite(path, lambda members: members.update({"nmf_elementmaps/1.0.0": bytes(10**8)}), **deflated)
    assert path.stat().st_size < 10**6
    assert "has a chunk of 100000000 bytes, expected at most" in refusal(path, pixel_size=0.5)
    # A declared size that is too small.
    whole = path.read_bytes()
    wrong = whole.replace(struct.pack("<I", 10**8), struct.pack("<I", MAPS[0].nbytes))
    path.write_bytes(wrong)
    assert "cannot be read" in refusal(path, pixel_size=0.5)
    v2_stack(path)
    rewrite(path, lambda members: members.update({".zgroup": b"{}" + b" " * (1 << 25)}), **deflated)
    assert "'.zgroup' has 33554434 bytes, expected at most" in refusal(path, pixel_size=0.5)
    v2_stack(path)
    rewrite(path, lambda _: None, compression=zipfile.ZIP_LZMA)
    assert "must be stored or deflated" in refusal(path, pixel_size=0.5)
    v2_stack(path)
    rewrite(path, lambda _: None, **deflated)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 0.5)["intensity"], MAPS)


def test_layouts_of_unusual_arrays() -> None:
    metadata: dict[str, Any] = {
        "shape": [],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": []}},
        "chunk_key_encoding": {"name": "default"},
        "data_type": "float32",
        "fill_value": "0x7fc00000",
        "codecs": ["bytes"],
    }
    scalar = ArrayLayout.parse_v3("a", metadata)
    assert scalar.fills_with_nan
    assert scalar.unwritten({"a/c": 4}) is None
    assert str(scalar.unwritten({"a/0": 4})) == "1 of 1 chunks, 'a/c'"
    metadata.update(shape=[0, 3], data_type={"name": "fixed_length_utf32", "configuration": {"length_bytes": 20}})
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = [1, 3]
    metadata["chunk_key_encoding"] = {"name": "v2", "configuration": {"separator": "."}}
    empty = ArrayLayout.parse_v3("", metadata)
    assert empty.unwritten({}) is None
    metadata["shape"] = [2, 4]
    assert ArrayLayout.parse_v3("", metadata).unwritten({"0.0": 1, "1.1": 1, "1.01": 1}).first == "0.1"  # type: ignore[union-attr]
