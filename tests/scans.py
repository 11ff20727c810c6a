"""A small scan in arrays, and the faults that a function reports: what the tests of scans and photos share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from xrfsr import InvalidInput, as_scan

LABELS = ["Ca-K", "Pb-L", "compton", "r_factor"]


def maps(lines: int = 4, height: int = 5, width: int = 6) -> np.ndarray:
    return np.random.default_rng(0).poisson(20, (lines, height, width)).astype(np.float32)


def masked_scan() -> xr.Dataset:
    valid = np.ones((5, 6), bool)
    valid[0, 0] = False
    return as_scan(maps(), LABELS, "0.5 mm", uncertainty=np.sqrt(maps()), valid=valid)


@contextmanager
def nothing_computed() -> Iterator[None]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a Dask array was computed")

    with dask.config.set(scheduler=refuse):
        yield


def faults_of(function: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidInput) as caught:
        function(*args, **kwargs)
    return caught.value.faults


def assert_faults(faults: tuple[str, ...], *texts: str) -> None:
    """Check that each text occurs in one fault, and that there are no other faults."""
    for text in texts:
        assert any(text in fault for fault in faults), f"{text!r} not in {faults}"
    assert len(faults) == len(texts), faults
