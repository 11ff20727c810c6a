"""Whether somebody is at the keyboard, who can look at a half-finished result and decide what to do with it."""

from __future__ import annotations

import sys

__all__ = ["is_interactive", "is_notebook"]


def is_interactive() -> bool:
    """Return whether this process is an interactive session: a Python prompt, IPython or a notebook.

    A script is none, whether or not its output goes to a terminal; with ``python -i`` it is one.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else getattr(ipython, "get_ipython", lambda: None)()
    return shell is not None or hasattr(sys, "ps1") or bool(sys.flags.interactive)


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, whose reader sees what cells display."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else getattr(ipython, "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
