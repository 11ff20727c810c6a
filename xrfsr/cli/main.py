"""The command ``xrfsr``: from arguments to an exit status, and how warnings, errors and interruptions look."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from xrfsr.cli.console import Console, plain
from xrfsr.cli.faults import UsageError, fault_lines, in_options
from xrfsr.errors import InvalidInput

__all__ = ["main"]

IMPORT_TICK = 0.05  # seconds between two looks whether an import has ended
DONE, REFUSED, WRONG_ARGUMENTS, UNEXPECTED = 0, 1, 2, 3
# Warnings about the future of packages are for programmers, who see them in Python.
HIDDEN = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the name of the program; those of this process if not given.

    Returns
    -------
    int
        Exit status: 0 done, 1 input refused, 2 wrong arguments, 3 an error that nobody expected, 130 interrupted.

    Examples
    --------
    >>> main(["info", "--no-such-option"])
    2
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files that the terminal cannot show
    debug = "--debug" in given
    try:
        with _interruptions() as caught:
            return _run(given)
    except KeyboardInterrupt:
        _error("interrupted; nothing was written", "error")
        return 128 + caught.number
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except Exception as error:
        if debug:
            traceback.print_exc()
        hint = "" if debug else "; --debug shows where, and docs/reference/command_line.md says how to report it"
        _error(f"unexpected {type(error).__name__}: {error}{hint}", "error")
        return UNEXPECTED


def _run(given: list[str]) -> int:
    from xrfsr.cli.parser import build_parser

    try:
        parser = build_parser()
        _complete(parser)
        parsed = parser.parse_all(given)
        console = Console(parsed.quiet, getattr(parsed, "json", False))
        with _plain_warnings(console.warn):
            status: int = parsed.run(parsed, console)
        sys.stdout.flush()
        return status
    except SystemExit as end:  # --help and --version
        sys.stdout.flush()
        return int(end.code or 0)
    except UsageError as error:
        _error(str(error))
        return WRONG_ARGUMENTS
    except InvalidInput as error:
        if "--debug" in given:
            traceback.print_exc()
        for line in fault_lines(error):
            _error(line, "error")
        return REFUSED


def _error(text: str, kind: str = "") -> None:
    print(plain(f"{kind}: {text}" if kind else text), file=sys.stderr)


def _complete(parser: Any) -> None:
    """Complete a word for the shell, which sets this variable, if argcomplete is installed."""
    if "_ARGCOMPLETE" in os.environ:
        from xrfsr.errors import import_optional

        import_optional("argcomplete", "completions", "completion").autocomplete(parser)


@contextmanager
def _plain_warnings(show: Callable[[str], None]) -> Iterator[None]:
    """Print warnings as lines, each message once."""
    seen: set[str] = set()

    def line(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text not in seen:
            seen.add(text)
            show(in_options(text))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for category in HIDDEN:
            warnings.simplefilter("ignore", category)
        warnings.showwarning = line
        yield


class _Caught:
    """The signal that ended a command."""

    number = int(signal.SIGINT)


def _signal_main_thread(number: int) -> None:
    """Send a signal to the main thread, which alone handles signals, and wake it if it waits."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, number)
    else:
        signal.raise_signal(number)


def _importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported: Python loses exceptions in the callbacks of its import locks."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def _interruptions() -> Iterator[_Caught]:
    """Let the first Ctrl-C, or SIGTERM, end the block, and the second not disturb the removal of what is unfinished.

    A third one ends it all the same, in case it hangs. While a module is imported, an interruption waits.
    """
    caught, count = _Caught(), 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        if _importing(frame):
            later = threading.Timer(IMPORT_TICK, _signal_main_thread, [number])
            later.daemon = True
            later.start()
            return
        count += 1
        caught.number = number
        if count == 1 or count > 2:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
