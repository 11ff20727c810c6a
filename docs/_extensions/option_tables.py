"""Tables of options, from the dataclasses by which they are checked: name, default, and what their docstrings say."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import MISSING, fields
from importlib import import_module
from math import isfinite
from typing import Any

from sphinx.util.docutils import SphinxDirective


def described(docstring: str, section: str) -> dict[str, str]:
    """Texts of the parameters in a section of a numpydoc docstring, by name; names that share one text have it each."""
    found: dict[str, str] = {}
    block = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", inspect.cleandoc(docstring), re.M | re.S)
    for each in re.finditer(r"^([\w*, ]+?)(?: : (.*))?\n((?:[ ]+.*\n?|\n)*)", (block[1] if block else "") + "\n", re.M):
        text = " ".join(textwrap.dedent(each[3]).split())
        found |= dict.fromkeys((name.strip() for name in each[1].split(",")), text)
    return found


def shown(value: object) -> str:
    """Return a default as one writes it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, float) and value != 0 and not 1e-3 <= abs(value) < 1e4:
        return f"{value:g}"
    return repr(value)


def in_markdown(text: str) -> str:
    """Turn the reStructuredText of a docstring into Markdown that fits into a cell."""
    text = re.sub(r":math:`([^`]+)`", r"$\1$", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return text.replace("|", r"\|")


def option_rows(owner: type) -> list[tuple[str, str, str]]:
    """Name, default and text of every option of a dataclass, the base classes included."""
    texts: dict[str, str] = {}
    for each in reversed(owner.__mro__):
        for section in ("Parameters", "Attributes"):
            texts |= described(each.__doc__ or "", section) if each.__doc__ else {}
    rows = []
    for each in fields(owner):
        default = "needed" if each.default is MISSING and each.default_factory is MISSING else shown(each.default)
        if each.default is MISSING and each.default_factory is not MISSING:
            continue  # an object made of other options, which have rows of their own
        text = texts.get(each.name, "")
        if "least" in each.metadata and not isinstance(each.default, bool):
            least, most = each.metadata["least"], each.metadata["most"]
            text += f" (from {least:g} to {most:g})" if isfinite(most) else f" (≥ {least:g})"
        rows.append((each.name, default, text.strip()))
    return rows


def argument_rows(function: Any, skipped: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Name, default and text of every argument of a function."""
    texts = described(function.__doc__ or "", "Parameters")
    return [
        (name, "needed" if each.default is each.empty else shown(each.default), texts.get(name, ""))
        for name, each in inspect.signature(function).parameters.items()
        if name not in skipped and each.kind is not each.VAR_KEYWORD
    ]


class OptionTable(SphinxDirective):
    """``option-table module:name``: the fields of a dataclass, or the arguments of a function."""

    required_arguments = 1
    optional_arguments = 20

    def run(self) -> list[Any]:
        """Write the table in Markdown, which the page is in."""
        module, _, name = self.arguments[0].partition(":")
        wanted = getattr(import_module(module), name)
        skipped = tuple(self.arguments[1:])
        rows = option_rows(wanted) if inspect.isclass(wanted) else argument_rows(wanted, skipped)
        lines = ["| option | default | meaning |", "| --- | --- | --- |"]
        lines += [
            f"| `{name}` | {default if default == 'needed' else f'`{default}`'} | {in_markdown(text)} |"
            for name, default, text in rows
            if name not in skipped
        ]
        return list(self.parse_text_to_nodes("\n".join(lines)))


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("option-table", OptionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
