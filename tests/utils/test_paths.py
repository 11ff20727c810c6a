"""What is missing at a path: the file, the folder, or a folder that is a file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput
from xrfsr.utils.paths import absence, local_path


def test_the_message_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "IMAGES.h5").touch()
    assert absence(tmp_path) == absence(tmp_path / "IMAGES.h5") == ""
    assert absence(tmp_path / "other.h5") == f"'{tmp_path / 'other.h5'}' does not exist"
    assert absence(tmp_path / "IMAGE.h5").endswith(f"does not exist (did you mean '{tmp_path / 'IMAGES.h5'}'?)")
    inside = tmp_path / "IMAGES.h5" / "maps" / "Ca-K.tif"
    assert absence(inside) == f"'{inside}' does not exist, because '{tmp_path / 'IMAGES.h5'}' is a file and no folder"
    far = tmp_path / "nowhere" / "maps" / "Ca-K.tif"
    assert absence(far) == f"'{far}' does not exist, nor does the folder '{far.parent}'"
    assert absence(tmp_path / ("x" * 300)).endswith("does not exist")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    assert absence(link) == ""  # what it leads to is another message


@pytest.mark.parametrize("path", [None, 3, b"maps.h5", "", " ", "a\0b", ["maps.h5"], "x" * 5000, "ü" * 130, "\ud800"])
def test_what_is_no_path_is_described(path: object) -> None:
    with pytest.raises(InvalidInput, match=r"path must .*; pass the folder of the maps") as caught:
        local_path(path, "the folder of the maps")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("address", "fix"),
    [
        (
            "https://zenodo.org/records/1/files/fit.h5",
            "download it first, for example with curl -LO 'https://zenodo.org",
        ),
        ("http://museum.org/photo.tif", "download it first"),
        ("s3://bucket/scan.zarr", r"copy it here first, for example with fsspec\.filesystem\('s3'\)\.get"),
        ("gs://bucket/scan.zarr", r"fsspec\.filesystem\('gs'\)"),
        ("file:///home/me/fit.h5", "leave out 'file://'"),
    ],
)
def test_an_address_is_no_path(kind: type, address: str, fix: str) -> None:
    start = re.escape(address if len(address) < 30 else address[:8])
    with pytest.raises(InvalidInput, match=rf"path must be on this machine, got the address '{start}.*{fix}"):
        local_path(kind(address), "the folder of the maps")
    for call in (
        lambda: xrfsr.open_scan(kind(address), 1.0),
        lambda: xr.open_dataset(kind(address), engine="xrfsr", pixel_size=1.0),
        lambda: xrfsr.open_photo(kind(address), like=as_scan(np.eye(4)[None], ["Ca-K"], 1.0)),
        lambda: as_scan(np.eye(4)[None], ["Ca-K"], 1.0).xrfsr.to_zarr(kind(address)),
    ):
        with pytest.raises(InvalidInput, match="got the address"):
            call()


@pytest.mark.parametrize("path", ["C:\\maps\\Ca-K.tif", "C:/maps/Ca-K.tif", "maps:2/Ca.tif", "a:b", "scan https: x"])
def test_names_with_a_colon_are_paths(path: str) -> None:
    assert str(local_path(path, "the folder of the maps")) == path


def test_a_folder_that_is_named_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("https:/museum").mkdir(parents=True)
    assert local_path("https://museum", "the folder of the maps") == Path("https:/museum")
