"""The short list of units, and spellings that a units library would misread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr import InvalidInput
from xrfsr.core.units import INTENSITY_UNITS, intensity_unit, mm_per, pair_to_mm, to_mm

REGISTRY = pint.get_application_registry()


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("count", "count"),
        ("counts", "count"),
        ("cts", "count"),
        ("Counts", "count"),
        ("cps", "count/s"),
        ("count/s", "count/s"),
        ("counts / s", "count/s"),
        ("count / second", "count/s"),
        ("counts per second", "count/s"),
        ("Counts_Per_Sec", "count/s"),
        ("dimensionless", "dimensionless"),
        ("1", "dimensionless"),
        ("", "dimensionless"),
        (1, "dimensionless"),
        (REGISTRY.Unit("count/s"), "count/s"),
        (REGISTRY.Unit("count"), "count"),
        (REGISTRY.Unit(""), "dimensionless"),
    ],
)
def test_intensity(text: object, unit: str) -> None:
    assert intensity_unit(text) == unit
    assert unit in INTENSITY_UNITS


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("ug/cm^2", "µg/cm²"),
        ("ug/cm2", "µg/cm²"),
        ("ug cm-2", "µg/cm²"),
        ("μg·cm⁻²", "µg/cm²"),
        ("microgram / centimeter ** 2", "µg/cm²"),
        ("ng/mm**2", "ng/mm²"),
        ("ppm", "ppm"),
        ("Hz", "Hz"),
        ("kcps", "kcps"),
        ("mg/g", "mg/g"),
        ("mol/l", "mol/l"),
        ("um", "µm"),  # thickness
        ("counts/(s*mA)", "count/mA/s"),
        ("cps/mA", "count/mA/s"),
        ("cts/mA", "count/mA"),
        ("counts s^-1", "count/s"),
        ("count/min", "count/min"),
        ("g/g", "dimensionless"),
        ("%", "percent"),
        ("percent", "percent"),
        ("wt%", "percent"),
        ("wt.%", "percent"),
        ("wt %", "percent"),
        ("Mass%", "percent"),
        ("mass percent", "percent"),
        ("at%", "percent"),
        ("mol%", "percent"),
        (REGISTRY.Unit("ug/cm^2"), "µg/cm²"),
        (REGISTRY.Unit("percent"), "percent"),
    ],
)
def test_intensity_in_units_of_pint(text: object, unit: str) -> None:
    assert intensity_unit(text) == unit
    assert intensity_unit(unit) == unit
    if unit != "dimensionless":
        assert intensity_unit(f"{REGISTRY.Unit(unit):~C}") == unit


@pytest.mark.parametrize(
    "text",
    [
        *("px", "arb. units", "a.u.", "au", "mas", None, "foo", "2 count", "9**9**9", "m**999", "count;", "count)"),
        *("__import__('os')", "count/", "5", "ug/cm^2.5", "\x00"),
    ],
)
def test_intensity_refused(text: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        intensity_unit(text)
    assert repr(text) in str(caught.value)
    assert "'count', 'count/s' or 'dimensionless'" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "mm"),
    [
        ("0.5 mm", 0.5),
        ("0.5mm", 0.5),
        (" .5  mm ", 0.5),
        ("500 um", 0.5),
        ("500 µm", 0.5),  # micro sign
        ("500 μm", 0.5),  # Greek mu
        ("700 micron", 0.7),
        ("250000 nm", 0.25),
        ("1e-3 m", 1.0),
        ("0.05 cm", 0.5),
        ("2 inch", 50.8),
        ("0.5 millimeter", 0.5),
        (0.5, 0.5),
        (2, 2.0),
        (REGISTRY.Quantity(500, "um"), 0.5),
        (pint.UnitRegistry().Quantity(0.5, "mm"), 0.5),
    ],
)
def test_lengths(value: object, mm: float) -> None:
    assert to_mm(value) == mm


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("0.5", "must have a unit"),
        ("25 px", "unknown unit of length"),  # pint knows a pixel of 1/96 inch
        ("5 Mm", "unknown unit of length"),
        ("1 counts", "unknown unit of length"),
        ("1 s", "unknown unit of length"),
        ("1 foo", "unknown unit of length"),
        ("0.5 mm*mm", "unknown unit of length"),
        ("0,5 mm", "write decimals with a point"),
        ("mm", "must be a number with a unit"),
        ("nan", "must be a number with a unit"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (True, "give a length"),
        (None, "give a length"),
        (REGISTRY.Quantity([1, 2], "mm"), "give a length"),
        (REGISTRY.Quantity(1, "s"), "unknown unit of length"),
    ],
)
def test_no_lengths(value: object, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        to_mm(value, "pixel_size")
    assert "pixel_size" in str(caught.value)


@given(st.integers(1, 10**6))
def test_whole_micrometres_are_exact(um: int) -> None:
    assert to_mm(f"{um} um") == um / 1000 == to_mm(f"{um / 1000!r} mm")


def test_pairs() -> None:
    assert pair_to_mm("0.5 mm") == pair_to_mm(0.5) == pair_to_mm(["0.5 mm"]) == (0.5, 0.5)
    assert pair_to_mm(("500 um", 0.25)) == (0.5, 0.25)
    assert pair_to_mm((-1, 0), positive=False) == (-1.0, 0.0)


def test_pairs_report_both() -> None:
    with pytest.raises(InvalidInput) as caught:
        pair_to_mm((0, "3 s"))
    assert len(caught.value.faults) == 2
    with pytest.raises(InvalidInput, match=r"got \(1, 2, 3\)"):
        pair_to_mm((1, 2, 3))
    with pytest.raises(InvalidInput, match="must be > 0"):
        pair_to_mm("-0.5 mm")


def test_mm_per() -> None:
    assert mm_per("mm") == 1.0
    assert mm_per("um") == 1e-3
    assert mm_per(REGISTRY.Unit("cm")) == 10.0


@pytest.mark.parametrize("given", [np.array([0.5, 2.0]), [0.5, 2.0], ("500 um", "0.2 cm"), [np.float32(0.5), 2]])
def test_pairs_of_any_kind(given: Any) -> None:
    assert pair_to_mm(given) == (0.5, 2.0)


def test_a_quantity_of_two_lengths() -> None:
    assert pair_to_mm(REGISTRY.Quantity(np.array([500.0, 2000.0]), "um")) == (0.5, 2.0)
