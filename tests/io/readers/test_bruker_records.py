"""Hypermaps of Bruker: pixels that are not square, pixels that were never visited, and spectra against their sum."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from bcf import write_bcf

import xrfsr
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.readers import bruker
from xrfsr.io.readers.bruker import VisitedPixels
from xrfsr.io.readers.bruker_decoder import WrongSum, _described, decode
from xrfsr.io.readers.bruker_records import compare_sums, overflows, visited_pixels
from xrfsr.io.source import ReadOptions
from xrfsr.io.spectra.cubes import integrate_windows

pytest.importorskip("rsciio.bruker")
HEIGHT, WIDTH, CHANNELS = 5, 7, 420
OFFSET, SCALE = -0.1, 0.02
KEV = 9.0  # more than all channels


def spectra(mean: float = 0.5) -> np.ndarray:
    """Draw counts (y, x, channel) with a line of calcium that grows along both axes."""
    pixels = 1 + np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1)
    energies = OFFSET + SCALE * np.arange(CHANNELS)
    line = np.exp(-(((energies - 3.69) / 0.06) ** 2) / 2)
    return np.random.default_rng(0).poisson(mean * (1 + pixels * line))


def described(path: Path) -> tuple[list[float], np.ndarray]:
    (found,) = _described(str(path), None, True)
    mask = np.ones(HEIGHT * WIDTH, np.uint8)
    if "visited" in found:
        mask = np.unpackbits(np.frombuffer(base64.b64decode(found["visited"]), np.uint8), count=HEIGHT * WIDTH)
    return [axis["scale"] for axis in found["axes"][:2]], mask.reshape(HEIGHT, WIDTH) > 0


@pytest.mark.parametrize(("dy", "dx"), [("250", "250"), ("100", "250"), ("500", "12.5")])
@pytest.mark.parametrize("packing", [0, 1, 3])
def test_each_side_of_a_pixel_and_all_packings(tmp_path: Path, dy: str, dx: str, packing: int) -> None:
    path = write_bcf(tmp_path / "map.bcf", spectra(), size=(dy, dx), packing=packing)
    scales, visited = described(path)
    assert scales == [float(dy), float(dx)]
    assert visited.all()
    np.testing.assert_array_equal(decode(path, [0], KEV)[..., :CHANNELS], spectra())


@pytest.mark.parametrize("size", [(None, None), ("250", None), (None, "250")])
def test_a_size_that_is_stored_by_half_is_none(tmp_path: Path, size: tuple[str | None, str | None]) -> None:
    (found,) = _described(str(write_bcf(tmp_path / "map.bcf", spectra(), size=size)), None, False)
    assert [axis["units"] for axis in found["axes"][:2]] == [None, None]


PARTS = {
    "rows at the end": (slice(3, None), slice(None)),
    "rows at the start": (slice(0, 2), slice(None)),
    "part of the last row": (slice(4, None), slice(3, None)),
    "one pixel": (slice(2, 3), slice(4, 5)),
    "a column": (slice(None), slice(6, None)),
}


@pytest.mark.parametrize("packing", [0, 3])
@pytest.mark.parametrize("part", PARTS)
def test_pixels_without_a_record_were_not_visited(tmp_path: Path, part: str, packing: int) -> None:
    there = np.ones((HEIGHT, WIDTH), bool)
    there[PARTS[part]] = False
    path = write_bcf(tmp_path / "map.bcf", spectra() * there[..., None], visited=there, packing=packing)
    np.testing.assert_array_equal(described(path)[1], there)


def test_pixels_that_counted_nothing_were_visited(tmp_path: Path) -> None:
    counts = spectra()
    counts[1, 2:4] = 0
    assert described(write_bcf(tmp_path / "map.bcf", counts))[1].all()


def test_in_a_dim_map_a_few_pixels_have_no_record_because_they_counted_nothing(tmp_path: Path) -> None:
    """As many as the numbers of pixels with one and two counts let expect; a missing row is more than that."""
    counts = np.random.default_rng(1).poisson(2 / CHANNELS, (HEIGHT, WIDTH, CHANNELS))
    empty = counts.sum(-1) == 0
    assert 0 < empty.sum() < 9
    assert described(write_bcf(tmp_path / "map.bcf", counts, visited=~empty))[1].all()
    counts[:3] = 0
    there = counts.sum(-1) > 0
    np.testing.assert_array_equal(described(write_bcf(tmp_path / "map.bcf", counts, visited=there))[1], there)


def test_lines_that_were_never_scanned(tmp_path: Path) -> None:
    path = write_bcf(tmp_path / "map.bcf", spectra(), counters=[3, 3, 2, 0, 0])
    np.testing.assert_array_equal(described(path)[1].all(1), [True, True, True, False, False])
    for nothing_known in ([0] * HEIGHT, [1, 0], [7]):
        assert described(write_bcf(tmp_path / "map.bcf", spectra(), counters=nothing_known))[1].all()


def blocks(path: Path, length: int) -> list[bytes]:
    from rsciio.bruker._api import SFS_reader

    whole = SFS_reader(str(path)).get_file("EDSDatabase/SpectrumData0").get_as_BytesIO_string().getvalue()
    return [whole[start : start + length] for start in range(0, len(whole), length)]


@pytest.mark.parametrize("length", [7, 23, 1000, 10**7])
def test_records_are_read_from_blocks_of_any_size(tmp_path: Path, length: int) -> None:
    there = spectra().sum(-1) % 5 > 0
    path = write_bcf(tmp_path / "map.bcf", spectra(), visited=there, packing=3)
    parts = blocks(path, length)
    np.testing.assert_array_equal(visited_pixels(iter(parts), HEIGHT, WIDTH), there)
    whole = b"".join(parts)
    for cut in (4, 0x1A0, 0x1A0 + 30, len(whole) - 3):
        with pytest.raises(ValueError, match="its spectra are incomplete"):
            visited_pixels(iter([whole[:cut]]), HEIGHT, WIDTH)


def test_records_outside_the_map_are_refused(tmp_path: Path) -> None:
    parts = blocks(write_bcf(tmp_path / "map.bcf", spectra()), 10**7)
    with pytest.raises(ValueError, match="in column 6, but its header has 6 columns"):
        visited_pixels(iter(parts), HEIGHT, WIDTH - 1)
    with pytest.raises(ValueError, match="have 5 lines, but its header 4"):
        visited_pixels(iter(parts), HEIGHT - 1, WIDTH)


@pytest.mark.parametrize("packing", [0, 1, 3])
@pytest.mark.parametrize("bright", [255, 256, 700, 4000, 60_000])
def test_counts_beyond_the_estimate_of_the_decoder_are_kept(tmp_path: Path, bright: int, packing: int) -> None:
    """Rosettasciio estimates from the mean of the pixels that eight bits are enough."""
    counts = spectra()
    counts[2, 3, 200] = bright
    path = write_bcf(tmp_path / "map.bcf", counts, packing=packing)
    np.testing.assert_array_equal(decode(path, [0], KEV)[..., :CHANNELS], counts)


def test_which_sums_show_integers_that_are_too_small() -> None:
    stored = np.array([5, 70_000, 300], np.uint64)
    for bits, wraps in ((8, [0, 256, 512]), (16, [0, 65_536])):
        for first, second in itertools.product(wraps, wraps):
            decoded = stored - np.array([0, first, 0 if bits > 8 else min(second, 256)], np.uint64)
            assert overflows(decoded, stored, np.dtype(f"u{bits // 8}")) == bool((decoded != stored).any())
    assert not overflows(stored - np.uint64(5), stored, np.dtype("u1"))  # pulses that belong to no pixel


WRONG = {
    "one of two detectors": lambda total: 2 * total,
    "nothing decoded of a line": lambda total: total + 500 * (abs(np.arange(CHANNELS) - 300) < 8),
    "shifted channels": lambda total: np.roll(total, 3),
    "a row of pixels": lambda total: total * 1.02,
    "more in the pixels": lambda total: total * 0.9,
    "counts in empty channels": lambda total: np.where(np.arange(CHANNELS) < 60, 0, total),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_spectra_that_do_not_add_up_to_their_sum_are_refused(tmp_path: Path, wrong: str) -> None:
    counts = spectra(5)
    path = write_bcf(tmp_path / "map.bcf", counts, sums=[WRONG[wrong](counts.sum((0, 1)))])
    with pytest.raises(WrongSum, match=r"\d+ counts were decoded .*, but (by )?the sum spectrum in the file"):
        decode(path, [0], KEV)


def test_sums_that_agree() -> None:
    total = np.full(CHANNELS, 10_000, np.uint64)
    zero_peak = total + np.where(np.arange(CHANNELS) < 15, 10**6, 0).astype(np.uint64)
    for decoded, stored in [
        (total, total),
        (total[:200], total),  # decoded up to some energy
        (np.append(total, total[:2]), total),  # or beyond the last channel
        (total - np.uint64(80), total),  # a few pulses that belong to no pixel
        (total, 0 * total),  # a file without a sum
        (total, zero_peak),
    ]:
        compared = compare_sums(decoded, stored, OFFSET, SCALE)
        assert (compared.fault, compared.note) == ("", "")


def test_a_line_of_few_counts_that_differs() -> None:
    total = np.full(CHANNELS, 10_000, np.uint64)
    decoded = total.copy()
    decoded[300:340] = 9000  # 0.95 % of all counts, but a tenth of a line
    fault = compare_sums(decoded, total, OFFSET, SCALE).fault
    assert "144000 counts were decoded from 6." in fault
    assert "by the sum spectrum in the file there are 160000" in fault


@pytest.mark.parametrize("pixels", [0.98, 0.9, 0.75])
@pytest.mark.parametrize("mean", [3, 3000])
def test_pulses_between_pixels_are_noted_as_such(mean: int, pixels: float) -> None:
    """As in a real file with EBSD: they are part of the sum, but of no pixel, and as likely in all channels."""
    draw = np.random.default_rng(0)
    stored = draw.poisson(mean * (1 + 9 * (abs(np.arange(CHANNELS) - 200) < 8))).astype(np.uint64)
    decoded = draw.binomial(stored.astype(np.int64), pixels).astype(np.uint64)
    assert "% differ" in compare_sums(decoded, stored, OFFSET, SCALE).fault
    compared = compare_sums(decoded, stored, OFFSET, SCALE, pauses=True)
    assert not compared.fault
    assert "% of its counts belong to no pixel" in compared.note
    for wrong in (decoded // np.uint64(2), np.roll(decoded, 20)):
        assert "% differ" in compare_sums(wrong, stored, OFFSET, SCALE, pauses=True).fault


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, which is quicker."""

    def described_here(path: Path, wanted: str | None = None, *, records: bool = False) -> list[dict[str, Any]]:
        found = _described(str(path), wanted, records)
        for one in found:
            if "visited" in one:
                one["visited"] = base64.b64decode(one["visited"])
        return found

    monkeypatch.setattr(bruker, "describe_maps", described_here)
    monkeypatch.setattr(bruker, "net_count_maps", integrate_windows)


@pytest.mark.usefixtures("at_once")
def test_a_scan_has_nan_and_no_validity_where_no_pixel_was_visited(tmp_path: Path) -> None:
    there = np.ones((HEIGHT, WIDTH), bool)
    there[3:], there[2, 5:] = False, False
    path = write_bcf(tmp_path / "map.bcf", spectra(5) * there[..., None], visited=there, size=("100", "250"))
    scan = xrfsr.open_scan(path, lines=["Ca-K"])
    np.testing.assert_array_equal(scan["valid"], there)
    np.testing.assert_array_equal(np.isfinite(scan["intensity"][0]), there)
    np.testing.assert_array_equal(np.isfinite(scan["uncertainty"][0]), there)
    assert (scan["intensity"].values[0, there] > 0).sum() > 15
    assert float(scan["y"][1] - scan["y"][0]) == pytest.approx(0.1)
    assert float(scan["x"][1] - scan["x"][0]) == pytest.approx(0.25)
    np.testing.assert_array_equal(ensure_scan(scan)["valid"], there)
    bits = np.packbits(there).tobytes()
    part = VisitedPixels(bits, (HEIGHT, WIDTH)).read([0], slice(1, 5, 2), slice(3, None))
    np.testing.assert_array_equal(part, there[None, 1:5:2, 3:])


def test_a_scan_whose_spectra_are_wrong(tmp_path: Path) -> None:
    counts = spectra(5)
    path = write_bcf(tmp_path / "map.bcf", counts, sums=[2 * counts.sum((0, 1))])
    with pytest.raises(InvalidInput, match=r"map\.bcf' is decoded wrongly: .* 50 % differ; export it as \.rpl"):
        xrfsr.open_scan(path, lines=["Ca-K"]).load()


@pytest.mark.usefixtures("at_once")
def test_the_sum_of_two_detectors(tmp_path: Path) -> None:
    there = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) < 20
    one, two = spectra(5) * there[..., None], 2 * spectra(4) * there[..., None]
    one[1, 1, 200] = 250  # fits eight bits alone, but not with the other detector
    path = write_bcf(tmp_path / "map.bcf", [one, two], visited=there)
    np.testing.assert_array_equal(decode(path, [0, 1], KEV)[..., :CHANNELS], one + two)
    with pytest.raises(InvalidInput, match="maps of 2 detectors; choose their sum, group='sum', or one of group='0', "):
        xrfsr.open_scan(path, lines=["Ca-K"])
    both = xrfsr.open_scan(path, lines=["Ca-K"], group="sum")
    write_bcf(tmp_path / "both.bcf", one + two, visited=there)
    xr.testing.assert_equal(both, xrfsr.open_scan(tmp_path / "both.bcf", lines=["Ca-K"]))
    np.testing.assert_array_equal(both["valid"], there)
    with pytest.raises(InvalidInput, match="group='sum' does not exist"):
        xrfsr.open_scan(tmp_path / "both.bcf", lines=["Ca-K"], group="sum")


def test_a_map_without_a_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bcf(tmp_path / "map.bcf", spectra(), visited=np.zeros((HEIGHT, WIDTH), bool))
    found = _described(str(path), None, True)
    monkeypatch.setattr(bruker, "describe_maps", lambda *_, **__: [found[0] | {"visited": bytes(5)}])
    with pytest.raises(InvalidInput, match="no pixel was measured"):
        bruker.describe(path, ReadOptions(lines=["Ca-K"]))
