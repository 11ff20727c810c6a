"""Thousands of damaged files, stores and models: each opens or is refused by name, and nothing outside is opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from written import SPECTRA, WRITERS

# Of each kind, some in every run of the tests and all of them in a soak; the first of all are the same.
SOME_OR_ALL = pytest.mark.parametrize("share", [0.25, pytest.param(1, marks=pytest.mark.soak)])


@SOME_OR_ALL
@pytest.mark.parametrize("form", [*WRITERS, *SPECTRA])
def test_damaged_files_open_or_are_refused_by_name(form: str, share: float, tmp_path: Path) -> None:
    look_for_faults(form, round(120 * share), tmp_path)


@SOME_OR_ALL
@pytest.mark.parametrize("form", ["store", "regions", "model", "checkpoint"])
def test_damaged_folders_of_our_own_open_or_are_refused_by_name(form: str, share: float, tmp_path: Path) -> None:
    look_for_faults(form, round(120 * share), tmp_path)


@SOME_OR_ALL
def test_damaged_hypermaps_of_bruker(shared: Path, share: float, tmp_path: Path) -> None:
    """Only a few files, because each is decoded in a subprocess."""
    look_for_faults("bruker", round(15 * share), tmp_path)


def look_for_faults(form: str, count: int, folder: Path) -> None:
    tests = Path(__file__).parents[1]
    command = [sys.executable, str(tests / "fuzz" / "program.py"), form, str(count), "0", str(folder)]
    # The program imports what the tests share.
    places = [str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    *wrong, tally = map(json.loads, run.stdout.splitlines())
    assert wrong == []
    assert tally["opened"] + tally["refused"] == count
    assert tally["refused"] > count / 10  # the damage affects what is read
