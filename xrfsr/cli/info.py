"""``xrfsr info``: versions of everything that matters, for a report of a fault."""

from __future__ import annotations

import argparse
from typing import Any

from xrfsr.cli.console import Console
from xrfsr.utils.versions import versions, versions_text

__all__ = ["add", "run"]


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info",
        help="versions of xrfsr, Python and what they use, and the GPU",
        description="Print versions of xrfsr, Python, the system and the packages in use, for a report of a fault.",
    )
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print them."""
    found = versions()
    console.result(versions_text(found), found)
    return 0
