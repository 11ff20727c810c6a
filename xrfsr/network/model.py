"""Trained model: its network and scaling, its prediction, and its files on disk.

Its files are written and checked by `xrfsr.network.model_files`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.kriging.simple import krige
from xrfsr.network.cells import network_inputs
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.model_card import model_card
from xrfsr.network.model_files import FORMAT, read_model, write_model
from xrfsr.network.photo_views import photo_views
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU, is_cpu, resolve_device
from xrfsr.utils.threads import available, parallel_map

__all__ = ["Model", "load_model"]

# Weights of trained networks are below ten. With a million, no product of them can overflow.
MAX_MAGNITUDE = 1e6
CACHED_MODELS = 4  # unpickled models that are kept, by their fingerprints
_unpickled: dict[str, Model] = {}
_lock = threading.Lock()
BLOCK = 16384  # pixels per pass of the network: few enough for the cache, enough for full speed


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Trained generator with the scaling and the names of its maps.

    ``scan.xrfsr.train(rgb)`` returns one, ``model.save(folder)`` writes it, `load_model` reads it again.

    Attributes
    ----------
    generator : Generator
        Networks of all members.
    config : TrainingConfig
        Settings of the training.
    lines : tuple of str
        Labels of the maps, in the order of the network's channels.
    peak : array of float32, shape (line,)
        Intensity that is scaled to 1 for the network, in `units`.
    weights : array of float32, shape (estimates, line)
        Stacking weights of the members, of kriging along the photo if it is used, and of the kriging baseline (last),
        for each map.
    bands : int
        Number of bands of the photo.
    ratio : tuple of float
        Fine pixels per coarse pixel (y, x).
    units : str
        Units of the scan; scans to which the model is applied must have the same.
    footprint : str
        Footprint of a scan pixel; it must be the same, too.
    beam : tuple of float, optional
        FWHM of the beam (y, x) in coarse pixels, for ``footprint="gaussian"``; it must be the same, too.
    held_out_gain : array of float32, shape (line,), optional
        Gain in dB of the stacked prediction over the baseline on held-out pixels; see
        `xrfsr.network.stacking.StackingWeights`.
    training : dict
        Record of seed, device and steps, and for every member the `curve`, pairs of a step and the loss after it.
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
            faults.append(f"lines must be text, got {self.lines!r}")
        for name, array, shape in (
            ("peak", self.peak, (len(self.lines),)),
            ("weights", self.weights, (self.config.candidates, len(self.lines))),
        ):
            if array.shape != shape:
                faults.append(f"{name} must have shape {shape}, got {array.shape}")
            elif not np.isfinite(array).all() or (array < 0).any():
                faults.append(f"{name} must be numbers ≥ 0, got {array.tolist()}")
        if not faults and not (self.peak > 0).all():
            faults.append(f"peak must be numbers > 0, got {self.peak.tolist()}")
        if not faults and np.abs(self.weights.sum(axis=0) - 1).max() > 1e-3:
            faults.append(f"weights of each line must sum to 1, got {self.weights.sum(axis=0).tolist()}")
        if len(self.generator.final_sigmoid) != members:
            faults.append(f"final_sigmoid must have {members} values, got {len(self.generator.final_sigmoid)}")
        largest = max(float(value.detach().abs().max()) for value in self.generator.parameters() if value.numel())
        if not largest <= MAX_MAGNITUDE:  # also if it is NaN
            faults.append(
                f"weights of the network must have a magnitude of at most {MAX_MAGNITUDE:g}, got {largest:g}; if "
                "it was just trained, make learning_rate smaller"
            )
        if faults:
            raise InvalidInput("model", faults)

    def __repr__(self) -> str:
        a = self.generator.architecture
        return (
            f"<xrfsr.Model of {', '.join(self.lines)} in {self.units}, {self.ratio[0]:g} x {self.ratio[1]:g} finer, "
            f"{a.members} networks of K={a.K}, M={a.M}>"
        )

    def _repr_html_(self) -> str | None:
        return model_card(self)

    @property
    def has_holdout(self) -> NDArray[np.bool_]:
        """Lines whose weights come from held-out pixels, or that needed no test (line,); the rest are baseline."""
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
        variance: NDArray[np.float32] | None = None,
    ) -> NDArray[Any]:
        """Return Ŷ, the weighted mean of members, other predictions and baseline, before any projection.

        Parameters
        ----------
        scan : array, shape (line, coarse.y, coarse.x)
            Maps in the units of the training, without NaN.
        photo : array, shape (band, fine.y, fine.x)
            Photo on the fine grid.
        U : Downsampling
            Operator from the fine grid to the scan's.
        device : str or torch.device
            Device that computes.
        other_predictions : sequence of array, shape (line, fine.y, fine.x)
            Maps predicted by the other estimates of the ensemble, in the units of `scan`.
        mean : array, shape (line,), optional
            Means of the whole maps in the same units, if `scan` is a crop.
        variance : array of float32, shape (line, fine.y, fine.x), optional
            Array that receives the variance over members, other predictions and baseline.

        Returns
        -------
        array of float32, shape (line, fine.y, fine.x)

        Raises
        ------
        InvalidInput
            If the number of other predictions is not that of the training.
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
            network = deepcopy(network).to(place)  # a copy, because another thread may be using the original
        scaled = scan / self.peak[:, None, None]
        lines, pixels = len(scan), photo[0].size
        middle = None if mean is None else mean / self.peak
        upscaled = network_inputs(scaled, U, self.config.inputs, middle)
        maps = {kind: array.reshape(lines, -1) for kind, array in upscaled.items()}
        shown = photo_views(photo, self.config.member_views)
        colours = {view: array.reshape(len(array), -1) for view, array in shown.items()}
        members_see = list(zip(self.config.inputs, self.config.member_views, strict=True))
        # Kriging has been computed already if it is the input of a network.
        plain = upscaled["leave-out"] if "leave-out" in upscaled else krige(scaled, U, middle)
        plain = plain.reshape(lines, -1)
        others = [prediction.reshape(lines, -1) for prediction in other_predictions]
        result = plain * self.weights[-1][:, None]
        for prediction, weight in zip(others, self.weights[members:-1], strict=True):
            result += prediction * (weight / self.peak)[:, None]
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
            if variance is not None:
                fixed = [plain[:, part], *(other[:, part] / self.peak[:, None] for other in others)]
                every = np.stack([*estimate.mT.cpu().numpy(), *fixed])
                variance.reshape(lines, -1)[:, part] = every.var(axis=0) * self.peak[:, None] ** 2

        workers = min(available(), -(-pixels // BLOCK)) if is_cpu(place) else 1
        parallel_map(range(0, pixels, BLOCK), predict_block, workers)
        return np.asarray(result * self.peak[:, None]).reshape(lines, *photo.shape[1:])

    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights of the network."""
        return {
            name: np.ascontiguousarray(value.detach().cpu().numpy())
            for name, value in self.generator.state_dict().items()
        }

    def _description(self) -> dict[str, Any]:
        """Return everything but the weights, as values that JSON can hold."""
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
        # The same content as on disk: plain values and NumPy arrays, whichever device the network is on.
        return (unpickled, (self.fingerprint, self._description(), self._arrays()))

    @property
    def fingerprint(self) -> str:
        """Hash of the model; equal models have equal hashes."""
        made = hashlib.sha256(json.dumps(self._description(), sort_keys=True).encode())
        for name, value in sorted(self._arrays().items()):
            made.update(name.encode() + value.tobytes())
        return made.hexdigest()

    def __dask_tokenize__(self) -> tuple[str, str]:
        return (type(self).__name__, self.fingerprint)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a new folder; a failure leaves no file behind.

        Raises
        ------
        InvalidInput
            If `path` exists, its parent folder does not, the folder cannot be written, or `training` holds something
            other than seed, device, steps and curve.

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
        write_model(path, self._description(), self._arrays())


def load_model(path: str | PathLike[str]) -> Model:
    """Open a model written by ``model.save(path)``.

    Parameters
    ----------
    path : str or path
        Path of the folder.

    Returns
    -------
    Model

    Raises
    ------
    InvalidInput
        If the folder is missing, holds no model, or holds one that this version cannot read; naming every fault with
        its file, its field, and what is accepted. Models from elsewhere can be opened: they hold no code, and
        everything in them is checked within the bounds of `xrfsr.network.model_files` before a network is built.

    See Also
    --------
    xrfsr.network.Model.save : Write a model.

    Examples
    --------
    >>> import tempfile
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> model = scan.xrfsr.train(rgb, steps=2, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model")
    ...     load_model(f"{folder}/model").fingerprint == model.fingerprint
    True
    """
    return from_description(*read_model(path))


def unpickled(fingerprint: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Return a model that was pickled.

    Dask may drop a model between two tasks and send it again; it is built once per process.
    """
    with _lock:
        if fingerprint not in _unpickled:
            if len(_unpickled) >= CACHED_MODELS:
                _unpickled.pop(next(iter(_unpickled)))
            _unpickled[fingerprint] = from_description(description, arrays)
        return _unpickled[fingerprint]


def from_description(description: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> Model:
    """Build a model from its description, which has been checked or is our own, and the weights of its network."""
    config = TrainingConfig.from_dict(description["config"])
    lines, bands = tuple(description["lines"]), int(description["bands"])
    generator = Generator(Architecture.from_config(config, len(lines), bands), torch.Generator(CPU))
    generator.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    generator.final_sigmoid = tuple(bool(last) for last in description["final_sigmoid"])
    peak, weights = (np.asarray(description[name], dtype=np.float32) for name in ("peak", "weights"))
    y, x = map(float, description["ratio"])
    beam, gain = description["beam"], description["held_out_gain"]
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


def _without_nan(values: NDArray[np.float32] | None) -> list[float | None] | None:
    """Convert numbers to values that JSON can hold."""
    return None if values is None else [float(value) if np.isfinite(value) else None for value in values]
