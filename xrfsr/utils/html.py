"""Fragments of HTML for what notebooks show of an object: facts, tables and small pictures, every text escaped.

There is no script, no style sheet and no identifier, so that no output of a notebook affects another. Colours are those
of the page, so that a card can be read on light and on dark ones.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec

__all__ = ["Markup", "card", "curves", "details", "figure", "frame", "number", "or_none", "table", "text"]

P = ParamSpec("P")

LONGEST = 120  # characters of a text from a label, an attribute or a file name
FAINT = "rgba(128,128,128,.4)"
LEFT = "text-align:left;padding:1px 14px 1px 0;vertical-align:top;background:none;border:0"
# Tables of notebooks have stripes, a font and an alignment of their own.
TABLE = "color:inherit;border-collapse:collapse;border:0;margin:0;font-size:inherit;line-height:inherit"
CURVE = (190, 90)  # pixels of a small diagram
# Notebooks let names float, a fifth of the page wide.
NAME = "float:none;width:auto;margin:0;font-weight:normal;white-space:nowrap;opacity:.75;grid-column:1"
VALUE = "margin:0;grid-column:2;overflow-wrap:anywhere"
SQUARE = 2  # pixels of the page for a pixel of a picture, from which on it is shown as a square


class Markup(str):
    """Text that is HTML already: made by this module, or escaped by it."""

    __slots__ = ()


def or_none(function: Callable[P, str]) -> Callable[P, str | None]:
    """Return a function that gives None for anything that goes wrong, so that a notebook shows the text instead."""

    @wraps(function)
    def careful(*args: P.args, **keywords: P.kwargs) -> str | None:
        try:
            return function(*args, **keywords)
        except Exception:  # an object that cannot be described must not break the notebook that shows it
            return None

    return careful


def text(value: object) -> Markup:
    r"""Return a value as escaped text of limited length, without characters that cannot be seen.

    Examples
    --------
    >>> text("<script>alert(1)</script>")
    '&lt;script&gt;alert(1)&lt;/script&gt;'
    >>> text("a\u202eb"), text(Markup("<b>"))
    ('a\\u202eb', '<b>')
    """
    if isinstance(value, Markup):
        return value
    plain = str(value)
    plain = plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
    return Markup(html.escape(plain if plain.isprintable() else ascii(plain)[1:-1]))


def figure(
    uri: str, alt: str, size: tuple[float, float], caption: str = "", *, pixels: tuple[int, int] = (1, 1)
) -> Markup:
    """Return a small picture.

    Parameters
    ----------
    uri : str
        ``data:image/png;base64,...``, as `xrfsr.utils.thumbnails` makes it.
    alt : str
        Description for those who do not see it.
    size : tuple of float
        Width and height in pixels of the page.
    caption : str
        Text below it.
    pixels : tuple of int
        Its own rows and columns. Few of them are shown as squares, many are blended.
    """
    width, height = (max(1, round(each)) for each in size)
    blend = "pixelated" if min(height / pixels[0], width / pixels[1]) >= SQUARE else "auto"
    below = f'<figcaption style="text-align:center">{text(caption)}</figcaption>' if caption else ""
    # A width that a theme's "height: auto" cannot distort: pixels of maps need not be square.
    style = f"display:block;width:{width}px;height:{height}px;max-width:none;image-rendering:{blend};margin:0"
    return Markup(
        f'<figure style="margin:0"><img src="{html.escape(uri)}" alt="{text(alt)}" width="{width}" height="{height}" '
        f'style="{style}">{below}</figure>'
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], texts: int = 1) -> Markup:
    """Return a table whose first column has names.

    Parameters
    ----------
    columns : sequence of str
        Heads.
    rows : sequence
        Entries.
    texts : int
        Number of columns, the first among them, that hold text; numbers are on the right.

    Examples
    --------
    >>> table(["line", "keV"], [["Ca-K", "3.69"]]).count("<th scope=")
    3
    """
    head = f"{LEFT};font-weight:normal;opacity:.75;border-bottom:1px solid {FAINT};white-space:nowrap"
    sides = ["left" if i < texts else "right" for i in range(len(columns))]
    heads = "".join(
        f'<th scope="col" style="{head.replace("left", side, 1)}">{text(name)}</th>'
        for name, side in zip(columns, sides, strict=True)
    )
    made = []
    for first, *others in rows:
        cells = "".join(
            f'<td style="{LEFT.replace("left", side, 1)};white-space:nowrap">{text(each)}</td>'
            for each, side in zip(others, sides[1:], strict=True)
        )
        made.append(
            f'<tr style="background:none"><th scope="row" style="{LEFT};font-weight:600;white-space:nowrap">'
            f"{text(first)}</th>{cells}</tr>"
        )
    return Markup(
        f'<table style="{TABLE}"><thead style="border:0"><tr style="background:none">{heads}</tr></thead>'
        f"<tbody>{''.join(made)}</tbody></table>"
    )


def details(summary: str, inside: Markup) -> Markup:
    """Return a part that a click opens."""
    return Markup(f'<details><summary style="cursor:pointer">{text(summary)}</summary>{inside}</details>')


def curves(values: Sequence[Sequence[tuple[float, float]]], alt: str, caption: str) -> Markup:
    """Return curves through points (x, y), each from 0 to 1 and upwards, in the colour of the text."""
    width, height = CURVE
    lines = "".join(
        f'<polyline fill="none" stroke="currentColor" stroke-opacity="{0.9 - 0.25 * (i % 3):g}" stroke-width="1.5" '
        f'points="{" ".join(f"{2 + x * (width - 4):.1f},{2 + (1 - y) * (height - 4):.1f}" for x, y in points)}"/>'
        for i, points in enumerate(values)
    )
    border = f"border-left:1px solid {FAINT};border-bottom:1px solid {FAINT}"
    return Markup(
        f'<figure style="margin:0">{_svg(width, height, alt, lines, border)}'
        f'<figcaption style="opacity:.75">{text(caption)}</figcaption></figure>'
    )


def frame(extent: tuple[float, float], side: float = 72) -> Markup:
    """Return the outline of an area of a given extent (y, x), to scale."""
    height, width = (max(8.0, side * each / max(extent)) for each in extent)
    outline = (
        f'<rect x="1" y="1" width="{width:.1f}" height="{height:.1f}" fill="currentColor" fill-opacity=".08" '
        'stroke="currentColor" stroke-width="1.2"/>'
    )
    alt = f"Outline of an area of {extent[1]:.4g} by {extent[0]:.4g} mm"
    return _svg(math.ceil(width) + 2, math.ceil(height) + 2, alt, outline)


def _svg(width: int, height: int, alt: str, inside: str, style: str = "") -> Markup:
    return Markup(
        f'<svg role="img" aria-label="{text(alt)}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'style="display:block;{style}">{inside}</svg>'
    )


def card(
    title: str,
    subtitle: str,
    facts: Mapping[str, object],
    *,
    pictures: Sequence[Markup] = (),
    below: Sequence[Markup] = (),
) -> str:
    """Return a card: a title, pictures with the facts to their right, and what follows below.

    Parameters
    ----------
    title, subtitle : str
        What it is, and a few words more.
    facts : mapping
        Values by name. Those that are None or empty, or have no name, are left out.
    pictures, below : sequence of Markup
        Fragments of this module.
    """
    known = "".join(
        f'<dt style="{NAME}">{text(name)}</dt><dd style="{VALUE}">{text(value)}</dd>'
        for name, value in facts.items()
        if name and value not in (None, "")
    )
    shown = "".join(pictures)
    shown = f'<div style="display:flex;flex-wrap:wrap;gap:6px 10px">{shown}</div>' if shown else ""
    after = "".join(f'<div style="margin-top:8px;overflow-x:auto">{each}</div>' for each in below)
    return (
        '<div style="font-size:13px;line-height:1.5;color:inherit;padding:2px 0 6px">'
        f'<div style="margin-bottom:6px"><strong>{text(title)}</strong> '
        f'<span style="opacity:.75">{text(subtitle)}</span></div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:10px 22px;align-items:flex-start">{shown}'
        '<dl style="display:grid;flex:1 1 24em;grid-template-columns:max-content minmax(0,1fr);gap:0 12px;margin:0">'
        f"{known}</dl></div>{after}</div>"
    )


def number(value: float) -> str:
    """Return a number with three digits, with an exponent only where it is very large or small.

    Examples
    --------
    >>> number(11623.0), number(0.03321), number(2.5e9)
    ('11600', '0.0332', '2.5e+09')
    """
    return f"{float(f'{value:.3g}'):g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.3g}"
