"""What is missing at a path: the file, the folder, or a folder that is a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from xrfsr.errors import InvalidInput
from xrfsr.utils.paths import absence, local_path


def test_the_message_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "IMAGES.h5").touch()
    assert absence(tmp_path) == absence(tmp_path / "IMAGES.h5") == ""
    assert absence(tmp_path / "other.h5") == f"'{tmp_path / 'other.h5'}' does not exist"
    assert absence(tmp_path / "IMAGE.h5").endswith(f"does not exist; did you mean '{tmp_path / 'IMAGES.h5'}'?")
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
