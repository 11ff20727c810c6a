"""Figures in scripts, in notebooks, on paper and on a dark ground."""

from __future__ import annotations

import gc
import re
import weakref
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

import xrfsr

pytest.importorskip("matplotlib")


def test_a_script_may_draw_any_number_of_figures(scan: xr.Dataset) -> None:
    """None belongs to pyplot, which would warn of more than 20, and each goes with its last axes."""
    from matplotlib import pyplot

    kept = weakref.ref(scan.xrfsr.plot("Pb").figure)
    for _ in range(22):
        scan.xrfsr.plot("Pb")
    assert pyplot.get_fignums() == []
    gc.collect()
    assert kept() is None


def test_an_interactive_session_gets_figures_of_pyplot(scan: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib
    from matplotlib import pyplot

    monkeypatch.setattr("xrfsr.plot.display.is_interactive", lambda: True)
    before = matplotlib.get_backend()
    pyplot.switch_backend("agg")
    try:
        axes = scan.xrfsr.plot("Pb")
        assert [pyplot.figure(number) for number in pyplot.get_fignums()] == [axes.figure]
    finally:
        pyplot.close("all")
        pyplot.switch_backend(before)


def test_text_in_a_pdf_is_text(scan: xr.Dataset) -> None:
    written = BytesIO()
    scan.xrfsr.plot("Pb").figure.savefig(written, format="pdf")
    kinds = set(re.findall(rb"/Subtype\s*/(TrueType|Type3|CIDFontType2|Type0)", written.getvalue()))
    assert b"Type3" not in kinds
    assert kinds


@pytest.mark.parametrize(("count", "width"), [(1, 89), (3, 183)])
def test_figures_have_the_widths_that_journals_print(scan: xr.Dataset, count: int, width: float) -> None:
    figure = np.ravel(scan.xrfsr.plot(scan.line.values[:count].tolist()))[0].figure
    assert figure.get_figwidth() * 25.4 == pytest.approx(width)
    sizes = [text.get_fontsize() for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))]
    assert min(size for size in sizes) >= 6


def test_tall_and_wide_paintings_fit(fine: xr.Dataset) -> None:
    for part in (fine.isel(x=slice(0, 6)), fine.isel(y=slice(0, 4))):
        for axes in (part.xrfsr.plot(), part.xrfsr.plot("Pb", positions=True)):
            figure = np.ravel(axes)[0].figure
            width, height = figure.get_size_inches() * 25.4
            assert width <= 184
            assert height <= 250
            figure.canvas.draw()
            labels = np.ravel(axes)[0].get_images()[0].colorbar.ax.get_yticklabels()
            heights = sorted(text.get_window_extent().y0 for text in labels if text.get_text())
            assert all(high - low > 6 for low, high in pairwise(heights))


def test_a_dark_style_stays_dark(scan: xr.Dataset, fine: xr.Dataset, photo: xr.DataArray) -> None:
    from matplotlib import style

    with style.context("dark_background"):
        page, profile = xrfsr.plot.overview(photo, scan, fine), fine.xrfsr.plot.profile((1, 1), (5, 7))
        for axes in (scan.xrfsr.plot(), page, profile):
            figure = np.ravel(axes)[0].figure
            assert figure.get_facecolor()[:3] == (0, 0, 0)
            labels = [text for axes in figure.axes for text in axes.get_xticklabels()] + figure.texts
            assert all(np.mean(_rgb(text.get_color())) > 0.4 for text in labels)


def _rgb(colour: object) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
