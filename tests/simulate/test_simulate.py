from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
import xraydb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr import InvalidInput, simulate
from xrfsr.core.coordinates import grid_of
from xrfsr.core.scan import validate
from xrfsr.operators import Downsampling
from xrfsr.simulate import LINES, Painting, painting
from xrfsr.simulate.optics import encode, reflectance
from xrfsr.simulate.physics import TUBE, fluorescence, line_energy, sensitivity
from xrfsr.simulate.pigments import MATERIALS
from xrfsr.simulate.stack import VISIBLE, build

RHODIUM = TUBE[0][0]
FAMILIES = [(label[:-2], label[-1]) for label in LINES]


def film(**thickness: float) -> dict[str, NDArray[np.float32]]:
    """A layer of one pixel, thicknesses in µm."""
    return {name.replace("_", " "): np.full((1, 1), t, np.float32) for name, t in thickness.items()}


def rate(layers: list[dict[str, NDArray[np.float32]]], element: str, family: str) -> float:
    return float(fluorescence(layers, [(element, family)]).item())


def linear_attenuation(formula: str, density: float, medium: float, energy: float) -> float:
    """Attenuation of a paint film in 1/µm, from xraydb's own material function in place of our element sums."""
    oil = xraydb.material_mu("C57H98O6", energy * 1000, density=1.0)
    dry = xraydb.material_mu(formula, energy * 1000, density=1.0)
    return float((1 - medium) * dry + medium * oil) / ((1 - medium) / density + medium) * 1e-4


@cache
def seeded(seed: int) -> Painting:
    return painting(seed=seed)


# ---------------------------------------------------------------------------------------------- fluorescence


@pytest.mark.parametrize(("element", "family"), FAMILIES)
def test_thin_layers_shine_in_proportion_to_their_thickness(element: str, family: str) -> None:
    richest = max(MATERIALS, key=lambda name: MATERIALS[name].film_composition.get(element, 0))
    one, ten = (rate([{richest: np.full((1, 1), t, np.float32)}], element, family) for t in (1e-4, 1e-3))
    assert one > 0
    assert ten == pytest.approx(10 * one, rel=1e-3)


def test_thick_layer_saturates_at_the_closed_form() -> None:
    up = linear_attenuation("HgS", 8.1, 0.13, line_energy("Hg", "L"))
    down = linear_attenuation("HgS", 8.1, 0.13, RHODIUM)
    slope = rate([film(vermilion=1e-3)], "Hg", "L") / 1e-3
    limit = slope / (np.sqrt(2) * (up + down))
    assert rate([film(vermilion=5000)], "Hg", "L") == pytest.approx(limit, rel=2e-3)
    assert rate([film(vermilion=50)], "Hg", "L") == pytest.approx(
        limit * (1 - np.exp(-50 * np.sqrt(2) * (up + down))), rel=2e-3
    )


@settings(max_examples=20)
@given(st.floats(1, 60), st.floats(0, 30))
def test_buried_mercury_follows_beer_and_lambert(cover: float, under: float) -> None:
    up = linear_attenuation("(PbCO3)2Pb(OH)2", 6.8, 0.10, line_energy("Hg", "L"))
    down = linear_attenuation("(PbCO3)2Pb(OH)2", 6.8, 0.10, RHODIUM)
    bare = rate([film(vermilion=20), film(chalk=under)], "Hg", "L")
    covered = rate([film(lead_white=cover), film(vermilion=20), film(chalk=under)], "Hg", "L")
    assert covered / bare == pytest.approx(np.exp(-np.sqrt(2) * (up + down) * cover), rel=2e-3)


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(sorted(MATERIALS)), st.floats(0.05, 40), min_size=1, max_size=4),
    st.lists(st.floats(0.02, 0.98), min_size=1, max_size=4),
)
def test_cutting_a_layer_into_sheets_changes_nothing(mixture: dict[str, float], cuts: list[float]) -> None:
    borders = np.diff([0.0, *sorted(cuts), 1.0])
    whole = [{name: np.full((1, 1), t, np.float32) for name, t in mixture.items()}]
    sheets = [{name: np.full((1, 1), t * part, np.float32) for name, t in mixture.items()} for part in borders]
    np.testing.assert_allclose(fluorescence(sheets, FAMILIES), fluorescence(whole, FAMILIES), rtol=2e-4, atol=1e-5)


def test_order_of_layers_matters_as_it_should() -> None:
    white, red = film(lead_white=20), film(vermilion=15)
    assert rate([red, white], "Hg", "L") > 3 * rate([white, red], "Hg", "L")
    # Pb-M comes from the skin: 10 µm of soot over it matter more than for Pb-L, and a red film hides it.
    soft, hard = (rate([film(carbon_black=10), white], "Pb", f) / rate([white], "Pb", f) for f in ("M", "L"))
    assert soft < 0.9 < hard < 1
    assert rate([red, white], "Pb", "M") < 0.01 * rate([white], "Pb", "M")


@pytest.mark.parametrize("element", ["K", "Ca", "Ti", "Mn", "Fe", "Co", "Cu", "Zn", "As"])
def test_k_yields_against_other_tables(element: str) -> None:
    # Chantler's photoabsorption and the mean fluorescence yield in place of Elam's cross-section.
    edge = xraydb.xray_edge(element, "K")
    photo = float(xraydb.mu_chantler(element, RHODIUM * 1000, photo=True))
    ratio = sensitivity(element, "K", RHODIUM) / sensitivity("Zn", "K", RHODIUM)
    zinc = xraydb.xray_edge("Zn", "K")
    photo_zinc = float(xraydb.mu_chantler("Zn", RHODIUM * 1000, photo=True))
    detected = {e: _transmitted(line_energy(e, "K")) for e in (element, "Zn")}
    expected = (
        photo
        * (1 - 1 / edge.jump_ratio)
        * edge.fyield
        * detected[element]
        / (photo_zinc * (1 - 1 / zinc.jump_ratio) * zinc.fyield * detected["Zn"])
    )
    assert ratio == pytest.approx(expected, rel=0.08)


def _transmitted(energy: float) -> float:
    """Detected share behind 5 mm of air and 8 µm of beryllium, in 0.45 mm of silicon."""
    ev = energy * 1000
    air = np.exp(-0.5 * xraydb.material_mu("air", ev))
    return float(
        air * np.exp(-8e-4 * xraydb.material_mu("Be", ev)) * (1 - np.exp(-0.045 * xraydb.material_mu("Si", ev)))
    )


def test_lines_the_tube_cannot_excite_stay_dark() -> None:
    # Tin's K edge lies at 29.2 keV, above the tube's 20.2 keV.
    assert not simulate.physics.excites("Sn", "K")
    assert simulate.physics.excites("Sn", "L")
    assert rate([{"lead-tin yellow": np.full((1, 1), 30, np.float32)}], "Sn", "L") > 0
    assert rate([{"lead-tin yellow": np.full((1, 1), 30, np.float32)}], "Sn", "K") == 0


def test_materials_that_x_rays_miss() -> None:
    soot, lake = film(carbon_black=30), film(red_lake=30)
    assert fluorescence([soot], FAMILIES).max() == 0
    # Only the potassium of its alum, far below that of an equal layer of smalt.
    traces = dict(zip(LINES, fluorescence([lake], FAMILIES).ravel(), strict=True))
    assert {label for label, value in traces.items() if value > 0} == {"K-K"}
    assert traces["K-K"] < 0.15 * rate([film(smalt=30)], "K", "K")


# ---------------------------------------------------------------------------------------------- colour


@settings(max_examples=50)
@given(st.sampled_from(sorted(MATERIALS)), st.floats(0.5, 80), st.floats(0.05, 0.95))
def test_colour_solves_the_differential_equation(name: str, thickness: float, below: float) -> None:
    # Kubelka and Munk: dR/dx = S - 2 (K + S) R + S R², here by Runge-Kutta.
    material = MATERIALS[name]
    got = reflectance([{name: np.full((1, 1), thickness, np.float32)}], support=below).ravel()
    for band, masstone in enumerate(material.colour):
        s = material.scattering
        k = s * (1 - masstone) ** 2 / (2 * masstone)

        def slope(r: float, k: float = k, s: float = s) -> float:
            return s - 2 * (k + s) * r + s * r * r

        steps = max(60, int(40 * thickness * (k + s)))
        r, h = below, thickness / steps
        for _ in range(steps):
            a = slope(r)
            b = slope(r + h / 2 * a)
            c = slope(r + h / 2 * b)
            r += h / 6 * (a + 2 * b + 2 * c + slope(r + h * c))
        assert got[band] == pytest.approx(r, abs=2e-3)


def test_encoding_is_srgb() -> None:
    # Values of IEC 61966-2-1: its knee, and two on the curve.
    linear = np.array([0, 0.0031308, 0.03310, 0.21404, 1], np.float32)
    np.testing.assert_allclose(encode(linear), [0, 0.04045, 0.2, 0.5, 1], atol=1e-4)


# ---------------------------------------------------------------------------------------------- the painting


def test_layout() -> None:
    truth, scan, rgb = painting(64, 96, 4, seed=2, pixel_size=0.2)
    assert truth.intensity.dims == scan.intensity.dims == ("line", "y", "x")
    assert truth.line.values.tolist() == scan.line.values.tolist() == list(LINES)
    assert scan.intensity.shape[1:] == (16, 24)
    assert truth.intensity.dtype == scan.intensity.dtype == rgb.dtype == np.float32
    assert truth.intensity.attrs["units"] == scan.uncertainty.attrs["units"] == "count"
    assert grid_of(scan).spacing == pytest.approx((0.8, 0.8))
    assert grid_of(truth).y.edges == pytest.approx(grid_of(scan).y.edges)
    assert grid_of(truth).x.edges == pytest.approx(grid_of(scan).x.edges)
    xr.testing.assert_equal(truth.y, rgb.y)
    xr.testing.assert_equal(truth.x, rgb.x)
    assert rgb.dims == ("band", "y", "x")
    assert 0 <= rgb.min() < 0.2
    assert 0.6 < rgb.max() <= 1
    for scanned in (truth, scan):
        assert scanned.visible.dims == scanned.visible_share.dims == ("line",)
        assert scanned.visible.dtype == bool
        xr.testing.assert_identical(validate(scanned), scanned)


def test_same_arguments_same_painting() -> None:
    for first, second in zip(painting(64, 48, seed=5), painting(64, 48, seed=5), strict=True):
        xr.testing.assert_identical(first, second)
    other = painting(64, 48, seed=6)
    assert not np.allclose(other.rgb, painting(64, 48, seed=5).rgb, atol=0.1)


def test_what_belongs_to_the_scan_does_not_change_the_painting() -> None:
    plain = painting(64, 64, 4, seed=1)
    coarser = painting(64, 64, 8, seed=1, beam_fwhm=2.0)
    longer = painting(64, 64, 4, seed=1, dwell=1.0)
    xr.testing.assert_identical(coarser.rgb, plain.rgb)
    np.testing.assert_array_equal(coarser.truth.intensity, plain.truth.intensity)
    np.testing.assert_allclose(longer.truth.intensity, 4 * plain.truth.intensity, rtol=1e-6)
    few = painting(64, 64, 4, seed=1, lines=["Pb-L", "Ca-K"])
    np.testing.assert_allclose(few.truth.intensity, plain.truth.intensity.sel(line=["Pb-L", "Ca-K"]), rtol=1e-5)


def chi_square(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> tuple[float, float]:
    """Mean of squared standardised residuals, and the standard error that Poisson counting gives it."""
    seen = expected > 5
    z = (counts[seen] - expected[seen]) ** 2 / expected[seen]
    return float(z.mean()), float(np.sqrt((2 + 1 / expected[seen]).sum()) / seen.sum())


@pytest.mark.parametrize("seed", [0, 1])
def test_scan_is_the_block_mean_with_poisson_noise(seed: int) -> None:
    truth, scan, _ = seeded(seed)
    fine = truth.intensity.values.astype(np.float64)
    expected = fine.reshape(len(LINES), 64, 4, 64, 4).mean((2, 4))
    counts = scan.intensity.values.astype(np.float64)
    assert (counts == np.round(counts)).all()
    mean, error = chi_square(counts, expected)
    assert abs(mean - 1) < 5 * error
    assert error < 0.02
    np.testing.assert_allclose(scan.uncertainty, np.sqrt(np.maximum(counts, 1)), rtol=1e-6)


def test_beam_wider_than_the_pixel_blurs_the_scan() -> None:
    truth, scan, _ = painting(128, 96, 4, seed=3, beam_fwhm=1.5)
    fine, counts = truth.intensity.values.astype(np.float64), scan.intensity.values.astype(np.float64)
    U = Downsampling.between(grid_of(truth), grid_of(scan), "gaussian", fwhm=1.5)
    mean, error = chi_square(counts, U(fine))
    assert abs(mean - 1) < 5 * error
    area, _ = chi_square(counts, fine.reshape(len(LINES), 32, 4, 24, 4).mean((2, 4)))
    assert area > 5


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_are_those_of_a_scanner(seed: int) -> None:
    highest = dict(zip(LINES, seeded(seed).scan.intensity.max(("y", "x")).values, strict=True))
    assert 10_000 < highest["Pb-L"] < 60_000
    assert all(50 < value < 200_000 for value in highest.values()), highest
    assert sum(value < 700 for value in highest.values()) >= 3, "some lines are weak and noisy"


@pytest.mark.parametrize("seed", range(8))
def test_every_painting_shows_and_hides(seed: int) -> None:
    truth = painting(96, 96, seed=seed).truth
    hidden = set(truth.line.values[~truth.visible.values])
    assert 1 <= len(hidden) <= 6
    # Each pair of palettes buries at least one of these.
    assert hidden & {"Hg-L", "Co-K", "Cu-K"}
    assert truth.visible.sel(line="Pb-M"), "2.3 keV comes from the surface"
    np.testing.assert_array_equal(truth.visible, truth.visible_share >= 0.5)


@pytest.mark.parametrize("seed", [0, 1, 3, 9])
def test_visible_agrees_with_where_the_elements_are(seed: int) -> None:
    truth = painting(96, 96, seed=seed).truth
    stack = build(seed, (96, 96), 4.0)
    for element, family in FAMILIES:
        above, below = (
            sum(
                float(t.sum()) * MATERIALS[name].film_composition.get(element, 0) * MATERIALS[name].film_density
                for layer, films in stack.layers.items()
                for name, t in films.items()
                if (layer in VISIBLE) == side
            )
            for side in (True, False)
        )
        share = float(truth.visible_share.sel(line=f"{element}-{family}"))
        if above == 0:
            assert share < 0.5, f"{element} is buried only, yet called visible"
        if below == 0:
            assert share > 0.99, f"{element} lies on top only, yet called hidden"


def explained(maps: NDArray[np.float64], photo: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of sub-pixel detail that a linear function of the photo's detail, fitted window by window, explains."""

    def windows(a: NDArray[np.float64]) -> NDArray[np.float64]:
        count, rows, columns = a.shape
        cells = a.reshape(count, rows // 32, 8, 4, columns // 32, 8, 4)
        cells = cells - cells.mean((3, 6), keepdims=True)
        return np.asarray(cells.transpose(1, 4, 2, 3, 5, 6, 0).reshape(-1, 1024, count))

    left = total = np.zeros(len(maps))
    for target, source in zip(windows(maps), windows(photo), strict=True):
        residual = target - source @ np.linalg.lstsq(source, target, rcond=None)[0]
        left, total = left + (residual**2).sum(0), total + (target**2).sum(0)
    return np.asarray(1 - left / total)


@pytest.mark.parametrize("seed", [0, 1])
def test_photo_shows_the_surface_and_not_hidden_layers(seed: int) -> None:
    truth, _, rgb = seeded(seed)
    share = explained(truth.intensity.values.astype(np.float64), rgb.values.astype(np.float64))
    visible = truth.visible.values
    # Neither an easy phantom nor noise: colour settles about half of the visible detail.
    assert 0.4 < share[visible].mean() < 0.75
    assert share[~visible].max() < 0.35
    assert share[visible].mean() > 1.5 * share[~visible].mean()


def test_one_colour_hides_several_pigments() -> None:
    # Pixels of one colour, to 1/24 of each band, between which cobalt varies by more than 40 % of its maximum.
    truth, _, rgb = seeded(0)
    assert truth.visible.sel(line="Co-K")
    cobalt = truth.intensity.sel(line="Co-K").values.ravel() / float(truth.intensity.sel(line="Co-K").quantile(0.998))
    colour = np.ravel_multi_index(np.clip((rgb.values * 24).astype(int), 0, 23).reshape(3, -1), (24, 24, 24))
    order = np.argsort(colour, kind="stable")
    groups = np.split(cobalt[order], np.flatnonzero(np.diff(colour[order])) + 1)
    twins = sum(len(g) for g in groups if len(g) >= 20 and np.ptp(np.quantile(g, [0.1, 0.9])) > 0.4)
    assert twins > 0.03 * cobalt.size


def test_photo_has_detail_that_no_element_has() -> None:
    stack = build(1, (96, 96), 4.0)
    even = {name: dict(films) for name, films in stack.layers.items()}
    even["varnish"] = {"varnish": np.full((96, 96), stack.layers["varnish"]["varnish"].mean(), np.float32)}
    seen = encode(reflectance(list(stack.layers.values())) * (1 - stack.dirt)) - encode(
        reflectance(list(even.values()))
    )
    assert np.abs(seen).max() > 0.05
    # A resin film of some 50 µm dims soft lines a little; the hard ones pass.
    hard = [family for family in FAMILIES if line_energy(*family) > 6]
    before, after = (fluorescence(list(s.values()), hard) for s in (stack.layers, even))
    np.testing.assert_allclose(before, after, rtol=0.12, atol=1e-3)
    assert np.abs(before - after).mean() < 0.005 * before.mean()


def test_buried_picture_reaches_the_x_rays_but_not_the_photo() -> None:
    stack = build(1, (96, 96), 4.0)
    without = {
        name: {m: np.zeros_like(t) for m, t in films.items()} if name in ("earlier", "drawing") else films
        for name, films in stack.layers.items()
    }
    light = [encode(reflectance(list(s.values()))) for s in (stack.layers, without)]
    assert np.abs(light[0] - light[1]).mean() < 0.02
    copper = [fluorescence(list(s.values()), [("Cu", "K")]) for s in (stack.layers, without)]
    assert copper[1].mean() < 0.05 * copper[0].mean()


@pytest.mark.filterwarnings("ignore:.*constant within the valid pixels")
@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([(16, 2), (24, 3), (32, 4), (40, 4), (64, 8)]), st.integers(1, 3))
def test_any_size_and_seed(seed: int, size: tuple[int, int], longer: int) -> None:
    height, scale = size
    truth, scan, rgb = painting(height, height * longer, scale, seed)
    for array in (truth.intensity, scan.intensity, rgb):
        assert np.isfinite(array).all()
        assert (array >= 0).all()
    assert rgb.max() <= 1
    assert float(rgb.std()) > 0.05
    assert truth.visible_share.min() >= 0
    assert truth.visible_share.max() <= 1 + 1e-9


# ---------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 250}, ["height must be", "got 250", "multiple of scale (4)", "try 248"]),
        ({"width": 130.0}, ["width must be", "got 130.0"]),
        ({"height": 16}, ["height must be", "got 16", "≥ 32"]),
        ({"scale": 1}, ["scale must be an integer ≥ 2, got 1"]),
        ({"scale": 2.5}, ["scale must be an integer ≥ 2, got 2.5"]),
        ({"seed": -1}, ["seed must be an integer ≥ 0, got -1"]),
        ({"pixel_size": 0}, ["pixel_size must be a number of mm above zero, got 0"]),
        ({"pixel_size": "0.5 mm"}, ["pixel_size must be", "got '0.5 mm'"]),
        ({"dwell": float("nan")}, ["dwell must be a number of seconds", "got nan"]),
        ({"beam_fwhm": -1.0}, ["beam_fwhm must be", "got -1.0"]),
        ({"lines": ["Ca-K", "Xx-K"]}, ["Xx-K"]),
        ({"lines": ["Ca-K", "Ca_K"]}, ["Ca-K"]),
        ({"lines": ["Pb-La"]}, ["Pb-La", "whole family"]),
        ({"lines": ["Au-L"]}, ["Au-L", "contains Au"]),
        ({"lines": ["Sn-K"]}, ["Sn-K", "not excited"]),
        ({"lines": ["Al-K"]}, ["Al-K", "too soft"]),
        ({"lines": []}, ["lines must name at least one line"]),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        painting(**{"height": 64, "width": 64, **change})  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)


def test_all_faults_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        painting(33, 64, 4, seed=-2, dwell=0, lines=["Sn-K", "Au-L"])
    named = [
        any(word in fault for fault in caught.value.faults) for word in ("height", "seed", "dwell", "Sn-K", "Au-L")
    ]
    assert all(named)
    assert len(caught.value.faults) == 5
