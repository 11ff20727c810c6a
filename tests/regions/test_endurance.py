"""Runs that are killed, run out of disk or overlap, at random moments: one more call gives the undisturbed store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from trees import snapshot

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.zarr import to_zarr
from xrfsr.regions import run

pytestmark = pytest.mark.soak

NAMES = tuple("abcdefgh")
HERE: dict[str, Any] = {"method": "kriging", "progress": False, "workers": 1}
PATIENCE = 600  # seconds before a test fails that would otherwise never end
PROGRAM = """
import sys, xarray as xr
from pathlib import Path
from xrfsr.regions import run
from xrfsr.errors import InvalidInput

if __name__ == "__main__":
    folder, workers, processes = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
    scan = xr.open_zarr(folder.parent / "scan.zarr").load()
    tree = xr.DataTree.from_dict({name: scan + number for number, name in enumerate("abcdefgh")})
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        options = {"method": "kriging", "progress": False, "workers": workers, "processes": processes}
        print(run(tree, None, folder / "all.zarr", **options))
    except InvalidInput as error:
        print(error)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scan, the program of a run, and what a run that nothing disturbs leaves."""
    folder = tmp_path_factory.mktemp("endurance")
    to_zarr(xrfsr.simulate.painting(256, 256, 4, seed=0, lines=["Fe-K", "Pb-L"]).scan, folder / "scan.zarr")
    (folder / "program.py").write_text(PROGRAM)
    run(tree(folder), None, folder / "expected.zarr", **HERE)
    return folder


def tree(place: Path) -> xr.DataTree:
    scan = xr.open_zarr(place / "scan.zarr").load()
    return xr.DataTree.from_dict({name: scan + number for number, name in enumerate(NAMES)})


def begin(place: Path, number: int, workers: int = 1, processes: bool = False) -> tuple[Any, Path]:
    """Start a process for a run, and return when it is ready; the run begins with a line of input."""
    folder = place / str(number)
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(place / "program.py"), str(folder), str(workers), str(processes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process, folder


def completed(place: Path, folder: Path) -> None:
    report = run(tree(place), None, folder / "all.zarr", **HERE)
    assert sorted(report.written + report.skipped) == list(NAMES)
    assert snapshot(folder / "all.zarr") == snapshot(place / "expected.zarr")
    assert [path.name for path in folder.iterdir()] == ["all.zarr"]
    shutil.rmtree(folder)


def test_killed_at_twenty_random_moments(place: Path) -> None:
    process, folder = begin(place, 0)
    started = time.monotonic()
    process.communicate("go\n", timeout=PATIENCE)
    whole = time.monotonic() - started
    completed(place, folder)
    cut_short = 0
    for number, share in enumerate(np.random.default_rng(0).random(20), start=1):
        process, folder = begin(place, number, 2, number % 4 == 0)
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(share * whole)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)  # the output ends when its worker processes have ended, too
        out = folder / "all.zarr"
        cut_short += sum((out / name).exists() for name in NAMES) < len(NAMES)
        for name in NAMES:
            if (out / name).exists():  # complete, or not there
                assert snapshot(out / name) == snapshot(place / "expected.zarr" / name)
        completed(place, folder)
    assert cut_short, "no run was killed in the middle"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted, which needs root")
def test_a_disk_that_is_full_at_ten_random_moments(place: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        used = sum(path.stat().st_size for path in (place / "expected.zarr").rglob("*") if path.is_file())
        for share in np.random.default_rng(1).random(10):
            subprocess.run(["mount", "-o", f"remount,size={8192 + int(share * used)}", str(disk)], check=True)
            # Refused before the first region, or a warning that names the regions that failed.
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises((InvalidInput, UserWarning), match="cannot be written"):
                    run(tree(place), None, disk / "all.zarr", **HERE)
            subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
            report = run(tree(place), None, disk / "all.zarr", **HERE)
            assert sorted(report.written + report.skipped) == list(NAMES)
            assert snapshot(disk / "all.zarr") == snapshot(place / "expected.zarr")
            shutil.rmtree(disk / "all.zarr")
            assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_runs_at_a_time_ten_times(place: Path) -> None:
    refused = 0
    for number, pause in enumerate(np.random.default_rng(2).random(10), start=100):
        first, folder = begin(place, number, 2)
        second, _ = begin(place, number, 2)
        for process in (first, second):
            process.stdin.write("go\n")
            process.stdin.flush()
            time.sleep(0.2 * pause)
        said = [process.communicate(timeout=PATIENCE)[0] for process in (first, second)]
        assert [process.returncode for process in (first, second)] == [0, 0]
        refused += sum("another run is writing to" in text for text in said)
        for text in said:
            assert "0 failed" in text or "another run is writing to" in text
        completed(place, folder)
    assert refused > 0
