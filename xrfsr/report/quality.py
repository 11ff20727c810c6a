"""Table of the quality of every line, from what the result records and how it agrees with the scan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from xrfsr.core.provenance import record_of
from xrfsr.report.contents import Contents
from xrfsr.report.layers import Computed

__all__ = ["Column", "Table", "held_out", "plain_number", "quality_table"]

NONE = "–"
SOURCES = {"uncertainty": "scan's uncertainty", "counts": "counts", "estimate": "estimated", "unknown": "unknown"}


class Column(NamedTuple):
    """Heading of a column, and what it means."""

    title: str
    meaning: str


class Table(NamedTuple):
    """Table with one row for each line, the label first."""

    columns: list[Column]
    rows: list[list[str]]


def quality_table(contents: Contents, computed: Computed) -> Table:
    """Return the table of the lines; columns of which nothing is known are left out."""
    labels, values = contents.labels, computed.line_values
    tested = held_out(contents)
    columns: list[tuple[Column, list[str]]] = []

    def add(title: str, meaning: str, cells: list[str]) -> None:
        if any(cell != NONE for cell in cells):
            columns.append((Column(title, meaning), cells))

    def numbers(name: str, show: Callable[[float], str]) -> list[str]:
        return [show(each) if np.isfinite(each) else NONE for each in values.get(name, np.full(len(labels), np.nan))]

    def scores(key: str) -> list[str]:
        return [_signed(tested.get(label, {}).get(key)) for label in labels]

    add("Energy", "energy of the line in keV", numbers("energy", lambda each: f"{each:.2f} keV"))
    add(
        "Gain of the photo",
        "by how much the photo helps to predict pixels of the scan that are left out; above 0 dB it helps",
        numbers("photo_gain", _decibels),
    )
    add(
        "Photo used",
        "weight of the estimates along the photo in the map; the rest is interpolation",
        numbers("guided_share", lambda each: f"{each:.0%}"),
    )
    add(
        "Learned shapes used",
        "share of the correction that a network learned from random shapes",
        numbers("prior_share", lambda each: f"{each:.0%}"),
    )
    add(
        "Held-out score",
        "gain over interpolation on pixels of the scan that were kept from training; above 0 dB the map is better",
        scores("ensemble_db"),
    )
    if computed.rms is not None:
        add(
            "Differs from the scan",
            "root mean square of the difference, in standard deviations of the scan's noise; up to about 1 it is noise",
            [
                "below 0.01 σ" if each < 0.01 else f"{each:.2g} σ" if np.isfinite(each) else NONE
                for each in computed.rms
            ],
        )
        add("Noise of the scan", "how the noise is known", [SOURCES.get(each, each) for each in computed.noise_source])
    if "photo_shift_y" in values and "photo_shift_x" in values:
        moved = np.hypot(values["photo_shift_y"], values["photo_shift_x"])
        if (moved > 0).any():
            cells = [f"{each:.2g} mm" if np.isfinite(each) else NONE for each in moved]
            add("Photo moved", "distance by which the photo was moved to fit the scan", cells)
    rows = [[label, *(cells[row] for _, cells in columns)] for row, label in enumerate(labels)]
    return Table([Column("Line", "element and shell"), *(column for column, _ in columns)], rows)


def held_out(contents: Contents) -> Mapping[str, Mapping[str, Any]]:
    """Return the scores on held-out pixels that a result records, by line; empty if there are none."""
    try:
        found = json.loads(str(record_of(contents.fine).get("xrfsr_held_out", "{}")))
    except ValueError:
        return {}
    return (
        {str(label): each for label, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}
    )


def plain_number(value: float) -> str:
    """Return a number with three digits that count, without an exponent where it can be read without one.

    Examples
    --------
    >>> plain_number(7624.3), plain_number(0.05), plain_number(1.2e9), plain_number(0.0)
    ('7620', '0.05', '1.2e+09', '0')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:.0f}" if 1000 <= abs(rounded) < 1e6 else f"{rounded:g}"


def _signed(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return _decibels(value) if is_number else NONE


def _decibels(value: float) -> str:
    return f"{value:+.1f} dB".replace("-", "−")
