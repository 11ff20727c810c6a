"""A fit of a small map by PyMca is read back from every format that PyMca saves."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import xrfsr
from tests.pymca_fit import fit

pytest.importorskip("PyMca5")
pytest.importorskip("fabio")


class Fitted(NamedTuple):
    """Folders of two fits, and their map of Fe-Ka with shape (y, x)."""

    pages: Path
    files: Path
    iron: np.ndarray


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    pages, files = (tmp_path_factory.mktemp(name) for name in ("pages", "files"))
    iron = fit(pages, multipage=True, fractions=True)
    fit(files, multipage=False)
    return Fitted(pages, files, iron)


@pytest.mark.parametrize("name", ["IMAGES.h5", *(f"IMAGES/painting.{end}" for end in ("csv", "dat", "edf", "tif"))])
def test_a_real_fit_is_read_from_every_file_that_pymca_saves(name: str, fitted: Fitted) -> None:
    scan = xrfsr.open_scan(fitted.pages / name, pixel_size="0.5 mm")
    assert {"Cr-K", "Fe-Ka", "Fe-Kb", "Pb-L", "W-L3"} < set(scan.line.values)
    assert set(scan.line.values[scan.kind == "scatter"]) == {"Scatter_Peak000", "Scatter_Compton000"}
    iron = scan.sel(line="Fe-Ka")
    # Text files have six digits.
    np.testing.assert_allclose(iron.intensity, fitted.iron, rtol=1e-5)
    assert (iron.uncertainty > 0).all()
    assert (iron.uncertainty < 0.01 * iron.intensity).all()


@pytest.mark.parametrize("end", ["edf", "tif"])
def test_a_real_fit_is_read_from_a_folder_with_a_file_for_each_map(end: str, fitted: Fitted, tmp_path: Path) -> None:
    for file in (fitted.files / "IMAGES").glob(f"*.{end}"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    scan = xrfsr.open_scan(tmp_path, pixel_size="0.5 mm")
    iron = scan.sel(line="Fe-Ka")
    np.testing.assert_allclose(iron.intensity, fitted.iron, rtol=1e-5)
    assert (iron.uncertainty > 0).all()
    assert (iron.uncertainty < 0.01 * iron.intensity).all()


def test_mass_fractions_of_a_real_fit_are_read_in_place_of_counts(fitted: Fitted) -> None:
    shares = xrfsr.open_scan(fitted.pages / "IMAGES.h5", pixel_size="0.5 mm", quantity="mass_fraction").intensity
    assert shares.attrs["units"] == "dimensionless"
    per_count = shares.sel(line="Fe-Ka").values / fitted.iron
    np.testing.assert_allclose(per_count, per_count[0, 0], rtol=1e-5)
    # Two lines of one element yield the same fraction, and steel is mostly iron.
    np.testing.assert_allclose(shares.sel(line="Fe-Kb"), shares.sel(line="Fe-Ka"), rtol=0.05)
    assert (shares.sel(line="Fe-Ka") > 2 * shares.sel(line="Cr-K")).all()
