"""Train the prior of `xrfsr.network.prior` on random shapes.

    python benchmarks/train_prior.py FOLDER [--kriged 700 500] [--estimated 90 70] [--cycles 14000 12000 10000]

Scenes (`dead_leaves.py`) and estimates of their maps are made once and kept in FOLDER, so that training can be
continued; the weights of the last cycle are those of the package. The first two cycles see plain scenes, the last one
rich ones as well. For most scenes the estimates are kriging, and kriging along the photo; for some they are what
`superresolve` makes without a prior, which takes most of the time.
Everything random comes from the numbers of the scenes and one seed. The weights in the package were made by the call
above, with the numbers that are the defaults, before the gain of a photo decided how far it is trusted
(`PhotoGain.trust`): estimates that are made again mix in more of the baseline, and their weights will differ a little.
"""

from __future__ import annotations

import argparse
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dead_leaves import leaf_scene
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

import xrfsr
from xrfsr.kriging.photo_gain import along_photo
from xrfsr.kriging.simple import krige
from xrfsr.network.prior import COMPONENTS, RATIO, Components, PriorNetwork, prior_inputs

Array = NDArray[Any]
LABELS = ["Ca-K", "Ti-K", "Fe-K", "Cu-K", "Zn-K"]
RICH_FROM, ESTIMATED_FROM = 10_000, 100_000  # numbers of the first scenes of those kinds; both for rich estimated ones
PLAIN_CYCLES = 2
# Of the estimates: more steps change little on scenes of this size.
TRAINING: dict[str, Any] = {"steps": 300, "optimizer": "adam", "learning_rate": 0.01}
BATCH, PER_SCENE, PATCH = 16, 4, 24  # maps a step, of them from one scene; cells along a side
RATE = 2e-3
LEAST_ERROR = 0.01  # added to the error of an estimate, in units of the variance of the map, when it is divided by it
ESTIMATED = 0.4  # share of the examples whose estimates `superresolve` made
MIXED = 0.3  # share of the scenes with a mixture of both estimates
WITHOUT_PHOTO = 0.35  # share of the maps that are shown no photo, with kriging as the estimate


def _is_rich(seed: int) -> bool:
    return seed % ESTIMATED_FROM >= RICH_FROM


def make(folder: Path, seed: int, estimated: bool) -> None:
    """Write one scene with its estimates."""
    path = folder / f"{seed:06d}.npz"
    if path.exists():
        return
    torch.set_num_threads(1)
    scene = leaf_scene(seed, rich=_is_rich(seed))
    scan = xrfsr.as_scan(scene.scan, LABELS, pixel_size="1 mm", units="dimensionless")
    rgb = xrfsr.as_photo(scene.photo, like=scan)
    U = scan.xrfsr.downsampling(RATIO)
    made = {"kriged": krige(scene.scan, U)}
    if estimated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of photos that do not help
            fine = scan.xrfsr.superresolve(
                rgb, RATIO, seed=seed, refine=None, prior=False, device="cpu", progress=False, **TRAINING
            )
        made["guided"] = fine.intensity.values
        made["used"] = fine.guided_share.values > 0
    else:
        along = along_photo(scene.scan, scene.photo, U).fine
        made["guided"] = U.project(along, scene.scan, U.correlation_length)
        made["used"] = np.ones(len(LABELS), bool)
    arrays = {name: each if each.dtype == bool else each.astype(np.float16) for name, each in made.items()}
    np.savez(
        path, truth=scene.truth.astype(np.float16), scan=scene.scan, photo=scene.photo.astype(np.float16), **arrays
    )


class Example:
    """One scene, of which parts are cut as examples; maps in units of their standard deviation."""

    def __init__(self, path: Path) -> None:
        held = dict(np.load(path))
        self.scan: Array = held["scan"]
        self.kriged, self.guided, self.truth = (held[name] for name in ("kriged", "guided", "truth"))
        self.used: Array = held["used"]
        self.mean = self.scan.mean(axis=(1, 2), keepdims=True)
        self.unit = np.maximum(self.scan.std(axis=(1, 2), keepdims=True), 1e-6)
        photo = held["photo"].astype(np.float32)
        self.photo = Components.fit([photo])(photo)
        self.errors = [((each - self.truth) / self.unit).astype(np.float32) for each in (self.kriged, self.guided)]
        self.errors = [np.square(each).mean(axis=(1, 2)) for each in self.errors]

    def scaled(self, maps: Array) -> Array:
        """Return maps of mean zero and standard deviation one."""
        return np.asarray((maps - self.mean) / self.unit, np.float32)

    def cut(self, rng: np.random.Generator) -> list[torch.Tensor]:
        """Return inputs, estimates and true maps of a random part, and the weights of their errors."""
        lines = rng.permutation(len(LABELS))[: rng.integers(1, len(LABELS) + 1)]
        chosen = rng.integers(len(lines), size=PER_SCENE)
        top, left = rng.integers(0, self.scan.shape[1] - PATCH + 1, 2)
        fine = (slice(RATIO * top, RATIO * (top + PATCH)), slice(RATIO * left, RATIO * (left + PATCH)))
        used = self.used & (rng.random() > WITHOUT_PHOTO)
        mixed = rng.random() if rng.random() < MIXED else 0.0
        share = np.where(used, 1 - mixed, 0).astype(np.float32)
        kriged, guided = (each[:, *fine].astype(np.float32) for each in (self.kriged, self.guided))
        estimate = self.scaled(kriged + share[:, None, None] * (guided - kriged))[lines]
        error = ((1 - share) * self.errors[0] + share * self.errors[1])[lines]
        scan = self.scaled(self.scan)[lines]
        signs = rng.choice([-1, 1], (2, COMPONENTS, 1, 1)).astype(np.float32)
        photo = (signs[0] * self.photo[:, *fine]) * used[lines][:, None, None, None]
        shared = np.repeat((signs[1] * Components.fit([scan])(estimate))[None], len(lines), axis=0)
        turn, flip = int(rng.integers(4)), bool(rng.integers(2))
        tensors = []
        for part in (estimate, photo, shared, self.scaled(self.truth[:, *fine])[lines]):
            turned = np.rot90(part[chosen], turn, (-2, -1))
            tensors.append(torch.from_numpy(np.ascontiguousarray(turned[..., ::-1] if flip else turned, np.float32)))
        weight = torch.from_numpy(1 / (error[chosen] + LEAST_ERROR))
        return [prior_inputs(*tensors[:3]), tensors[0], tensors[3], weight]


def train(folder: Path, cycles: list[int], seed: int, threads: int) -> None:
    """Train on all scenes of a folder, in cycles of so many steps, and write the weights after each."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    network = PriorNetwork().to(memory_format=torch.channels_last)
    with torch.no_grad():
        network.last.weight.mul_(0.1)
        for layer in network.inner[1::2]:
            layer.weight.mul_(0.3)
    for number, steps in enumerate(cycles):
        path = folder / f"prior_{number}.safetensors"
        if path.exists():
            network.load_state_dict(load_file(path))
        else:
            groups = _examples(folder, rich=number >= PLAIN_CYCLES)
            rate = RATE / 2 if number else RATE
            _cycle(network, groups, steps, rate, np.random.default_rng(seed + number))
            save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def _examples(folder: Path, *, rich: bool) -> list[list[Example]]:
    """Return the scenes with kriging as the estimate, and those with estimates of the whole method."""
    paths = [sorted(folder.glob(name)) for name in ("0*.npz", "1*.npz")]
    return [[Example(each) for each in kind if rich or not _is_rich(int(each.stem))] for kind in paths]


def _cycle(
    network: PriorNetwork, groups: list[list[Example]], steps: int, rate: float, rng: np.random.Generator
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    sums, started = np.zeros(2), time.monotonic()
    for step in range(1, steps + 1):
        drawn = [groups[int(rng.random() < ESTIMATED)] for _ in range(BATCH // PER_SCENE)]
        parts = [group[rng.integers(len(group))].cut(rng) for group in drawn]
        x, estimate, truth, weight = (torch.cat(each) for each in zip(*parts, strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            correction = network(x.contiguous(memory_format=torch.channels_last))
        error = (estimate + correction - truth).square().mean(dim=(1, 2))
        loss = (error * weight).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        before = (estimate - truth).square().mean(dim=(1, 2))
        sums += [loss.item(), (before * weight).mean().item()]
        if step % 200 == 0 or step == steps:
            print(f"{step:6d}  {sums[0] / sums[1]:.4f} of the error  {time.monotonic() - started:.0f} s", flush=True)
            sums[:] = 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kriged", type=int, nargs=2, default=[700, 500], help="plain and rich scenes of that kind")
    parser.add_argument("--estimated", type=int, nargs=2, default=[90, 70], help="plain and rich scenes of that kind")
    parser.add_argument("--cycles", type=int, nargs="*", default=[14000, 12000, 10000], help="steps of each cycle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads that train")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        (first + rich * RICH_FROM + seed, first > 0)
        for first, counts in ((0, options.kriged), (ESTIMATED_FROM, options.estimated))
        for rich, count in enumerate(counts)
        for seed in range(count)
    ]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        waiting = [pool.submit(make, options.folder, *each) for each in wanted]
        for number, each in enumerate(waiting, 1):
            each.result()
            if number % 20 == 0:
                print(f"{number} of {len(waiting)} scenes", flush=True)
    train(options.folder, options.cycles, options.seed, options.threads)
