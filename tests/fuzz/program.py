"""Damage subjects in many ways and open them: ``python tests/fuzz/program.py <subjects> <how many> <seed> <folder>``.

It prints one line of JSON for each damaged file or folder that is neither opened nor refused with an error of this
package, that needs too much time or memory, or for which a file outside is opened. The last line for each of the
subjects, which are separated by commas, holds the numbers of opened and refused ones, and the longest time.
tests/fuzz/test_fuzz.py runs it as a separate program, to find crashes, endless loops and excessive memory, too. It
needs tests/ on the path.
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from fuzz.damage import damage_of
from fuzz.subjects import SUBJECTS, Subject
from fuzz.watch import opened_in

from xrfsr.errors import InvalidInput

# Limits far above what any file needs, to find endless loops and unlimited allocations.
SECONDS, BYTES = 120, 1 << 30


class TooLongError(BaseException):
    """Timeout that is not an Exception, so that no code in between treats it as damage."""


def attempt(subject: Subject, path: Path) -> str:
    """Open and read a file, and return "opened" or "refused"; raise AssertionError if the outcome is wrong."""
    try:
        subject.open(path)
    except InvalidInput as error:
        refusal = str(error)
    else:
        return "opened"
    assert path.name in refusal, f"the error does not name the file: {refusal}"
    return "refused"


def memory(what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def main(form: str, count: int, seed: int, folder: Path) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, stop)
    warnings.simplefilter("ignore")
    pristine, here, outside = folder / "pristine", folder / "here", folder / "outside"
    pristine.mkdir(parents=True)
    subject = SUBJECTS[form]
    path = subject.make(pristine)
    place = path.relative_to(pristine)
    shutil.copytree(pristine, here)
    assert attempt(subject, here / place) == "opened", "the undamaged file does not open"
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + BYTES, resource.RLIM_INFINITY))
    most, longest = memory("VmHWM"), 0.0
    tally: dict[str, Any] = {"opened": 0, "refused": 0}
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        for one in (here, outside):
            shutil.rmtree(one, ignore_errors=True)
        shutil.copytree(pristine, here)
        outside.mkdir()
        ways = damage_of(here / place)
        done = ways[int(rng.integers(len(ways)))](here / place, rng, outside)
        found: dict[str, Any] = {"format": form, "number": number, "damage": done}
        signal.alarm(SECONDS)
        started = time.monotonic()
        with opened_in(outside) as opened:
            try:
                tally[attempt(subject, here / place)] += 1
            except BaseException as error:
                where = traceback.format_exc().strip().splitlines()[-8:]
                print(json.dumps({**found, "error": repr(error), "at": where}))
            finally:
                signal.alarm(0)
        longest = max(longest, time.monotonic() - started)
        if opened:
            print(json.dumps({**found, "error": "opened outside", "at": opened}))
        if memory("VmHWM") > most + BYTES:
            print(json.dumps({**found, "error": "memory"}))
            most = memory("VmHWM")
    print(json.dumps({"subject": form, **tally, "seconds": round(longest, 2)}))


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        main(name, int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4], name))
