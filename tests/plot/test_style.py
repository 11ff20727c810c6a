"""Colours: even in grey print, and distinct from the greys that mean something else."""

from __future__ import annotations

import numpy as np
import pytest

from xrfsr.plot import style

matplotlib = pytest.importorskip("matplotlib")


def lightness(colours: np.ndarray) -> np.ndarray:
    """Return CIE lightness, from 0 to 100, of sRGB colours."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear[:, :3] @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def colours(name: str) -> np.ndarray:
    return matplotlib.colormaps[name](np.linspace(0, 1, 256))


@pytest.mark.parametrize("name", [style.MAPS, style.TRUST, style.ERRORS])
def test_lightness_grows_evenly(name: str) -> None:
    steps = np.diff(lightness(colours(name)))
    assert (steps > 0).all()
    assert steps.std() < 0.5 * steps.mean()


def test_ratios_are_lightest_at_the_centre_and_alike_on_both_sides() -> None:
    found = lightness(colours(style.DIVERGING))
    assert found.argmax() in (127, 128)
    np.testing.assert_allclose(found, found[::-1], atol=8)


@pytest.mark.parametrize(
    ("name", "grey"),
    [
        (style.MAPS, style.NOT_MEASURED),
        (style.TRUST, style.NOT_MEASURED),
        (style.DIVERGING, style.NOT_MEASURED),
        (style.DIVERGING, style.NOT_SIGNIFICANT),
    ],
)
def test_greys_are_no_colours_of_a_map(name: str, grey: str) -> None:
    away = np.linalg.norm(colours(name)[:, :3] - matplotlib.colors.to_rgb(grey), axis=1)
    assert away.min() > 0.12
