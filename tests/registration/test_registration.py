"""Registration as a user calls it: automatic and by control points, accepted or rejected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image
from scripts import ROOT, load_script

import xrfsr
from xrfsr.errors import InvalidInput

CORNERS = [[0, 0, -0.375, -0.375], [63, 0, 15.375, -0.375], [0, 63, -0.375, 15.375], [63, 63, 15.375, 15.375]]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The benchmark, which photographs simulated paintings askew."""
    return load_script(ROOT / "benchmarks" / "registration.py")


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(256, 256, 4, seed=3, lines=["Ca-K", "Fe-K", "Hg-L", "Pb-L"])


def small() -> tuple[xr.Dataset, xr.DataArray]:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    return scan, rgb


@pytest.mark.parametrize("perspective", [pytest.param(False, marks=pytest.mark.soak), True])
def test_a_photo_taken_askew_is_found(
    painting, bench: ModuleType, tmp_path: Path, perspective: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, matrix = bench.photographed(painting.rgb.values, 3, perspective=perspective)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    found = xrfsr.register(tmp_path / "photo.png", painting.scan, overlay=tmp_path / "check.png", progress=True)
    assert "registration: 100%" in capsys.readouterr().err
    assert bench.error(found, matrix, (64, 64)) < 0.5
    assert 0 < found.residual_mm < 1.0  # a pixel of the scan is 1 mm
    assert found.diagnostics["score"] > 2 * found.diagnostics["control"]
    with Image.open(tmp_path / "check.png") as picture:
        assert picture.size[0] > 2 * 256
    # The result is a photo for superresolve that shows the painting.
    assert found.photo.dims == ("band", "y", "x")
    assert found.photo.dtype == np.float32
    xr.testing.assert_allclose(found.photo["x"], painting.rgb["x"])
    seen = found.photo.notnull().all("band")
    assert seen.mean() > 0.97
    inner = {"y": slice(8, -8), "x": slice(8, -8)}
    pair = (one.isel(inner).mean("band") for one in (found.photo, painting.rgb))
    assert xr.corr(*pair) > 0.95


@pytest.mark.soak
def test_a_scan_stored_upside_down_or_mirrored(painting, bench: ModuleType) -> None:
    photo, matrix = bench.photographed(painting.rgb.values, 3, perspective=False)
    scan = painting.scan.isel(y=slice(None, None, -1))
    found = xrfsr.register(photo, scan)
    corner = matrix @ [1.5, 253.5, 1]  # the middle of the lowest left pixel of the scan, which is now stored first
    np.testing.assert_allclose(found.photo_to_map_pixels([corner[:2] / corner[2]]), [[0, 0]], atol=0.6)
    assert found.photo["y"][0] > found.photo["y"][-1]
    upright = found.photo.isel(y=slice(None, None, -1)).values.mean(axis=0)
    seen = np.isfinite(upright)
    assert np.corrcoef(upright[seen], painting.rgb.values.mean(axis=0)[seen])[0, 1] > 0.9


@pytest.mark.soak
@pytest.mark.parametrize("wrong", ["another painting", "mirrored"])
def test_what_does_not_show_the_scan_is_refused(painting, bench: ModuleType, tmp_path: Path, wrong: str) -> None:
    rgb = painting.rgb.values
    if wrong == "another painting":
        rgb = xrfsr.simulate.painting(256, 256, 4, seed=11, lines=["Fe-K"]).rgb.values
    photo, _ = bench.photographed(rgb[:, :, ::-1] if wrong == "mirrored" else rgb, 3, perspective=False)
    with pytest.raises(InvalidInput, match=r"(?s)registration.*Give control points") as caught:
        xrfsr.register(photo, painting.scan, overlay=tmp_path / "check.png")
    caught.match("mirror images|two halves of the scan|must show at least")
    assert ("the photo seems to be mirrored" in str(caught.value)) == (wrong == "mirrored")
    assert (tmp_path / "check.png").stat().st_size > 1000  # shows what was rejected


def miniature(folder: Path, shrink: int) -> tuple[xr.Dataset, np.ndarray]:
    names = ["As-Kb", "Cu-K"]
    maps = np.array([tifffile.imread(folder / f"{name}.tif") for name in names]).astype(np.float64)
    rows, columns = (size // shrink for size in maps.shape[1:])
    maps = maps[:, : rows * shrink, : columns * shrink].reshape(2, rows, shrink, columns, shrink).mean((2, 4))
    scan = xrfsr.as_scan(maps, names, 0.1 * shrink, units="dimensionless")
    return scan, np.loadtxt(folder / "photo_to_maps_homography.txt")


@pytest.mark.soak
@pytest.mark.parametrize("shrink", [1, 4])
def test_the_real_miniature(shared: Path, shrink: int) -> None:
    """Within 1.5 pixels of the maps of a reference that someone else made, also from maps 4 times coarser."""
    scan, reference = miniature(shared / "miniature", shrink)
    found = xrfsr.register(shared / "miniature" / "photo.jpg", scan)
    x, y = (one.ravel() for one in np.meshgrid(np.linspace(0, 1457, 20), np.linspace(0, 1814, 20)))
    there = reference @ [x, y, np.ones(x.size)]
    there = (there[:2] / there[2]).T
    on_maps = ((there >= 0) & (there < [787, 977])).all(axis=1)
    moved = shrink * (found.photo_to_map_pixels(np.stack([x, y], axis=1)) + 0.5) - 0.5
    distance = np.hypot(*(moved - there)[on_maps].T)
    assert np.sqrt((distance**2).mean()) < (1.5 if shrink == 1 else 3.0)
    assert found.diagnostics["lines"][0] == "Cu-K"


@pytest.mark.soak
def test_real_photos_of_something_else_are_refused(shared: Path) -> None:
    scan, _ = miniature(shared / "miniature", 4)
    with Image.open(shared / "soldier" / "photo.png") as photo:
        other = np.asarray(photo.convert("RGB").reduce(3))
    with pytest.raises(InvalidInput, match="registration"):
        xrfsr.register(other, scan)


@pytest.mark.parametrize("dims", [(), ("y",), ("y", "x")])
@pytest.mark.parametrize("model", ["auto", "affine"])
def test_control_points_that_mirror_the_photo_are_refused(dims: tuple[str, ...], model: str) -> None:
    """As they do if rows and columns of the maps are exchanged; a scan may be stored upside down."""
    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    scan = scan.isel({dim: slice(None, None, -1) for dim in dims})
    stored = np.array(CORNERS, float)
    for axis, dim in ((2, "x"), (3, "y")):
        stored[:, axis] = 15 - stored[:, axis] if dim in dims else stored[:, axis]
    assert xrfsr.register(rgb, scan, control_points=stored, model=model).photo.shape == (3, 64, 64)
    exchanged = stored[:, [0, 1, 3, 2]]
    if len(dims) != 1:  # else rows and columns have opposite orders
        with pytest.raises(InvalidInput, match="the control points mirror the photo"):
            xrfsr.register(rgb, scan, control_points=exchanged, model=model)
    exchanged = stored * [1, 1, -1, 1] + [0, 0, 15, 0]
    with pytest.raises(InvalidInput, match="the control points mirror the photo"):
        xrfsr.register(rgb, scan, control_points=exchanged, model=model)


def test_control_points_decide_alone() -> None:
    scan, rgb = small()
    found = xrfsr.register(rgb, scan, control_points=CORNERS)
    assert found.residual_mm == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.photo, rgb, atol=1e-6)  # the same grid: nothing moves
    np.testing.assert_allclose(found.photo_to_map_pixels([[1.5, 5.5]]), [[0, 1]], atol=1e-9)
    pair = np.array(CORNERS)[:, :2], np.array(CORNERS)[:, 2:]
    np.testing.assert_allclose(xrfsr.register(rgb, scan, control_points=pair).transform.matrix, found.transform.matrix)
    coarse = xrfsr.register(rgb, scan, control_points=CORNERS, like=scan)
    np.testing.assert_allclose(coarse.photo, rgb.coarsen(y=4, x=4).mean(), atol=1e-6)


def test_left_out_points_give_the_error() -> None:
    scan, rgb = small()
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 63, (2, 12))
    points = np.stack([x, y, (x - 1.5) / 4, (y - 1.5) / 4], axis=1)
    points[:, 2:] += rng.normal(0, 0.1, (12, 2))
    found = xrfsr.register(rgb, scan, control_points=points, model="affine")
    assert 0.1 < found.residual_mm < 0.3  # 0.14, and slightly more from the fit
    assert found.diagnostics["errors_mm"].shape == (12,)


def test_faults_of_control_points_come_together() -> None:
    scan, rgb = small()
    with pytest.raises(InvalidInput) as caught:
        xrfsr.register(rgb, scan, control_points=[[0, 0, 99, 0], [np.nan, 0, 0, 0]])
    assert len(caught.value.faults) == 3
    for part in (
        r"point 1 must lie on the maps \(16 x 16 pixels\), got column 99, row 0",
        "the coordinates of point 2 must be finite, got nan",
        "at least 3 control points are needed, got 2",
    ):
        caught.match(part)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0, 0, 0, 0], [10, 10, 2, 2], [20, 20, 4, 4], [30, 30, 6, 6]], "do not determine"),
        ([[0, 0, 0, 0], [0, 0, 2, 2], [20, 30, 4, 4]], "points 1 and 2 are both at column 0, row 0 of the photo"),
        (np.zeros((4, 3)), r"control_points must have shape \(n, 4\), got an array of shape \(4, 3\)"),
        ("nowhere.csv", r"'nowhere\.csv' does not exist"),
        (None.__class__, "control_points must have shape"),
    ],
)
def test_control_points_that_are_none(points: object, message: str) -> None:
    scan, rgb = small()
    with pytest.raises(InvalidInput, match=message):
        xrfsr.register(rgb, scan, control_points=points, model="affine")


def test_a_wrong_point_is_named() -> None:
    scan, rgb = small()
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 63, (2, 9))
    points = np.stack([x, y, (x - 1.5) / 4, (y - 1.5) / 4], axis=1)
    points[4, 2] = (points[4, 2] + 7) % 15
    with pytest.raises(InvalidInput, match="point 5 contradicts the others"):
        xrfsr.register(rgb, scan, control_points=points)


def test_butterfly_registrator(shared: Path, tmp_path: Path) -> None:
    """Points on a map that the program enlarged, with its proportions kept, to the size of the photo."""
    scan, rgb = small()
    lines = (shared / "formats" / "xrf_explorer" / "butterfly_registrator_control_points.csv").read_text().splitlines()
    head = [line for line in lines if line.count("|") != 3 or line.startswith("x")]
    points = np.array(CORNERS)
    points[:, 2:] = 4 * (points[:, 2:] + 0.5) - 0.5
    (tmp_path / "points.csv").write_text("\n".join([*head, *("|".join(map(str, point)) for point in points)]))
    found = xrfsr.register(rgb, scan, control_points=tmp_path / "points.csv")
    np.testing.assert_allclose(found.photo_to_map_pixels([[1.5, 5.5]]), [[0, 1]], atol=1e-9)
    (tmp_path / "points.csv").write_text("\n".join([*head, "1|2|3", "a|b|c|d"]))
    with pytest.raises(InvalidInput) as caught:
        xrfsr.register(rgb, scan, control_points=tmp_path / "points.csv")
    assert len(caught.value.faults) == 2
    (tmp_path / "points.csv").write_text("nothing")
    with pytest.raises(InvalidInput, match=r"has no line 'x\|y\|x\|y'"):
        xrfsr.register(rgb, scan, control_points=tmp_path / "points.csv")


def test_every_fault_of_the_arguments_at_once(tmp_path: Path) -> None:
    scan, _ = small()
    with pytest.raises(InvalidInput) as caught:
        xrfsr.register("nowhere.png", scan, scale=0.5, model="elastic", overlay=tmp_path / "no" / "x.png", lines=["Qq"])  # type: ignore[arg-type]
    assert len(caught.value.faults) >= 4
    for part in (r"nowhere\.png", "unknown line 'Qq'", "got 'elastic'", "does not exist; create it"):
        caught.match(part)


def test_scans_and_photos_that_are_too_small() -> None:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, 8, lines=["Fe-K", "Pb-L"])
    message = r"(?s)a scan must have.*got 8 x 8 with.*a photo must have.*got 16 x 16 with"
    with pytest.raises(InvalidInput, match=message) as caught:
        xrfsr.register(rgb.values[:, ::4, ::4], scan)
    assert len(caught.value.faults) == 2


@pytest.mark.soak
def test_transparent_parts_of_a_photo_stay_missing(painting, bench: ModuleType) -> None:
    photo, matrix = bench.photographed(painting.rgb.values, 5, perspective=False)
    alpha = np.full((*photo.shape[:2], 1), 255, np.uint8)
    alpha[: photo.shape[0] // 4] = 0
    found = xrfsr.register(np.concatenate([photo, alpha], axis=-1), painting.scan)
    assert bench.error(found, matrix, (64, 64)) < 0.5
    assert 0.02 < np.isnan(found.photo).all("band").mean() < 0.4


def test_the_search_brings_neither_torch_nor_scikit_image() -> None:
    code = "import sys, xrfsr.registration; print({'torch', 'skimage', 'SimpleITK'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
