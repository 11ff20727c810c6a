"""Attributes of a result: how it was made, and of what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from xrfsr._version import __version__
from xrfsr.core.provenance import OPTIONS, PREFIX, PROVENANCE, checksum
from xrfsr.operators.resample import beam_in_mm
from xrfsr.pipeline.inputs import Loaded, is_lazy
from xrfsr.pipeline.plan import ReconstructionPlan

if TYPE_CHECKING:
    from xrfsr.pipeline.superresolve import SuperResolution

__all__ = ["arguments", "record"]


def record(
    configured: SuperResolution, loaded: Loaded, plan: ReconstructionPlan, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the attributes of a result, all of them numbers or text.

    Parameters
    ----------
    configured : SuperResolution
        Arguments of the call.
    loaded : Loaded
        Scan and photo.
    plan : ReconstructionPlan
        Plan by which the maps were made, or will be.
    metadata : mapping
        What method and pipeline know of the result, without the prefix.
    """
    method, run, U = configured.method, configured.run, loaded.acquisition.geometry.U
    made: dict[str, Any] = {
        "scale": float(configured.scale),
        "footprint": configured.beam.footprint,
        "seed": run.seed,
        "libraries": json.dumps(_libraries(torch=method.uses_device)),
    }
    if method.uses_device:
        made["device"] = run.device.type
    if U.fwhm is not None:
        made["fwhm_mm"] = json.dumps([float(width) for width in U.fwhm])
        if smear := beam_in_mm(smear=configured.beam.smear)["smear"]:
            made["smear_mm"] = json.dumps([float(length) for length in smear])
    unknown = [name for name in plan.measured if name not in metadata]
    for name, content in (("scan_checksum", loaded.scan), ("photo_checksum", loaded.photo)):
        if content is not None and not is_lazy(content):
            made[name] = checksum(content)
        elif content is not None:
            unknown.append(name)
    made |= metadata
    if unknown:
        made["unknown"] = f"{', '.join(unknown)}: this was written before the maps were computed"
    known = {"xrfsr_version": __version__, PROVENANCE: method.name, OPTIONS: json.dumps(arguments(configured))}
    return known | {f"{PREFIX}{name}": value for name, value in made.items()}


def arguments(configured: SuperResolution) -> dict[str, Any]:
    """Return the arguments of `superresolve` that make the same maps of the same scan and photo, as plain values.

    Options that are no plain values are missing; the device belongs to the machine, and is recorded by itself.
    """
    lengths = beam_in_mm(configured.beam.fwhm, configured.beam.smear)
    return {
        "scale": float(configured.scale),
        "method": configured.method.name,
        "seed": configured.run.seed,
        "footprint": configured.beam.footprint,
        **{name: None if pair is None else [float(each) for each in pair] for name, pair in lengths.items()},
        "chunk": None if configured.chunk is None else int(configured.chunk),
        "refine": configured.refine,
        "uncertainty": configured.uncertainty,
        **configured.options.recorded(),
    }


def _libraries(*, torch: bool) -> dict[str, str]:
    versions = {"numpy": np.__version__, "scipy": scipy.__version__}
    if torch:
        import torch as library

        versions["torch"] = str(library.__version__)
    return versions
