"""The examples run as their help says."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import rasterio
import xarray as xr
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from scripts import ROOT, load_script

import xrfsr


def load(name: str) -> ModuleType:
    """Import an example, which is not part of the package."""
    return load_script(ROOT / "examples" / f"{name}.py")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with maps/ and photo.png of a small painting, the maps as fine as the photo."""
    folder = tmp_path_factory.mktemp("files")
    truth, _, rgb = xrfsr.simulate.painting(64, 72, scale=4, seed=2, lines=["Ca-K", "Fe-K", "Pb-L"])
    (folder / "maps").mkdir()
    for line in truth["line"].values:
        plane = truth["intensity"].sel(line=line).values
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            shape = {"count": 1, "height": 64, "width": 72, "dtype": "float32"}
            with rasterio.open(folder / "maps" / f"{line}.tif", "w", driver="GTiff", **shape) as file:
                file.write(plane[None])
    pixels = np.moveaxis(np.round(255 * rgb.values), 0, -1).astype("uint8")
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def test_real_scan_writes_store_and_picture(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results" / "first"
    options = {"--pixel-size": "0.25 mm", "--bin": "4", "--method": "kriging", "--out": str(out)}
    arguments = [str(files / "maps"), str(files / "photo.png"), *(word for pair in options.items() for word in pair)]
    assert load("real_scan").main(arguments) == 0
    fine = xr.open_zarr(out / "fine.zarr")
    assert dict(fine.sizes) == {"line": 3, "y": 64, "x": 72}
    assert float(fine["x"][1] - fine["x"][0]) == pytest.approx(0.25)
    with Image.open(out / "overview.png") as picture:
        assert picture.width > 1000
    assert "fine.zarr" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        load("real_scan").main(arguments)
    assert "--overwrite" in capsys.readouterr().err


def test_real_scan_of_maps_as_fine_as_the_photo(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is given but the two paths, and a short training."""
    monkeypatch.chdir(tmp_path)
    assert load("real_scan").main([str(files / "maps"), str(files / "photo.png"), "--steps", "50"]) == 0
    printed = capsys.readouterr().out
    assert "assuming pixels of 1 mm for the maps" in printed
    assert "averaging 4 × 4 pixels of the maps first" in printed
    assert dict(xr.open_zarr("fine/fine.zarr").sizes) == {"line": 3, "y": 64, "x": 72}
    assert Path("fine/overview.png").is_file()


def test_real_scan_says_what_is_wrong(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main, out = load("real_scan").main, tmp_path / "out"
    paths = [str(files / "maps"), str(files / "photo.png"), "--out", str(out)]
    assert main([*paths, "--bin", "1"]) == 1
    assert "photo is coarser" in capsys.readouterr().err
    assert not out.exists()
    out.write_text("mine")
    for more, text in ((["--bin", "0"], "--bin must be an integer ≥ 1, got 0"), ([], "is a file; choose a folder")):
        with pytest.raises(SystemExit):
            main([*paths, *more])
        assert text in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_binning_averages_what_is_valid(scan: xr.Dataset) -> None:
    scan["valid"] = (("y", "x"), np.arange(12 * 16).reshape(12, 16) != 5)
    coarse = load("real_scan").binned(scan, 5)  # 12 × 16 pixels leave a remainder
    assert dict(coarse.sizes) == {"line": 3, "y": 2, "x": 3}
    np.testing.assert_allclose(coarse["intensity"][0, 1, 2], scan["intensity"][0, 5:10, 10:15].mean())
    assert coarse["valid"].dtype == bool
    assert coarse["valid"].values.tolist() == [[True, False, True], [True, True, True]]
    assert coarse.xrfsr.grid.spacing == (2.5, 2.5)


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


def test_from_spectra_to_fine_maps(tmp_path: Path) -> None:
    """PyMca fits, the fit is opened, the photo registered, and the written files are opened again."""
    example = load("from_pymca")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* cannot store ")
        example.main(tmp_path, 192, 160, steps=30, progress=False)
    fine = xrfsr.open_scan(tmp_path / "fine.zarr").load()
    for name in ("fine.tif", "fine.h5"):
        other = xrfsr.open_scan(tmp_path / name).sel(line=fine["line"].values)
        np.testing.assert_array_equal(other["intensity"], fine["intensity"])
        np.testing.assert_allclose(other["x"], fine["x"], atol=1e-9)
    assert fine["intensity"].shape == (5, 192, 160)
    truth = xrfsr.simulate.painting(192, 160, 4, seed=5, lines=example.LINES).truth
    for line in ("Hg-L", "Pb-L"):
        seen = fine["intensity"].sel(line=line)
        assert np.corrcoef(seen.values.ravel(), truth["intensity"].sel(line=line).values.ravel())[0, 1] > 0.8
    assert (tmp_path / "check.png").exists()
