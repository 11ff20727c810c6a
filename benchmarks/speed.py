"""Speed of training and inference, relative to their matrix products alone.

python benchmarks/speed.py [--size PIXELS]

The measurement runs in one process and one thread, for a simulated painting of 512 × 512 pixels, 12 lines and 4× finer
maps. "Products" are the matrix products of the same shapes without the operations between them. The rates of training
and inference count the operations of the products only. The last line is a whole fit with all cores, with its memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import torch

import xrfsr
import xrfsr.methods
from xrfsr.methods.common.problem import Problem
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Architecture
from xrfsr.network.precision import product_dtype
from xrfsr.network.trainer import Trainer
from xrfsr.network.training import Run, TrainingExample, prepare_data
from xrfsr.pipeline.inputs import Beam, load
from xrfsr.pipeline.plan import training_problems
from xrfsr.pipeline.tiles import Tile

LINES = xrfsr.simulate.LINES[:12]


def seconds(
    one: Callable[[], object], other: Callable[[], object], times: int, rounds: int = 12
) -> tuple[float, float]:
    """Return the time of one call of each: the best of several alternating rounds, under equal load of the machine."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds + 1):
        for i, function in enumerate((one, other)):
            start = time.perf_counter()
            for _ in range(times):
                function()
            best[i] = min(best[i], (time.perf_counter() - start) / times)
    return best[0], best[1]


def operations(a: Architecture, *, training: bool) -> int:
    """Return the number of floating-point operations in the products for one pixel."""
    forward = a.flops_per_pixel
    # The backward pass of each product needs one for its weights; products of the codes need one for the codes as well.
    return 2 * forward + 2 * a.M * ((a.K - 1) * a.M + a.channels) if training else forward


def products(a: Architecture, pixels: int, dtype: torch.dtype, *, training: bool) -> Callable[[], None]:
    """Return a function that computes only the matrix products of one pass."""
    m, c = a.M, a.channels
    made = {
        shape: torch.rand(shape).to(dtype)
        for shape in ((pixels, c + 1), (c + 1, m), (pixels, m), (m, m), (m, c), (pixels, c))
    }
    x, S, A, W, D, out = (made[s] for s in ((pixels, c + 1), (c + 1, m), (pixels, m), (m, m), (m, c), (pixels, c)))
    B, gS, gW, gD = torch.empty_like(A), torch.empty_like(S), torch.empty_like(W), torch.empty_like(D)

    def run() -> None:
        for _ in range(a.K):
            torch.mm(x, S, out=B)
        for _ in range(a.K - 1):
            torch.mm(A, W, out=B)
        torch.mm(A, D, out=out)
        if training:
            torch.mm(A.T, out, out=gD)
            torch.mm(out, D.T, out=B)
            for _ in range(a.K):
                torch.mm(x.T, B, out=gS)
            for _ in range(a.K - 1):
                torch.mm(A.T, B, out=gW)
                torch.mm(B, W.T, out=A)

    return run


def painting(size: int) -> tuple[xrfsr.simulate.Painting, Problem]:
    """Return a simulated painting, and the problem as arrays."""
    made = xrfsr.simulate.painting(size, size, scale=4, seed=0, lines=LINES)
    acquisition = load(made.scan, made.rgb, 4, Beam(), xrfsr.methods.get("unfolding"))[1]
    return made, training_problems(acquisition, [Tile.whole(acquisition.geometry.U)])[0]


def main() -> None:
    """Measure and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of the painting in pixels (default: %(default)s)")
    size = parser.parse_args().size
    threads = torch.get_num_threads()
    made, problem = painting(size)

    torch.set_num_threads(1)
    peak = problem.scan.max(axis=(1, 2), keepdims=True)
    native = product_dtype("auto", torch.device("cpu")) == torch.bfloat16
    print("| products in | what | products, GFLOP/s | xrfsr, GFLOP/s | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for precision in ("float32", "bfloat16") if native else ("float32",):
        config = TrainingConfig().override(precision=precision, steps=10**6)  # more than are timed
        run = Run(torch.device("cpu"))
        example = TrainingExample(problem.scan / peak, problem.photo, problem.U, problem.training_mask)
        data = prepare_data([example], config, run)[0]
        trainer = Trainer(data.select_members(slice(0, 1)), config, 0, 0)
        a, pixels = trainer.network.architecture, config.pixels or 0
        pixels += pixels // 4  # pixels of the scan itself, for scale transfer
        dtype = trainer.network.product_dtype or torch.float32
        work = operations(a, training=True) * pixels / 1e9
        times = seconds(products(a, pixels, dtype, training=True), trainer.step, 50)
        bare, ours = work / times[0], work / times[1]
        print(f"| {precision} | a training step | {bare:.0f} | {ours:.0f} | {ours / bare:.0%} |", flush=True)

    x = torch.rand(1, 16384, a.channels)
    trainer.network.product_dtype = None
    with torch.inference_mode():
        work = operations(a, training=False) * 16384 / 1e9
        times = seconds(products(a, 16384, torch.float32, training=False), partial(trainer.network, x), 20)
    bare, ours = work / times[0], work / times[1]
    print(f"| float32 | inference | {bare:.0f} | {ours:.0f} | {ours / bare:.0%} |", flush=True)

    torch.set_num_threads(threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.perf_counter()
    model = made.scan.xrfsr.train(made.rgb, progress=False)
    fitted = time.perf_counter()
    made.scan.xrfsr.superresolve(made.rgb, model=model)
    done = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\n{size} × {size} pixels, {len(LINES)} lines, {threads} threads: training {fitted - start:.1f} s, "
        f"reconstruction {done - fitted:.1f} s; peak memory of the process {after:.2f} GiB, {before:.2f} GiB before"
    )


if __name__ == "__main__":
    main()
