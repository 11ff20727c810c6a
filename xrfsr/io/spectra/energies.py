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

__all__ = ["KEV_PER_UNIT", "given_energies"]

KEV_PER_UNIT = {"kev": 1.0, "ev": 1e-3}
_ENERGY = re.compile(r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?)\s*(?P<unit>k?eV)\s*", re.IGNORECASE)
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
    return found


def _kev(value: object) -> float | None:
    """Return a number, or a text with a unit, in keV; None for anything else."""
    if is_number(value):
        return float(value)
    match = _ENERGY.fullmatch(value) if isinstance(value, str) else None
    return float(match["number"]) * KEV_PER_UNIT[match["unit"].lower()] if match else None
