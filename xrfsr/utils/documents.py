"""JSON documents from elsewhere: read within bounds, and every field checked before anything is made of it.

A rule finds the faults of one value, as sentences that name the field, the value and what is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe, listing

__all__ = ["Choice", "Fields", "Flag", "Integer", "Many", "Maybe", "Number", "Rule", "Text", "parse_json"]

DEEPEST = 16  # lists and objects within each other; ours have four
LONGEST_REASON = 200  # characters
MOST_SHOWN = 5  # faults of one list or object


def parse_json(raw: bytes | str, name: str) -> Any:
    """Return the content of a JSON document.

    The caller bounds its size. ``NaN`` and infinities, which JSON does not have but Python reads, are numbers here, so
    that a rule can name the field that holds one.

    Parameters
    ----------
    raw : bytes or str
        Document; bytes are UTF-8.
    name : str
        Subject of the message.

    Raises
    ------
    InvalidInput
        If it is not JSON, a name occurs twice in one object, or lists and objects are nested more than 16 deep.
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        made = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise InvalidInput("file", [f"{name} is nested more than {DEEPEST} deep"]) from None
    except ValueError as error:  # of which errors of JSON, of UTF-8 and of integers with too many digits are kinds
        raise InvalidInput("file", [f"{name} is not JSON ({str(error)[:LONGEST_REASON]})"]) from error
    level = [made]
    for _ in range(DEEPEST):
        level = [item for each in level for item in _items(each)]
        if not level:
            return made
    raise InvalidInput("file", [f"{name} is nested more than {DEEPEST} deep"])


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{describe(twice)} occurs twice")
    return made


class Rule(Protocol):
    """Condition on one value."""

    def faults(self, name: str, value: object) -> list[str]:
        """Return what is wrong with a value of the field `name`, as sentences."""


@dataclass(frozen=True)
class Integer:
    """Integer from `least` to `most`; no bool."""

    least: int
    most: int

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        if type(value) is int and self.least <= value <= self.most:
            return []
        return [f"{name} must be an integer from {self.least} to {self.most}, got {describe(value)}"]


@dataclass(frozen=True)
class Number:
    """Finite number from `least` to `most`; no bool."""

    least: float = -inf
    most: float = inf

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        if type(value) in (int, float) and self.least <= value <= self.most and abs(value) < inf:  # type: ignore[operator, arg-type]
            return []
        return [f"{name} must be a number from {self.least:g} to {self.most:g}, got {describe(value)}"]


@dataclass(frozen=True)
class Flag:
    """True or False."""

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        return [] if isinstance(value, bool) else [f"{name} must be true or false, got {describe(value)}"]


@dataclass(frozen=True)
class Text:
    """Printable text of 1 to `longest` characters."""

    longest: int = 200

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        if isinstance(value, str) and 1 <= len(value) <= self.longest and value.isprintable():
            return []
        return [f"{name} must be printable text of 1 to {self.longest} characters, got {describe(value)}"]


@dataclass(frozen=True)
class Choice:
    """One of several texts."""

    options: tuple[str, ...]

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        if isinstance(value, str) and value in self.options:
            return []
        return [f"{name} must be one of {', '.join(self.options)}, got {describe(value)}"]


@dataclass(frozen=True)
class Maybe:
    """null, or what `rule` accepts."""

    rule: Rule

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        return [] if value is None else [f"{fault} (or null)" for fault in self.rule.faults(name, value)]


@dataclass(frozen=True)
class Many:
    """List of `least` to `most` values that `rule` accepts, all different if `distinct`."""

    rule: Rule
    least: int
    most: int
    distinct: bool = False

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        count = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        if not isinstance(value, list):
            return [f"{name} must be a list of {count} values, got {describe(value)}"]
        if not self.least <= len(value) <= self.most:
            return [f"{name} must be a list of {count} values, got {len(value)}: {describe(value)}"]
        found = _first(fault for i, each in enumerate(value) for fault in self.rule.faults(f"{name}[{i}]", each))
        if not found and self.distinct and len(set(value)) < len(value):
            twice = next(each for i, each in enumerate(value) if each in value[:i])
            found.append(f"{name} must be different from each other, got {describe(twice)} twice")
        return found


@dataclass(frozen=True)
class Fields:
    """Object with exactly these fields."""

    rules: Mapping[str, Rule]

    def faults(self, name: str, value: object) -> list[str]:
        """See `Rule`."""
        if not isinstance(value, dict):
            return [f"{name} must be an object with {', '.join(self.rules)}, got {describe(value)}"]
        before = f"{name}." if name else ""
        found = [f"{before}{each} is missing" for each in self.rules if each not in value]
        strange = [each for each in value if each not in self.rules]
        found += _first(
            f"{before}{listing([each])} is unknown; accepted are {', '.join(self.rules)}" for each in strange
        )
        for each, rule in self.rules.items():
            if each in value:
                found += rule.faults(f"{before}{each}", value[each])
        return found


def _first(faults: Any) -> list[str]:
    """Return the first few of many faults, and how many more there are."""
    every = list(faults)
    more = len(every) - MOST_SHOWN
    return every if more <= 1 else [*every[:MOST_SHOWN], f"and {more} more faults like it"]
