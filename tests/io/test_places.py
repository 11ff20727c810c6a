"""Files that may be opened: regular ones, in the folder that the caller named. Nothing waits for a named pipe."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
import tifffile
from written import MAPS, WRITERS, edf_folder, ripple, tiff_folder

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.places import Home, kind_of

OPTIONS = {"pixel_size": 0.5}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Interrupt a reader that waits for a named pipe, so that the test fails and does not hang."""

    def stop(_: int, __: FrameType | None) -> None:
        raise AssertionError("the reader waits")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **{**OPTIONS, **options}).load()  # type: ignore[arg-type]
    return str(caught.value)


SUFFIXES = [".h5", ".tif", ".edf", ".csv", ".dms", ".datastack", ".rpl", ".raw", ".hspy", ".zspy", ".bcf", ".zarr", ""]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_scan_is_a_file_or_a_folder(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"loop{suffix}").symlink_to(f"loop{suffix}")
    lines = ["Ca-K"]
    assert f"pipe{suffix}' is a named pipe (FIFO), not a regular file" in refusal(
        tmp_path / f"pipe{suffix}", lines=lines
    )
    assert f"device{suffix}' is a device, not a regular file" in refusal(tmp_path / f"device{suffix}", lines=lines)
    assert f"loop{suffix}' does not exist" in refusal(tmp_path / f"loop{suffix}", lines=lines)


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize(
    ("write", "name"), [(tiff_folder, "Ca-K.tif"), (edf_folder, "Ca-K.edf"), (ripple, "spectra.raw")]
)
def test_a_partner_that_is_no_file_is_always_refused(
    tmp_path: Path, write: Callable[[Path], Path], name: str, external: bool
) -> None:
    path = write(tmp_path)
    file = path / name if path.is_dir() else path.with_name(name)
    file.unlink()
    os.mkfifo(file)
    assert f"{name}' is a named pipe (FIFO), not a regular file" in refusal(path, external=external, lines=["Ca-K"])
    file.unlink()
    file.symlink_to("/dev/zero")
    refused = refusal(path, external=external, lines=["Ca-K"])
    assert "is a device, not a regular file" in refused or "outside the folder" in refused


@pytest.mark.parametrize(
    ("write", "name"),
    [(tiff_folder, "Ca-K.tif"), (tiff_folder, "mask.tif"), (edf_folder, "Ca-K.edf"), (ripple, "spectra.raw")],
)
def test_symbolic_links_stay_in_the_folder(tmp_path: Path, write: Callable[[Path], Path], name: str) -> None:
    (tmp_path / "scan").mkdir()
    path = write(tmp_path / "scan")
    file = path / name if path.is_dir() else path.with_name(name)
    if name == "mask.tif":
        tifffile.imwrite(file, np.ones(MAPS.shape[1:], np.uint8))
    expected = xrfsr.open_scan(path, 0.5, lines=["Ca-K"]).load()
    elsewhere = tmp_path / f"elsewhere{file.suffix}"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    message = refusal(path, lines=["Ca-K"])
    assert f"{name}' (a symbolic link to '{elsewhere}') is outside the folder" in message
    assert "external=True" in message
    assert xrfsr.open_scan(path, 0.5, lines=["Ca-K"], external=True).load().equals(expected)
    # Within the folder, and the folder itself.
    hidden = file.with_name(f".hidden{file.suffix}")
    shutil.move(elsewhere, hidden)
    file.unlink()
    file.symlink_to(hidden.name)
    assert xrfsr.open_scan(path, 0.5, lines=["Ca-K"]).load().equals(expected)
    if path.is_dir():
        (tmp_path / "link").symlink_to(path)
        assert xrfsr.open_scan(tmp_path / "link", 0.5, lines=["Ca-K"]).load().equals(expected)


def test_a_file_named_by_a_symbolic_link_has_its_partner_with_either(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "links").mkdir()
    path = ripple(tmp_path / "scan")
    for suffix in (".rpl", ".raw"):
        (tmp_path / "links" / f"spectra{suffix}").symlink_to(path.with_suffix(suffix))
    scan = xrfsr.open_scan(tmp_path / "links" / "spectra.rpl", 0.5, lines=["Ca-K"])
    assert scan.load().sizes["line"] == 1


@pytest.mark.filterwarnings("ignore:pixel_size=")
@pytest.mark.parametrize("form", sorted(WRITERS))
def test_the_path_may_be_a_symbolic_link(tmp_path: Path, form: str) -> None:
    (tmp_path / "there").mkdir()
    path = WRITERS[form](tmp_path / "there")
    (tmp_path / path.name).symlink_to(path)
    expected = xrfsr.open_scan(path, 0.5)["intensity"].values
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / path.name, 0.5)["intensity"], expected)


def edf(folder: Path, change: Callable[[bytes], bytes]) -> Path:
    """Write maps as EDF, and change one of the files."""
    maps = edf_folder(folder)
    (maps / "Ca-K.edf").write_bytes(change((maps / "Ca-K.edf").read_bytes()))
    return maps


def declare(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a change of the header that keeps its length."""

    def change(whole: bytes) -> bytes:
        assert old in whole
        longer = len(new) - len(old)
        return whole.replace(old, new, 1).replace(b" " * longer + b"}\n", b"}\n", 1)

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda whole: whole[:-4], "declares 140 bytes for image 1, but contains 136"),
        (declare(b"Dim_1 = 7 ;", b"Dim_1 = 7000000000 ;"), "bytes for image 1, but contains"),
        (declare(b"Image = 0 ;", b"Image = 0 ; EDF_BinaryFileName = secret ;"), "has its values in another file"),
        (declare(b"Image = 0 ;", b"Image = 0 ; COMPRESSION = GzipCompression ;"), r"is compressed (GzipCompression)"),
    ],
)
def test_edf_whose_values_are_not_there(tmp_path: Path, change: Callable[[bytes], bytes], problem: str) -> None:
    message = refusal(edf(tmp_path, change))
    assert problem in message
    assert "Ca-K.edf" in message


def test_edf_that_says_that_it_is_not_compressed(tmp_path: Path) -> None:
    path = edf(tmp_path, declare(b"Image = 0 ;", b"Image = 0 ; COMPRESSION = NONE ;"))
    np.testing.assert_array_equal(xrfsr.open_scan(path, 0.5)["intensity"], MAPS)


def test_names_that_are_no_paths(tmp_path: Path) -> None:
    assert kind_of(tmp_path / ("x" * 5000)) is None
    assert kind_of(tmp_path / "a\0b") is None
    home = Home.of(tmp_path)
    assert home.fault(tmp_path / ".." / tmp_path.name / "x", "'x'") == "'x' does not exist; copy it there"
    assert "outside the folder" in str(home.fault(tmp_path.with_name(tmp_path.name + "x") / "file", "'x'"))
