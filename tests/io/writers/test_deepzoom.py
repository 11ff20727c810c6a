"""Tiles for viewers, read back as a viewer reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import xrfsr
from xrfsr.errors import InvalidInput

pytest.importorskip("pyvips")

DZI = "{http://schemas.microsoft.com/deepzoom/2008}"


def whole(path: Path) -> np.ndarray:
    """All tiles of the finest level of a layer, put together, shape (y, x, 4)."""
    about = ElementTree.parse(path).getroot()
    tile, overlap = int(about.get("TileSize", 0)), int(about.get("Overlap", 0))
    size = about.find(f"{DZI}Size")
    assert size is not None
    width, height = int(size.get("Width", 0)), int(size.get("Height", 0))
    folder = path.with_name(f"{path.stem}_files")
    finest = max(folder.iterdir(), key=lambda level: int(level.name) if level.is_dir() else -1)
    made = np.zeros((height, width, 4), np.uint8)
    for file in finest.iterdir():
        column, row = (int(each) for each in file.stem.split("_"))
        top, left = (max(0, each * tile - overlap) for each in (row, column))
        part = np.asarray(Image.open(file).convert("RGBA"))
        made[top : top + part.shape[0], left : left + part.shape[1]] = part
    return made


def layers_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["title"]: each for each in json.loads((folder / "layers.json").read_text("utf-8"))["layers"]}


@pytest.mark.parametrize("turned", [False, True])
def test_maps_have_their_colours_and_photos_their_pixels(
    scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path, turned: bool
) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    values = scan["intensity"].values.copy()
    values[0, 2, 3] = np.nan
    scan = scan.assign(intensity=scan["intensity"].copy(data=values))
    given = scan.isel(y=slice(None, None, -1), x=slice(None, None, -1)) if turned else scan
    given.xrfsr.to_deepzoom(tmp_path / "zoom", photo=photo, pictures={"again / photo": photo})
    listed = layers_of(tmp_path / "zoom")
    assert list(listed) == ["Ca-K", "Fe-Ka", "Pb-L", "photo", "again / photo"]
    for number, label in enumerate(["Ca-K", "Fe-Ka", "Pb-L"]):
        shown, about = whole(tmp_path / "zoom" / listed[label]["file"]), listed[label]
        share = (np.nan_to_num(values[number]) - about["black"]) / (about["white"] - about["black"])
        expected = matplotlib.colormaps["magma"](share.clip(0, 1))[..., :3] * 255
        known = np.isfinite(values[number])
        assert (shown[..., 3] == np.where(known, 255, 0)).all()
        assert np.abs(shown[known][:, :3] - expected[known]).max() < 9
        assert (about["pixel_mm"], about["size_mm"], about["left_top_mm"]) == (0.5, [8, 6], [0, 0])
        assert about["pixels_per_metre"] == 2000
    difference = whole(tmp_path / "zoom" / "photo.dzi")[..., :3] / 255 - np.moveaxis(photo.values, 0, -1)
    assert np.abs(difference).mean() < 0.03  # JPEG


def test_large_maps_have_levels_and_tiles(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:1100, :1300]
    ramp = xr.DataArray(rows + 10.0 * columns, {"y": rows[:, 0] * 0.1, "x": columns[0] * 0.1}, ("y", "x"), name="ramp")
    for name in ("y", "x"):
        ramp[name].attrs["units"] = "mm"
    ramp.chunk(y=400).xrfsr.to_deepzoom(tmp_path / "zoom")
    shown = whole(tmp_path / "zoom" / "ramp.dzi")
    assert shown.shape == (1100, 1300, 4)
    assert (np.diff(shown[500, ::100].astype(int).sum(axis=-1)) > 0).all()
    assert {len(list((tmp_path / "zoom" / "ramp_files" / level).iterdir())) for level in ("11", "9")} == {9, 1}
    assert not list((tmp_path / "zoom").glob("draft*"))


def test_iiif_has_address_and_physical_scale(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    scan.xrfsr.to_deepzoom(tmp_path / "maps", photo=photo, iiif="https://museum.org/maps/")
    for title, centimetres, kind in (("Pb-L", 0.05, "png"), ("photo", 0.0125, "jpg")):
        folder = tmp_path / "maps" / layers_of(tmp_path / "maps")[title]["file"]
        about = json.loads(folder.read_text("utf-8"))
        assert about["id"] == f"https://museum.org/maps/{title}"
        assert (about["service"][0]["physicalScale"], about["service"][0]["physicalUnits"]) == (centimetres, "cm")
        assert about.get("preferredFormats", ["jpg"]) == [kind]
        assert list(folder.parent.rglob(f"default.{kind}"))


def test_names_of_layers_are_no_places(scan: xr.Dataset, tmp_path: Path) -> None:
    derived = scan.assign({"../../evil": scan["intensity"][0].drop_vars("line"), "layers": scan["intensity"][1, :, :]})
    derived.drop_vars("line", errors="ignore")
    named = xr.Dataset({name: derived[name].reset_coords(drop=True) for name in ("../../evil", "layers")})
    named.xrfsr.to_deepzoom(tmp_path / "zoom")
    assert {path.name for path in (tmp_path / "zoom").glob("*.dzi")} == {"evil.dzi", "layers_.dzi"}
    assert [path.name for path in tmp_path.iterdir()] == ["zoom"]


def test_every_fault_is_named(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    tall = xrfsr.as_scan(scan["intensity"].values, lines=["Ca-K", "Fe-Ka", "Pb-L"], pixel_size=("0.5 mm", "0.4 mm"))
    with pytest.raises(InvalidInput) as caught:
        tall.xrfsr.to_deepzoom(tmp_path / "zoom", pictures={"grey": photo[:1]})
    assert "pixels of 'Ca-K' must be square, got 0.4 x 0.5 mm" in str(caught.value)
    assert "the picture 'grey' must have the bands red, green and blue" in str(caught.value)
    with pytest.raises(InvalidInput, match=r"iiif must be an address.*\n.*pictures must map"):
        scan.xrfsr.to_deepzoom(tmp_path / "zoom", iiif="museum", pictures=[photo])
    (tmp_path / "there").mkdir()
    with pytest.raises(InvalidInput, match="exists"):
        scan.xrfsr.to_deepzoom(tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
