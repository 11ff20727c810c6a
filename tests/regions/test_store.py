"""The store of a run: names stay in it, only what a run wrote is replaced, and one run at a time has it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from trees import snapshot

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.zarr import to_zarr
from xrfsr.regions import run
from xrfsr.utils.lock import exclusive_lock

FAST: dict[str, Any] = {"method": "bilinear", "progress": False, "workers": 1}
PATIENCE = 600  # seconds before a test fails that would otherwise never end


@pytest.fixture(scope="module")
def scan() -> xr.Dataset:
    return xrfsr.simulate.painting(96, 96, 4, seed=0, lines=["Fe-K", "Pb-L"]).scan


def tree_of(scan: xr.Dataset, *names: str) -> xr.DataTree:
    """A tree with the scan under every name, made node by node, because `from_dict` would read '..' as a path."""
    root = xr.DataTree()
    for name in names:
        root.children = {**root.children, name: xr.DataTree(scan)}
    return root


@pytest.mark.parametrize("name", ["..", ".", "...", "zarr.json", "Zarr.JSON", "a\\b", "a\nb", "a\x7f", "é" * 101, " "])
def test_names_of_regions_never_leave_the_store(name: str, scan: xr.Dataset, tmp_path: Path) -> None:
    for precious in ("all.zarr", "."):
        (tmp_path / "archive" / precious).mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / precious / "letter.txt").write_text("keep me")
    shutil.rmtree(tmp_path / "archive" / "all.zarr")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match=r"the name .* in the region .*; rename the node") as caught:
        run(tree_of(scan, "fine", name), None, tmp_path / "archive" / "all.zarr", **FAST)
    assert len(caught.value.faults) == 1
    assert snapshot(tmp_path) == before


def test_every_wrong_name_at_once(scan: xr.Dataset, tmp_path: Path) -> None:
    tree = tree_of(scan, "..", "a\tb", "left", "Left")
    with pytest.raises(InvalidInput) as caught:
        run(tree, None, tmp_path / "all.zarr", **FAST)
    assert len(caught.value.faults) == 3
    caught.match("'left' and 'Left' are one folder on systems that ignore case")
    assert not list(tmp_path.iterdir())


def test_a_scan_at_the_root_needs_a_name(scan: xr.Dataset, tmp_path: Path) -> None:
    run(tree_of(scan, "a"), None, tmp_path / "all.zarr", **FAST)
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match="the scan is at the root '/', which is the whole store; name it"):
        run(xr.DataTree(scan), None, tmp_path / "all.zarr", **FAST)
    assert snapshot(tmp_path) == before
    # In memory there is no store, and no need for a name.
    assert xr.DataTree(scan).xrfsr.superresolve(method="bilinear").to_dataset().sizes["x"] == 96


@pytest.mark.parametrize("there", ["folder", "file", "store", "group", "link", "pipe"])
def test_out_is_new_or_the_store_of_a_run(there: str, scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    if there == "folder":
        out.mkdir()
        (out / "zarr.json").write_text(json.dumps({"attributes": {"xrfsr_regions": 4}}))
    elif there == "file":
        out.write_text("chapter one")
    elif there == "store":
        to_zarr(scan, out)
    elif there == "group":
        zarr.open_group(out, mode="a", attributes={"xrfsr_regions": 2})
    elif there == "link":
        run(tree_of(scan, "a"), None, tmp_path / "real.zarr", **FAST)
        out.symlink_to("real.zarr")
    else:
        os.mkfifo(out)
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match=r"invalid run over regions: '.*all\.zarr' "):
        run(tree_of(scan, "a"), None, out, **FAST)
    assert snapshot(tmp_path) == before


def test_groups_of_others_in_the_store_stay(scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    run(tree_of(scan, "a", "panel"), None, out, **FAST)
    (out / "a" / "notes.txt").write_text("keep me")
    zarr.open_group(out / "mine", mode="a").create_array("x", shape=(3,), dtype="i4")[:] = 1
    (out / "text").write_text("keep me")
    before = snapshot(tmp_path)
    wanted = xr.DataTree.from_dict({name: scan + 1 for name in ("a", "mine", "text/b", "panel/c")})
    with pytest.raises(InvalidInput) as caught:
        run(wanted, None, out, **FAST)
    faults = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 4
    for part in (
        r"all\.zarr/a' contains 'notes.txt', which xrfsr did not write",
        r"all\.zarr/mine' is not a zarr store that xrfsr wrote",
        r"all\.zarr/text' is a file",
        r"all\.zarr/panel' is a region of an earlier run, so no region can be in it",
    ):
        assert re.search(part, faults)
    assert snapshot(tmp_path) == before


def test_links_in_the_store_are_refused(scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    run(tree_of(scan, "a"), None, out, **FAST)
    (out / "there").symlink_to(tmp_path)
    (out / "a" / "x" / "c" / "0").unlink()
    (out / "a" / "x" / "c" / "0").symlink_to("/dev/zero")
    before = snapshot(tmp_path)
    with pytest.raises(
        InvalidInput, match=r"(?s)2 faults:.*a/x/c/0' is a link, device or pipe; remove it.*there' is a"
    ):
        run(tree_of(scan, "a"), None, out, **FAST)
    assert snapshot(tmp_path) == before


def test_a_group_of_regions_is_never_replaced_by_a_region(scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    run(xr.DataTree.from_dict({"panel/a": scan, "panel/b": scan}), None, out, **FAST)
    before = snapshot(tmp_path)
    with pytest.raises(
        InvalidInput, match=r"all\.zarr/panel' is not a zarr store that xrfsr wrote, so it is not replaced"
    ):
        run(tree_of(scan, "panel"), None, out, **FAST)
    assert snapshot(tmp_path) == before


def chunks(region: Path) -> list[Path]:
    return sorted(path for path in region.rglob("c/**/*") if path.is_file())


@pytest.mark.parametrize("damage", ["removed", "emptied", "shortened", "flipped", "metadata", "no metadata", "array"])
def test_a_damaged_region_is_not_finished(damage: str, scan: xr.Dataset, tmp_path: Path) -> None:
    out, tree = tmp_path / "all.zarr", tree_of(scan, "a", "b")
    run(tree, None, out, **FAST)
    before = snapshot(out)
    chunk = next(path for path in chunks(out / "a") if "intensity" in str(path))
    content = chunk.read_bytes()
    if damage == "removed":
        chunk.unlink()
    elif damage == "emptied":
        chunk.write_bytes(b"")
    elif damage == "shortened":
        chunk.write_bytes(content[:-5])
    elif damage == "flipped":
        chunk.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    elif damage == "metadata":
        file = out / "a" / "intensity" / "zarr.json"
        file.write_text(file.read_text().replace('"count"', '"kg"'))
    elif damage == "no metadata":
        (out / "a" / "intensity" / "zarr.json").write_text("")
    else:
        shutil.rmtree(out / "a" / "intensity")
    report = run(tree, None, out, **FAST)
    assert (report.written, report.skipped) == (("a",), ("b",))
    assert snapshot(out) == before


def test_maps_of_missing_values_are_finished(scan: xr.Dataset, tmp_path: Path) -> None:
    """Zarr leaves chunks without a value away unless asked not to."""
    gap = scan.assign_coords(valid=(("y", "x"), np.indices((24, 24)).sum(0) > 20))
    out = tmp_path / "all.zarr"
    run(tree_of(gap, "a"), None, out, **FAST)
    assert run(tree_of(gap, "a"), None, out, **FAST).skipped == ("a",)


def test_notes_in_a_finished_region_are_left_and_do_not_make_it_again(scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    run(tree_of(scan, "a", "b"), None, out, **FAST)
    zarr.open_group(out / "a", mode="r+").update_attributes({"comment": "looks right"})
    report = run(tree_of(scan, "a", "b"), None, out, **FAST)
    assert report.skipped == ("a", "b")
    assert zarr.open_group(out / "a", mode="r").attrs["comment"] == "looks right"


def test_a_second_run_is_refused_while_the_first_has_the_store(scan: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    run(tree_of(scan, "a"), None, out, **FAST)
    before = snapshot(tmp_path)
    with exclusive_lock(tmp_path / ".all.zarr.lock"):
        unfinished = tmp_path / ".all.zarr.unfinished.x"
        unfinished.mkdir()
        message = rf"another run is writing to '.*all.zarr' \(process {os.getpid()} on .* since .*\); wait for its end"
        with pytest.raises(InvalidInput, match=message):
            run(tree_of(scan, "a", "b"), None, out, **FAST)
        assert unfinished.is_dir()
        unfinished.rmdir()
    assert snapshot(tmp_path) == before
    assert run(tree_of(scan, "a", "b"), None, out, **FAST).written == ("b",)


def test_what_a_killed_run_left_is_removed_and_its_lock_is_free(scan: xr.Dataset, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from xrfsr.regions.store import Store\n"
        "with Store.locked(Path(sys.argv[1]), ['a']) as store:\n"
        "    Path(store.scratch, 'half').write_text('a map'); print('ready', flush=True); sys.stdin.read()"
    )
    out = tmp_path / "all.zarr"
    command = [sys.executable, "-c", code, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(InvalidInput, match=rf"another run is writing .*process {process.pid} on"):
            run(tree_of(scan, "a"), None, out, **FAST)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
    assert len(list(tmp_path.glob(".all.zarr.*"))) == 2  # the lock and the scratch folder
    assert run(tree_of(scan, "a"), None, out, **FAST).written == ("a",)
    assert [path.name for path in tmp_path.iterdir()] == ["all.zarr"]


@pytest.mark.soak
def test_of_many_runs_at_a_time_one_writes(scan: xr.Dataset, tmp_path: Path) -> None:
    """However they overlap, each ends well or says that another run has the store, and none disturbs another."""
    to_zarr(scan, tmp_path / "scan.zarr")
    code = (
        "import sys, xarray as xr, xrfsr; from xrfsr.regions import run\n"
        "scan = xr.open_zarr(sys.argv[1]).load(); sys.stdin.readline()\n"
        "tree = xr.DataTree.from_dict({name: scan for name in 'abcd'})\n"
        "for _ in range(5):\n"
        "    try: print(run(tree, None, sys.argv[2], method='bilinear', progress=False, workers=2))\n"
        "    except xrfsr.InvalidInput as error: print(error)\n"
    )
    out = tmp_path / "all.zarr"
    command = [sys.executable, "-c", code, str(tmp_path / "scan.zarr"), str(out)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]
    time.sleep(0.5)
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=PATIENCE) for process in processes]
    lines = [line for output, _ in said for line in output.splitlines()]
    assert [errors for _, errors in said] == ["", "", ""]
    assert len(lines) == 15
    counts = re.compile(r"4 regions: (\d) written, (\d) skipped, 0 failed")
    assert all(counts.fullmatch(line) or "another run is writing" in line for line in lines)
    assert sum(int(match[1]) for line in lines if (match := counts.fullmatch(line))) == 4
    run(xr.DataTree.from_dict({name: scan for name in "abcd"}), None, tmp_path / "alone.zarr", **FAST)
    assert snapshot(out) == snapshot(tmp_path / "alone.zarr")
    assert not list(tmp_path.glob(".*"))
