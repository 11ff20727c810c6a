"""MapsTorch writes spectra: what is said about them names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput


def test_spectra_of_mapstorch_are_named_in_the_refusal(tmp_path: Path) -> None:
    io = pytest.importorskip("mapstorch.io", reason="`nox -s producers` installs mapstorch")
    path = tmp_path / "scan.h5"
    io.create_dataset(np.ones((4, 5, 300), np.float32), 2, str(path), fit_elems=["Ca", "Fe", "Pb_L"])
    with pytest.raises(InvalidInput, match=r"contains spectra, '/MAPS/mca_arr' \(4, 5, 300\), but no maps in"):
        xrfsr.open_scan(path, 1.0)
