"""Reports of the regions of a tree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from xrfsr.errors import InvalidInput

pytest.importorskip("bokeh")


def halves(scan: xr.Dataset) -> xr.DataTree:
    return xr.DataTree.from_dict({"panel/left": scan.isel(x=slice(0, 8)), "panel/Left": scan.isel(x=slice(8, 16))})


def test_every_region_has_a_page_and_the_index_leads_to_it(scan: Any, photo: Any, tmp_path: Path) -> None:
    halves(scan).xrfsr.report(tmp_path / "all", rgb=photo, scan=halves(scan), title="Two <halves>")
    index = (tmp_path / "all" / "index.html").read_text(encoding="utf-8")
    assert "<h1>Two &lt;halves&gt;</h1>" in index
    files = re.findall(r'<a href="([^"]+)">', index)
    # Names that differ in their case alone are one on some systems.
    assert files == ["panel-left.html", "panel-Left-2.html"]
    for file, name in zip(files, ("panel/left", "panel/Left"), strict=True):
        assert f"<h1>{name}</h1>" in (tmp_path / "all" / file).read_text(encoding="utf-8")


def test_a_folder_to_which_something_was_added_is_not_replaced(scan: Any, tmp_path: Path) -> None:
    tree, folder = halves(scan), tmp_path / "all"
    tree.xrfsr.report(folder)
    tree.xrfsr.report(folder, overwrite=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"contains 'notes.txt', which xrfsr did not write"):
        tree.xrfsr.report(folder, overwrite=True)
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_faults_name_the_region(scan: Any, photo: Any, tmp_path: Path) -> None:
    photos = xr.DataTree.from_dict({"panel/left": xr.Dataset({"rgb": photo})})
    with pytest.raises(InvalidInput, match=r"panel/Left: the tree of photos has no 'rgb' under 'panel/Left'"):
        halves(scan).xrfsr.report(tmp_path / "all", rgb=photos)
    with pytest.raises(InvalidInput, match=r"the tree of scans has no scan under 'panel/left'"):
        halves(scan).xrfsr.report(tmp_path / "all", scan=xr.DataTree())
    with pytest.raises(InvalidInput, match="no node of the tree"):
        xr.DataTree().xrfsr.report(tmp_path / "all")
    assert list(tmp_path.iterdir()) == []
