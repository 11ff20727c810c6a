"""Files that other programs wrote in environments of their own, which `nox -s producers` makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# They run in the environment of the program that they are named after.
collect_ignore_glob = ["write_*.py"]


@pytest.fixture
def produced() -> Callable[[str], Path]:
    """Function that returns the folder with the files of a program, or skips the test with a reason."""

    def folder_of(program: str) -> Path:
        place = os.environ.get("XRFSR_PRODUCED")
        if place is None:
            pytest.skip("`nox -s producers` writes the files of other programs")
        folder = Path(place, program)
        if not folder.is_dir():
            pytest.skip(f"{program} was not chosen")
        if (reason := folder / "skipped.txt").exists():
            pytest.skip(reason.read_text(encoding="utf-8"))
        if (reason := folder / "failed.txt").exists():
            pytest.fail(reason.read_text(encoding="utf-8"))
        return folder

    return folder_of
