"""Many regions: one store, by many workers, whatever happens to them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from quick import assert_same

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.regions import run

QUICK: dict[str, Any] = {"steps": 5, "pixels": 256, "K": 2, "M": 8, "device": "cpu"}
PATIENCE = 600  # seconds before a test fails that would otherwise never end
HERE: dict[str, Any] = {**QUICK, "progress": False, "workers": 1}


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(96, 96, 4, seed=0, lines=["Fe-K", "Pb-L"])


@pytest.fixture(scope="module")
def tree(painting: xrfsr.simulate.Painting) -> xr.DataTree:
    """Four quarters."""
    scan = painting.scan
    return xr.DataTree.from_dict(
        {
            f"panel/{name}": scan.isel(y=slice(y, y + 12), x=slice(x, x + 12))
            for name, y, x in (("a", 0, 0), ("b", 0, 12), ("c", 12, 0), ("d", 12, 12))
        }
    )


NAMES = tuple(f"panel/{name}" for name in "abcd")


def contents(store: Path) -> dict[str, str]:
    """A number for every file of the regions in a store."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.parent != store
    }


@pytest.fixture(scope="module")
def expected(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What every run must leave, to the bit."""
    out = tmp_path_factory.mktemp("expected") / "all.zarr"
    assert run(tree, painting.rgb, out, **HERE).written == NAMES
    return contents(out)


# --------------------------------------------------------------------------------------------------- the usual way


def test_regions_are_what_their_scans_give(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path
) -> None:
    report = run(tree, painting.rgb, tmp_path / "all.zarr", **HERE)
    assert report.written == NAMES
    assert not report.failed
    assert set(report.seconds) == set(NAMES)
    with xr.open_datatree(tmp_path / "all.zarr") as made:  # without a warning
        assert [node.path for node in made.subtree if node.data_vars] == [f"/{name}" for name in NAMES]
        alone = tree["panel/c"].to_dataset().xrfsr.superresolve(painting.rgb, progress=False, **QUICK)
        stored = made["panel/c"].to_dataset().load()
        del stored.attrs["xrfsr_inputs"]
        assert_same(stored, alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zarr"]


# Processes also where one is killed, below.
@pytest.mark.parametrize(
    "how", [{"workers": 2}, pytest.param({"workers": 2, "processes": True}, marks=pytest.mark.soak)]
)
def test_threads_and_processes_give_the_same_bits(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, expected: dict[str, str], tmp_path: Path, how: Any
) -> None:
    threads = torch.get_num_threads()
    assert run(tree, painting.rgb, tmp_path / "all.zarr", progress=False, **QUICK, **how).written == NAMES
    assert contents(tmp_path / "all.zarr") == expected
    assert torch.get_num_threads() == threads


def test_a_second_call_skips_what_is_there_and_what_changed_is_made_anew(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path
) -> None:
    out = tmp_path / "all.zarr"
    run(tree, painting.rgb, out, **HERE)
    before = contents(out)
    assert run(tree, painting.rgb, out, **HERE).skipped == NAMES
    assert contents(out) == before
    changed = xr.DataTree.from_dict({name: tree[name].to_dataset().copy(deep=True) for name in NAMES})
    changed["panel/b"]["intensity"][0, 3, 3] += 1
    report = run(changed, painting.rgb, out, **HERE)
    assert report.written == ("panel/b",)
    assert len(report.skipped) == 3
    assert run(changed, painting.rgb, out, **{**HERE, "seed": 1}).written == NAMES
    spoiled = painting.rgb.copy(deep=True)
    spoiled[0, 60, 10] = 0.123
    report = run(changed, spoiled, out, **{**HERE, "seed": 1})
    assert report.written == ("panel/c",)


def test_regions_may_be_added(tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path) -> None:
    out = tmp_path / "all.zarr"
    some = xr.DataTree.from_dict({"panel/a": tree["panel/a"].to_dataset()})
    run(some, painting.rgb, out, **HERE)
    assert run(tree, painting.rgb, out, **HERE).skipped == ("panel/a",)
    with xr.open_datatree(out) as made:
        assert len([node for node in made.subtree if node.data_vars]) == 4


def test_photos_may_be_a_tree(tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path) -> None:
    photos = xr.DataTree.from_dict({name: painting.rgb.to_dataset(name="rgb") for name in NAMES[:3]})
    with pytest.warns(UserWarning, match="1 of 4 regions failed.*panel/d: the tree of photos has no 'rgb' under"):
        report = run(tree, photos, tmp_path / "all.zarr", **HERE)
    assert report.written == NAMES[:3]


def test_one_model_for_all(tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path) -> None:
    model = tree.xrfsr.train(painting.rgb, progress=False, **QUICK)
    assert model.lines == ("Fe-K", "Pb-L")
    out = tmp_path / "all.zarr"
    assert run(tree, painting.rgb, out, model=model, workers=1, progress=False).written == NAMES
    assert run(tree, painting.rgb, out, model=model, workers=1, progress=False).skipped == NAMES
    together = tree.xrfsr.superresolve(painting.rgb, model=model)
    with xr.open_datatree(out) as made:
        for name in NAMES:
            np.testing.assert_array_equal(made[name]["intensity"], together[name]["intensity"])
    other = tree.xrfsr.train(painting.rgb, progress=False, **{**QUICK, "seed": 3})
    assert run(tree, painting.rgb, out, model=other, workers=1, progress=False).written == NAMES


def test_scans_of_any_size_train_together(painting: xrfsr.simulate.Painting) -> None:
    scan = painting.scan
    odd = xr.DataTree.from_dict({"one": scan.isel(y=slice(0, 9)), "two": scan.isel(x=slice(5, 24))})
    model = odd.xrfsr.train(painting.rgb, scale=2.5, progress=False, **QUICK)
    assert model.ratio == pytest.approx((2.5, 2.5), rel=0.03)
    other = xr.DataTree.from_dict({"one": scan, "two": scan.isel(line=[0])})
    with pytest.raises(InvalidInput, match="two has the lines Fe-K in count, one has Fe-K, Pb-L in count"):
        other.xrfsr.train(painting.rgb, progress=False, **QUICK)


def test_a_lazy_tree_stays_lazy(tree: xr.DataTree, painting: xrfsr.simulate.Painting) -> None:
    made = tree.chunk(y=6).xrfsr.superresolve(painting.rgb.chunk(x=20), progress=False, **QUICK)
    assert all(made[name]["intensity"].chunks is not None for name in NAMES)
    here = tree.xrfsr.superresolve(painting.rgb, progress=False, **QUICK)
    expected = here["panel/a"].to_dataset()
    assert_same(made["panel/a"].to_dataset().compute(), expected)


def test_progress_over_regions(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tree, painting.rgb, tmp_path / "one.zarr", **{**HERE, "progress": True})
    assert "regions" in capfd.readouterr().err
    run(tree, painting.rgb, tmp_path / "two.zarr", **HERE)
    assert capfd.readouterr().err == ""


# --------------------------------------------------------------------------------------------------------- faults


def test_a_region_that_fails_leaves_the_others_alone(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, expected: dict[str, str], tmp_path: Path
) -> None:
    scans = {name: tree[name].to_dataset() for name in NAMES}
    scans["panel/b"] = scans["panel/b"].where(False)
    scans["panel/d"] = scans["panel/d"].isel(x=slice(0, 5))
    with pytest.warns(UserWarning, match="2 of 4 regions failed") as caught:
        report = run(xr.DataTree.from_dict(scans), painting.rgb, tmp_path / "all.zarr", **HERE)
    assert report.written == ("panel/a", "panel/c")
    assert "holds no finite value for Fe-K, Pb-L" in report.failed["panel/b"]
    assert "the scan has 12 x 5 pixels" in report.failed["panel/d"]
    assert "panel/d: the scan has" in str(caught[0].message)
    with xr.open_datatree(tmp_path / "all.zarr") as made:
        assert [node.name for node in made.subtree if node.data_vars] == ["a", "c"]
    # Repaired, the rest is made, and all is as if nothing had happened.
    report = run(tree, painting.rgb, tmp_path / "all.zarr", **HERE)
    assert (report.skipped, report.written) == (("panel/a", "panel/c"), ("panel/b", "panel/d"))
    assert contents(tmp_path / "all.zarr") == expected


def test_a_damaged_chunk_is_named(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, expected: dict[str, str], tmp_path: Path
) -> None:
    scan = tree["panel/b"].to_dataset()
    scan.xrfsr.to_zarr(tmp_path / "b.zarr")
    chunk = next(path for path in (tmp_path / "b.zarr" / "intensity" / "c").rglob("*") if path.is_file())
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-9] + bytes(9))
    scans = {name: tree[name].to_dataset() for name in NAMES}
    scans["panel/b"] = xr.open_zarr(tmp_path / "b.zarr")
    with pytest.warns(UserWarning, match="1 of 4 regions failed.*panel/b: "):
        report = run(xr.DataTree.from_dict(scans), painting.rgb, tmp_path / "all.zarr", **HERE)
    assert list(report.failed) == ["panel/b"]
    chunk.write_bytes(whole)
    scans["panel/b"] = xr.open_zarr(tmp_path / "b.zarr").compute()
    assert run(xr.DataTree.from_dict(scans), painting.rgb, tmp_path / "all.zarr", **HERE).written == ("panel/b",)
    assert contents(tmp_path / "all.zarr") == expected


def interrupted_run(folder: Path, send: signal.Signals, wait: float, *arguments: str) -> None:
    """A run in a process of its own, which gets a signal when the first region is there."""
    program = Path(__file__).with_name("regions_program.py")
    command = [sys.executable, str(program), str(folder), *arguments]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    until = time.monotonic() + PATIENCE
    while not list((folder / "all.zarr").glob("panel/*/zarr.json")) and time.monotonic() < until:
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.01)
    time.sleep(wait)
    os.kill(process.pid, send)
    process.wait(PATIENCE)


@pytest.mark.parametrize(
    ("send", "wait"), [(signal.SIGKILL, 0.3), pytest.param(signal.SIGINT, 0.0, marks=pytest.mark.soak)]
)
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(
    tree: xr.DataTree,
    painting: xrfsr.simulate.Painting,
    expected: dict[str, str],
    tmp_path: Path,
    send: signal.Signals,
    wait: float,
) -> None:
    tree.to_zarr(tmp_path / "scans.zarr", zarr_format=3, consolidated=False)
    painting.rgb.xrfsr.to_zarr(tmp_path / "rgb.zarr")
    interrupted_run(tmp_path, send, wait, "1" if send == signal.SIGKILL else "2")
    out = tmp_path / "all.zarr"
    finished = {path.parent.name for path in out.glob("panel/*/zarr.json")}
    assert finished
    assert {name: mark for name, mark in expected.items() if name.split("/")[1] in finished}.items() <= (
        contents(out).items()
    )
    for name in finished:
        with xr.open_zarr(out / "panel" / name, consolidated=False) as made:
            assert np.isfinite(made.intensity).all()
    report = run(tree, painting.rgb, out, **HERE)
    assert {name.rpartition("/")[2] for name in report.skipped} == finished
    assert contents(out) == expected
    assert not list(tmp_path.glob(".all.zarr*"))


@pytest.mark.soak
def test_a_killed_process_costs_no_region(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, expected: dict[str, str], tmp_path: Path
) -> None:
    import multiprocessing

    out, killed = tmp_path / "all.zarr", []

    def kill() -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not killed:
            for child in multiprocessing.active_children():
                if list(out.glob("panel/*/zarr.json")):
                    os.kill(child.pid, signal.SIGKILL)  # type: ignore[arg-type]
                    killed.append(child.pid)
                    return
            time.sleep(0.002)

    watcher = threading.Thread(target=kill)
    watcher.start()
    report = run(tree, painting.rgb, out, workers=2, processes=True, progress=False, **QUICK)
    watcher.join()
    assert killed
    assert not report.failed
    # One that was written, but not yet reported, is met again.
    assert sorted(report.written + report.skipped) == list(NAMES)
    assert contents(out) == expected


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted, which needs root")
def test_a_full_disk(
    tree: xr.DataTree, painting: xrfsr.simulate.Painting, expected: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        # Room for two regions and a half, whatever a page has.
        run(tree, painting.rgb, place / "all.zarr", **HERE)
        used = shutil.disk_usage(place).used
        shutil.rmtree(place / "all.zarr")
        subprocess.run(["mount", "-o", f"remount,size={used * 5 // 8}", str(place)], check=True)
        out = place / "all.zarr"
        with pytest.warns(UserWarning, match="regions failed.*cannot be written"):
            report = run(tree, painting.rgb, out, **HERE)
        assert report.written
        assert report.failed
        assert all("cannot be written" in reason for reason in report.failed.values())
        for name in report.written:
            with xr.open_zarr(out / name, consolidated=False) as made:
                assert np.isfinite(made.intensity).all()
        assert not [name for name in report.failed if (out / name).exists()]
        subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
        again = run(tree, painting.rgb, out, **HERE)
        assert again.skipped == report.written
        assert contents(out) == expected
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_nothing_begins_with_faults(tree: xr.DataTree, painting: xrfsr.simulate.Painting, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    with pytest.raises(InvalidInput) as caught:
        run(tree, painting.rgb, tmp_path / "mine", method="magic", workers=0)
    message = str(caught.value)
    assert "method 'magic' is unknown" in message
    assert "workers must be an integer ≥ 1, got 0" in message
    assert "exists and is no store of an earlier run over regions" in message
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"
    scan = tree["panel/a"].to_dataset()
    for bad, text in (
        (scan, "a DataTree of scans is needed, got a Dataset with intensity"),
        (xr.DataTree.from_dict({"a": scan[["energy"]]}), "no node of the tree has a variable 'intensity'"),
        (xr.DataTree.from_dict({"a": scan, "a/b": scan}), "the scan 'a' has nodes below it"),
    ):
        with pytest.raises(InvalidInput, match=text):
            run(bad, painting.rgb, tmp_path / "all.zarr", **HERE)
    with pytest.raises(InvalidInput, match="or None, got '"):
        run(tree, painting.rgb, tmp_path / "all.zarr", "tcp://somewhere", **HERE)  # type: ignore[arg-type]
    assert not (tmp_path / "all.zarr").exists()


def test_a_tree_of_failures(tree: xr.DataTree, painting: xrfsr.simulate.Painting) -> None:
    scans = {name: tree[name].to_dataset() for name in NAMES[:2]}
    scans["panel/b"] = scans["panel/b"].isel(x=slice(0, 5))
    with pytest.warns(UserWarning, match="1 of 2 scans failed and are left out: panel/b: the scan has 12 x 5"):
        made = xr.DataTree.from_dict(scans).xrfsr.superresolve(painting.rgb, progress=False, **QUICK)
    assert [node.name for node in made.subtree if node.data_vars] == ["a"]
    with pytest.raises(InvalidInput, match="panel/b: the scan has"):
        xr.DataTree.from_dict({"panel/b": scans["panel/b"]}).xrfsr.superresolve(painting.rgb, **QUICK)
