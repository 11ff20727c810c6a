"""Forked processes: one in which PyTorch would wait forever says so at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing, sys
import torch, xrfsr

painting = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])

def job(threads, method):
    if threads:
        torch.set_num_threads(threads)
    try:
        settings = {"rounds": 1, "atoms": 4} if method == "ssr" else {}
        painting.scan.xrfsr.superresolve(painting.rgb, method=method, progress=False, **settings)
    except xrfsr.InvalidInput as error:
        print("refused" if "'spawn'" in str(error) and "set_num_threads(1)" in str(error) else error, flush=True)
    else:
        print("made", flush=True)

if __name__ == "__main__":
    torch.set_num_threads(2)
    lazy = painting.scan.chunk().xrfsr.superresolve(painting.rgb, progress=False)
    for each in sys.argv[1:]:
        where, threads, method = each.split()
        if where == "here":
            job(int(threads), method)
            continue
        child = multiprocessing.get_context("fork").Process(target=job, args=(int(threads), method))
        child.start()
        child.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_forked_child_computes_or_says_why_not() -> None:
    jobs = {
        "child 0 ssr": "made",  # nothing has been computed before
        "here 0 ssr": "made",
        "child 2 ssr": "refused",
        "child 3 ssr": "refused",
        "child 1 ssr": "made",
        "child 0 bilinear": "made",
    }
    # Long enough for a busy machine; a child that waits for lost threads would take forever.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *jobs],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.split() == list(jobs.values()), done.stderr
