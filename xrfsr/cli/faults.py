"""Faults in the words of the command line: options in place of the arguments of Python functions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from xrfsr.errors import Fault, InvalidInput

__all__ = ["INPUT", "UsageError", "collect_named", "fault_lines", "in_options"]

INPUT = "input"  # what is refused, if several things are

# Arguments of functions that are options of the same name. Names of one common word are recognised only as `name=...`
# and at the beginning of a fault.
PHRASES = {
    "control_points=[[photo column, photo row, map column, map row], ...]": (
        "--control-points FILE, a CSV of photo column, photo row, map column, map row"
    ),
    "choose the maps that follow the surface with lines=[...]": (
        "choose the maps that follow the surface with --match-lines Hg-L,Pb-L"
    ),
    "overwrite=True": "--overwrite",
    "external=True": "--external",
    "uncertainty=True": "--uncertainty",
    "preset": "--set preset",
}
OPTIONS = (
    "pixel_size", "origin", "units", "lines", "quantity", "group", "index", "prefix", "energy", "external",
    "scale", "method", "methods", "seed", "device", "overwrite", "model", "title", "uncertainty",
)  # fmt: skip
RENAMED = {"control_points": "--control-points", "pixel_size": "--pixel-size"}
# Calls of Python that a fault recommends, and what does the same here.
CALLS = (
    (r"set to zero: ds\.assign\(intensity=ds\['intensity'\]\.clip\(min=0\)\)", "pass --negative zero"),
    (r"mark as missing: ds\.assign\(intensity=ds\['intensity'\]\.where\(.* >= 0\)\)", "pass --negative missing"),
    (r"pass refine=None", "pass --set refine=none"),
    (r"\bto_zarr keeps everything", "zarr keeps everything"),
    (r"xrfsr\.open_photo\(path, like=scan\)", "--registered"),
    (r"open it with xrfsr\.open_photo or xrfsr\.register", "pass it as PHOTO, after the maps"),
    (
        r"like=\.\.\. resamples it to any grid, for display",
        "or average pixels of the maps first, with --bin N, to try it",
    ),
    (r"use a sharper photo$", "use a sharper photo, or average pixels of the maps first, with --bin N, to try it"),
)


class UsageError(Exception):
    """Wrong arguments: one line that names the argument, its value and what is accepted."""


def in_options(text: str) -> str:
    """Return a sentence about arguments of a function as one about options of a command.

    Examples
    --------
    >>> in_options("pixel_size is missing; pass it, such as pixel_size='0.5 mm'")
    "--pixel-size is missing; pass it, such as --pixel-size '0.5 mm'"
    >>> in_options("scale must be a number, got -1")
    '--scale must be a number, got -1'
    """
    for pattern, option in CALLS:
        text = re.sub(pattern, option, text)
    for phrase, option in PHRASES.items():
        if "=" in phrase:
            text = text.replace(phrase, option)
    names = "|".join(OPTIONS)
    values = r"'[^']*'", r'"[^"]*"', r"\[(?:[^][]|\[[^][]*\])*\]", r"\{[^}]*\}", r"\.\.\.", r"[^\s,;)]+"
    text = re.sub(rf"\b({names}|control_points)=({'|'.join(values)})", _option, text)
    text = re.sub(r"(?<![-\w.'/])(pixel_size|control_points)\b(?!=)", lambda found: RENAMED[found[1]], text)
    return re.sub(rf"^({names})(?= (?:must|is|has)\b)", lambda found: _name(found[1]), text)


def _name(name: str) -> str:
    return "--" + name.replace("_", "-")


def _option(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    if value[:1] == "{":  # {'Pb': 'Pb-L', ...}
        pairs = re.findall(r"'([^']*)': '([^']*)'", value)
        return f"{_name(name)} {shlex.quote(','.join('='.join(pair) for pair in pairs))}" if pairs else found[0]
    if value[:1] == "[":
        inner = re.findall(r"'([^']*)'", value)
        value = shlex.quote(",".join(inner)) if inner else "..."
    return f"{_name(name)} {value}"


def fault_lines(error: InvalidInput) -> list[str]:
    """Return every fault of refused input on a line of its own, with the thing that it is about."""
    lines = []
    for fault in error.faults:
        sentence: str = fault
        subjects: list[str] = []
        while isinstance(sentence, Fault) and sentence.subject:
            subjects.append(sentence.subject)
            sentence = sentence.sentence
        text = " ".join(in_options(str(sentence)).split())
        subjects = subjects or ([] if error.what == INPUT else [error.what])
        lines.append(": ".join([*(each for each in subjects if not _is_named(each, text)), text]))
    return lines


def _is_named(subject: str, text: str) -> bool:
    """Return whether a sentence names its subject itself, or the file that the subject is."""
    return any(name in text for name in (subject, *re.findall(r"'[^']+'", subject)))


@contextmanager
def collect_named(faults: list[str]) -> Iterator[None]:
    """Add the faults of an `InvalidInput` raised in the block to `faults` with its subject, and continue after it."""
    try:
        yield
    except InvalidInput as error:
        faults.extend(fault if fault.subject else Fault(fault, error.what) for fault in error.faults)
