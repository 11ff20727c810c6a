"""Objects thinned for a small picture: nothing is computed, nothing is read, and up is up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from pages import lazily

from xrfsr.core.coordinates import grid_of
from xrfsr.core.previews import is_held, place_of, stand_in, upright_pixels


def test_lazy_arrays_stay_lazy(scan: xr.Dataset) -> None:
    lazy = lazily(scan)
    assert not is_held(lazy["intensity"])
    assert place_of(lazy["intensity"]).startswith("not computed yet: Dask, 2.3 kB")
    assert float(stand_in(lazy)["intensity"].max()) == 0


def test_files_are_not_read(scan: xr.Dataset, tmp_path: Any) -> None:
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    with xr.open_zarr(tmp_path / "scan.zarr", chunks=None) as stored:
        assert place_of(stored["intensity"]).startswith("not read yet")
        assert stand_in(stored)["intensity"].shape == scan["intensity"].shape
        assert not is_held(stored["intensity"])


@pytest.mark.parametrize("turned", [{}, {"y": slice(None, None, -1)}, {"x": slice(None, None, -1)}])
def test_the_painting_is_upright_whatever_the_direction(scan: xr.Dataset, turned: dict[str, slice]) -> None:
    given = scan.isel(turned)
    assert np.array_equal(upright_pixels(given["intensity"], grid_of(given), 100), scan["intensity"].values)


def test_names_and_other_dimensions_are_kept(scan: xr.Dataset) -> None:
    wide = scan["intensity"].isel(x=np.tile(np.arange(16), 40)).rename("maps")
    small = stand_in(wide)
    assert (small.name, small.dims, small.shape) == ("maps", wide.dims, (3, 12, 214))
