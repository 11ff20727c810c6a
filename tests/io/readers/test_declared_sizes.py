"""Files that hold more values than their headers declare are refused with both sizes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from written import HEIGHT, LABELS, MAPS, WIDTH, datamuncher, datamuncher_text

import xrfsr
from xrfsr.errors import InvalidInput


def refused(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, 1.0, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "declared", "found"),
    [
        (lambda text: text.replace("7 5 3", "6 5 3"), 90, 105),
        (lambda text: text.replace("7 5 3", "7 4 3"), 84, 105),
        (lambda text: text.replace("7 5 3", "5 5 3"), 75, 105),
        (lambda text: text.replace("7 5 3", "9 5 3"), 135, 105),
        (lambda text: text.replace("Ca-K", "12.5\nCa-K"), 105, 106),
        (lambda text: text.replace("Ca-K", "12.5 7 8\n1\n\n\nCa-K"), 105, 109),
    ],
)
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_numbers_in_text(
    tmp_path: Path,
    change: Callable[[str], str],
    declared: int,
    found: int,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from xrfsr.io.readers import datamuncher_text as reader

    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    path = datamuncher_text(tmp_path)
    path.write_text(change(path.read_text()))
    message = refused(path)
    reason = "it is truncated" if found < declared else "its declared sizes are wrong"
    assert f"{declared} values, but contains {found}: {reason}" in message


@pytest.mark.parametrize("size", [(6, 5), (7, 4), (3, 5), (1, 1)])
@pytest.mark.parametrize("offset", [0.0, 0.37])
def test_raw_values_of_maps(tmp_path: Path, size: tuple[int, int], offset: float) -> None:
    path = datamuncher(tmp_path)
    head = f"3\n{size[0]} {size[1]} 3\n".encode()
    path.write_bytes(head + (MAPS + offset).astype("<f4").tobytes() + b"Ca K\nFe Ka\nPb L")
    message = refused(path)
    assert "maps.dms" in message
    assert "declare" in message or "neither" in message


def test_one_more_raw_value(tmp_path: Path) -> None:
    path = datamuncher(tmp_path)
    head, names = f"3\n{WIDTH} {HEIGHT} 3\n".encode(), b"Ca K\nFe Ka\nPb L"
    path.write_bytes(head + MAPS.astype("<f4").tobytes() + np.float32(103).tobytes() + names)
    assert "3 maps of 5 x 7 pixels, 420 bytes, but has more values before their names: 19 bytes follow" in refused(path)


def edf(path: Path, change: Callable[[bytes], bytes]) -> Path:
    fabio = pytest.importorskip("fabio")
    fabio.edfimage.EdfImage(data=MAPS[0], header={"Title": "Ca-K"}).write(str(path))
    path.write_bytes(change(path.read_bytes()))
    return path


def without_size(raw: bytes) -> bytes:
    return raw.replace(b"EDF_BinarySize", b"XDF_BinarySize").replace(b"\nSize", b"\nXize")


@pytest.mark.parametrize(
    ("change", "declared", "found"),
    [
        (lambda raw: raw.replace(b"Dim_1 = 7", b"Dim_1 = 6"), 120, 140),
        (lambda raw: raw.replace(b"Dim_2 = 5", b"Dim_2 = 4"), 112, 140),
        (lambda raw: without_size(raw.replace(b"Dim_1 = 7", b"Dim_1 = 6")), 120, 140),
        (lambda raw: raw + raw[-28:], 140, 168),
        (lambda raw: raw + raw[-20:], 140, 160),
    ],
)
@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_edf(
    tmp_path: Path, change: Callable[[bytes], bytes], declared: int, found: int, is_folder: bool, is_compressed: bool
) -> None:
    path = edf(tmp_path / "Ca-K.edf", change)
    if is_compressed:
        plain, path = path, path.with_suffix(".edf.gz")
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    message = refused(tmp_path if is_folder else path)
    assert f"declares {declared} bytes for image 1" in message
    assert f"but contains {found}" in message


@pytest.mark.parametrize("padding", [0, 1, 4, 20, 28, 372, 1000])
@pytest.mark.parametrize("stated", [False, True])
def test_padding_of_edf(tmp_path: Path, padding: int, stated: bool) -> None:
    path = edf(tmp_path / "Ca-K.edf", lambda raw: (raw if stated else without_size(raw)) + bytes(padding))
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0)["intensity"][0], MAPS[0])


def ripple(folder: Path, surplus: bytes, **changes: object) -> Path:
    """Write 5 x 7 spectra of 600 channels, and more bytes after them."""
    header = {
        "width": WIDTH,
        "height": HEIGHT,
        "depth": 600,
        "offset": 0,
        "data-length": 2,
        "data-type": "unsigned",
        "byte-order": "little-endian",
        "record-by": "vector",
        "depth-origin": 0.0,
        "depth-scale": 0.02,
        "depth-units": "keV",
        **changes,
    }
    (folder / "cube.rpl").write_text("\n".join(f"{key}\t{value}" for key, value in header.items()))
    counts = np.random.default_rng(0).poisson(5, (HEIGHT, WIDTH, 600)).astype("<u2")
    (folder / "cube.raw").write_bytes(counts.tobytes() + surplus)
    return folder / "cube.rpl"


@pytest.mark.parametrize("changes", [{"depth": 599}, {"depth": 598}, {"width": 6}, {"height": 4}])
@pytest.mark.parametrize("record", ["vector", "image"])
def test_cubes_of_spectra(tmp_path: Path, changes: dict[str, int], record: str) -> None:
    message = refused(ripple(tmp_path, b"", **{"record-by": record}, **changes), lines=["Ca-K"])
    assert f"'{tmp_path / 'cube.raw'}' has 42000: width, height, depth or data-length are wrong" in message


def test_cubes_of_spectra_with_bytes_that_are_no_whole_side(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    xrfsr.open_scan(ripple(tmp_path, bytes(10)), 1.0, lines=["Ca-K"])
    assert not recwarn.list
    path = ripple(tmp_path, bytes(3 * 1200 + 2))
    with pytest.warns(UserWarning, match=r"cube.raw' has 45602 bytes, 3602 more than '.*cube.rpl' declares"):
        xrfsr.open_scan(path, 1.0, lines=["Ca-K"])


@pytest.mark.parametrize("row", ["1 2 3", "1 2 3 4 5"])
def test_rows_of_other_lengths_in_text(tmp_path: Path, row: str) -> None:
    (tmp_path / "Ca-K.txt").write_text(f"1 2 3 9\n{row}\n3 1 2 4\n")
    with pytest.raises(InvalidInput, match=rf"line 2 of .* has {len(row.split())} numbers, but the first 4"):
        xrfsr.open_scan(tmp_path, 1.0).load()


def test_files_of_the_declared_sizes(tmp_path: Path) -> None:
    for path in (datamuncher(tmp_path), datamuncher_text(tmp_path)):
        scan = xrfsr.open_scan(path, 1.0)
        assert scan["line"].values.tolist() == LABELS
        np.testing.assert_array_equal(scan["intensity"], MAPS)
