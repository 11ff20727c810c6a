"""Files of a model, which may come from anybody: checked as a whole before anything is built from them.

A folder holds ``model.json`` and ``weights.safetensors``: plain text and plain numbers, so opening one runs none of its
code. Nothing in them is trusted. The description is read up to a size, and every field of it must be there, of its type
and within its range. The names, types and shapes of the weights follow from it, and the header of the file is compared
with them before a number is read. Accepted are at most 10,000 lines, 4,096 bands of the photo, 64 members, K of 100 and
M of 4,096, and 67 million weights altogether (a quarter of a gigabyte): networks of the default have fifty thousand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from xrfsr.core.units import LEAST_INTENSITY, MOST_INTENSITY, intensity_unit
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.network.config import MAX_MEMBERS, TrainingConfig
from xrfsr.network.generator import Architecture
from xrfsr.network.tensor_files import Layout, faults_of_header, read_tensors
from xrfsr.network.trainer_state import CURVE
from xrfsr.operators import Footprint
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.documents import Choice, Fields, Flag, Integer, Many, Maybe, Number, Rule, Text, parse_json
from xrfsr.utils.own_files import read_limited, regular_file
from xrfsr.utils.paths import absence, local_path

__all__ = ["DESCRIPTION", "FORMAT", "WEIGHTS", "ModelContents", "read_model", "write_model"]

FORMAT = 4
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
MAX_DESCRIPTION = 2**24  # bytes; 10,000 lines with 64 members would take as many
MAX_LINES, MAX_BANDS = 10_000, 4096
REMEDY = "train and save the model again"
# Nothing here is of a size that a person would write; a sum of weights may exceed one by rounding.
MAX_RATIO, MAX_BEAM, MAX_WEIGHT, MAX_GAIN = 1e4, 1e4, 1.001, 1e4


class ModelContents(NamedTuple):
    """What a model is made of.

    Attributes
    ----------
    description : dict
        Everything but the weights, as plain values.
    arrays : dict of array of float32
        Weights of the network, by their names.
    """

    description: Mapping[str, Any]
    arrays: Mapping[str, NDArray[np.float32]]


class _Settings:
    """Rule for the settings of the training, which know their own ranges."""

    def faults(self, name: str, value: object) -> list[str]:
        """See `xrfsr.utils.documents.Rule`."""
        if not isinstance(value, dict):
            return [f"{name} must be an object with the settings of the training, got {describe(value)}"]
        # A few plain values each, so that messages stay short and no time is spent on them.
        for each, setting in value.items():
            parts = setting if isinstance(setting, list) else [setting]
            if len(parts) > MAX_MEMBERS or not all(isinstance(part, int | float | str | None) for part in parts):
                return [
                    f"{name}.{listing([each])} must be a plain value, or at most {MAX_MEMBERS}, got {describe(setting)}"
                ]
            if len(each) > Text.longest or any(isinstance(part, str) and len(part) > Text.longest for part in parts):
                return [f"{name} must have texts of at most {Text.longest} characters, got {describe({each: setting})}"]
        faults: list[str] = []
        with collect_faults(faults):
            TrainingConfig.from_dict(value)
        return [f"{name}: {fault}" for fault in faults]


class _IntensityUnit:
    """Rule for the unit of the maps, in its standard spelling."""

    def faults(self, name: str, value: object) -> list[str]:
        """See `xrfsr.utils.documents.Rule`."""
        faults: list[str] = []
        with collect_faults(faults):
            if (unit := intensity_unit(value)) != value:
                faults.append(f"must be {unit!r}, got {describe(value)}")
        return [f"{name}: {fault}" for fault in faults]


def write_model(path: object, description: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a model to a new folder; a failure leaves no file behind, and nothing that exists is replaced.

    Raises
    ------
    InvalidInput
        If `path` exists, its parent folder does not, the folder cannot be written, or `read_model` would refuse it.
    """
    target = local_path(path, "the name of a folder")
    if not target.parent.is_dir():
        raise InvalidInput("path", [f"the folder '{target.parent}' does not exist; make it first"])
    exists = f"'{target}' exists; choose another name, or remove it first"
    if os.path.lexists(target):
        raise InvalidInput("path", [exists])
    if faults := _faults(description):
        raise InvalidInput("model", faults)
    # In the same folder as the target, so that the final step is a rename; in a subfolder, because other users cannot
    # read a temporary folder.
    try:
        with TemporaryDirectory(prefix=".xrfsr-", dir=target.parent) as scratch:
            made = Path(scratch, "model")
            made.mkdir()
            (made / WEIGHTS).write_bytes(save(dict(arrays)))
            (made / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
            _publish(made, target)
    except FileExistsError as error:
        raise InvalidInput("path", [exists]) from error
    except OSError as error:
        raise InvalidInput(
            "path", [f"'{target}' cannot be written ({error.strerror or error}); choose another folder"]
        ) from error


def _publish(made: Path, target: Path) -> None:
    """Rename a folder to a name that nothing has, not even since it was checked."""
    if os.name == "nt":
        made.rename(target)  # which replaces nothing there
        return
    # A rename replaces an empty folder. Only one of several programs can make this one, so it is ours.
    target.mkdir()
    try:
        made.rename(target)
    except BaseException:
        target.rmdir()
        raise


def read_model(path: object) -> ModelContents:
    """Read the files of a model, checked.

    Raises
    ------
    InvalidInput
        Naming every fault with its file: a missing or foreign file, a field that is missing, unknown or not accepted,
        weights that do not fit the description.
    """
    folder = local_path(path, "the name of a folder written by model.save(path)")
    problem = absence(folder) or (f"'{folder}' is a file and no folder" if folder.is_file() else "")
    if problem:
        raise InvalidInput("model", [f"{problem}; give a folder written by model.save(path)"])
    missing = [name for name in (DESCRIPTION, WEIGHTS) if not os.path.lexists(folder / name)]
    if missing:
        raise InvalidInput(
            "model", [f"{folder} has no {' and no '.join(missing)}; give a folder written by model.save(path)"]
        )
    faults: list[str] = []
    files: dict[str, Path] = {}
    for name in (DESCRIPTION, WEIGHTS):
        with collect_faults(faults):
            files[name] = regular_file(folder, name)
    if faults:
        raise InvalidInput("model", faults)
    described, weights = (f"'{folder / name}'" for name in (DESCRIPTION, WEIGHTS))
    description: Any = None
    with collect_faults(faults, described):
        description = parse_json(read_limited(files[DESCRIPTION], MAX_DESCRIPTION), "the description")
    if faults:
        raise InvalidInput("model", [*faults[:-1], Fault(f"{faults[-1]}; {REMEDY}")])
    faults += [Fault(fault, described) for fault in _faults(description)]
    layout, arrays = _layout(description), dict[str, NDArray[Any]]()
    if layout is not None:
        with collect_faults(faults, weights):
            if faults:
                found = faults_of_header(files[WEIGHTS], layout)
                if found:
                    raise InvalidInput("weights", found)
            else:
                arrays = read_tensors(files[WEIGHTS], layout)
                faults += [
                    Fault(f"{name} must hold finite numbers, got {value[~np.isfinite(value)].flat[0]}", weights)
                    for name, value in arrays.items()
                    if not np.isfinite(value).all()
                ]
    if faults:
        raise InvalidInput("model", [*faults[:-1], Fault(f"{faults[-1]}; {REMEDY}")])
    return ModelContents(description, arrays)


def _faults(description: Any) -> list[str]:
    """Return what is wrong with the description of a model."""
    if not isinstance(description, dict):
        return [f"the description must be an object, got {describe(description)}"]
    number = description.get("format")
    if type(number) is int and number != FORMAT:
        return [f"format must be {FORMAT}, got {describe(number)}, which another version of xrfsr wrote; upgrade xrfsr"]
    # Lengths that depend on other fields are compared only if those are right.
    lines, config = description.get("lines"), description.get("config")
    count = len(lines) if isinstance(lines, list) and not LINES.faults("lines", lines) else None
    settings = None
    if not SETTINGS.faults("config", config):
        assert isinstance(config, dict)
        settings = TrainingConfig.from_dict(config)
    members = None if settings is None else len(settings.inputs)
    candidates = None if settings is None else settings.candidates
    faults = _fields(count, members, candidates).faults("", description)
    gaussian = description.get("footprint") == "gaussian"
    if "beam" in description and gaussian is (description["beam"] is None):
        faults.append("beam must be a list of 2 numbers if footprint is 'gaussian', and null if not")
    if not faults:
        sums = np.sum(np.array(description["weights"], dtype=np.float32), axis=0)
        if np.abs(sums - 1).max() > MAX_WEIGHT - 1:
            faults.append(f"weights of each line must sum to 1, got {describe(sums.tolist())}")
    if not faults and settings is not None and count is not None:
        with collect_faults(faults):
            Architecture.from_config(settings, count, description["bands"])
    return faults


SETTINGS: Rule = _Settings()
LINES: Rule = Many(Text(), 1, MAX_LINES, distinct=True)
# As intensities, which may be rounded.
PEAK = Number(LEAST_INTENSITY / 2, 2 * MOST_INTENSITY)


def _fields(lines: int | None, members: int | None, candidates: int | None) -> Fields:
    """Return the rules of a description with so many lines, members and candidates, or any number if None."""

    def several(rule: Rule, count: int | None, most: int) -> Rule:
        return Many(rule, 1, most) if count is None else Many(rule, count, count)

    return Fields(
        {
            "format": Integer(FORMAT, FORMAT),
            "lines": LINES,
            "peak": several(PEAK, lines, MAX_LINES),
            "weights": several(several(Number(0, MAX_WEIGHT), lines, MAX_LINES), candidates, MAX_MEMBERS + 2),
            "bands": Integer(1, MAX_BANDS),
            "ratio": Many(Number(1 / MAX_RATIO, MAX_RATIO), 2, 2),
            "units": _IntensityUnit(),
            "footprint": Choice(get_args(Footprint)),
            "beam": Maybe(Many(Number(1 / MAX_BEAM, MAX_BEAM), 2, 2)),
            "final_sigmoid": several(Flag(), members, MAX_MEMBERS),
            "held_out_gain": Maybe(several(Maybe(Number(-MAX_GAIN, MAX_GAIN)), lines, MAX_LINES)),
            "config": SETTINGS,
            "training": Fields(
                {
                    "seed": Integer(0, 2**63 - 1),
                    "device": Text(40),
                    "steps": Integer(0, 10**10),
                    "curve": several(CURVE, members, MAX_MEMBERS),
                }
            ),
        }
    )


def _layout(description: Any) -> Layout | None:
    """Return the tensors that a description implies, if it is right as far as that depends on it."""
    if not isinstance(description, dict):
        return None
    lines, bands, config = (description.get(name) for name in ("lines", "bands", "config"))
    rules = ((LINES, lines), (Integer(1, MAX_BANDS), bands), (SETTINGS, config))
    if any(rule.faults("", value) for rule, value in rules):
        return None
    assert isinstance(lines, list)
    assert isinstance(bands, int)
    assert isinstance(config, dict)
    try:
        shapes = Architecture.from_config(TrainingConfig.from_dict(config), len(lines), bands).shapes
    except InvalidInput:
        return None
    return {name: ("F32", shape) for name, shape in shapes.items()}
