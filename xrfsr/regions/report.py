"""What came of a run over many regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from xrfsr.regions.region import Outcome

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """Names of regions by what became of them.

    Attributes
    ----------
    written : tuple of str
        In this run.
    skipped : tuple of str
        Their maps were there, of the same scan, photo and settings.
    failed : dict of str
        With the reason.
    seconds : dict of float
        That each took.
    """

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]
    seconds: dict[str, float]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Sorted by name, whatever order they finished in."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.name)
        return cls(
            tuple(each.name for each in ordered if each.status == "written"),
            tuple(each.name for each in ordered if each.status == "skipped"),
            {each.name: each.reason for each in ordered if each.status == "failed"},
            {each.name: each.seconds for each in ordered},
        )

    def __str__(self) -> str:
        total = len(self.written) + len(self.skipped) + len(self.failed)
        return f"{total} regions: {len(self.written)} written, {len(self.skipped)} skipped, {len(self.failed)} failed"
