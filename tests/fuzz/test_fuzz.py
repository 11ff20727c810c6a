"""Thousands of damaged files, stores and models: each opens or is refused by name, and nothing outside is opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from written import SPECTRA, STACKS, WRITERS
from written_own import OWN

FILES, FOLDERS = [*WRITERS, *STACKS, *OWN, *SPECTRA, "filters"], ["store", "regions", "model", "checkpoint"]


def test_some_damaged_files_open_or_are_refused_by_name(tmp_path: Path) -> None:
    look_for_faults([*FILES, "store"], 5, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("subject", [*FILES, *FOLDERS])
def test_all_that_is_damaged_opens_or_is_refused_by_name(subject: str, tmp_path: Path) -> None:
    look_for_faults([subject], 120, tmp_path)


@pytest.mark.soak
def test_damaged_hypermaps_of_bruker(shared: Path, tmp_path: Path) -> None:
    """Only a few files, because each is decoded in a subprocess."""
    look_for_faults(["bruker"], 15, tmp_path)


def look_for_faults(subjects: list[str], count: int, folder: Path) -> None:
    tests = Path(__file__).parents[1]
    program = str(tests / "fuzz" / "program.py")
    command = [sys.executable, program, ",".join(subjects), str(count), "0", str(folder)]
    # The program imports what the tests share.
    places = [str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    lines = list(map(json.loads, run.stdout.splitlines()))
    assert [line for line in lines if "subject" not in line] == []
    tallies = {line["subject"]: line for line in lines}
    assert list(tallies) == subjects
    for tally in tallies.values():
        assert tally["opened"] + tally["refused"] == count
        assert tally["refused"] > count / 10  # the damage affects what is read
