"""Training that goes on where it was stopped: the state of every trainee in a folder, as numbers and text.

A folder holds ``run.json``, which says what is trained on what, and one ``member-*.safetensors`` per trainee, replaced
as a whole so that a killed program leaves the last complete one.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from xrfsr.errors import InvalidInput
from xrfsr.network.config import TrainingConfig
from xrfsr.network.trainer import Trainer
from xrfsr.utils.paths import local_path

__all__ = ["Checkpoint", "digest"]

FORMAT = 1
DESCRIPTION = "run.json"


def digest(*arrays: NDArray[Any]) -> str:
    """A short name for the contents of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape}{array.dtype.str}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """Where a run keeps its state.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def open(cls, path: object, config: TrainingConfig, seed: int, device: str, data: str) -> Self:
        """Make the folder, or go on with it if it is of the same run.

        Raises
        ------
        InvalidInput
            If it is something else, of another run (naming what differs), or cannot be written.
        """
        folder = local_path(path, "a folder for the state of the training")
        # By way of JSON, as it is compared.
        run = json.loads(
            json.dumps({"format": FORMAT, "seed": seed, "device": device, "data": data, "settings": config.to_dict()})
        )
        try:
            if (folder / DESCRIPTION).is_file():
                _compare(folder, run)
            elif folder.exists() and any(folder.iterdir()):
                raise InvalidInput(
                    "checkpoint", [f"'{folder}' exists and is no checkpoint; choose another folder, or remove it first"]
                )
            else:
                folder.mkdir(exist_ok=True)
                _replace(folder / DESCRIPTION, lambda new: new.write_text(json.dumps(run, indent=2) + "\n", "utf-8"))
        except OSError as error:
            raise InvalidInput(
                "checkpoint", [f"'{folder}' cannot be written ({error.strerror or error}); choose another place"]
            ) from error
        return cls(folder)

    def save(self, number: int, trainer: Trainer) -> None:
        """Keep the state of one trainee, in place of an earlier one."""
        tensors, plain = trainer.state()
        kept = {name: value.cpu().contiguous() for name, value in tensors.items()}
        _replace(self._file(number), lambda new: save_file(kept, new, metadata={"state": json.dumps(plain)}))

    def restore(self, number: int, trainer: Trainer) -> None:
        """Bring a trainee to the state that was kept, if one was.

        Raises
        ------
        InvalidInput
            If the file is damaged.
        """
        file = self._file(number)
        if not file.is_file():
            return
        try:
            with safe_open(file, "pt") as kept:
                plain = json.loads(kept.metadata()["state"])
                trainer.restore({name: kept.get_tensor(name) for name in kept.keys()}, plain)  # noqa: SIM118
        except (KeyError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
            raise InvalidInput(
                "checkpoint", [f"'{file}' is damaged ({error}); remove the folder and start anew"]
            ) from error

    def _file(self, number: int) -> Path:
        return self.folder / f"member-{number}.safetensors"


def _replace(path: Path, write: Any) -> None:
    new = path.with_name(f".{path.name}.new")
    write(new)
    os.replace(new, path)


def _compare(folder: Path, run: dict[str, Any]) -> None:
    try:
        kept = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        before = {**kept.pop("settings"), **kept}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        fault = f"'{folder / DESCRIPTION}' is damaged ({error}); remove the folder and start anew"
        raise InvalidInput("checkpoint", [fault]) from error
    now = {**run["settings"], **{name: value for name, value in run.items() if name != "settings"}}
    differing = [
        "the scan or the photo is another" if name == "data" else f"{name} was {before.get(name)!r} and is {value!r}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if differing:
        fault = f"'{folder}' is of another run: {'; '.join(differing)}; choose another folder, or remove it"
        raise InvalidInput("checkpoint", [fault])
