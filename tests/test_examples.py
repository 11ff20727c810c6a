"""The examples run as their help says."""

from __future__ import annotations

import ast
import re
import tomllib
import warnings
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
from PIL import Image
from scripts import ROOT, load_script

import xrfsr


def load(name: str) -> ModuleType:
    """Import an example, which is not part of the package."""
    return load_script(ROOT / "examples" / f"{name}.py")


NOTEBOOKS = sorted(
    path.stem for path in (ROOT / "examples").glob("*.py") if "format_name: percent" in path.read_text("utf-8")
)


def test_every_notebook_has_a_page_and_keeps_its_semicolons() -> None:
    """The session `notebook` executes those with this header; the site and ruff have lists of them."""
    page = (ROOT / "docs" / "gallery" / "index.md").read_text("utf-8")
    assert sorted(re.findall(r"^notebooks/(\w+)$", page, re.M)) == NOTEBOOKS
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
    lists = [settings["format"]["exclude"][0], *(each for each in settings["lint"]["per-file-ignores"] if "{" in each)]
    for pattern in lists:
        assert sorted(pattern.partition("{")[2].partition("}")[0].split(",")) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_plain_cells_that_say_what_they_are_about(name: str) -> None:
    example = load("from_pymca")
    cells = list(example.cells((ROOT / "examples" / f"{name}.py").read_text("utf-8")))
    assert cells[0][0].strip() == "[markdown]"
    assert cells[0][1].startswith("# # ")
    for title, code in cells:
        assert title.strip() in ("", "[markdown]", 'tags=["parameters"]')
        assert bool(ast.parse(code).body) is not title.endswith("[markdown]")


def test_the_table_of_the_demo(scan: xr.Dataset) -> None:
    demo = load("demo")
    truth = scan.assign_coords(visible=("line", [True, False, True]))
    peak = float(scan["intensity"].sel(line="Ca-K").max())
    results = {"bilinear": truth + 4, "kriging": truth + 2, "xrfsr": truth + 1}
    text = demo.table({name: demo.rmse(result, truth) for name, result in results.items()}, truth)
    [row] = [row.split() for row in text.splitlines() if row.startswith("Ca-K")]
    assert row[1] == "visible"
    assert row[2::2][:3] == ["4.00", "2.00", "1.00"]
    assert float(row[7]) == pytest.approx(20 * np.log10(peak), abs=0.01)
    assert row[8] == "+6.02"
    assert "Fe-Ka   hidden" in text


def test_the_demo_writes_stores_and_a_picture_and_prints_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load("demo").main(["--out", str(tmp_path), "--size", "64", "--steps", "50"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fine.zarr", "overview.png", "photo.zarr", "scan.zarr", "truth.zarr",
    ]  # fmt: skip
    fine, truth, scan = (xr.open_zarr(tmp_path / f"{name}.zarr") for name in ("fine", "truth", "scan"))
    assert fine.attrs["xrfsr_method"] == "unfolding"
    bilinear = scan.load().xrfsr.superresolve(method="bilinear")
    expected = float(np.sqrt(((bilinear - truth).intensity.sel(line="Pb-L") ** 2).mean()))
    [row] = [row.split() for row in capsys.readouterr().out.splitlines() if row.startswith("Pb-L")]
    assert float(row[2]) == pytest.approx(expected, abs=0.01)
    with Image.open(tmp_path / "overview.png") as picture:
        assert picture.width > 1000


@pytest.mark.soak
def test_from_spectra_to_fine_maps_in_qgis_imagej_and_pymca(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PyMca fits, the notebook runs, and the programs for which it writes read the painting from its top left on."""
    example = load("from_pymca")
    example.main(tmp_path, 192, 160, steps=30, progress=False)
    fine = xrfsr.open_scan(tmp_path / "fine.zarr").load()
    assert fine["intensity"].shape == (5, 192, 160)
    truth = xrfsr.simulate.painting(192, 160, 4, seed=5, lines=example.LINES).truth
    for line in ("Hg-L", "Pb-L"):
        seen = fine["intensity"].sel(line=line)
        assert np.corrcoef(seen.values.ravel(), truth["intensity"].sel(line=line).values.ravel())[0, 1] > 0.8
    assert (tmp_path / "check.png").exists()
    assert "similarity" in capsys.readouterr().out
    for name in ("fine.tif", "fine.h5", "stack.tif"):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* which are ignored")  # the ratio
            other = xrfsr.open_scan(tmp_path / name).sel(line=fine["line"].values)
        np.testing.assert_array_equal(other["intensity"], fine["intensity"])
        for dim in ("y", "x"):
            np.testing.assert_allclose(other[dim], fine[dim], atol=1e-6)

    labels = fine["line"].values.tolist()
    maps, ratio = fine["intensity"].values, fine.xrfsr.ratio("Hg-L", "Pb-L").values
    with rasterio.open(tmp_path / "fine.tif") as file, rasterio.open(tmp_path / "photo.tif") as photo:
        assert file.descriptions == (*labels, "Hg-L / Pb-L")
        np.testing.assert_array_equal(file.read(), np.concatenate([maps, ratio[None]]))
        assert file.xy(0, 0) == pytest.approx((0.125, -0.125))  # half a pixel from the top left of the painting
        assert file.bounds == pytest.approx(photo.bounds)
        assert file.bounds.top == pytest.approx(0)
        assert max(file.transform.e, photo.transform.e) < 0
        picture = photo.read()
    with tifffile.TiffFile(tmp_path / "stack.tif") as stack:
        assert stack.is_imagej
        assert stack.imagej_metadata is not None
        assert [label.split("\n")[0] for label in stack.imagej_metadata["Labels"]] == [*labels, "Hg-L / Pb-L"]
        assert stack.imagej_metadata["unit"] == "mm"
        np.testing.assert_array_equal(stack.asarray(), np.concatenate([maps, ratio[None]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaIO.HDF5Stack1D import HDF5Stack1D

        for path, expected in (
            *((f"/xrf_fit/results/parameters/{label.replace('-', '_')}", maps[i]) for i, label in enumerate(labels)),
            ("/maps/Hg-L_Pb-L", ratio),
        ):
            read = HDF5Stack1D([str(tmp_path / "fine.h5")], {"x": [], "y": path, "m": []}, scanlist=["/scan"])
            np.testing.assert_array_equal(np.squeeze(read.data), expected)
    with h5py.File(tmp_path / "fine.h5") as file:
        np.testing.assert_array_equal(np.moveaxis(file["scan/photo/rgb"][:], -1, 0), picture)
    # The photo was found on another, rotated and with a wall around; it is the right way up where it is as painted.
    painted = xrfsr.simulate.painting(192, 160, 4, seed=5, lines=example.LINES).rgb
    for turned in (painted[:, ::-1], painted[:, :, ::-1], painted[:, ::-1, ::-1]):
        upright, other_way = (np.abs(picture / 255 - one.values).mean() for one in (painted, turned))
        assert upright < 0.5 * other_way
