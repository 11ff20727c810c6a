"""The report of one painting or region."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.lines import try_parse
from xrfsr.errors import InvalidInput, collect_faults, import_optional
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.ownership import html_obstacle
from xrfsr.plot.limits import limits_of
from xrfsr.report.contents import Contents, contents_of
from xrfsr.report.encoding import Encoded, encoded, nice_step
from xrfsr.report.figures import COLOURS, bokeh_script, colour_table, figure_items
from xrfsr.report.layers import Computed, Layer, compute_layers
from xrfsr.report.notes import notes_of
from xrfsr.report.page import as_json, render, report_script
from xrfsr.report.pictures import GREY, Photo, Picture, make_photo, map_picture, photo_picture
from xrfsr.report.provenance import HEIGHT, WIDTH, curves_of, provenance_rows
from xrfsr.report.quality import plain_number, quality_table
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import describe
from xrfsr.utils.paths import local_path

__all__ = ["Summary", "html_of", "report", "title_faults"]

# Bytes of maps and photo before base64, which adds a third; with all else a page stays below 25 MB.
MOST_BYTES = 16_500_000
SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Summary:
    """What an index says about one report."""

    title: str
    size: str
    lines: str
    warnings: int
    picture: Picture


def report(
    obj: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    scan: xr.Dataset | xr.DataArray | None = None,
    rgb: xr.DataArray | None = None,
    title: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write maps, their quality and how they were made as one HTML page that opens without an internet connection.

    The page shows photo, scan and fine maps with a divider to move, values and positions under the cursor, profiles,
    pictures of three lines, a table of the quality of every line, warnings in plain words, and the record of the run.
    All of it can be used with the keyboard and printed. Lazy maps are read once, in parts.

    Parameters
    ----------
    obj : Dataset or DataArray
        Result of `superresolve`, or a scan.
    path : str or path
        File to write, ending in ``.html``. It appears once it is complete.
    scan : Dataset or DataArray, optional
        Scan from which the maps were made. The page shows it and compares it with the maps.
    rgb : DataArray, optional
        Photo that was used, registered to the scan.
    title : str, optional
        Title of the page; by default the attribute ``title`` of the maps, or their lines.
    overwrite : bool
        Whether to replace an existing report; any other file is never replaced.

    Raises
    ------
    InvalidInput
        If the maps, the scan, the photo or the path cannot be used or do not fit together, or Bokeh is not installed;
        the message lists every fault.

    Notes
    -----
    Values are stored in steps of at most 1/200 of the colour scale of a line. Large maps are reduced by means over
    blocks of pixels. The page states both.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(method="kriging")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fine.xrfsr.report(f"{folder}/report.html", scan=scan, rgb=rgb)
    """
    faults = title_faults(title) + switch_faults(overwrite=overwrite)
    target: Path | None = None
    contents: Contents | None = None
    with collect_faults(faults):
        target = local_path(path, "the page to write, such as 'report.html'")
        if target.suffix.lower() not in SUFFIXES:
            faults.append(f"the name of a report must end in .html, got '{target.name}'")
        faults += target_faults(target, html_obstacle, overwrite=not faults and overwrite)
    with collect_faults(faults):
        contents = contents_of(obj, scan, rgb)
    for module in ("bokeh", "jinja2"):
        with collect_faults(faults):
            import_optional(module, "HTML reports", "report")
    if faults or target is None or contents is None:
        raise InvalidInput("report", faults)
    page, _ = html_of(contents, title)
    with atomic_write(target, "report", html_obstacle, overwrite=overwrite) as new:
        new.write_text(page, encoding="utf-8")


def title_faults(title: object) -> list[str]:
    """Return what is wrong with a title."""
    if title is None or (isinstance(title, str) and title.strip()):
        return []
    return [f"title must be text, such as 'Portrait of a soldier', got {describe(title)}"]


def html_of(contents: Contents, title: str | None = None) -> tuple[str, Summary]:
    """Return the page, and what an index says about it."""
    computed = compute_layers(contents)
    photo = None if contents.photo is None else make_photo(contents.photo, contents.grid)
    scales = _scales(computed)
    layers, pictures = _encode(computed, scales, 0 if photo is None else len(photo.source) * 3 // 4)
    computed = replace(computed, layers=tuple(layers))
    notes = notes_of(contents, computed)
    title = (title or _title(contents)).strip()
    height, width = contents.grid.y.extent, contents.grid.x.extent
    size = f"{_millimetres(width)} × {_millimetres(height)}"
    overview = _overview(computed, scales, contents)
    picture = None if photo is None else photo_picture(photo)
    warned = sum(note.kind == "warning" for note in notes)
    values = {
        "title": title,
        "size": size,
        "method": contents.method,
        "pixels": "{1} × {0} pixels of {2}".format(*contents.grid.shape, _millimetres(min(contents.grid.spacing))),
        "lines": contents.labels,
        "notes": notes,
        "warnings": warned,
        "stated": _stated(computed, photo, scales),
        "overview": overview,
        "shape": f"{width / height:.6g}",
        "widest": round(420 * width / height),
        "photo_picture": picture,
        "photo_source": None if photo is None else photo.source,
        "quality": quality_table(contents, computed),
        "rows": provenance_rows(contents),
        "curves": curves_of(contents),
        "curve_size": (WIDTH, HEIGHT),
        "layers": computed.layers,
        "data": as_json(_data(contents, computed, photo, scales)),
        "items": as_json(figure_items()),
        "pictures": {name: each.text for name, each in pictures.items()},
    }
    page = render("report.html", values, (bokeh_script(), report_script()))
    first = picture or overview[0]["pictures"][0]["picture"]
    return page, Summary(title, size, ", ".join(contents.labels), warned, first)


Scales = dict[str, list[tuple[float, float]]]


def _scales(computed: Computed) -> Scales:
    """Return the ends of the colour scale of every layer and line; scan and maps share theirs."""
    made: Scales = {}
    fine, coarse = computed.layer("fine"), computed.layer("coarse")
    assert fine is not None
    both = [fine] if coarse is None else [fine, coarse]
    shared = [_limits([layer.values[line] for layer in both]) for line in range(len(fine.values))]
    for layer in computed.layers:
        if layer.name == "support":
            made[layer.name] = [(0.0, 1.0)] * len(layer.values)
        else:
            made[layer.name] = shared if layer in both else [_limits([plane]) for plane in layer.values]
    return made


def _limits(planes: list[Any]) -> tuple[float, float]:
    low, high, _ = limits_of(planes)
    return low, high


def _encode(computed: Computed, scales: Scales, taken: int) -> tuple[list[Layer], dict[str, Encoded]]:
    """Return the layers as they are shown, and every map as text, reduced further while they are too large."""
    layers = {layer.name: layer for layer in computed.layers}
    made = {name: _encoded(layer, scales[name]) for name, layer in layers.items()}
    while taken + sum(len(each.data) for maps in made.values() for each in maps) > MOST_BYTES:
        largest = max(made, key=lambda name: sum(len(each.data) for each in made[name]))
        layers[largest] = layers[largest].halved()
        made[largest] = _encoded(layers[largest], scales[largest])
    return list(layers.values()), {
        f"{name}-{line}": each for name, maps in made.items() for line, each in enumerate(maps)
    }


def _encoded(layer: Layer, scale: list[tuple[float, float]]) -> list[Encoded]:
    return [encoded(plane, _step(plane, ends)) for plane, ends in zip(layer.values, scale, strict=True)]


def _step(plane: Any, ends: tuple[float, float]) -> float:
    known = np.abs(plane[np.isfinite(plane)])
    return nice_step(ends[1] - ends[0], float(known.max(initial=0.0)))


def _data(contents: Contents, computed: Computed, photo: Photo | None, scales: Scales) -> dict[str, Any]:
    """Return what the script of the page needs, as plain values."""
    grid = contents.grid
    layers = []
    for layer in computed.layers:
        rows, columns = layer.values.shape[1:]
        layers.append(
            {
                "name": layer.name,
                "title": layer.title,
                "units": layer.units,
                "rows": rows,
                "columns": columns,
                "pixel": layer.pixel,
                "corner": layer.corner,
                "size": layer.size,
                "colours": COLOURS[layer.name],
                "lines": [
                    {"low": low, "high": high, "step": _step(plane, (low, high)), "stretch": _stretch(plane)}
                    for plane, (low, high) in zip(layer.values, scales[layer.name], strict=True)
                ],
            }
        )
    shown = None
    if photo is not None:
        rows, columns = photo.pixels.shape[:2]
        shown = {"rows": rows, "columns": columns, "pixel": photo.pixel, "corner": photo.corner}
    return {
        "lines": contents.labels,
        "height": grid.y.extent,
        "width": grid.x.extent,
        "origin": [grid.y.edges[0], grid.x.edges[0]],
        "layers": layers,
        "photo": shown,
        "missing": GREY,
        "colours": {
            name: ["#" + bytes(colour).hex() for colour in colour_table(name)] for name in sorted(set(COLOURS.values()))
        },
    }


def _stretch(plane: Any) -> list[float]:
    """Return the ends of the stretch in a picture of three lines, as `xrfsr.analysis.composite` has them."""
    known = plane[np.isfinite(plane)]
    if not known.size:
        return [0.0, 1.0]
    low, high = (float(each) for each in np.percentile(known, [1, 99]))
    if high <= low:
        low, high = float(known.min()), float(known.max())
    return [low, high if high > low else low + 1.0]


def _overview(computed: Computed, scales: Scales, contents: Contents) -> list[dict[str, Any]]:
    """Return small pictures of all layers of every line."""
    tables = {name: colour_table(colours) for name, colours in COLOURS.items()}
    order = [layer for name in ("coarse", "fine", "uncertainty", "support") if (layer := computed.layer(name))]
    made = []
    for number, label in enumerate(contents.labels):
        pictures = []
        for layer in order:
            ends = scales[layer.name][number]
            scale = f"{plain_number(ends[0])} to {plain_number(ends[1])} {layer.units}".strip()
            picture = map_picture(layer, number, f"{layer.title} of {label}", tables[layer.name], ends)
            pictures.append({"picture": picture, "title": layer.title, "scale": scale, "colours": COLOURS[layer.name]})
        made.append({"label": label, "pictures": pictures})
    return made


def _stated(computed: Computed, photo: Photo | None, scales: Scales) -> list[str]:
    """Return how the pictures differ from the data."""
    said = []
    for layer in computed.layers:
        rows, columns = layer.values.shape[1:]
        size = f"{layer.title}: {columns} × {rows} pixels of {_millimetres(min(layer.pixel))}"
        kept = (
            "as in the data"
            if layer.factor == 1
            else f"each the mean of {layer.factor} × {layer.factor} pixels of the data"
        )
        steps = [_step(plane, ends) for plane, ends in zip(layer.values, scales[layer.name], strict=True)]
        low, high = min(steps), max(steps)
        step = plain_number(low) if low == high else f"{plain_number(low)} to {plain_number(high)}"
        said.append(f"{size}, {kept}; values in steps of {step} {layer.units}".rstrip() + ".")
    if photo is not None:
        rows, columns = photo.pixels.shape[:2]
        kept = "" if photo.factor == 1 else f", each the mean of {photo.factor} × {photo.factor} pixels of the photo"
        said.append(f"Photo: {columns} × {rows} pixels{kept}, compressed.")
    return said


def _title(contents: Contents) -> str:
    given = contents.fine.attrs.get("title")
    if isinstance(given, str) and given.strip():
        return given
    elements = list(dict.fromkeys(line.element if (line := try_parse(label)) else label for label in contents.labels))
    more = f" and {len(elements) - 8} more" if len(elements) > 8 else ""
    return f"{'Fine element maps' if contents.method else 'Element maps'}: {', '.join(elements[:8])}{more}"


def _millimetres(length: float) -> str:
    """Return a length in a unit that suits it."""
    if length < 1:
        return f"{length * 1000:.3g} µm"
    digits = max(0, 2 - math.floor(math.log10(length)))
    return f"{length:.{min(digits, 2)}f} mm"
