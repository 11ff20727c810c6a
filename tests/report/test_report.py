"""The report as a file: what it holds, what it refuses, and how it is written. A browser opens it in tests/browser."""

from __future__ import annotations

import itertools
import json
import re
import sys
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.report.encoding import Encoded, decoded

pytest.importorskip("bokeh")


class Page(HTMLParser):
    """A page taken apart."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.headings: list[str] = []
        self.text = ""
        self._in: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.data: dict[str, Any] = json.loads(self.scripts.get("report-data", "{}"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag in ("script", "style"):
            self._in.append(str(dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style") and self._in:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        if self._in:
            self.scripts[self._in[-1]] = self.scripts.get(self._in[-1], "") + data
        else:
            self.text += " " + data

    def layer(self, name: str) -> dict[str, Any]:
        return next(each for each in self.data["layers"] if each["name"] == name)

    def values(self, name: str, line: int) -> np.ndarray:
        layer = self.layer(name)
        picture = Encoded(layer["lines"][line]["step"], b64decode(self.scripts[f"{name}-{line}"]))
        return decoded(picture, (layer["rows"], layer["columns"]))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def written(out: Path, obj: Any, **options: Any) -> Page:
    obj.xrfsr.report(out, **options)
    return Page(out)


def test_a_page_is_complete_and_asks_no_network(fine: Any, scan: Any, photo: Any, out: Path) -> None:
    page = written(out, fine, scan=scan, rgb=photo, title="Portrait")
    assert ("html", {"lang": "en"}) in page.tags
    assert "<title>Portrait</title>" in page.source
    for tag, attrs in page.tags:
        address = attrs.get("src") or (attrs.get("href") if tag in ("link", "a") else None) or ""
        assert address == "" or address.startswith(("data:image/webp", "#")), (tag, address[:80])
    policy = next(each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'; script-src 'sha256-")
    assert page.headings[0] == "h1"
    levels = [int(each[1]) for each in page.headings]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert levels.count(1) == 1
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 1 + 3 * 4 + 1
    assert all("alt" in each for each in pictures)


def test_values_are_those_of_the_maps_within_a_stated_step(fine: Any, scan: Any, out: Path) -> None:
    page = written(out, fine, scan=scan)
    for name, maps in (
        ("fine", fine.intensity),
        ("uncertainty", fine.uncertainty),
        ("support", fine.photo_support),
        ("coarse", scan.intensity),
    ):
        for line in range(3):
            step = page.layer(name)["lines"][line]["step"]
            assert np.nanmax(abs(page.values(name, line) - maps.values[line])) <= step / 2 * (1 + 1e-5)
        assert page.layer(name)["pixel"] == pytest.approx(maps.xrfsr.grid.spacing)
    assert "values in steps of" in page.text
    assert "as in the data" in page.text


def test_the_table_has_what_the_result_records(fine: Any, scan: Any, photo: Any, out: Path) -> None:
    page = written(out, fine, scan=scan, rgb=photo)
    text = " ".join(page.text.split())
    for wanted in ("+4.0 dB", "90%", "−0.3 dB", "+2.5 dB", "below 0.01 σ", "counts"):
        assert wanted in text, wanted
    assert "The photo was not used for Pb-L" in text
    assert "moved by 0.1 mm down and 0.25 mm to the left" in text
    assert "Verinaz-Jadan" in text
    assert fine.attrs["xrfsr_scan_checksum"] in text
    assert "network 1: 1 after step 0, 0.25 after step 200" in text
    assert "checksum differs" not in text


def test_another_scan_is_noticed(fine: Any, scan: Any, out: Path) -> None:
    other = scan.assign(intensity=scan.intensity + 3)
    text = written(out, fine, scan=other).text
    assert "checksum differs" in text


def test_few_counts_are_noticed(scan: Any, out: Path) -> None:
    scan["intensity"] = scan.intensity.where(scan.line != "Pb-L", 1.0)
    text = written(out, scan).text
    assert "Nothing was made finer" in text
    poor = written(out.with_name("other.html"), scan, scan=scan)
    assert "few counts of Pb-L" in poor.text


@pytest.mark.parametrize("method", ["bicubic", "guided_filter", "gsa"])
def test_results_of_any_method_are_shown(scan: Any, photo: Any, out: Path, method: str) -> None:
    fine = scan.xrfsr.superresolve(photo, method=method, progress=False)
    page = written(out, fine, scan=scan)
    assert {each["name"] for each in page.data["layers"]} == {"fine", "coarse"}
    assert ("uses no photo" in page.text) == (method == "bicubic")
    assert "without uncertainty=True" in page.text


def test_one_line_one_map_and_gaps(scan: Any, out: Path) -> None:
    scan["intensity"] = scan.intensity.where(scan.y > 2)
    page = written(out, scan.sel(line=["Pb-L"]).intensity)
    assert page.data["lines"] == ["Pb-L"]
    gaps = np.isnan(page.values("fine", 0))
    assert gaps[:4].all()
    assert not gaps[4:].any()
    assert "33.3% of the area was not measured" in page.text


def test_masked_pixels_are_missing(scan: Any, out: Path) -> None:
    valid = xr.ones_like(scan.intensity[0], bool).drop_vars(["line", "element", "family", "energy", "kind"])
    page = written(out, scan.assign_coords(valid=valid & (scan.x < 4)))
    assert np.isnan(page.values("fine", 0))[:, 8:].all()
    assert not np.isnan(page.values("fine", 0))[:, :8].any()


def test_descending_coordinates_are_turned(scan: Any, photo: Any, out: Path) -> None:
    straight = written(out, scan, rgb=photo)
    turned = written(
        out.with_name("turned.html"), scan.isel(y=slice(None, None, -1), x=slice(None, None, -1)), rgb=photo
    )
    assert np.array_equal(straight.values("fine", 1), turned.values("fine", 1))
    assert straight.data == turned.data


def test_large_maps_are_reduced_and_the_page_says_so(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrfsr.report.layers.MAP_PIXELS", 3000)
    maps = np.random.default_rng(0).poisson(100.0, (2, 61, 80)).astype(np.float32)
    page = written(out, xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], pixel_size=0.5))
    assert (page.layer("fine")["rows"], page.layer("fine")["columns"]) == (31, 40)
    assert "each the mean of 2 × 2 pixels of the data" in page.text
    step = page.layer("fine")["lines"][0]["step"]
    wanted = maps[0, :60].reshape(30, 2, 40, 2).mean((1, 3))
    assert np.abs(page.values("fine", 0)[:30] - wanted).max() <= step / 2 * (1 + 1e-4)


def test_a_page_has_a_largest_size(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrfsr.report.single.MOST_BYTES", 4000)
    maps = np.random.default_rng(0).poisson(100.0, (2, 64, 80)).astype(np.float32)
    page = written(out, xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], pixel_size=0.5))
    stored = sum(len(b64decode(page.scripts[f"fine-{line}"])) for line in range(2))
    assert stored <= 4000
    assert page.layer("fine")["pixel"] == [1.0, 1.0]


def test_a_lazy_result_is_read_once_and_in_parts(scan: Any, out: Path) -> None:
    read: list[tuple[int, ...]] = []

    def block(values: np.ndarray) -> np.ndarray:
        read.append(values.shape)
        return values

    lazy = scan.chunk(line=1, y=6)
    lazy["intensity"].data = lazy.intensity.data.map_blocks(block, dtype=lazy.intensity.dtype, meta=np.empty(0, "f4"))
    written(out, lazy)
    assert len(read) == 6
    assert set(read) == {(1, 6, 16)}


def test_a_file_that_is_not_opened_with_dask_is_read_in_parts(
    fine: Any, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xarray.core.indexing import LazilyIndexedArray  # type: ignore[attr-defined]

    monkeypatch.setattr("xrfsr.report.contents.ROWS", 16)
    fine.xrfsr.to_zarr(out.with_suffix(".zarr"))
    opened = xr.open_dataset(out.with_suffix(".zarr"), engine="zarr", chunks=None)
    sizes: list[int] = []
    original = LazilyIndexedArray.get_duck_array

    def watched(self: Any) -> Any:
        made = original(self)
        sizes.append(np.size(made))
        return made

    monkeypatch.setattr(LazilyIndexedArray, "get_duck_array", watched)
    written(out, opened)
    assert max(sizes) <= fine.intensity.size // 3


def test_texts_from_files_are_inert(fine: Any, out: Path) -> None:
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(1)">'
    fine.attrs |= {"title": evil, evil: evil, "xrfsr_options": json.dumps({evil: evil}), "xrfsr_version": evil}
    fine["intensity"].attrs["units"] = "count"
    page = written(out, fine)
    assert not [attrs for tag, attrs in page.tags if attrs.get("src") == "x"]
    ours = [attrs for tag, attrs in page.tags if tag == "script" and "type" not in attrs]
    assert len(ours) == 2
    assert "alert(1)" in page.text


def test_damaged_records_are_shown_as_they_are(fine: Any, out: Path) -> None:
    fine.attrs |= {
        "xrfsr_held_out": "[1, 2",
        "xrfsr_training_curve": '{"network 1": [["a", 1], [1, -1], [2]], "network 2": 3}',
        "xrfsr_shift_mm": '["x", 1]',
        "xrfsr_durations_s": "{}",
    }
    assert "How it was made" in written(out, fine).text


def test_no_number_is_written_that_json_does_not_know(scan: Any, out: Path) -> None:
    scan["intensity"] = scan.intensity.where(scan.line != "Pb-L", np.nan)
    page = written(out, scan)
    assert np.isnan(page.values("fine", 2)).all()
    assert page.layer("fine")["lines"][2]["high"] == 1.0


def test_all_faults_are_listed_at_once(fine: Any, scan: Any, photo: Any, tmp_path: Path) -> None:
    away = scan.assign_coords(x=scan.x + 100)
    away.x.attrs["units"] = "mm"
    with pytest.raises(InvalidInput) as caught:
        fine.xrfsr.report(tmp_path / "report.pdf", scan=away, title=3, overwrite="yes")
    text = str(caught.value)
    for wanted in ("must end in .html", "scan: it must cover the maps", "title must be text", "overwrite"):
        assert wanted in text, wanted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scan, photo: {"scan": scan.sel(line=["Ca-K"])}, "there is no Fe-Ka, Pb-L"),
        (lambda scan, photo: {"scan": scan.drop_vars(["x"])}, "there is no coordinate 'x'"),
        (lambda scan, photo: {"scan": photo}, "photo"),
        (lambda scan, photo: {"rgb": scan}, "photo"),
        (
            lambda scan, photo: {"rgb": photo.assign_coords(x=("x", photo.x.values + 50, photo.x.attrs))},
            "photo: it must",
        ),
    ],
)
def test_what_does_not_fit_is_named(fine: Any, scan: Any, photo: Any, out: Path, change: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        fine.xrfsr.report(out, **change(scan, photo))
    assert not out.exists()


def test_only_our_own_report_is_replaced(scan: Any, out: Path) -> None:
    out.write_text("<p>mine</p>", encoding="utf-8")
    with pytest.raises(InvalidInput, match="is not a report that xrfsr wrote"):
        scan.xrfsr.report(out, overwrite=True)
    assert out.read_text(encoding="utf-8") == "<p>mine</p>"
    out.unlink()
    scan.xrfsr.report(out)
    with pytest.raises(InvalidInput, match="overwrite=True"):
        scan.xrfsr.report(out)
    scan.xrfsr.report(out, title="second", overwrite=True)
    assert "<h1>second</h1>" in out.read_text(encoding="utf-8")


def test_nothing_is_left_after_a_failure(scan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **keywords: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises((InvalidInput, OSError)):
        scan.xrfsr.report(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_without_bokeh_the_message_says_what_to_install(scan: Any, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(InvalidInput, match=r'pip install "xrfsr\[report\]"'):
        scan.xrfsr.report(out)


def test_colours_of_maps_are_those_of_the_figures() -> None:
    colormaps = pytest.importorskip("matplotlib").colormaps
    from xrfsr.report.figures import colour_table

    wanted = colormaps["magma"](np.arange(256))[:, :3] * 255
    assert np.abs(colour_table("magma") - np.round(wanted)).max() <= 1
