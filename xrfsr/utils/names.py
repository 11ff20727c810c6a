"""Names that become files and folders: what is allowed in one, and names that some systems confuse."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["confused_names", "name_problem"]

MAX_BYTES = 200  # systems allow 255 bytes, and temporary names are longer
RESERVED = "zarr.json"


def name_problem(name: object) -> str:
    """Return why text cannot be the name of a folder in a zarr store, or an empty string.

    Examples
    --------
    >>> name_problem("panel left")
    ''
    >>> name_problem("..")
    'consists of full stops, which mean another folder'
    """
    if not isinstance(name, str):
        return "is not text"
    if not name.strip():
        return "is empty or blank"
    if not name.strip("."):
        return "consists of full stops, which mean another folder"
    if name.casefold() == RESERVED:
        return "is the name of zarr's own file"
    if "/" in name or "\\" in name:
        return "contains a slash or backslash, which separates folders"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        return "contains a control character"
    if (size := len(name.encode())) > MAX_BYTES:
        return f"has {size} bytes, more than {MAX_BYTES}"
    return ""


def confused_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names that are the same file where upper and lower case, or ways to write é, are not kept apart.

    Examples
    --------
    >>> confused_names(["left", "Left", "right"])
    [('left', 'Left')]
    """
    first: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for name in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if first.setdefault(key, name) != name:
            found.append((first[key], name))
    return found
