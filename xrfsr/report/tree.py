"""The reports of all regions of a tree, and a page that lists them."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from xrfsr.core.separate import map_names
from xrfsr.errors import Fault, InvalidInput, collect_faults, import_optional
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.ownership import html_folder_obstacle
from xrfsr.report.contents import Contents, contents_of
from xrfsr.report.page import render
from xrfsr.report.single import html_of, title_faults
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import describe
from xrfsr.utils.paths import local_path

__all__ = ["report"]

INDEX = "index.html"


def report(
    tree: xr.DataTree,
    path: str | PathLike[str],
    *,
    scan: xr.DataTree | None = None,
    rgb: xr.DataArray | xr.DataTree | None = None,
    title: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write an HTML report for every region of a tree into one folder, and a page ``index.html`` that lists them.

    Parameters
    ----------
    tree : xarray.DataTree
        Tree of results, such as ``xr.open_datatree`` opens from the store of `xrfsr.regions.run`, or of scans.
    path : str or path
        Folder to write. It appears once it is complete.
    scan : xarray.DataTree, optional
        Tree of the scans, each under the name of its result.
    rgb : xarray.DataArray or xarray.DataTree, optional
        One photo in the millimetre coordinates of all regions, or a tree with `rgb` under the name of each.
    title : str, optional
        Title of the page that lists the regions.
    overwrite : bool
        Whether to replace an existing folder of reports, if nothing was added to it.

    Raises
    ------
    InvalidInput
        If a region, the path or a photo cannot be used, or Bokeh is not installed; the message lists every fault.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> tree = xr.DataTree.from_dict({"left": scan.isel(x=slice(0, 8)), "right": scan.isel(x=slice(8, 16))})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tree.xrfsr.report(f"{folder}/reports", rgb=rgb)
    ...     sorted(file.name for file in Path(folder, "reports").iterdir())
    ['index.html', 'left.html', 'right.html']
    """
    if not isinstance(tree, xr.DataTree):
        raise InvalidInput(
            "tree", [f"a DataTree of results is needed, got {describe(tree)}; use ds.xrfsr.report for one"]
        )
    faults = title_faults(title) + switch_faults(overwrite=overwrite)
    if scan is not None and not isinstance(scan, xr.DataTree):
        faults.append(f"scan must be a DataTree with the scan of every region under its name, got {describe(scan)}")
    target: Path | None = None
    with collect_faults(faults):
        target = local_path(path, "the folder to write, such as 'reports'")
        faults += target_faults(target, html_folder_obstacle, overwrite=not faults and overwrite)
    for module in ("bokeh", "jinja2"):
        with collect_faults(faults):
            import_optional(module, "HTML reports", "report")
    nodes = {node.path.strip("/"): node for node in tree.subtree if _has_maps(node)}
    if not nodes:
        faults.append(
            "no node of the tree has a variable 'intensity' or maps of lines; build it with DataTree.from_dict"
        )
    if faults or target is None:
        raise InvalidInput("report", faults)
    contents: dict[str, Contents] = {}
    for name, node in nodes.items():
        with collect_faults(faults, name):
            contents[name] = contents_of(node.to_dataset(), _scan_of(scan, name), _photo_of(rgb, name))
    if faults:
        raise InvalidInput("report", faults)
    with atomic_write(target, "reports", html_folder_obstacle, overwrite=overwrite) as new:
        new.mkdir()
        _write(new, contents, (title or "Element maps of all regions").strip())


def _write(folder: Path, contents: dict[str, Contents], title: str) -> None:
    """Write one page after the other, so that one is in memory at a time."""
    regions = []
    taken = {INDEX}
    for name, each in contents.items():
        file = _file_name(name, taken)
        taken.add(file.casefold())
        page, summary = html_of(each, name or None)
        (folder / file).write_text(page, encoding="utf-8")
        regions.append({"name": name or summary.title, "file": file, "summary": summary})
    page = render("index.html", {"title": title, "regions": regions})
    (folder / INDEX).write_text(page, encoding="utf-8")


def _file_name(name: str, taken: set[str]) -> str:
    """Return a name of a file that every system and browser takes, and that no other region has."""
    plain = re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-")[:80] or "region"
    number, made = 1, f"{plain}.html"
    while made.casefold() in taken:
        number += 1
        made = f"{plain}-{number}.html"
    return made


def _has_maps(node: xr.DataTree) -> bool:
    dataset = node.to_dataset()
    return "intensity" in dataset or bool(map_names(dataset))


def _scan_of(scans: xr.DataTree | None, name: str) -> Any:
    if scans is None:
        return None
    try:
        found = scans[name] if name else scans
    except KeyError:
        found = None
    if not isinstance(found, xr.DataTree) or not _has_maps(found):
        raise InvalidInput(
            "report", [Fault(f"the tree of scans has no scan under '{name}'; leave scan out, or add it")]
        )
    return found.to_dataset()


def _photo_of(rgb: xr.DataArray | xr.DataTree | None, name: str) -> Any:
    if not isinstance(rgb, xr.DataTree):
        return rgb
    try:
        return (rgb[name] if name else rgb)["rgb"]
    except KeyError:
        raise InvalidInput(
            "report", [f"the tree of photos has no 'rgb' under '{name}'; leave rgb out, or add it"]
        ) from None
