"""Progress: one line in a terminal, one output in a notebook, none in a log file, and what is within it in its line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import pytest

import xrfsr
from xrfsr.utils import progress
from xrfsr.utils.dask_progress import counted_tasks
from xrfsr.utils.progress import progress_bar, stage

FOLDER = Path(xrfsr.__file__).parents[1]
# Two steps, each with a part; long enough to appear by itself.
PROGRAM = """
import time
from xrfsr.utils import progress
progress.DELAY = 0.01
with progress.progress_bar(2, "regions") as show:
    for number, name in enumerate(("left", "right")):
        show(number, f"regions: {name}")
        with progress.progress_bar(30, "tiles") as tile:
            for done in range(30):
                time.sleep(0.01)
                tile(done + 1)
        show(number + 1)
"""


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every state of the line, without the time it took."""
    seen: list[str] = []

    class Bar:
        """As a bar of tqdm, which shows every change."""

        def __init__(self, line: str, *, in_cell: bool) -> None:
            self.n, self.total, self.start_t, self.format_dict = 0, 1, 0.0, {"elapsed": 0.0}
            self.words, self.postfix, self.bar_format = "", "", line

        def set_description_str(self, text: str, refresh: bool) -> None:
            self.words = text

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            self.postfix = text

        def reset(self, total: int) -> None:
            self.total, self.n = total, 0

        def update(self, count: int) -> None:
            self.n += count
            self.refresh()

        def refresh(self) -> None:
            seen.append(f"{self.words} {self.n}/{self.total}" + (f", {self.postfix}" if self.postfix else ""))

        def close(self) -> None:
            seen.append(self.bar_format.format(desc=self.words, elapsed="").strip())

    monkeypatch.setattr(progress, "new_bar", Bar)
    return seen


def test_parts_are_in_the_line_of_the_whole(states: list[str]) -> None:
    with progress_bar(2, "compare", True) as show:
        show(0, "compare: gsa")
        with progress_bar(0, "super-resolution"), progress_bar(16, "tiles") as tile:
            tile(3)
        show(1)
    assert "compare: gsa 0/2, tiles 3/16" in states
    assert states[-2:] == ["compare: gsa 1/2", "compare: done in"]


def test_a_whole_without_steps_gives_its_place_to_its_parts(states: list[str]) -> None:
    with progress_bar(0, "super-resolution", True):
        with stage("place of the photo"):
            assert states[-1] == "place of the photo 0/1"
        with stage("unfolding"), progress_bar(600, "training") as show:
            show(20)
            assert states[-1] == "training 20/600"
    assert states[-1] == "super-resolution: done in"


def test_what_fails_is_said_to_have_stopped(states: list[str]) -> None:
    with pytest.raises(KeyError), progress_bar(3, "tiles", True):
        raise KeyError
    assert states[-1] == "tiles: stopped after"


def test_silence_holds_for_what_is_within(states: list[str]) -> None:
    with progress_bar(3, "quiet", False) as show, progress_bar(2, "inner") as inner:
        show(1)
        inner(1)
    with progress_bar(3, "whole", True), progress_bar(2, "quiet", False) as inner, stage("part"):
        inner(1)
    assert not any(word in state for state in states for word in ("quiet", "inner", "part"))


def test_other_threads_share_the_line(states: list[str]) -> None:
    def work() -> None:
        with progress_bar(4, "reading") as show:
            show(2)

    with progress_bar(5, "writing", True):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "writing 0/5, reading 2/4" in states


def test_a_line_that_cannot_be_shown_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the terminal is gone")

    monkeypatch.setattr(progress, "new_bar", broken)
    with progress_bar(3, "tiles", True) as show:
        show(1)


def test_tasks_of_one_computation_are_counted(states: list[str]) -> None:
    array = da.ones((8, 4), chunks=(2, 4)) + 1
    with progress_bar(0, "writing", True), counted_tasks("chunks") as callbacks, dask.config.set(scheduler="threads"):
        dask.compute(array, callbacks=callbacks)
        da.ones(4, chunks=1).sum().compute()  # another, which does not count
    assert states[-2].startswith("chunks")
    done, total = states[-2].removeprefix("chunks ").split("/")
    assert done == total
    assert int(total) <= 12


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    pty, termios = (pytest.importorskip(name, reason="there are no such terminals here") for name in ("pty", "termios"))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 90))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def run(code: str, **keywords: Any) -> Any:
    paths = os.pathsep.join(filter(None, [str(FOLDER), *sys.path]))
    return subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "90"}, **keywords
    )


def test_a_terminal_has_one_line_that_is_cleared() -> None:
    with terminal() as (ours, theirs):
        run(PROGRAM, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so that nothing follows
                break
            if not part:
                break
            shown += part
    text = shown.decode()
    assert "regions: right:  50%" in text
    assert "tiles " in text
    assert "\n" not in text
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""


def test_a_log_file_has_nothing() -> None:
    done = run(PROGRAM, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("widgets", [True, False])
def test_a_notebook_keeps_one_line(widgets: bool, tmp_path: Path) -> None:
    nbformat, client = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    hidden = "" if widgets else "import sys; sys.modules['ipywidgets'] = None\n"
    paths = f"import sys; sys.path[:0] = {[str(FOLDER), *sys.path]!r}\n"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"{hidden}{paths}{PROGRAM}")])
    client.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    [output] = book.cells[0].outputs
    assert output["output_type"] == "display_data"
    assert output["data"]["text/plain"].startswith("regions: done in 00:0")
    assert output["data"]["text/html"].startswith("<div>regions: done in 00:0")
