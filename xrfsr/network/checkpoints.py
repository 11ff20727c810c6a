"""Training that resumes where it was stopped: the state of every trainer in a folder, as numbers and text.

A folder holds ``run.json``, which describes the settings and the data, and one ``member-*.safetensors`` per trainer.
Files are replaced atomically, so a killed program leaves the last complete state.

Nothing in the folder is trusted: it is compared with the settings, the data and the trainers of this run, up to the
shape of every tensor, before any of it is used. Only regular files with these names are read and replaced, and a folder
with any other file in it is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.network.config import TrainingConfig
from xrfsr.network.tensor_files import read_metadata, read_tensors
from xrfsr.network.trainer import Trainer
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.documents import Fields, Integer, Rule, Text, parse_json
from xrfsr.utils.lock import HeldError, exclusive_lock
from xrfsr.utils.own_files import read_limited, regular_file, replace_file
from xrfsr.utils.paths import local_path

__all__ = ["Checkpoint", "digest"]

FORMAT = 3
DESCRIPTION = "run.json"
MAX_DESCRIPTION = 2**20  # bytes; it has some hundred values
# Names of our files, and of those that a killed program may leave (see `replace_file`).
LOCK = ".xrfsr.lock"
OWN = re.compile(
    r"\.xrfsr\.lock|(run\.json|member-\d{1,3}\.safetensors)|\.(run\.json|member-\d{1,3}\.safetensors)\.new"
)
REMEDY = "remove the folder and start again"


def digest(*arrays: NDArray[Any]) -> str:
    """Return a hash of the contents of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape}{array.dtype.str}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """Folder for the state of a training run.

    Attributes
    ----------
    folder : Path
        Path of the folder.
    """

    folder: Path

    @classmethod
    @contextmanager
    def open(cls, path: object, config: TrainingConfig, seed: int, device: str, data: str) -> Iterator[Self]:
        """Create the folder, or open it if it is of the same run; during the block no other run can use it.

        Raises
        ------
        InvalidInput
            If it holds something else or another run (naming the differences), another run uses it, or it cannot be
            written.
        """
        folder = local_path(path, "a folder for the state of the training")
        # Converted to JSON and back, because it is compared with what was read from JSON.
        run = json.loads(
            json.dumps({"format": FORMAT, "seed": seed, "device": device, "data": data, "settings": config.to_dict()})
        )
        with ExitStack() as held:
            try:
                if not os.path.lexists(folder):
                    folder.mkdir()
                _check_names(folder)
                held.enter_context(exclusive_lock(folder / LOCK))
                if (folder / DESCRIPTION).exists():
                    _compare(folder, run)
                else:
                    replace_file(folder / DESCRIPTION, (json.dumps(run, indent=2) + "\n").encode())
            except HeldError as error:
                fault = f"'{folder}' is used by another run ({error}); wait for its end, or choose another folder"
                raise InvalidInput("checkpoint", [fault]) from error
            except OSError as error:
                raise _unwritable(folder, error) from error
            yield cls(folder)

    def save(self, number: int, trainer: Trainer) -> None:
        """Write the state of one trainer, in place of an earlier one.

        Raises
        ------
        InvalidInput
            If it cannot be written, or something that is not ours has taken the place of the file.
        """
        tensors, plain = trainer.state()
        kept = {name: value.cpu().contiguous().numpy() for name, value in tensors.items()}
        try:
            replace_file(self.folder / _member(number), save(kept, metadata={"state": json.dumps(plain)}))
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def restore(self, number: int, trainer: Trainer) -> None:
        """Restore the state of a trainer, if one was saved.

        Raises
        ------
        InvalidInput
            If the file is damaged, or holds anything but a state of this trainer.
        """
        if not os.path.lexists(self.folder / _member(number)):
            return
        file = regular_file(self.folder, _member(number), links=False)
        faults: list[str] = []
        with collect_faults(faults, f"'{file}'"):
            plain = parse_json(read_metadata(file).get("state", ""), "the text 'state' in its header")
            if found := trainer.state_rule.faults("state", plain):
                raise InvalidInput("state", found)
            trainer.restore(read_tensors(file, trainer.state_layout(plain["number"])), plain)
        if faults:
            raise InvalidInput("checkpoint", [*faults[:-1], Fault(f"{faults[-1]}; {REMEDY}")])


def _check_names(folder: Path) -> None:
    """Refuse a folder that holds anything but the files of a checkpoint."""
    names = sorted(os.listdir(folder))
    if strange := [name for name in names if not OWN.fullmatch(name)]:
        fault = f"'{folder}' is not a checkpoint, for it holds {listing(strange, 3)}; choose another folder"
        raise InvalidInput("checkpoint", [fault])
    faults: list[str] = []
    for name in names:
        with collect_faults(faults):
            regular_file(folder, name, links=False)
    members = [name for name in names if not name.startswith(".")]
    if members and DESCRIPTION not in names and not faults:
        faults = [f"'{folder}' holds {listing(members, 3)}, but no {DESCRIPTION}; choose another folder"]
    if faults:
        raise InvalidInput("checkpoint", faults)


def _member(number: int) -> str:
    return f"member-{number}.safetensors"


def _unwritable(folder: Path, error: OSError) -> InvalidInput:
    reason = error.strerror or error
    return InvalidInput("checkpoint", [f"'{folder}' cannot be written ({reason}); choose another folder"])


class _Same:
    """Rule for settings, which are compared with those of the run: any object of plain values."""

    def faults(self, name: str, value: object) -> list[str]:
        """See `xrfsr.utils.documents.Rule`."""
        return [] if isinstance(value, dict) else [f"{name} must be an object, got {describe(value)}"]


SETTINGS: Rule = _Same()
RUN = Fields(
    {
        "format": Integer(FORMAT, FORMAT),
        "seed": Integer(0, 2**63 - 1),
        "device": Text(),
        "data": Text(),
        "settings": SETTINGS,
    }
)


def _compare(folder: Path, run: dict[str, Any]) -> None:
    """Refuse a folder of another run, naming the differences."""
    file, faults = folder / DESCRIPTION, list[str]()
    kept: dict[str, Any] = {}
    with collect_faults(faults, f"'{file}'"):
        kept = parse_json(read_limited(file, MAX_DESCRIPTION), "it")
        if found := RUN.faults("", kept):
            raise InvalidInput("run", found)
    if faults:
        raise InvalidInput("checkpoint", [*faults[:-1], Fault(f"{faults[-1]}; {REMEDY}")])
    before, now = (each["settings"] | {k: v for k, v in each.items() if k != "settings"} for each in (kept, run))
    differing = [
        "the scan or the photo differs"
        if name == "data"
        else f"{name} was {describe(before[name]) if name in before else 'missing'} and is {describe(value)}"
        for name, value in now.items()
        if name not in before or type(before[name]) is not type(value) or before[name] != value
    ]
    differing += [f"{listing([name])} is no setting" for name in before if name not in now][:3]
    if differing:
        fault = f"'{folder}' belongs to another run: {'; '.join(differing)}; choose another folder, or remove this one"
        raise InvalidInput("checkpoint", [fault])
