"""How a result was made, as rows of a table, and the curves of its training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from xrfsr.core.provenance import record_of
from xrfsr.report.contents import Contents

__all__ = ["Curve", "Row", "curves_of", "provenance_rows"]

NAMES = {
    "xrfsr_method": "Method",
    "xrfsr_version": "Version of xrfsr",
    "xrfsr_scale": "Finer by",
    "xrfsr_seed": "Seed",
    "xrfsr_device": "Device",
    "xrfsr_libraries": "Libraries",
    "xrfsr_options": "Options",
    "xrfsr_footprint": "Footprint of the beam",
    "xrfsr_fwhm_mm": "Width of the beam in mm (y, x)",
    "xrfsr_smear_mm": "Smear of the scan in mm (y, x)",
    "xrfsr_consistency": "Agreement with the scan",
    "xrfsr_prior": "Network of random shapes",
    "xrfsr_steps": "Steps of the training",
    "xrfsr_shift_mm": "Photo moved by, in mm (y, x)",
    "xrfsr_affine": "Photo bent by",
    "xrfsr_model": "Fingerprint of the model",
    "xrfsr_checkpoint": "Weights of the network",
    "xrfsr_scan_checksum": "Checksum of the scan",
    "xrfsr_photo_checksum": "Checksum of the photo",
    "xrfsr_durations_s": "Seconds",
    "xrfsr_weights": "Weights of the estimates",
    "xrfsr_unknown": "Not recorded",
}
DRAWN = frozenset({"xrfsr_training_curve", "xrfsr_held_out"})  # as a picture, or in the table of the lines
LONGEST = 4000  # characters of one value
WIDTH, HEIGHT = 560, 180


class Row(NamedTuple):
    """Name of something recorded, and one text or more."""

    name: str
    values: list[str]


class Curve(NamedTuple):
    """Loss of one network on the pixels for validation, as the points of a drawing."""

    name: str
    points: str
    summary: str


def provenance_rows(contents: Contents) -> list[Row]:
    """Return what the result records, in plain words first and other attributes after them."""
    record = record_of(contents.fine)
    rows = [Row(title, _texts(record[name])) for name, title in NAMES.items() if name in record]
    others = sorted(set(record) - set(NAMES) - DRAWN)
    rows += [Row(name, _texts(record[name])) for name in others]
    attrs: Mapping[Any, Any] = contents.fine.attrs
    rest = [name for name in attrs if name not in record and isinstance(attrs[name], str | int | float)]
    return rows + [Row(str(name), _texts(attrs[name])) for name in rest if name not in ("Conventions", "title")]


def _texts(value: object) -> list[str]:
    """Return a value as lines of text: JSON as one line for each entry."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            found = json.loads(value)
        except ValueError:
            return [_cut(value)]
        if isinstance(found, dict):
            return [_cut(f"{name}: {_plain(each)}") for name, each in found.items()]
        return [_cut(_plain(found))]
    return [_cut(_plain(value))]


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def curves_of(contents: Contents) -> list[Curve]:
    """Return the curves of the training in a drawing of `WIDTH` × `HEIGHT`; none if nothing was trained."""
    try:
        found = json.loads(str(record_of(contents.fine).get("xrfsr_training_curve", "{}")))
    except ValueError:
        return []
    curves = {str(name): _points(points) for name, points in found.items()} if isinstance(found, dict) else {}
    curves = {name: points for name, points in curves.items() if len(points) > 1}
    if not curves:
        return []
    steps = [step for points in curves.values() for step, _ in points]
    losses = [math.log10(loss) for points in curves.values() for _, loss in points]
    left, right, low, high = min(steps), max(steps), min(losses), max(losses)
    made = []
    for name, points in curves.items():
        drawn = " ".join(
            f"{WIDTH * (step - left) / ((right - left) or 1):.1f},"
            f"{HEIGHT * (high - math.log10(loss)) / ((high - low) or 1):.1f}"
            for step, loss in points
        )
        (first, start), (last, end) = points[0], points[-1]
        made.append(Curve(name, drawn, f"{name}: {start:.3g} after step {first:g}, {end:.3g} after step {last:g}"))
    return made


def _points(points: object) -> list[tuple[float, float]]:
    """Return pairs of a step and a loss above zero; others, which another program may have written, are left out."""
    if not isinstance(points, list):
        return []
    pairs = [each for each in points if isinstance(each, list) and len(each) == 2]
    return [
        (float(step), float(loss))
        for step, loss in pairs
        if all(isinstance(each, int | float) and math.isfinite(each) for each in (step, loss)) and loss > 0
    ]
