"""The command line: ``xrfsr open``, ``register``, ``superresolve``, ``convert``, ``compare``, ``report`` and ``info``.

Each command is one module with `add`, which describes its arguments, and `run`. A command adds no mathematics: it opens
files, calls what the accessor calls, and writes.
"""

# PYTHON_ARGCOMPLETE_OK

from xrfsr.cli.main import main

__all__ = ["main"]
