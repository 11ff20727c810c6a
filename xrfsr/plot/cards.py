"""What a notebook shows of a scan, a result, a photo, a map or a tree of them: the facts and a small picture.

Nothing is computed and nothing is read for it: what is not in memory is said to be so.
"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import dequantify, grid_of
from xrfsr.core.grid import Grid, grid_facts
from xrfsr.core.mistakes import is_like_photo, is_like_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_resolution import native_pixel
from xrfsr.core.previews import is_held, photo_pixels, place_of, stand_in, upright_pixels
from xrfsr.core.provenance import PREFIX, method_of, record_of
from xrfsr.core.scan import ensure_scan
from xrfsr.core.separate import SHIFT_COORDS, map_names
from xrfsr.utils import html
from xrfsr.utils.describe import listing
from xrfsr.utils.thumbnails import fit_box, limits, map_uri, photo_uri

__all__ = ["card", "tree_card"]

MOST = 30_000  # characters of all pictures of a card
MAPS = 4  # maps of a scan that are shown
SMALL, LARGE = (140, 96), (190, 220)  # height and width on the page: one of several maps, one picture alone
ROWS = 12  # lines listed at once, others after a click
NODES = 40  # nodes of a tree that are listed
LATER = "not computed yet"
# Coordinates along `line` of results: the heads of their columns, and the form of their numbers.
SCORES = {
    "photo_gain": ("photo gain", "{:+.1f} dB"),
    "guided_share": ("guided share", "{:.2f}"),
    "prior_share": ("prior share", "{:.2f}"),
}


class _Lines(NamedTuple):
    """What is known of the lines of a scan.

    Attributes
    ----------
    labels : list of str
    columns : dict
        Texts for each line, by the heads of the columns.
    pixels : array, shape (line, y, x), optional
        Small maps, upright; none if the maps are not in memory.
    """

    labels: list[str]
    columns: dict[str, list[str]]
    pixels: NDArray[np.float32] | None


def card(obj: xr.Dataset | xr.DataArray) -> str | None:
    """Return what a notebook shows of ``scan.xrfsr``, ``fine.xrfsr`` or ``photo.xrfsr`` as the last line of a cell.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, photo, or a single map (y, x) such as a ratio.

    Returns
    -------
    str or None
        HTML; None for anything else, of which the notebook then shows the text.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> shown = scan.xrfsr._repr_html_()
    >>> "16 × 16 mm" in shown, "Map of Pb-L" in shown
    (True, True)
    """
    return _card(obj)


def tree_card(tree: xr.DataTree) -> str | None:
    """Return what a notebook shows of ``tree.xrfsr`` as the last line of a cell.

    Parameters
    ----------
    tree : DataTree
        Tree of scans, results and photos.

    Returns
    -------
    str or None
        HTML, or None if it cannot be described.
    """
    return _tree_card(tree)


@html.or_none
def _card(obj: xr.Dataset | xr.DataArray) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when the maps were made
        if is_like_photo(obj):
            return _photo_card(obj["rgb"] if isinstance(obj, xr.Dataset) else obj)
        if isinstance(obj, xr.DataArray) and set(obj.dims) == {"y", "x"}:
            return _map_card(dequantify(obj))
        return _scan_card(obj)


def _scan_card(obj: xr.Dataset | xr.DataArray) -> str:
    grid, scan = grid_of(obj), ensure_scan(stand_in(obj), values=False)
    found = _lines_of(obj, scan, grid)
    method, unit = method_of(scan), str(scan["intensity"].attrs["units"])
    facts: dict[str, object] = {**grid_facts(grid), "units": unit}
    if method is not None:
        facts |= _record_facts(obj, scan, method)
        facts[", ".join(SCORES[name][0] for name in _known(obj) if not is_held(obj.coords[name]))] = LATER
    if "valid" in scan and is_held(obj["valid"]):
        share = float(scan["valid"].mean())
        facts["measured"] = "" if share == 1 else f"about {100 * share:.3g} % of the pixels"
    facts["layers"] = listing(name for name in ("uncertainty", "photo_support") if name in scan)
    facts["values"] = place_of(_first_map(obj))
    facts["source"] = _source(scan)
    pictures = [] if found.pixels is None else _maps_shown(found.labels, found.pixels, grid)
    count = len(found.labels)
    subtitle = f"{count} {'map' if count == 1 else 'maps'}"
    if pictures and len(pictures) < count:
        subtitle += f", of which {len(pictures)} are shown"
    title = "Scan" if method is None else "Super-resolved maps"
    return html.card(title, subtitle, facts, pictures=pictures, below=_line_tables(found))


def _first_map(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    if isinstance(obj, xr.DataArray):
        return obj
    return obj["intensity"] if "intensity" in obj else obj[next(iter(map_names(obj)))]


def _lines_of(obj: xr.Dataset | xr.DataArray, scan: xr.Dataset, grid: Grid) -> _Lines:
    labels = [str(label) for label in scan["line"].values]
    columns: dict[str, list[str]] = {}
    columns["keV"] = [f"{value:.2f}" if math.isfinite(value) else "" for value in scan["energy"].values]
    pixels = None
    if is_held(_first_map(obj)):
        maps = scan["intensity"].where(scan["valid"]) if "valid" in scan else scan["intensity"]
        pixels = upright_pixels(maps, grid, max(SMALL))
        unit = str(maps.attrs.get("units", "")).replace("dimensionless", "")
        ends = [limits(each) for each in pixels]
        columns[f"typical range, {unit}" if unit else "typical range"] = [
            f"{html.number(low)} to {html.number(high)}" for low, high in ends
        ]
        # Of one variable for each line, the uncertainties are where the maps are.
        if "uncertainty" in scan and (not is_like_scan(obj) or is_held(obj["uncertainty"])):
            ratio = upright_pixels(scan["uncertainty"], grid, max(SMALL)) / np.where(pixels > 0, pixels, np.nan)
            columns["uncertainty, median"] = [_percent(each) for each in ratio]
    for name, (head, form) in SCORES.items():
        if name in _known(obj) and is_held(obj.coords[name]):
            columns[head] = [form.format(value) if math.isfinite(value) else "" for value in obj.coords[name].values]
    return _Lines(labels, columns, pixels)


def _known(obj: xr.Dataset | xr.DataArray) -> list[str]:
    """Return the scores that a result has for each line."""
    return [name for name in SCORES if name in obj.coords and obj.coords[name].dims == ("line",)]


def _percent(ratio: NDArray[Any]) -> str:
    known = ratio[np.isfinite(ratio)]
    return f"{100 * float(np.median(known)):.2g} %" if known.size else ""


def _maps_shown(labels: list[str], pixels: NDArray[np.float32], grid: Grid) -> list[html.Markup]:
    """Return the maps with most structure, in their order."""
    order = np.argsort([-_structure(each) for each in pixels], kind="stable")[:MAPS]
    size = fit_box((grid.y.extent, grid.x.extent), LARGE if len(order) == 1 else SMALL)
    return [
        html.figure(
            map_uri(pixels[i], MOST // len(order)), f"Map of {labels[i]}", size, labels[i], pixels=pixels[i].shape
        )
        for i in sorted(order)
    ]


def _structure(pixels: NDArray[np.float32]) -> float:
    """Contrast of a map as far as neighbours share it, so that noise does not count."""
    values = np.where(np.isfinite(pixels), pixels, np.nan)
    spread, mean = float(np.nanvar(values)), abs(float(np.nanmean(values)))
    if not spread > 0:
        return 0.0
    rough = [float(np.nanmean(np.square(np.diff(values, axis=axis)))) for axis in (0, 1) if values.shape[axis] > 1]
    return max(0.0, 1 - float(np.mean(rough)) / (2 * spread)) * min(1.0, math.sqrt(spread) / max(mean, 1e-30))


def _line_tables(found: _Lines) -> list[html.Markup]:
    heads = ["line", *found.columns]
    rows = [list(row) for row in zip(found.labels, *found.columns.values(), strict=True)]
    made = [html.table(heads, rows[:ROWS])]
    if len(rows) > ROWS:
        made.append(html.details(f"{len(rows) - ROWS} more lines", html.table(heads, rows[ROWS:])))
    return made


def _record_facts(obj: xr.Dataset | xr.DataArray, scan: xr.Dataset, method: str) -> dict[str, object]:
    """Return how a result was made."""
    record = {name.removeprefix(PREFIX): value for name, value in record_of(scan).items()}
    facts: dict[str, object] = {"method": method}
    if "scale" in record:
        facts["scale"] = f"{float(record['scale']):g}"
    facts["footprint"] = str(record.get("footprint", ""))
    facts["photo moved by"] = _shift(obj, record)
    facts["trained for"] = f"{record['steps']} steps" if "steps" in record else ""
    facts["made by"] = f"xrfsr {record['version']}" if "version" in record else ""
    return facts


def _shift(obj: xr.Dataset | xr.DataArray, record: dict[str, Any]) -> str:
    """Return how far the photo was moved, from the attribute, or from the coordinates that lazy results have."""
    if "shift_mm" in record:
        y, x = json.loads(record["shift_mm"])
    elif set(SHIFT_COORDS) <= set(obj.coords):
        if not all(is_held(obj.coords[name]) for name in SHIFT_COORDS):
            return LATER
        y, x = (float(obj.coords[name][0]) for name in SHIFT_COORDS)
    else:
        return ""
    if not (y or x):
        return "0 mm"
    turned = " and turned or stretched" if "affine" in record else ""
    return f"{y:+.3g} mm in y, {x:+.3g} mm in x{turned}"


def _source(scan: xr.Dataset) -> str:
    source = scan.attrs.get("source")
    return PurePath(source).name if isinstance(source, str) else ""


def _photo_card(photo: xr.DataArray) -> str:
    grid, small = grid_of(photo), ensure_photo(stand_in(photo), values=False)
    names = [str(name) for name in small["band"].values]
    facts: dict[str, object] = {**grid_facts(grid), "bands": listing(names)}
    if native := native_pixel(photo):
        facts["pixels of its file"] = f"{native[1]:.3g} × {native[0]:.3g} mm"
    pictures = []
    if is_held(photo):
        pixels = photo_pixels(small, grid, max(LARGE))
        missing = 1 - float(np.isfinite(pixels).all(axis=-1).mean())
        facts["missing"] = f"about {100 * missing:.2g} % of the pixels" if missing else ""
        size = fit_box((grid.y.extent, grid.x.extent), LARGE)
        pictures = [html.figure(photo_uri(pixels, MOST), "Photo of the painting", size, pixels=pixels.shape[:2])]
    facts["values"] = place_of(photo)
    count = len(names)
    return html.card("Photo", f"{count} {'band' if count == 1 else 'bands'}", facts, pictures=pictures)


def _map_card(obj: xr.DataArray) -> str:
    grid, small = grid_of(obj), stand_in(obj)
    line = obj.coords["line"].item() if "line" in obj.coords and not obj.coords["line"].ndim else None
    name = str(line or obj.attrs.get("long_name") or obj.name or "map")
    unit = str(obj.attrs.get("units", ""))
    facts: dict[str, object] = {**grid_facts(grid), "units": unit}
    pictures = []
    if is_held(obj):
        pixels = upright_pixels(small.astype(np.float32), grid, max(LARGE))
        low, high = limits(pixels)
        facts["typical range"] = f"{html.number(low)} to {html.number(high)}"
        size = fit_box((grid.y.extent, grid.x.extent), LARGE)
        pictures = [html.figure(map_uri(pixels, MOST), f"Map of {name}", size, pixels=pixels.shape)]
    facts["values"] = place_of(obj)
    return html.card("Map", name, facts, pictures=pictures)


@html.or_none
def _tree_card(tree: xr.DataTree) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = [(node.path, node.to_dataset()) for node in tree.subtree if node.data_vars]
        rows = [_node_row(path, ds) for path, ds in nodes[:NODES]]
    below = [html.table(["node", "what", "lines", "size in mm", "pixels", "values"], rows, texts=2)]
    rest = len(nodes) - len(rows)
    subtitle = f"{len(nodes)} {'node' if len(nodes) == 1 else 'nodes'} with data"
    return html.card("Tree", subtitle + (f", of which {rest} are not listed" if rest else ""), {}, below=below)


def _node_row(path: str, ds: xr.Dataset) -> list[object]:
    is_scan = is_like_scan(ds) or bool(map_names(ds))
    if not is_scan and not is_like_photo(ds):
        return [path, "other data", "", "", "", ""]
    method, values = method_of(ds), _first_map(ds) if is_scan else ds["rgb"]
    kind = "photo" if not is_scan else "scan" if method is None else f"result, {method}"
    count = ds.sizes.get("line", len(map_names(ds))) if is_scan else ""
    try:
        grid = grid_of(ds)
        size, pixels = f"{grid.x.extent:.5g} × {grid.y.extent:.5g}", f"{grid.x.size} × {grid.y.size}"
    except ValueError:  # other nodes are shown all the same
        size, pixels = "unknown", ""
    return [path, kind, count, size, pixels, place_of(values).partition(",")[0].partition(":")[0]]
