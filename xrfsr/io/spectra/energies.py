"""Energies of the channels as a caller gives them, for spectra without a calibration."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.spectra.line_windows import axis_faults
from xrfsr.utils.checks import is_number, numbers
from xrfsr.utils.describe import describe

__all__ = ["KEV_PER_UNIT", "given_energies", "unit_fault"]

KEV_PER_UNIT = {"kev": 1.0, "ev": 1e-3}
_ENERGY = re.compile(r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?)\s*(?P<unit>k?eV)\s*", re.IGNORECASE)
# Widths of a channel in keV beyond which, and first energies beyond which, a number is in another unit than thought.
NARROWEST, WIDEST, FARTHEST = 1e-4, 2.25, 50.0
EXAMPLE = "such as energy=('-0.96 keV', '10 eV'), the energy of the first channel and the width of a channel"


def given_energies(energy: Any, count: int) -> NDArray[np.float64]:
    """Return the energies of all channels in keV.

    Parameters
    ----------
    energy : (number or str, number or str) or array of shape (channel,)
        Energy of the first channel and width of a channel, each in keV as a number or with its unit as text; or the
        energies of all channels in keV.
    count : int
        Number of channels.

    Raises
    ------
    InvalidInput
        If the argument is neither, or the energies do not increase.

    Examples
    --------
    >>> given_energies(("0 keV", "20 eV"), 4)
    array([0.  , 0.02, 0.04, 0.06])
    """
    found: NDArray[np.float64] | None = None
    if isinstance(energy, tuple | list) and len(energy) == 2:
        first, width = (_kev(each) for each in energy)
        if first is not None and width is not None:
            found = first + width * np.arange(count, dtype=np.float64)
    elif not isinstance(energy, str | bytes):
        values = numbers(energy, "iuf")
        found = values.astype(np.float64) if values is not None and values.shape == (count,) else None
    if found is None:
        every = f"or the energies of all {count} channels in keV"
        raise InvalidInput("energy", [f"energy must be a pair {EXAMPLE}, {every}, got {describe(energy)}"])
    if faults := axis_faults(found):
        raise InvalidInput("energy", [f"energy={describe(energy)}: {fault}" for fault in faults])
    if fault := unit_fault(float(found[0]), float(np.median(np.diff(found)))):
        way = f"a pair with units, {EXAMPLE}" if isinstance(energy, tuple | list) else "the energies in keV"
        raise InvalidInput("energy", [f"energy={describe(energy)}: {fault}; numbers are in keV: pass {way}"])
    return found


def unit_fault(first: float, width: float) -> str | None:
    """Return why the energy of the first channel and the width of a channel in keV are in a wrong unit, or None.

    Examples
    --------
    >>> unit_fault(0.0, 20.0)
    'channels would be 20 keV wide, which looks like eV taken for keV'
    >>> unit_fault(0.0, 0.02)
    """
    if width > WIDEST:
        return f"channels would be {width:g} keV wide, which looks like eV taken for keV"
    if 0 < width < NARROWEST:
        return f"channels would be {1000 * width:g} eV wide, which looks like keV taken for eV"
    if abs(first) >= FARTHEST:
        return f"the first channel would be at {first:g} keV, which looks like eV taken for keV"
    return None


def _kev(value: object) -> float | None:
    """Return a number, or a text with a unit, in keV; None for anything else."""
    if is_number(value):
        return float(value)
    match = _ENERGY.fullmatch(value) if isinstance(value, str) else None
    return float(match["number"]) * KEV_PER_UNIT[match["unit"].lower()] if match else None
