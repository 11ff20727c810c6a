"""Training that resumes where it was stopped: the state of every trainer in a folder, as numbers and text.

A folder holds ``run.json``, which describes the settings and the data, and one ``member-*.safetensors`` per trainer.
Files are replaced atomically, so a killed program leaves the last complete state.
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
    def open(cls, path: object, config: TrainingConfig, seed: int, device: str, data: str) -> Self:
        """Create the folder, or open it if it is of the same run.

        Raises
        ------
        InvalidInput
            If it holds something else or another run (naming the differences), or cannot be written.
        """
        folder = local_path(path, "a folder for the state of the training")
        # Converted to JSON and back, because it is compared with what was read from JSON.
        run = json.loads(
            json.dumps({"format": FORMAT, "seed": seed, "device": device, "data": data, "settings": config.to_dict()})
        )
        try:
            if (folder / DESCRIPTION).is_file():
                _compare(folder, run)
            elif folder.exists() and any(folder.iterdir()):
                raise InvalidInput(
                    "checkpoint", [f"'{folder}' is not a checkpoint; choose another folder, or remove this one"]
                )
            else:
                folder.mkdir(exist_ok=True)
                _replace(folder / DESCRIPTION, lambda new: new.write_text(json.dumps(run, indent=2) + "\n", "utf-8"))
        except OSError as error:
            raise InvalidInput(
                "checkpoint", [f"'{folder}' cannot be written ({error.strerror or error}); choose another folder"]
            ) from error
        return cls(folder)

    def save(self, number: int, trainer: Trainer) -> None:
        """Write the state of one trainer, in place of an earlier one."""
        tensors, plain = trainer.state()
        kept = {name: value.cpu().contiguous() for name, value in tensors.items()}
        _replace(self._file(number), lambda new: save_file(kept, new, metadata={"state": json.dumps(plain)}))

    def restore(self, number: int, trainer: Trainer) -> None:
        """Restore the state of a trainer, if one was saved.

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
                "checkpoint", [f"'{file}' is damaged ({error}); remove the folder and start again"]
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
        fault = f"'{folder / DESCRIPTION}' is damaged ({error}); remove the folder and start again"
        raise InvalidInput("checkpoint", [fault]) from error
    now = {**run["settings"], **{name: value for name, value in run.items() if name != "settings"}}
    differing = [
        "the scan or the photo differs" if name == "data" else f"{name} was {before.get(name)!r} and is {value!r}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if differing:
        fault = f"'{folder}' belongs to another run: {'; '.join(differing)}; choose another folder, or remove this one"
        raise InvalidInput("checkpoint", [fault])
