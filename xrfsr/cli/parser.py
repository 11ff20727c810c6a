"""The parser of the command line: one line for each error, and no abbreviations."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from xrfsr._version import __version__
from xrfsr.cli import compare, contents, convert, info, register, report, superresolve
from xrfsr.cli.faults import UsageError
from xrfsr.utils.checks import near_name

__all__ = ["Parser", "build_parser"]

DESCRIPTION = "Fine element maps from a coarse MA-XRF scan and a photograph."
EPILOG = """\
from files to a report in two commands:
  xrfsr open maps/
  xrfsr superresolve maps/ photo.jpg --pixel-size "0.5 mm" -o out/

exit status: 0 done, 1 input refused, 2 wrong arguments, 130 interrupted
"""
COMMANDS = (contents, register, superresolve, compare, convert, report, info)


class Parser(argparse.ArgumentParser):
    """Parser that raises `UsageError` with one line, and never exits for an error."""

    def __init__(self, **keywords: Any) -> None:
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**{**keywords, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found, without its usage."""
        text = " ".join(message.split()).removeprefix("argument ")
        raise UsageError(f"{self.prog}: {text} (see {self.prog} --help)")

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse all arguments; one that is not known is named, with the option that resembles it."""
        known, rest = self.parse_known_args(arguments)
        if rest:
            options = sorted(getattr(known, "known_options", ()))
            near = near_name(rest[0].partition("=")[0], options) if rest[0].startswith("-") else ""
            hint = f"did you mean {near}?" if near else f"see {known.prog if 'prog' in known else self.prog} --help"
            raise UsageError(f"{known.prog if 'prog' in known else self.prog}: {rest[0]!r} is not accepted; {hint}")
        return known


def build_parser() -> Parser:
    """Return the parser of ``xrfsr`` with all its commands."""
    parser = Parser(prog="xrfsr", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"xrfsr {__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands", dest="command")
    for module in COMMANDS:
        added = module.add(commands)
        group = added.add_argument_group("output")
        if getattr(module, "REPORTS", True):
            group.add_argument("--json", action="store_true", help="print the result as JSON")
        group.add_argument("-q", "--quiet", action="store_true", help="print results, warnings and errors only")
        group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error arose")
        options = [name for action in added._actions for name in action.option_strings]
        added.set_defaults(run=module.run, prog=added.prog, known_options=options)
    return parser
