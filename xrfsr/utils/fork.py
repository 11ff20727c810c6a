"""Forked processes: PyTorch waits forever in the child of a process in which it has computed with several threads.

The threads of its products do not survive a fork, and the child waits for them. It can be noticed where the threads
were started by this package. One thread alone needs no others, so a child that is limited to one computes as usual.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from xrfsr.errors import InvalidInput

__all__ = ["check_fork", "note_threads"]


@dataclass
class _Threads:
    """Whether threads of PyTorch were started in this process, or before the fork from which it came."""

    here: bool = False
    before_fork: bool = False


_threads = _Threads()


def note_threads() -> None:
    """Note that PyTorch computes in this process from now on."""
    _threads.here = True


def check_fork() -> None:
    """Refuse to compute in a process in which PyTorch would wait forever.

    Raises
    ------
    InvalidInput
        If this process was forked from one in which this package had computed, and may use several threads.
    """
    if _threads.before_fork and torch.get_num_threads() > 1:
        raise InvalidInput(
            "process",
            [
                "this process was forked from one that had already computed with threads, and PyTorch would wait for "
                "those forever; start processes with multiprocessing.get_context('spawn'), or call "
                "torch.set_num_threads(1) first in this one"
            ],
        )


def _forked() -> None:
    _threads.here, _threads.before_fork = False, _threads.here or _threads.before_fork


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_forked)
