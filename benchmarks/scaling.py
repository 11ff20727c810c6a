"""Costs of a painting: time and memory by size, and time of regions by number of processes.

python benchmarks/scaling.py [--sizes 1024 2048 8192] [--lines 12] [--chunk 1024] [--workers 2]

Paintings of any size are composed lazily of one simulated painting of 1024 × 1024 pixels and its mirror images, which
join without a seam. Each size is trained and written to zarr in a process of its own, which gives its own peak memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import torch
import xarray as xr
from dask.callbacks import Callback
from numpy.typing import NDArray

import xrfsr

TILE = 1024
SCALE = 4


def mirrored(tile: NDArray[Any], times: int) -> da.Array:
    """Return a lazy array (channel, y, x) of `times` mirror images of a tile along each axis."""

    def block(block_info: Any = None) -> NDArray[Any]:
        i, j = block_info[None]["chunk-location"][-2:]
        return np.ascontiguousarray(tile[:, :: (-1) ** i, :: (-1) ** j])

    channels, height, width = tile.shape
    chunks = ((channels,), (height,) * times, (width,) * times)
    meta = np.empty((0, 0, 0), tile.dtype)
    made: da.Array = da.map_blocks(block, chunks=chunks, dtype=tile.dtype, meta=meta)
    return made


class Clock(Callback):
    """Clock that records when the task that prepares the method ends."""

    def __init__(self) -> None:
        super().__init__()
        self.started = time.monotonic()
        self.prepared = 0.0

    def _posttask(self, key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        if isinstance(key, str) and key.startswith("xrfsr-prepared") and "after" not in key:
            self.prepared = time.monotonic() - self.started


def resident() -> float:
    """Return the present memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def one_size(size: int, base: Path, chunk: int, workers: int) -> None:
    """Train on a painting of `size` × `size` fine pixels and write its maps."""
    kept = np.load(base)
    times = max(1, size // TILE)
    maps, photo = kept["scan"], kept["rgb"]
    if size < TILE:
        maps, photo = maps[:, : size // SCALE, : size // SCALE], photo[:, :size, :size]
    scan = xrfsr.as_scan(mirrored(maps, times), [str(line) for line in kept["lines"]], 0.5)
    rgb = xrfsr.as_photo(mirrored(photo, times), like=scan)
    peak = [0.0]

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], resident())
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    fine = scan.xrfsr.superresolve(rgb, SCALE, chunk=chunk, progress=False)
    with tempfile.TemporaryDirectory() as folder, dask.config.set(num_workers=workers), Clock() as clock:
        fine.xrfsr.to_zarr(f"{folder}/fine.zarr")
        total = time.monotonic() - clock.started
    megapixels = size**2 / 1e6
    rest = (total - clock.prepared) / megapixels
    memory = peak[0]
    if size <= chunk:  # a single tile is computed while the method is prepared, so time it with a trained model
        model = scan.xrfsr.train(rgb, SCALE, progress=False)
        fine = scan.xrfsr.superresolve(rgb, SCALE, chunk=chunk, model=model, progress=False)
        with tempfile.TemporaryDirectory() as folder, dask.config.set(num_workers=workers):
            started = time.monotonic()
            fine.xrfsr.to_zarr(f"{folder}/fine.zarr")
            rest = (time.monotonic() - started) / megapixels
    cells = (f"{size} x {size}", f"{clock.prepared:.0f}", f"{total:.0f}", f"{total / megapixels:.1f}", f"{rest:.1f}")
    print(f"| {' | '.join(cells)} | {memory:.0f} |", flush=True)


def network_share() -> None:
    """Print the speed of the networks relative to their matrix products alone, in one thread of this process."""
    from speed import products, seconds

    from xrfsr.network.config import TrainingConfig
    from xrfsr.network.generator import Architecture, Generator
    from xrfsr.network.model import BLOCK

    torch.set_num_threads(1)
    config = TrainingConfig()
    architecture = Architecture.from_config(config, 12, 3)
    network = Generator(architecture, torch.Generator().manual_seed(0))
    x = torch.rand(architecture.members, BLOCK, architecture.channels)
    bare = products(architecture, BLOCK, torch.float32, training=False)
    with torch.inference_mode():
        alone, ours = seconds(lambda: [bare() for _ in range(architecture.members)], lambda: network(x), 5)
    work = architecture.members * architecture.flops_per_pixel * BLOCK / 1e9
    print(f"\nnetwork: {work / ours:.0f} GFLOP/s of {work / alone:.0f} of its products alone, {alone / ours:.0%}")


def regions(count: int = 16, size: int = 256) -> None:
    """Time sixteen regions with one worker of a cluster and with two, each a process with one thread.

    For comparison, the same workers compute matrix products only, which shows the limit of the machine.
    """
    from distributed import Client, LocalCluster

    from xrfsr.regions import run

    painting = xrfsr.simulate.painting(4 * size, 4 * size, SCALE, seed=0, lines=xrfsr.simulate.LINES[:12])
    side = size // SCALE
    tree = xr.DataTree.from_dict(
        {
            f"{i}{j}": painting.scan.isel(y=slice(i * side, (i + 1) * side), x=slice(j * side, (j + 1) * side))
            for i in range(4)
            for j in range(4)
        }
    )
    took, bare = [], []
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
            tempfile.TemporaryDirectory() as folder,
        ):
            client.run(loaded)
            started = time.monotonic()
            run(tree, painting.rgb, f"{folder}/all.zarr", client, progress=False)
            took.append(time.monotonic() - started)
            started = time.monotonic()
            client.gather([client.submit(multiply, part, pure=False) for part in range(count)])
            bare.append(time.monotonic() - started)
    print(
        f"{count} regions of {size} x {size}: {took[0]:.0f} s with one process, {took[1]:.0f} s with two, "
        f"{took[0] / took[1]:.2f} times as fast; products alone {bare[0] / bare[1]:.2f} times"
    )


def multiply(part: int) -> None:
    """Compute some matrix products."""
    a = np.random.default_rng(part).random((1024, 1024), dtype=np.float32)
    for _ in range(40):
        np.dot(a, a)


def loaded() -> None:
    """Do nothing, but import this module and with it torch before the clock starts."""


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 8192], help="sides in fine pixels")
    parser.add_argument("--lines", type=int, default=12)
    parser.add_argument("--chunk", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one_size(arguments.sizes[0], arguments.one, arguments.chunk, arguments.workers)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = xrfsr.simulate.painting(TILE, TILE, SCALE, 0, lines=xrfsr.simulate.LINES[: arguments.lines])
        base = Path(folder, "base.npz")
        np.savez(base, rgb=made.rgb.values, scan=made.scan.intensity.values, lines=made.scan.line.values.astype(str))
        print("| fine pixels | prepared after, s | total, s | s per megapixel | without training | peak memory, MB |")
        print("| --- | --- | --- | --- | --- | --- |", flush=True)
        for size in arguments.sizes:
            options = [f"--chunk={arguments.chunk}", f"--workers={arguments.workers}", f"--one={base}"]
            subprocess.run([sys.executable, __file__, f"--sizes={size}", *options], check=True)
    network_share()
    regions()


if __name__ == "__main__":
    main()
