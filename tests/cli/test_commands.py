"""Every command on files, run in this process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
import zarr
from PIL import Image

import xrfsr
from xrfsr.cli import main
from xrfsr.cli.files import photo_shape

PIXEL = ("--pixel-size", "0.5 mm")
# Corners of the maps on frame.png, as centres of pixels: the first of the photo is 3/8 of a pixel of the maps from the
# centre of theirs.
FRAME_POINTS = [
    (40, 30, -0.375, -0.375),
    (119, 30, 19.375, -0.375),
    (40, 125, -0.375, 23.375),
    (119, 125, 19.375, 23.375),
]


class Ran(NamedTuple):
    """What a command has returned and printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command."""

    def command(*words: object) -> Ran:
        capsys.readouterr()
        status = main([str(word) for word in words])
        ran = Ran(status, *capsys.readouterr())
        assert "Traceback" not in ran.err
        return ran

    return command


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with maps/ of 24 × 20 pixels, photo.png cropped to them, and frame.png that shows more."""
    folder = tmp_path_factory.mktemp("source")
    _, scan, rgb = xrfsr.simulate.painting(96, 80, scale=4, seed=2, lines=["Fe-K", "Hg-L", "Pb-L"])
    (folder / "maps").mkdir()
    for line in scan["line"].values:
        tifffile.imwrite(folder / "maps" / f"{line}.tif", scan["intensity"].sel(line=line).values.astype("float32"))
    pixels = np.moveaxis(np.round(255 * rgb.values), 0, -1).astype("uint8")
    Image.fromarray(pixels).save(folder / "photo.png")
    wall = np.full((160, 150, 3), 120, "uint8")
    wall[30:126, 40:120] = pixels
    Image.fromarray(wall).save(folder / "frame.png")
    rows = ["photo column,photo row,map column,map row", *(",".join(map(str, row)) for row in FRAME_POINTS)]
    (folder / "points.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def here(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, from which the files are ``maps``, ``photo.png`` and so on."""
    for name in os.listdir(source):
        os.symlink(source / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def own(folder: Path) -> list[str]:
    """What commands have added to the working folder."""
    return [name for name in listing(folder) if not (folder / name).is_symlink()]


# Nothing is searched, and one row is drawn.
FAST = ("--registered", "--method", "gsa", "--set", "refine=none", "--lines", "Pb-L", *PIXEL)


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that ``xrfsr superresolve`` wrote; tests change copies of it."""
    out = tmp_path_factory.mktemp("made") / "out"
    words = ["superresolve", str(source / "maps"), str(source / "photo.png"), *FAST, "-o", str(out)]
    assert main([*words, "--quiet", "--title", "Flowers"]) == 0
    return out


def test_open_says_what_is_there_and_what_is_missing(here: Path, run: Run) -> None:
    ran = run("open", "maps", "photo.png", "--json")
    assert ran.status == 0
    maps, photo = ran.json
    assert maps["missing"] == {"pixel size": '--pixel-size "0.5 mm"'}
    assert (maps["pixels"], maps["pixel_mm"], maps["units"]) == ([24, 20], None, "count")
    assert [line["line"] for line in maps["lines"]] == ["Fe-K", "Hg-L", "Pb-L"]
    values = tifffile.imread(here / "maps" / "Fe-K.tif")
    assert maps["lines"][0]["most"] == pytest.approx(values.max())
    assert {line["noise"] for line in maps["lines"]} == {"counts"}
    assert photo["pixels"] == [96, 80]
    assert photo["bands"] == ["red", "green", "blue"]
    text = run("open", "maps", *PIXEL)
    assert "20 × 24 pixels of 0.5 mm, 10 × 12 mm" in text.out
    assert "missing:" not in text.out


def test_open_counts_gaps(here: Path, run: Run) -> None:
    maps = np.arange(12, dtype="float32").reshape(3, 4) + 0.5
    maps[0, 0] = np.nan
    scan = xrfsr.as_scan(maps[None], ["Ca-K"], "0.5 mm")
    scan = scan.assign_coords(valid=(("y", "x"), np.arange(12).reshape(3, 4) < 10))
    scan.xrfsr.to_zarr("gaps.zarr")
    [found] = run("open", "gaps.zarr", "--json").json
    assert found["format"] == "zarr store"
    assert found["invalid_pixels"] == 2
    assert found["lines"][0]["missing_pixels"] == 1
    assert found["lines"][0]["noise"] is None
    assert found["lines"][0]["most"] == 9.5
    assert "2 of 12 pixels show no painting" in run("open", "gaps.zarr").out
    assert "least" not in run("open", "gaps.zarr", "--names-only").out


def test_open_lists_the_regions_of_a_file(here: Path, run: Run) -> None:
    scan = xrfsr.as_scan(np.arange(80.0).reshape(1, 8, 10), ["Ca-K"], "0.5 mm")
    zarr.open_group("all.zarr", mode="w", zarr_format=3)
    for name in ("left", "right"):
        scan.xrfsr.to_zarr(Path("all.zarr", name))
    [found] = run("open", "all.zarr", "--json").json
    assert sorted(found["regions"]) == ["/left", "/right"]
    assert found["regions"]["/left"]["pixels"] == [8, 10]
    assert "region /right (--group right)" in run("open", "all.zarr").out


def test_open_goes_on_after_a_file_that_does_not_open(here: Path, run: Run) -> None:
    Path("bad.tif").write_bytes(b"II*\0no picture")
    ran = run("open", "bad.tif", "maps", "nowhere")
    assert ran.status == 1
    assert "maps: folder" in ran.out
    assert [line.split()[0] for line in ran.err.splitlines()] == ["error:"] * 2
    assert "nowhere" in ran.err


def test_register_with_control_points_writes_a_photo_in_its_place(here: Path, run: Run) -> None:
    words = ("register", "maps", "frame.png", *PIXEL, "-o", "found.tif")
    ran = run(*words, "--control-points", "points.csv", "--overlay", "check.png", "--json")
    assert ran.status == 0
    assert ran.json["residual_mm"] < 0.01
    assert own(here) == ["check.png", "found.tif"]
    scan = xrfsr.open_scan("maps", "0.5 mm")
    photo = xrfsr.open_photo("found.tif", like=scan)
    with Image.open("photo.png") as picture:
        expected = np.moveaxis(np.asarray(picture), -1, 0) / 255
    assert np.abs(photo.values[:, 2:-2, 2:-2] - expected[:, 2:-2, 2:-2]).mean() < 0.01
    again = run(*words, "--control-points", "points.csv")
    assert again.status == 1
    assert "--overwrite" in again.err
    assert run(*words, "--control-points", "points.csv", "--overwrite", "--quiet").err == ""


def test_control_points_that_are_no_numbers_are_listed(here: Path, run: Run) -> None:
    Path("bad.csv").write_text("a,b,c,d\n1,2,3,4\n1,2,3\n5;6,7,8\n", encoding="utf-8")
    ran = run("register", "maps", "frame.png", *PIXEL, "-o", "x.tif", "--control-points", "bad.csv")
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 2 + len(["looking for the scan"]) + 1
    assert own(here) == ["bad.csv"]


def test_superresolve_writes_everything(here: Path, made: Path, run: Run) -> None:
    assert listing(made) == ["check.png", "fine.zarr", "maps", "overview.png", "photo.tif", "report.html"]
    scan = xrfsr.open_scan("maps", "0.5 mm", lines=["Pb-L"]).load()
    expected = scan.xrfsr.superresolve(xrfsr.open_photo("photo.png", like=scan), method="gsa", refine=None)
    fine = xr.open_zarr(made / "fine.zarr")
    np.testing.assert_array_equal(fine["intensity"], expected["intensity"])
    one = xrfsr.open_scan(made / "maps" / "Pb-L.tif")
    np.testing.assert_array_equal(one["intensity"], expected["intensity"])
    np.testing.assert_allclose(one["x"], expected["x"], atol=1e-6)
    with Image.open(made / "overview.png") as picture:
        assert picture.width > 1000
    assert "Flowers" in (made / "report.html").read_text(encoding="utf-8")[:5000]


def test_the_photo_that_was_written_is_known_to_be_registered(here: Path, made: Path, run: Run) -> None:
    ran = run("superresolve", "maps", made / "photo.tif", *FAST[1:], "-o", "out", "--json")
    assert ran.status == 0
    assert ran.json["photo"] == {"registered": "before"}
    assert ran.json["lines"] == [{"line": "Pb-L"}]
    assert [name.rstrip("/") for name in ran.json["files"]] == listing(made)
    assert ran.json["pixels"] == [96, 80]
    assert own(here) == ["out"]
    np.testing.assert_array_equal(*(xr.open_zarr(out / "fine.zarr")["intensity"] for out in (here / "out", made)))


def test_a_photo_that_shows_more_is_registered(here: Path, run: Run) -> None:
    words = ("superresolve", "maps", "frame.png", *FAST[1:], "--control-points", "points.csv", "--scale", "3.5")
    ran = run(*words, "-o", "out", "--json")
    assert ran.status == 0
    assert ran.json["photo"]["registered"] == "here"
    assert "found it" in ran.err
    assert "check.png" in listing(here / "out")


@pytest.mark.parametrize(("lowest", "choice"), [((-1.5, -2.0), "zero"), ((-999.0, -999.0), "missing")])
def test_negative_values_become_what_is_chosen(
    lowest: tuple[float, float], choice: str, tmp_path: Path, run: Run
) -> None:
    maps = np.random.default_rng(0).random((2, 12, 12), np.float32)
    (tmp_path / "maps").mkdir()
    for line, one, least in zip(("Ca-K", "Pb-L"), maps, lowest, strict=True):
        one[2, 3] = least
        tifffile.imwrite(tmp_path / f"maps/{line}.tif", one)
    words = "superresolve", tmp_path / "maps", *PIXEL, "--method", "kriging", "--out", tmp_path / "out"
    assert f"pass --negative {choice}" in run(*words).err
    assert run(*words, "--negative", choice).status == 0
    assert run("convert", tmp_path / "maps", tmp_path / "a.zarr", *PIXEL, "--negative", choice).status == 0
    wanted = np.where(maps < 0, 0 if choice == "zero" else np.nan, maps)
    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "a.zarr").intensity, wanted)


def test_a_photo_that_exif_turns_is_as_large_as_it_is_shown(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 60))
    exif = picture.getexif()
    exif[0x112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert photo_shape(tmp_path / "turned.jpg") == (40, 60)


def test_kriging_needs_no_photo(here: Path, run: Run) -> None:
    words = ("superresolve", "maps", "--method", "kriging", *PIXEL, "--lines", "Fe", "--scale", "2", "--uncertainty")
    assert run(*words, "-o", "out").status == 0
    assert listing(here / "out") == ["fine.zarr", "maps", "report.html"]
    with rasterio.open("out/maps/Fe-K.tif") as file:
        assert file.descriptions == ("Fe-K", "s(Fe-K)", "photo_support")


def test_maps_as_fine_as_the_photo_are_averaged(here: Path, run: Run) -> None:
    truth, _, _ = xrfsr.simulate.painting(96, 80, scale=4, seed=2, lines=["Fe-K", "Pb-L"])
    xrfsr.as_scan(truth["intensity"].values, truth["line"].values, "0.125 mm").xrfsr.to_tiffs("sharp")
    words = ("superresolve", "sharp", "photo.png", *FAST[:-1], "0.125 mm")
    refused = run(*words, "-o", "out", "--bin", "1")
    assert refused.status == 1
    assert "--bin" in refused.err
    assert own(here) == ["sharp"]
    made = run(*words, "-o", "out")
    assert made.status == 0
    assert "warning: the photo has too few pixels for maps 4 times finer than these, so 4 × 4 pixels" in made.err
    assert xr.open_zarr("out/fine.zarr").sizes["y"] == 96
    assert "averaged" not in run("superresolve", "maps", "photo.png", *FAST, "-o", "other").err


def test_a_registered_photo_shows_what_the_file_does_not_what_binning_keeps(here: Path, run: Run) -> None:
    maps = np.random.default_rng(0).random((1, 43, 50)).astype("float32")
    xrfsr.as_scan(maps, ["Ca-K"], "0.5 mm").xrfsr.to_tiffs("sharp")
    Image.fromarray((255 * maps[0]).astype("uint8")).convert("RGB").save("sharp.png")
    words = ("--registered", "--method", "gsa", "--set", "refine=none", *PIXEL, "--bin", "4", "-q")
    assert run("superresolve", "sharp", "sharp.png", *words, "-o", "out").status == 0
    with rasterio.open("out/photo.tif") as photo:
        assert photo.shape == (43, 50)
        assert photo.res == (0.5, 0.5)


def test_an_existing_folder_is_replaced_only_if_all_in_it_is_ours(here: Path, made: Path, run: Run) -> None:
    words = ("superresolve", "maps", "photo.png", *FAST, "--scale", "2", "-o", "out", "-q")
    shutil.copytree(made, "out")
    assert "--overwrite" in run(*words).err
    for name in ("notes.txt", "maps/Zn-K.tif", "report.html", "overview-2.png", "fine.zarr/mine", "photo.tif"):
        file = Path("out", name)
        kept = file.read_bytes() if file.exists() else None
        file.write_bytes(b"<html>mine")
        refused = run(*words, "--overwrite")
        assert refused.status == 1
        assert "which xrfsr did not write" in refused.err
        assert file.read_bytes() == b"<html>mine"
        file.unlink() if kept is None else file.write_bytes(kept)
    assert xr.open_zarr("out/fine.zarr").sizes["y"] == 96
    assert run(*words, "--overwrite").status == 0
    assert xr.open_zarr("out/fine.zarr").sizes["y"] == 48
    assert own(here) == ["out"]


@pytest.mark.parametrize("content", ["file", "empty", "link"])
def test_what_is_no_folder_of_ours_stays(content: str, here: Path, made: Path, run: Run) -> None:
    if content == "file":
        Path("out").write_text("mine")
    elif content == "empty":
        Path("out").mkdir()
    else:
        Path("out").symlink_to(made)
    assert run("superresolve", "maps", "photo.png", *FAST, "-o", "out", "-q", "--overwrite").status == 1
    assert listing(made)


def test_all_faults_are_listed_without_doing_anything(here: Path, run: Run) -> None:
    Path("out").mkdir()
    Path("no photo.png").write_text("text")
    ran = run("superresolve", "maps", "no photo.png", "-o", "out", "-q")
    assert ran.status == 1
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") for line in lines)
    for part, line in zip(("out", "no photo.png", "--pixel-size"), lines, strict=True):
        assert part in line
    assert own(here) == ["no photo.png", "out"]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("zarr", "a.zarr"),
        ("geotiff", "a.tif"),
        ("imagej", "b.tif"),
        ("tiffs", "a"),
        ("pymca", "a.h5"),
        ("dms", "a.dms"),
    ],
)
def test_convert_there_and_back(form: str, name: str, here: Path, run: Run) -> None:
    ran = run("convert", "maps", name, *PIXEL, "--json", *(("--to", form) if form == "imagej" else ()))
    assert ran.status == 0
    assert ran.json == {"format": form, "path": name, "lines": ["Fe-K", "Hg-L", "Pb-L"]}
    size = PIXEL if form in ("tiffs", "dms") else ()
    assert run("convert", name, "back.zarr", *size, "-q").status == 0
    scan, back = xrfsr.open_scan("maps", "0.5 mm"), xr.open_zarr("back.zarr")
    np.testing.assert_array_equal(back["intensity"].sel(line=scan["line"].values), scan["intensity"])


def test_convert_says_which_formats_there_are(here: Path, run: Run) -> None:
    for words, part in (
        (("maps", "a.xyz"), ".zarr"),
        (("maps", "a.dms", "--overwrite"), "never replaced"),
        (("maps", "a.zarr", "--photo", "photo.png"), "pymca"),
    ):
        ran = run("convert", *words, *PIXEL)
        assert ran.status == 2
        assert len(ran.err.splitlines()) == 1
        assert part in ran.err
    assert run("convert", "maps", "shown", *PIXEL, "--to", "xrf-explorer", "--photo", "photo.png").status == 0
    assert own(here) == ["shown"]


def test_compare_prints_the_best_first_and_draws(here: Path, run: Run) -> None:
    words = ("compare", "maps", "photo.png", "--registered", *PIXEL, "--scale", "2", "--methods", "bilinear,kriging")
    ran = run(*words, "-o", "methods.png", "--json")
    assert ran.status == 0
    first, second = ran.json["methods"]
    assert first["psnr"] > second["psnr"]
    with Image.open("methods.png") as picture:
        assert picture.width > 1000
    assert run(*words).out.split()[0] == "method"


def test_compare_needs_no_photo_finer_than_the_maps(here: Path, run: Run) -> None:
    with Image.open("frame.png") as picture:
        picture.reduce(4).save("small.png")
    # The centre of the first pixel of a picture a quarter the size is 1.5 pixels from that of the first of the other.
    points = [f"{(c - 1.5) / 4},{(r - 1.5) / 4},{x},{y}" for c, r, x, y in FRAME_POINTS]
    Path("small.csv").write_text("\n".join(points), encoding="utf-8")
    words = ("maps", "small.png", *PIXEL, "--control-points", "small.csv", "--scale", "2")
    assert "must resolve --scale 2" in run("superresolve", *words, "--bin", "1", "-o", "out").err
    ran = run("compare", *words, "--methods", "gsa,kriging", "--json")
    assert ran.status == 0
    assert {row["method"] for row in ran.json["methods"]} == {"gsa", "kriging"}


def test_report_of_a_result(here: Path, made: Path, run: Run) -> None:
    words = ("report", made / "fine.zarr", "--scan", "maps", *PIXEL, "--photo", made / "photo.tif", "-o", "page.html")
    assert run(*words, "--title", "<b>Rose & Co</b>").status == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Rose &amp; Co" in page
    assert run(*words).status == 1
    assert Path("page.html").read_text(encoding="utf-8") == page


def test_info_has_versions(run: Run) -> None:
    found = run("info", "--json").json
    assert found["xrfsr"] == xrfsr.__version__
    assert found["numpy"] == np.__version__
    lines = run("info").out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["xrfsr", "python", "system"]


def test_show_versions_prints_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    expected = run("info").out
    xrfsr.show_versions()
    assert capsys.readouterr().out == expected


def test_names_of_files_may_be_anything(here: Path, source: Path, run: Run) -> None:
    odd = "Gemälde $(touch x); *'\" & ünnamed"
    shutil.copytree(source / "maps", odd)
    shutil.copy(source / "photo.png", f"{odd}.png")
    assert run("open", odd).status == 0
    assert run("superresolve", odd, f"{odd}.png", *FAST, "-o", f"{odd} out", "-q").status == 0
    assert Path(f"{odd} out", "report.html").is_file()
    Path("two\nlines\x1b[2J.png").write_text("x")
    ran = run("open", "two\nlines\x1b[2J.png")
    assert len(ran.err.splitlines()) == 1
    assert "\x1b" not in ran.err
    assert not Path("x").exists()


def test_lines_are_chosen_and_named(here: Path, run: Run) -> None:
    assert run("convert", "maps", "a.zarr", *PIXEL, "--lines", "Pb,Fe", "--lines", "Hg-L").status == 0
    assert xr.open_zarr("a.zarr")["line"].values.tolist() == ["Pb-L", "Fe-K", "Hg-L"]
    tifffile.imwrite("one.tif", np.ones((3, 4), "float32"))
    Path("odd").mkdir()
    shutil.move("one.tif", "odd/map one.tif")
    ran = run("convert", "odd", "b.zarr", *PIXEL, "--lines", "map one=Pb-L")
    assert ran.status == 0, ran.err
    assert xr.open_zarr("b.zarr")["line"].values.tolist() == ["Pb-L"]
    mixed = run("convert", "odd", "c.zarr", *PIXEL, "--lines", "Fe-K,map one=Pb-L")
    assert mixed.status == 2


def test_large_results_are_computed_tile_by_tile(
    here: Path, made: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.cli.files.LAZY_FROM", 100)
    ran = run("superresolve", "maps", "photo.png", *FAST, "-o", "tiles")
    assert ran.status == 0
    assert "tile by tile" in ran.err
    whole, tiles = (xr.open_zarr(out / "fine.zarr")["intensity"].load() for out in (made, here / "tiles"))
    np.testing.assert_allclose(tiles, whole, rtol=1e-4, atol=1e-3 * float(whole.max()))
