"""The page of figures: every plot has its section, its picture, and a place in the script that draws it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

import xrfsr
from xrfsr.accessor import PlotAccessor

ROOT = Path(xrfsr.__file__).parents[1]
PAGE = ROOT / "docs" / "gallery" / "plots.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="needs the project's folder")


def test_every_plot_is_on_the_page_and_in_the_script() -> None:
    text, script = PAGE.read_text("utf-8"), (ROOT / "examples" / "gallery.py").read_text("utf-8")
    shown = set(re.findall(r"\]\(plots/(\w+)\.png\)", text))
    assert shown == set(xrfsr.plot.__all__) | {"photo"}
    assert shown == set(re.findall(r'yield "(\w+)"', script))
    methods = {name for name in dir(PlotAccessor) if not name.startswith("_")}
    assert methods == set(xrfsr.plot.__all__) - {"comparison", "overview"}


def test_pictures_are_small() -> None:
    found = sorted((ROOT / "docs" / "gallery" / "plots").glob("*.png"))
    assert {path.stem for path in found} == set(xrfsr.plot.__all__) | {"photo"}
    for path in found:
        assert path.stat().st_size <= 150_000, path.name
        with Image.open(path) as picture:
            assert 300 <= picture.width <= 1200


def test_calls_on_the_page_are_those_of_the_script() -> None:
    script = re.sub(r"\s+", " ", (ROOT / "examples" / "gallery.py").read_text("utf-8"))
    shown = r"^((?:\w+\.xrfsr\.plot|xrfsr\.plot\.\w+)[^\n]*\))(?=\n```\n\n!\[)"
    calls = re.findall(shown, PAGE.read_text("utf-8"), re.M)
    assert len(calls) >= 12
    for call in calls:
        assert call.partition("  #")[0] in script, call
