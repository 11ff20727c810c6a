"""The page: texts and pictures in one HTML file that asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from xrfsr._version import __version__
from xrfsr.errors import import_optional

__all__ = ["CITATION", "as_json", "render", "report_script"]

CITATION = (
    "H. Verinaz-Jadan, S. Yan, C. Higgitt and P. L. Dragotti, “Adversarial Deep-Unfolding Network for MA-XRF "
    "Super-Resolution on Old Master Paintings Using Minimal Training Data”."
)
SCRIPTS = ("decode.js", "layers.js", "view.js", "profile.js", "report.js")


def as_json(values: Any) -> str:
    """Return plain values as JSON that can stand within a script element; NaN is refused."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def render(template: str, values: Mapping[str, Any], scripts: tuple[str, ...] = ()) -> str:
    """Fill a template of this folder; every text in it is escaped.

    Parameters
    ----------
    template : str
        Name of the template.
    values : mapping
        What the template names.
    scripts : tuple of str
        Scripts that the page runs. The page names their hashes, and a browser runs no other.
    """
    # An end tag within a script would end it.
    safe = tuple(script.replace("</script", "<\\/script") for script in scripts)
    given = {
        "version": __version__,
        "citation": CITATION,
        "style": asset("page.css"),
        "scripts": safe,
        "policy": _policy(safe),
    }
    made: str = _compiled(template).render(given | dict(values))
    return made


@cache
def _compiled(template: str) -> Any:
    jinja2 = import_optional("jinja2", "HTML reports", "report")
    strict = {"autoescape": True, "undefined": jinja2.StrictUndefined}
    return jinja2.Environment(trim_blocks=True, lstrip_blocks=True, **strict).from_string(asset(template))


def report_script() -> str:
    """Return the script of the page, without Bokeh."""
    return "\n".join(['"use strict";', *map(asset, SCRIPTS)])


@cache
def asset(name: str) -> str:
    """Return a text of this folder."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _policy(scripts: tuple[str, ...]) -> str:
    """Return the content security policy: no network, and no script but these.

    They may make functions of text, which Bokeh does for some formatters and callbacks, and test drivers for theirs.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in scripts)
    allowed = " ".join([*(f"'sha256-{each}'" for each in hashes), "'unsafe-eval'"]) if scripts else "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
