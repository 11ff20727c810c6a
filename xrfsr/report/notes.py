"""What a reader should know before believing a map, in plain words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xrfsr.core.coordinates import grid_of
from xrfsr.core.provenance import OPTIONS, checksum, record_of
from xrfsr.errors import collect_faults
from xrfsr.methods import registry
from xrfsr.report.contents import Contents
from xrfsr.report.layers import Computed
from xrfsr.utils.checks import is_dask
from xrfsr.utils.describe import listing

__all__ = ["Note", "notes_of"]

DIFFERS = 2.0  # standard deviations of the noise: a root mean square that noise does not explain
FEW = 5.0  # mean counts of a map below which noise is most of what is seen


class Note(NamedTuple):
    """One remark.

    Attributes
    ----------
    kind : {"warning", "fact"}
        Whether it speaks against believing the maps.
    text : str
    """

    kind: str
    text: str


def notes_of(contents: Contents, computed: Computed) -> list[Note]:
    """Return remarks on a result, warnings first."""
    found: list[Note] = []
    if not contents.method:
        found.append(Note("fact", "These are maps as they were scanned. Nothing was made finer."))
    else:
        found += [*_of_photo(contents, computed), *_of_record(contents)]
    found += [*_of_scan(contents, computed), *_of_gaps(computed), *_of_trust(contents, computed)]
    return sorted(found, key=lambda note: note.kind != "warning")


def _warning(text: str) -> Note:
    return Note("warning", text)


def _of_photo(contents: Contents, computed: Computed) -> list[Note]:
    labels, values, found = contents.labels, computed.line_values, []
    if not _uses_photo(contents.method):
        return [Note("fact", f"The method “{contents.method}” uses no photo: all maps are made of the scan alone.")]
    share, gain = values.get("guided_share"), values.get("photo_gain")
    if share is not None and (unused := _named(labels, ~(share > 0))):
        if len(unused) == len(labels):
            found.append(_warning("The photo was not used for any line. All maps are interpolations of the scan."))
        else:
            found.append(
                _warning(
                    f"The photo was not used for {listing(unused)}. What is fine there does not come from the photo."
                )
            )
    if gain is not None and np.isfinite(gain).any() and np.nanmedian(gain) <= 0:
        found.append(
            _warning("The photo helps fewer than half of the lines. Check whether photo and scan are registered.")
        )
    moved = record_of(contents.fine).get("xrfsr_shift_mm")
    if isinstance(moved, str) and (shift := _pair(moved)) and any(shift):
        down, right = shift
        found.append(
            Note(
                "fact",
                f"The photo was moved by {abs(down):.2g} mm {'down' if down > 0 else 'up'} and {abs(right):.2g} mm to "
                f"the {'right' if right > 0 else 'left'}, where it fits the scan best.",
            )
        )
    return found


def _of_record(contents: Contents) -> list[Note]:
    record, found = record_of(contents.fine), []
    options = _json(record.get(OPTIONS))
    wanted = options.get("steps") if isinstance(options, dict) else None
    steps = record.get("xrfsr_steps")
    if isinstance(wanted, int) and isinstance(steps, int | float) and 0 < steps < wanted:
        found.append(_warning(f"The training was stopped after {int(steps)} of {wanted} steps."))
    if len(record) <= 1:
        found.append(_warning("The record of how these maps were made is lost."))
    if lost := record.get("xrfsr_unknown"):
        found.append(Note("fact", f"Not recorded: {lost}."))
    if str(record.get("xrfsr_consistency", "exact")) not in ("exact", "True"):
        found.append(
            Note(
                "fact", f"The maps agree with the scan only as far as asked: consistency {record['xrfsr_consistency']}."
            )
        )
    return found


def _of_scan(contents: Contents, computed: Computed) -> list[Note]:
    if contents.scan is None or contents.given is None:
        text = "The report was made without the scan, so it does not show how the maps agree with it."
        return [Note("fact", text)] if contents.method else []
    found = []
    if contents.method and _another_scan(contents):
        found.append(
            _warning("The scan in this report is not the one that the maps were made of: its checksum differs.")
        )
    if computed.rms is not None:
        if far := _named(contents.labels, computed.rms > DIFFERS):
            found.append(_warning(f"The maps of {listing(far)} differ from the scan by more than its noise."))
        if unknown := _named(contents.labels, ~np.isfinite(computed.rms)):
            found.append(
                Note("fact", f"The noise of the scan is not known for {listing(unknown)}, so agreement is not judged.")
            )
    elif contents.method:
        found.append(Note("fact", "The maps were not compared with the scan: it does not cover the same pixels."))
    coarse = computed.layer("coarse")
    if coarse is not None and coarse.units == "count":
        with np.errstate(invalid="ignore"):
            means = np.array([np.nanmean(each) if np.isfinite(each).any() else np.nan for each in coarse.values])
        if poor := _named(contents.labels, means < FEW):
            found.append(
                _warning(
                    f"The scan has few counts of {listing(poor)}: fewer than {FEW:g} a pixel in the mean. Most of what "
                    "these maps show may be noise."
                )
            )
    return found


def _another_scan(contents: Contents) -> bool:
    """Return whether the scan is surely not that of the record; a lazy one is not read for this."""
    recorded = record_of(contents.fine).get("xrfsr_scan_checksum")
    given = contents.given
    if not isinstance(recorded, str) or given is None or any(is_dask(each.data) for each in given.variables.values()):
        return False
    if contents.fine.sizes["line"] != given.sizes["line"] or grid_of(given).y.extent > contents.grid.y.extent * 1.001:
        return False  # a part of a result, whose scan may be whole
    tried = [given[["intensity"]]] + ([given[["intensity", "uncertainty"]]] if "uncertainty" in given else [])
    return recorded not in [checksum(each) for each in tried]


def _of_gaps(computed: Computed) -> list[Note]:
    if computed.missing <= 0:
        return []
    return [Note("fact", f"{computed.missing:.1%} of the area was not measured. It is grey.")]


def _of_trust(contents: Contents, computed: Computed) -> list[Note]:
    names = {layer.name for layer in computed.layers}
    if contents.method and "uncertainty" not in names:
        return [Note("fact", "The uncertainty is not known: the maps were made without uncertainty=True.")]
    return []


def _uses_photo(name: str | None) -> bool:
    """Return whether a method may use a photo; one that is not known here may."""
    with collect_faults([]):
        return registry.get(str(name)).uses_photo
    return True


def _named(labels: Sequence[str], which: Any) -> list[str]:
    return [label for label, chosen in zip(labels, which, strict=True) if chosen]


def _json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _pair(text: str) -> tuple[float, float] | None:
    found = _json(text)
    if isinstance(found, list) and len(found) == 2 and all(isinstance(each, int | float) for each in found):
        return float(found[0]), float(found[1])
    return None
