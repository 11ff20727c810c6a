"""Net counts of lines from spectra."""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.core.lines import emission, parse_all
from xrfsr.errors import InvalidInput
from xrfsr.io.spectra.cubes import _MapCache
from xrfsr.io.spectra.line_windows import (
    RESOLUTION,
    SIGMA,
    axis_faults,
    find_overlaps,
    fwhm,
    net_counts,
    parse_resolution,
    place_windows,
)

ENERGIES = -0.5 + 0.01 * np.arange(2500)


def peak(label: str, counts: float, energies: np.ndarray = ENERGIES) -> np.ndarray:
    """Return the counts per channel of a single emission line in a silicon detector."""
    element, name = label.split("-")
    energy, _ = emission(element)[name]
    sigma = SIGMA * fwhm(energy)
    return (
        counts * np.gradient(energies) * np.exp(-(((energies - energy) / sigma) ** 2) / 2) / sigma / np.sqrt(2 * np.pi)
    )


def test_the_width_of_lines_is_that_of_a_silicon_detector() -> None:
    assert fwhm(5.895) == pytest.approx(RESOLUTION)
    assert fwhm(5.895, 0.13) == pytest.approx(0.13)
    assert 0.07 < fwhm(0.5) < 0.1
    assert 0.2 < fwhm(17.5) < 0.23
    assert [parse_resolution(value) for value in (130, "145", None, "x", float("nan"), 0, 1e9, [1, 2])] == [
        0.13,
        0.145,
        *[RESOLUTION] * 6,
    ]


@given(st.floats(0, 1e4), st.floats(-400, 400), st.sampled_from(["Ca-K", "Fe-Ka", "Pb-L", "Sn-L", "Al-K"]))
def test_a_straight_background_is_removed_exactly(level: float, slope: float, label: str) -> None:
    uneven = np.sort(ENERGIES + 0.003 * np.sin(np.arange(ENERGIES.size)))
    for energies in (ENERGIES, uneven):
        windows = place_windows(parse_all([label]), energies)
        net, _ = net_counts(level + slope * energies, windows)
        assert abs(net[0]) < 1e-5 * (1 + abs(level) + 30 * abs(slope))


@pytest.mark.parametrize(("label", "single"), [("Fe-Ka", "Fe-Ka1"), ("Ca-K", "Ca-Ka1"), ("Pb-L", "Pb-La1")])
def test_nearly_all_of_a_line_is_counted(label: str, single: str) -> None:
    net, _ = net_counts(peak(single, 1000) + 7 - 0.2 * ENERGIES, place_windows(parse_all([label]), ENERGIES))
    assert 880 < net[0] < 930


@pytest.mark.parametrize("counts", [0.3, 5.0, 300.0])
def test_uncertainty_is_the_scatter_over_repeats(counts: float) -> None:
    windows = place_windows(parse_all(["Ca-K", "Fe-Ka", "Pb-L"]), ENERGIES)
    expected = sum(peak(f"{one}a1", 100 * counts) for one in ("Ca-K", "Fe-K", "Pb-L")) + counts * (1 - ENERGIES / 30)
    # Channels beyond the lines stay empty.
    used = ENERGIES < 12
    rng = np.random.default_rng(0)
    repeats = np.zeros((2000, ENERGIES.size))
    repeats[:, used] = rng.poisson(expected[used], (2000, int(used.sum())))
    net, deviation = net_counts(repeats, windows)
    np.testing.assert_allclose(net.std(axis=1), np.sqrt((deviation**2).mean(axis=1)), rtol=0.06)
    truth, _ = net_counts(expected, windows)
    np.testing.assert_allclose(net.mean(axis=1), truth, atol=5 * float(deviation.max()) / np.sqrt(2000))


def test_no_counts_are_not_certain() -> None:
    net, deviation = net_counts(
        np.zeros((2, 3, ENERGIES.size), np.uint16), place_windows(parse_all(["Fe-K"]), ENERGIES)
    )
    assert net.shape == deviation.shape == (1, 2, 3)
    assert (net == 0).all()
    assert (deviation == 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">u2", np.uint32, np.float32])
def test_every_number_type(dtype: object) -> None:
    spectra = np.full(ENERGIES.size, 200, dtype) if dtype != np.int16 else np.full(ENERGIES.size, 200, np.int16)
    spectra[np.argmin(abs(ENERGIES - 6.4))] = 250
    net, deviation = net_counts(spectra, place_windows(parse_all(["Fe-K"]), ENERGIES))
    assert net[0] == pytest.approx(50)
    assert deviation[0] > 70


def test_coarse_channels() -> None:
    energies = 0.3 * np.arange(40) + 0.1
    windows = place_windows(parse_all(["Fe-K"]), energies)
    assert windows[0].weights == pytest.approx((-0.5, 1, -0.5))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["Ca-K", "Fe-Ka", "Pb-L"], []),
        (["As-K", "Pb-L"], ["As-K .* holds Pb-La", "Pb-L .* holds As-Ka"]),
        (["S-K", "Pb-L"], ["S-K .* holds .*Pb-Ma"]),
        (["Ba-L", "Ti-K"], ["Ba-L .* holds Ti-Ka", "Ti-K .* holds Ba-La"]),
        (["Mn-K", "Fe-K"], [r"Fe-K .* holds Mn-Kb \(\+\d+% of Mn-Ka\)"]),
        (["K-K", "Sn-L"], ["K-K .* holds Sn-La \\(-", "Sn-L"]),
        (["Fe-Ka", "Fe-Kb"], []),
    ],
)
def test_lines_that_windows_do_not_separate(chosen: list[str], expected: list[str]) -> None:
    lines = parse_all(chosen)
    reported = find_overlaps(place_windows(lines, ENERGIES), lines, ENERGIES)
    assert len(reported) == len(expected)
    for sentence, pattern in zip(reported, expected, strict=True):
        assert re.search(pattern, sentence), sentence


def test_reported_overlaps_are_those_that_are_counted() -> None:
    lines = parse_all(["As-K", "Pb-L"])
    windows = place_windows(lines, ENERGIES)
    lead = sum(peak(f"Pb-{name}", emission("Pb")[name][1]) for name in ("La1", "La2"))
    share = net_counts(lead, windows)[0][0] / sum(emission("Pb")[name][1] for name in ("La1", "La2"))
    assert f"Pb-La ({share:+.0%})" in find_overlaps(windows, lines, ENERGIES)[0]


def test_every_line_without_a_window_is_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        place_windows(parse_all(["Fe-K", "Compton", "Sn-K", "C-K"]), ENERGIES[70:])
    faults = caught.value.faults
    assert len(faults) == 3
    assert "Compton is not an element line" in faults[0]
    assert "Sn-K at 25.1" in faults[1]
    assert "cover 0.20 to 24.50 keV" in faults[1]
    assert "C-K at 0.27" in faults[2]


@pytest.mark.parametrize(
    ("energies", "fault"),
    [
        (np.zeros(10), "does not increase"),
        (np.arange(10.0)[::-1], "does not increase"),
        (np.array([0, 1, np.nan, 3]), "NaN"),
        (np.zeros((3, 3)), "shape"),
        (np.arange(2.0), "three channels"),
    ],
)
def test_invalid_energy_axes_are_refused(energies: np.ndarray, fault: str) -> None:
    assert fault in axis_faults(energies)[0]
    assert axis_faults(ENERGIES) == []


def test_threads_share_computed_maps_and_errors_are_not_cached() -> None:
    cache, made = _MapCache(1000), []

    def make() -> tuple[np.ndarray, np.ndarray]:
        made.append(1)
        time.sleep(0.05)  # long enough for a second call, which would be counted
        return np.zeros(50, np.float32), np.zeros(50, np.float32)

    threads = [threading.Thread(target=cache.get, args=("key", make)) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 1
    for number in range(5):
        cache.get(number, make)
    assert len(cache._entries) == 2  # as many as fit into the limit

    def fail() -> tuple[np.ndarray, np.ndarray]:
        raise InvalidInput("file", ["damaged"])

    for _ in range(2):
        with pytest.raises(InvalidInput, match="damaged"):
            cache.get("other", fail)
