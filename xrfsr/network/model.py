"""A trained model: what is needed to use it again, how it predicts, and how it is kept on disk.

On disk a model is a folder with ``weights.safetensors`` and ``model.json``: plain numbers and plain text, so
opening one from elsewhere runs none of its code.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from xrfsr.errors import Fault, InvalidInput
from xrfsr.kriging.simple import krige
from xrfsr.network.cells import network_inputs
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.photo_views import photo_views
from xrfsr.operators import Downsampling
from xrfsr.utils.device import is_cpu, resolve_device
from xrfsr.utils.paths import local_path
from xrfsr.utils.threads import available, parallel_map

__all__ = ["Model", "load_model"]

FORMAT = 2
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
KEPT = 4  # models that came from other processes, by their fingerprints
_unpickled: dict[str, Model] = {}
_lock = threading.Lock()
BLOCK = 16384  # pixels that pass the network at once: small enough for the cache, large enough for full speed


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained generator with the scaling and the names of its maps.

    ``scan.xrfsr.train(rgb)`` makes one, ``model.save(folder)`` keeps it, `load_model` opens it again.

    Attributes
    ----------
    generator : Generator
    config : TrainingConfig
    lines : tuple of str
        Labels of the maps, in the order of the network's channels.
    peak : array of float32, shape (line,)
        Intensity that the network sees as 1, in `units`.
    weights : array of float32, shape (candidates, line)
        How much each member counts in each map, kriging along the photo if it takes part, and last the floor.
    bands : int
        Bands of the photo.
    ratio : tuple of float
        Fine pixels per coarse pixel (y, x).
    units : str
        Of the scan: what it is used on must have the same.
    footprint : str
        What a pixel of the scan sees; the same holds.
    beam : tuple of float, optional
        Beam FWHM (y, x) in coarse pixels, for ``footprint="gaussian"``; the same holds.
    held_out_gain : array of float32, shape (line,), optional
        How much nearer the weighted prediction came to held-out pixels than the floor, in dB; see
        `xrfsr.network.stacking.StackingWeights`.
    training : dict
        For the record: seed, device and steps.
    """

    generator: Generator
    config: TrainingConfig
    lines: tuple[str, ...]
    peak: NDArray[np.float32]
    weights: NDArray[np.float32]
    bands: int
    ratio: tuple[float, float]
    units: str = "count"
    footprint: str = "area"
    beam: tuple[float, float] | None = None
    held_out_gain: NDArray[np.float32] | None = None
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        members = len(self.config.inputs)
        faults = []
        if not all(isinstance(line, str) for line in self.lines):
            faults.append(f"its lines are {self.lines!r}; labels are text")
        for name, array, shape in (
            ("peak", self.peak, (len(self.lines),)),
            ("weights", self.weights, (self.config.candidates, len(self.lines))),
        ):
            if array.shape != shape:
                faults.append(f"its {name} have shape {array.shape}; {shape} is needed")
            elif not np.isfinite(array).all() or (array < 0).any():
                faults.append(f"its {name} are {array.tolist()}; numbers of at least zero are needed")
        if not faults and not (self.peak > 0).all():
            faults.append(f"its peaks are {self.peak.tolist()}; numbers above zero are needed")
        if not faults and np.abs(self.weights.sum(axis=0) - 1).max() > 1e-3:
            faults.append(f"its weights add up to {self.weights.sum(axis=0).tolist()}; each line's add up to 1")
        if len(self.generator.final_sigmoid) != members:
            faults.append(f"it has {members} networks, and {len(self.generator.final_sigmoid)} last layers")
        if not all(bool(value.isfinite().all()) for value in self.generator.state_dict().values()):
            faults.append("the weights of its network are not all finite")
        if faults:
            raise InvalidInput("model", faults)

    def __repr__(self) -> str:
        a = self.generator.architecture
        return (
            f"<xrfsr.Model of {', '.join(self.lines)} in {self.units}, {self.ratio[0]:g} x {self.ratio[1]:g} finer, "
            f"{a.members} networks of K={a.K}, M={a.M}>"
        )

    @property
    def has_holdout(self) -> NDArray[np.bool_]:
        """Maps of which held-out pixels decided, or had not to (line,); the others are the floor's."""
        return np.asarray(
            self.weights[-1] < 1
            if self.held_out_gain is None
            else (self.weights[-1] < 1) | np.isfinite(self.held_out_gain)
        )

    def predict(
        self,
        scan: NDArray[Any],
        photo: NDArray[Any],
        U: Downsampling,
        device: str | torch.device = "auto",
        other_predictions: Sequence[NDArray[Any]] = (),
        mean: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        r"""Ŷ, the weighted mean of the members, other candidates and the floor, before any projection.

        Parameters
        ----------
        scan : array, shape (line, coarse.y, coarse.x)
            In the units the model was trained in, without NaN.
        photo : array, shape (band, fine.y, fine.x)
        U : Downsampling
        device : str
        beside : sequence of array, shape (line, fine.y, fine.x)
            Maps of the candidates beside the networks, in the units of `scan`.
        mean : array, shape (line,), optional
            Of the maps of which `scan` is a part, in the same units.

        Returns
        -------
        array of float32, shape (line, fine.y, fine.x)

        Raises
        ------
        InvalidInput
            If there are more or fewer candidates beside the networks than there were in training.
        """
        members = len(self.config.inputs)
        if len(other_predictions) != (needed := self.config.candidates - members - 1):
            raise InvalidInput(
                "other_predictions",
                [f"other_predictions must hold {needed} arrays, as in training, got {len(other_predictions)}"],
            )
        place = resolve_device(device)
        network = self.generator
        if any(value.device != place for value in network.parameters()):
            network = deepcopy(network).to(place)  # a copy: somebody may be using this one elsewhere
        right_inverse = U.right_inverse(U.correlation_length)
        scaled = scan / self.peak[:, None, None]
        lines, pixels = len(scan), photo[0].size
        middle = None if mean is None else mean / self.peak
        upscaled = network_inputs(scaled, U, self.config.inputs, right_inverse, middle)
        maps = {kind: array.reshape(lines, -1) for kind, array in upscaled.items()}
        shown = photo_views(photo, self.config.member_views)
        colours = {view: array.reshape(len(array), -1) for view, array in shown.items()}
        members_see = list(zip(self.config.inputs, self.config.member_views, strict=True))
        # Kriging is at hand already where it is what a network sees.
        plain = upscaled["leave-out"] if "leave-out" in upscaled else krige(scaled, U, right_inverse, middle)
        result = plain.reshape(lines, -1) * self.weights[-1][:, None]
        for maps_beside, weight in zip(other_predictions, self.weights[members:-1], strict=True):
            result += maps_beside.reshape(lines, -1) * (weight / self.peak)[:, None]
        share = torch.as_tensor(self.weights[:members, None], device=place)

        def predict_block(start: int) -> None:
            part = slice(start, start + BLOCK)
            x = torch.stack(
                [
                    torch.as_tensor(np.concatenate([maps[kind][:, part], colours[view][:, part]]).T, device=place)
                    for kind, view in members_see
                ]
            )
            estimate = network(x)[..., :lines]
            result[:, part] += (estimate * share).sum(dim=0).T.cpu().numpy()

        workers = min(available(), -(-pixels // BLOCK)) if is_cpu(place) else 1
        parallel_map(range(0, pixels, BLOCK), predict_block, workers)
        return np.asarray(result * self.peak[:, None]).reshape(lines, *photo.shape[1:])

    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights of the network."""
        return {
            name: np.ascontiguousarray(value.detach().cpu().numpy())
            for name, value in self.generator.state_dict().items()
        }

    def _description(self) -> dict[str, Any]:
        """All else, as JSON can hold it."""
        return {
            "format": FORMAT,
            "lines": list(self.lines),
            "peak": self.peak.tolist(),
            "weights": self.weights.tolist(),
            "bands": self.bands,
            "ratio": list(self.ratio),
            "units": self.units,
            "footprint": self.footprint,
            "beam": None if self.beam is None else list(self.beam),
            "final_sigmoid": list(self.generator.final_sigmoid),
            "held_out_gain": _without_nan(self.held_out_gain),
            "config": self.config.to_dict(),
            "training": self.training,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # As it is kept on disk: plain values and NumPy arrays, whichever device the network is on.
        return (unpickled, (self.fingerprint, self._description(), self._arrays()))

    @property
    def fingerprint(self) -> str:
        """A number that is the same for models that are."""
        made = hashlib.sha256(json.dumps(self._description(), sort_keys=True).encode())
        for name, value in sorted(self._arrays().items()):
            made.update(name.encode() + value.tobytes())
        return made.hexdigest()

    def __dask_tokenize__(self) -> tuple[str, str]:
        return (type(self).__name__, self.fingerprint)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a new folder; nothing is left behind if that fails.

        Raises
        ------
        InvalidInput
            If `path` exists, its parent folder does not, or nothing can be written there.

        Examples
        --------
        >>> import tempfile, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> model = scan.xrfsr.train(rgb, steps=5, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model")
        ...     xrfsr.load_model(f"{folder}/model").lines
        ('Fe-K', 'Pb-L')
        """
        target = local_path(path, "the name of a folder")
        if not target.parent.is_dir():
            raise InvalidInput("path", [f"the folder '{target.parent}' does not exist; make it first"])
        if os.path.lexists(target):
            raise InvalidInput("path", [f"'{target}' exists; choose another name, or remove it first"])
        tensors = {name: torch.as_tensor(value) for name, value in self._arrays().items()}
        description = self._description()
        # Beside the target, so that the final step is a rename; in a folder of its own, because a temporary folder
        # is closed to others.
        try:
            with TemporaryDirectory(prefix=".xrfsr-", dir=target.parent) as scratch:
                made = Path(scratch, "model")
                made.mkdir()
                save_file(tensors, made / WEIGHTS)
                (made / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
                made.rename(target)
        except OSError as error:
            raise InvalidInput(
                "path", [f"'{target}' cannot be written ({error.strerror or error}); choose another place"]
            ) from error


def load_model(path: str | PathLike[str]) -> Model:
    """Open a model written by ``model.save(path)``.

    Parameters
    ----------
    path : str or path
        The folder.

    Returns
    -------
    Model

    Raises
    ------
    InvalidInput
        If the folder is missing, holds no model, or one that this version cannot read.

    See Also
    --------
    Model.save : with an example.
    """
    folder = local_path(path, "the name of a folder")
    missing = [name for name in (DESCRIPTION, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise InvalidInput(
            "model", [f"{folder} has no {' and no '.join(missing)}; a folder written by model.save(path) is needed"]
        )
    try:
        return _read(folder)
    except InvalidInput as error:
        raise InvalidInput("model", [Fault(fault, str(folder)) for fault in error.faults]) from error
    except (
        AttributeError,
        KeyError,
        IndexError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        raise InvalidInput("model", [f"{folder} is damaged ({error}); train and save the model again"]) from error


def _read(folder: Path) -> Model:
    """The model in `folder`, or whatever error its damage leads to."""
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if description["format"] != FORMAT:
        raise InvalidInput(
            "model", [f"its format is {description['format']}; only {FORMAT} is known; upgrade xrfsr or train anew"]
        )
    return from_description(description, {name: value.numpy() for name, value in load_file(folder / WEIGHTS).items()})


def unpickled(fingerprint: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """A model that was pickled. Dask may drop it between two tasks and send it again; it is made once a process."""
    with _lock:
        if fingerprint not in _unpickled:
            if len(_unpickled) >= KEPT:
                _unpickled.pop(next(iter(_unpickled)))
            _unpickled[fingerprint] = from_description(description, arrays)
        return _unpickled[fingerprint]


def from_description(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """A model from what describes it and the weights of its network; damage leads to errors of any kind."""
    config = TrainingConfig.from_dict(description["config"])
    lines, bands = tuple(description["lines"]), int(description["bands"])
    generator = Generator(Architecture.from_config(config, len(lines), bands), torch.Generator())
    generator.load_state_dict({name: torch.as_tensor(value) for name, value in arrays.items()})
    generator.final_sigmoid = tuple(bool(last) for last in description["final_sigmoid"])
    peak, weights = (np.asarray(description[name], dtype=np.float32) for name in ("peak", "weights"))
    y, x = map(float, description["ratio"])
    beam, gain = description["beam"], description["held_out_gain"]
    try:
        return Model(
            generator,
            config,
            lines,
            peak,
            weights,
            bands,
            (y, x),
            str(description["units"]),
            str(description["footprint"]),
            None if beam is None else (float(beam[0]), float(beam[1])),
            None if gain is None else np.array([np.nan if one is None else one for one in gain], dtype=np.float32),
            dict(description["training"]),
        )
    except InvalidInput as error:
        raise ValueError("; ".join(error.faults)) from error


def _without_nan(values: NDArray[np.float32] | None) -> list[float | None] | None:
    """Numbers as JSON can hold them."""
    return None if values is None else [float(value) if np.isfinite(value) else None for value in values]
