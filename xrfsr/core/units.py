"""Units of lengths, which are in millimetres, and of intensities, each with one spelling.

Intensities are in ``count``, ``count/s``, ``dimensionless``, ``percent`` or any other unit that pint knows. Spellings
that pint would misread are replaced before: it takes ``mass%`` for milliarcseconds, ``cts`` for carats and ``cps`` for
a unit of its own.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import Fault, InvalidInput, collect_faults, warn
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

__all__ = [
    "INTENSITY_UNITS",
    "LEAST_INTENSITY",
    "MOST_INTENSITY",
    "in_mm",
    "intensity_unit",
    "mm_per",
    "pair_to_mm",
    "to_mm",
]

# mm. Beyond these, nobody measures, and products of lengths would leave the range of floats.
SHORTEST, LONGEST = 1e-9, 1e9

# mm. A bare number from here on is more likely one of micrometres than the pixel of a scan.
UNLIKELY_PIXEL = 10.0

NumberT = TypeVar("NumberT", float, NDArray[np.float64])

# Largest magnitudes of a map for which products and ratios of two numbers stay within single precision, 1e-38 to 3e38.
LEAST_INTENSITY, MOST_INTENSITY = 1e-18, 1e18
INTENSITY_UNITS = ("count", "count/s", "dimensionless")

_SPELLINGS = {
    **dict.fromkeys(("count", "counts", "cts"), "count"),
    **dict.fromkeys(("cps", "counts_per_second", "counts_per_sec"), "count/s"),
    **{
        f"{count}/{second}": "count/s"
        for count in ("count", "counts", "cts")
        for second in ("s", "sec", "second", "seconds")
    },
    **dict.fromkeys(("dimensionless", "1", ""), "dimensionless"),
}
_PERCENT = re.compile(r"((wt|weight|mass|at|atomic|mol)[._-]*)?(%|percent)")
# Names that pint reads as something else, in a product of units.
_COUNTS = {**dict.fromkeys(("ct", "cts", "cnt", "cnts"), "count"), "cps": "count/s"}
_REFUSED = frozenset({"css_pixel", "pixel", "dot", "astronomical_unit", "milliarcsecond", "technical_atmosphere"})
# A product of names with exponents of one or two digits. Nothing else reaches pint, which would compute 9**9**9.
_TERM = r"\(?(?:1|[A-Za-zµμΩ°Å%‰_]+(?:(?:\*\*|\^|(?=[-\d]))-?\d{1,2}|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})?)\)?"
_PRODUCT = re.compile(rf"{_TERM}(?:[*/· ]{_TERM})*")
LONGEST_UNIT = 60  # characters

# The names that pint returns. Other prefixes are refused, because nobody measures a painting in them.
_LENGTHS = frozenset({"nanometer", "micrometer", "micron", "millimeter", "centimeter", "meter", "inch"})
_LENGTH = re.compile(r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>.*?)\s*")


def intensity_unit(text: object) -> str:
    """Return the standard spelling of a unit of intensity.

    Parameters
    ----------
    text : str or pint.Unit
        Unit such as ``"counts"``, ``"cps"``, ``"count / second"``, ``"1"``, ``"ug/cm^2"``, ``"wt%"``, ``"Hz"``.

    Returns
    -------
    str
        ``"count"``, ``"count/s"``, ``"dimensionless"``, ``"percent"`` for percentages of weight, atoms and anything
        else, or the short form that pint prints and reads, such as ``"µg/cm²"``. Poisson noise is assumed for
        ``"count"`` alone.

    Raises
    ------
    InvalidInput
        For what pint does not know, and for names that it would read as something that nobody means, such as ``"px"``.

    Examples
    --------
    >>> intensity_unit("cts"), intensity_unit("counts/s"), intensity_unit("1")
    ('count', 'count/s', 'dimensionless')
    >>> intensity_unit("ug/cm^2"), intensity_unit("wt%")
    ('µg/cm²', 'percent')
    """
    given = _unit_text(text).strip()
    name = re.sub(r"\s*/\s*", "/", given.casefold())
    name = re.sub(r"\s+", "_", name)
    if _PERCENT.fullmatch(name):
        return "percent"
    unit = _SPELLINGS.get(name) or _pint_unit(given)
    if unit is None:
        raise InvalidInput(
            "intensity units",
            [
                f"units must be 'count', 'count/s' or 'dimensionless' (for mass fractions and arbitrary units), or a "
                f"unit that pint knows, such as 'ug/cm^2', 'ppm' or 'percent', got {describe(text)}"
            ],
        )
    return unit


@lru_cache(maxsize=256)
def _pint_unit(text: str) -> str | None:
    """Return the short form of a product of units, or None if pint does not know it."""
    import pint

    plain = re.sub(r"\s*(\*\*|[*/·^()])\s*", r"\1", " ".join(text.replace(" per ", "/").split()))
    if len(text) > LONGEST_UNIT or not _PRODUCT.fullmatch(plain) or plain.count("(") != plain.count(")"):
        return None
    plain = re.sub(r"(?<=[A-Za-zµμΩ°Å%‰])(?=-?\d)", "**", plain)  # CF: ug cm-2
    plain = re.sub(r"[A-Za-zµμΩ°Å_]+", lambda match: _COUNTS.get(match[0], match[0]), plain)
    registry = pint.application_registry
    # pint raises errors of its own, and those of what it parses with.
    try:
        unit = registry.Unit(plain.replace("·", "*").replace(" ", "*"))
        if any(name.endswith(tuple(_REFUSED)) for name in map(str, unit._units)):
            return None
        short = "count/s" if unit == registry.Unit("count/s") else f"{unit:~P}"
    except Exception:
        return None
    return short or "dimensionless"


def mm_per(unit: object) -> float:
    """Length of one `unit` in mm.

    Parameters
    ----------
    unit : str or pint.Unit
        One of ``"mm"``, ``"um"``, ``"µm"``, ``"micron"``, ``"nm"``, ``"cm"``, ``"m"``, ``"inch"`` or their long names.

    Raises
    ------
    InvalidInput
        For any other unit.

    Examples
    --------
    >>> mm_per("um"), mm_per("inch")
    (0.001, 25.4)
    """
    import pint

    text = _unit_text(unit).strip()
    registry = pint.application_registry
    try:
        # Letters only, because anything else would be parsed as an expression.
        name = str(registry.Unit(text)) if re.fullmatch(r"[A-Za-zµμ]+", text) else ""
    except pint.UndefinedUnitError:
        name = ""
    if name not in _LENGTHS:
        raise InvalidInput(
            "unit of length", [f"unknown unit of length {describe(unit)}; accepted are mm, um, nm, cm, m and inch"]
        )
    return float(registry.Quantity(1, name).to("mm").magnitude)


def _unit_text(unit: object) -> str:
    """Return a unit as text; for what is no unit, a text that is none either."""
    is_unit = isinstance(unit, str | int | float) or hasattr(unit, "dimensionality")
    return str(unit) if is_unit else "?"


def to_mm(value: object, name: str = "length") -> float:
    """Return a length in mm.

    Parameters
    ----------
    value : str or pint.Quantity or float
        Text with a unit (``"0.5 mm"``, ``"500 um"``), a quantity, or a number of mm.
    name : str
        Name of the length, for messages.

    Raises
    ------
    InvalidInput
        If it is not a length, is text without a unit, or is not finite.

    Examples
    --------
    >>> to_mm("500 µm"), to_mm(0.5)
    (0.5, 0.5)
    """
    accepted = f"give a length such as {name}='0.5 mm', or a number of mm"
    number: Any
    if isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        if match is None or match["unit"][:1] == ",":
            comma = "; write decimals with a point" if re.search(r"\d,\d", value) else ""
            raise InvalidInput(name, [f"{name} must be a number with a unit, got {describe(value)}{comma}; {accepted}"])
        if not match["unit"]:
            raise InvalidInput(name, [f"{name} must have a unit, got {describe(value)}; {accepted}"])
        number, unit = float(match["number"]), match["unit"]
    else:
        number, unit = value, "mm"
        if hasattr(value, "magnitude") and hasattr(value, "units"):
            magnitude, unit = value.magnitude, str(value.units)
            number = magnitude.item() if getattr(magnitude, "shape", None) == () else magnitude
    if not isinstance(number, float) and not is_number(number):
        raise InvalidInput(name, [f"{name} must be a length, got {describe(value)}; {accepted}"])
    number = float(number)
    if not math.isfinite(number):
        raise InvalidInput(name, [f"{name} must be finite, got {describe(value)}; {accepted}"])
    if unit != "mm":
        try:
            number = in_mm(number, mm_per(unit))
        except InvalidInput as error:
            raise InvalidInput(name, [Fault(fault, f"{name} is {describe(value)}") for fault in error.faults]) from None
    if abs(number) > LONGEST:
        raise InvalidInput(name, [f"{name} must be at most {LONGEST:g} mm, got {describe(value)}; {accepted}"])
    return float(number)


def in_mm(values: NumberT, per_unit: float) -> NumberT:
    """Convert numbers from a unit of `per_unit` mm to mm.

    Division makes 700 um exactly 0.7 mm; multiplication by the inexact 0.001 would not.
    """
    converted: Any = values
    result: NumberT = converted * per_unit if per_unit >= 1 else converted / round(1 / per_unit)
    return result


def pair_to_mm(value: object, name: str = "pixel_size", *, positive: bool = True) -> tuple[float, float]:
    """Return two lengths (y, x) in mm; a single one is used for both.

    Parameters
    ----------
    value : str or pint.Quantity or float, or a pair of them
        One length, or two as (y, x): a tuple, a list, an array, or a quantity of two numbers.
    name : str
        Name of the lengths, for messages.
    positive : bool
        Whether zero and negative lengths are faults.

    Raises
    ------
    InvalidInput
        Naming every fault of both.

    Warns
    -----
    UserWarning
        If a pixel size is a number without a unit, and so large that it was probably not meant in mm.

    Examples
    --------
    >>> pair_to_mm("0.5 mm")
    (0.5, 0.5)
    >>> pair_to_mm(("500 um", 0.25))
    (0.5, 0.25)
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    several = isinstance(value, tuple | list) or getattr(getattr(value, "magnitude", None), "ndim", 0) == 1
    parts: list[object] = list(value) if several else [value]  # type: ignore[call-overload]  # a quantity of several
    if len(parts) not in (1, 2):
        raise InvalidInput(name, [f"{name} must be one length, or two as (y, x), got {describe(value)}"])
    lengths: list[float] = []
    faults: list[str] = []
    for part in parts:
        with collect_faults(faults):
            lengths.append(to_mm(part, name))
            if positive and lengths[-1] < SHORTEST:
                limit = "> 0" if lengths[-1] <= 0 else f"at least {SHORTEST:g} mm"
                faults.append(f"{name} must be {limit}, got {describe(part)}; give a length such as '0.5 mm'")
    if faults:
        raise InvalidInput(name, faults)
    if name == "pixel_size" and not several and is_number(value) and value >= UNLIKELY_PIXEL:
        warn(
            f"pixel_size={value:g} has no unit and counts as {value:g} mm; write the unit, '{value:g} mm', or "
            f"'{value:g} um' for micrometres"
        )
    return (lengths[0], lengths[-1])
