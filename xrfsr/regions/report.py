"""The report of a run over many regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from xrfsr.regions.region import Outcome
from xrfsr.utils.describe import listing

__all__ = ["Report"]


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """Names of regions by outcome.

    Attributes
    ----------
    written : tuple of str
        Regions written in this run.
    skipped : tuple of str
        Regions whose maps existed, made from the same scan, photo and options.
    failed : dict of str
        Regions that failed, with the reason.
    seconds : dict of float
        Duration of each region.
    """

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]
    seconds: dict[str, float]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Build a report sorted by name."""
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

    def __repr__(self) -> str:
        failed = f" ({listing(list(self.failed))})" if self.failed else ""
        return f"<xrfsr.regions.Report of {self}{failed}>"
