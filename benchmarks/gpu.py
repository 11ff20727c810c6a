"""Agreement of a GPU with the CPU, and its times against its own matrix products.

python benchmarks/gpu.py [--device cuda] [--small] [--skip agreement training rates times cpu]

The first table compares the GPU with the CPU of the same machine, and the second the networks that each of them trains.
Then follow the rates of bare products and of copies on the GPU, of the network alone, and the times of training, the
search for the place of the photo, guided kriging, prediction, the prior and reconstruction. The rate of floating-point
operations is given as a share of that of the bare products, which are measured in the same process. With ``--device
cpu`` there is nothing to compare, and the times are those of the CPU. The program exits with 1 if a result differs by
more than a thousandth of a map's range.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from speed import operations

import xrfsr
from xrfsr.kriging.guided import OFFSETS, guided_krige
from xrfsr.kriging.photo_gain import photo_guide
from xrfsr.methods.common.edsr import EDSR
from xrfsr.network.config import TrainingConfig
from xrfsr.network.fused import BufferPool, unfold
from xrfsr.network.generator import Architecture
from xrfsr.network.prior import COMPONENTS, RATIO, load_prior, prior_inputs
from xrfsr.utils.device import resolve_device

Array = NDArray[Any]
LIMIT = 1e-3  # largest accepted difference between device and CPU, as a share of a map's range
SIZES = ((256, 8), (512, 12), (1024, 12))  # fine pixels along a side, and lines
SMALL = ((64, 4), (96, 4))
STEPS = 300  # training steps of the model with which devices are compared
# Fewer iterations than by default: enough to compare devices.
FEW: dict[str, dict[str, Any]] = {
    "ssr": {"rounds": 10},
    "ssrcu": {"rounds": 10},
    "cstf": {"loops": 1, "steps": 10},
    "lttr": {"steps": 2, "groups": 32},
    "cms": {"steps": 10},
}


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(function: Callable[[], object], device: torch.device, runs: int, times: int = 1) -> float:
    """Median over several runs of the time of one call."""
    taken = []
    for _ in range(runs):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(times):
            function()
        synchronize(device)
        taken.append((time.perf_counter() - start) / times)
    return statistics.median(taken)


def mirrored(made: xrfsr.simulate.Painting, size: int, lines: int) -> tuple[xr.Dataset, xr.DataArray]:
    """Return a scan and a photo of `size` × `size` fine pixels: the painting and its mirror images."""
    side = made.rgb.sizes["y"]

    def grown(maps: Array, more: int) -> Array:
        return np.pad(maps, ((0, 0), (0, more), (0, more)), mode="symmetric")

    maps = grown(made.scan.intensity.values[:lines], (size - side) // 4)
    scan = xrfsr.as_scan(maps, [str(line) for line in made.scan.line.values[:lines]], 1.0)
    return scan, xrfsr.as_photo(grown(made.rgb.values, size - side), like=scan)


def difference(one: Any, other: Any) -> float:
    """Largest difference of two stacks of maps, as a share of the range of each map."""
    a, b = (np.asarray(each, dtype=np.float64) for each in (one, other))
    span = np.maximum(np.ptp(b, axis=(-2, -1), keepdims=True), np.finfo(np.float32).tiny)
    apart = np.abs(a - b) / span
    return float("nan") if np.isnan(apart).any() else float(apart.max())


def psnr(fine: xr.Dataset, truth: xr.Dataset) -> float:
    """Peak signal-to-noise ratio in dB over all maps, each scaled to a peak of one."""
    peak = truth.intensity.max(("y", "x"))
    return float(-10 * np.log10((((fine.intensity - truth.intensity) / peak) ** 2).mean()))


# ------------------------------------------------------------------------------------------------------- agreement


def inputs_of_prior(lines: int, cells: tuple[int, ...]) -> torch.Tensor:
    """Return inputs of the prior: random numbers of unit variance, the same in every run."""
    random = torch.Generator().manual_seed(0)
    fine = [RATIO * side for side in cells]
    shapes = ((lines, *fine), *2 * ((lines, COMPONENTS, *fine),))
    return prior_inputs(*(torch.randn(shape, generator=random) for shape in shapes))


def corrections(inputs: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return the corrections of all maps, one after the other, as reconstruction does."""
    network, placed = load_prior(device), inputs.to(device)
    with torch.no_grad():
        return torch.cat([network(each[None]) for each in placed])


def checks(size: int, folder: Path) -> Iterator[tuple[str, Callable[[str], Array]]]:
    """Yield each comparison: its name, and maps as a function of the device."""
    made = xrfsr.simulate.painting(size, size, scale=4, seed=0, lines=xrfsr.simulate.LINES[:8])
    scan, rgb = made.scan, made.rgb
    maps, photo = scan.intensity.values, rgb.values
    model = scan.xrfsr.train(rgb, steps=STEPS, device="cpu", progress=False)

    def kriged(device: str, scale: float, part: str, **footprint: Any) -> Array:
        U = scan.xrfsr.downsampling(scale, **footprint)
        fine = rgb if scale == 4 else rgb.xrfsr.resample(scan, scale)
        guide = photo_guide([fine.values])(fine.values)
        return np.asarray(getattr(guided_krige(maps, guide, U, resolve_device(device)), part))

    yield "guided kriging, maps", lambda device: kriged(device, 4, "fine")
    yield "guided kriging, left out", lambda device: kriged(device, 4, "left_out")
    yield "guided kriging, Gaussian beam", lambda device: kriged(device, 4, "fine", footprint="gaussian", fwhm=1.0)

    U = scan.xrfsr.downsampling(4)

    def predicted(device: str) -> Array:
        other_predictions = [np.zeros_like(photo[:1].repeat(len(model.lines), 0))] * (
            model.config.candidates - len(model.config.inputs) - 1
        )
        chosen = scan.sel(line=list(model.lines)).intensity.values
        return model.predict(chosen, photo, U, device, other_predictions)

    yield "prediction of one model", predicted

    inputs = inputs_of_prior(len(maps), U.coarse.shape)
    yield "the prior alone", lambda device: np.asarray(corrections(inputs, resolve_device(device)).cpu())
    wrong = rgb.copy(data=rgb.roll(y=1, x=-1).values)
    yield (
        "photo moved to its place",
        lambda device: xrfsr.refine_registration(wrong, scan, device=resolve_device(device).type).values,
    )

    def reconstructed(**options: Any) -> Callable[[str], Array]:
        def run(device: str) -> Array:
            fine = scan.xrfsr.superresolve(rgb, 4, device=device, progress=False, **options)
            return np.asarray(fine.intensity.values)

        return run

    yield "reconstruction, one model", reconstructed(model=model)
    yield "the same, in tiles", reconstructed(model=model, chunk=max(16, size // 2))
    yield (
        "the same, lazily",
        lambda device: np.asarray(
            scan.chunk(x=16)
            .xrfsr.superresolve(
                rgb.chunk(x=64), 4, model=model, device=device, progress=False, chunk=max(16, size // 2)
            )
            .intensity.values
        ),
    )
    yield "the same, noise-aware", reconstructed(model=model, consistency="noise-aware")
    for name, options in FEW.items():
        yield name, reconstructed(method=name, projected=False, **options)
    weights = folder / "edsr.pth"
    torch.manual_seed(0)
    torch.save(EDSR(features=32, blocks=4).state_dict(), weights)
    yield "sisr (EDSR, random weights)", reconstructed(method="sisr", checkpoint=str(weights), projected=False)


def agreement(device: str, size: int) -> bool:
    """Print the differences between device and CPU, and return whether all are small enough."""
    print(f"\nLargest difference from the CPU, {size} × {size} pixels, as a share of each map's range\n")
    print("| what | difference | |\n| --- | --- | --- |")
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        for name, run in checks(size, Path(folder)):
            try:
                apart = difference(run(device), run("cpu"))
                verdict = "" if apart <= LIMIT else "too far"
                print(f"| {name} | {apart:.1e} | {verdict} |", flush=True)
            except Exception as error:
                verdict = "failed"
                print(f"| {name} | {type(error).__name__}: {str(error)[:120]} | {verdict} |", flush=True)
                traceback.print_exc()
            fine = fine and not verdict
    return fine


def trained(device: str, size: int, **settings: Any) -> None:
    """Print the PSNR of networks trained on device and CPU, and whether a second run gives the same bits."""
    made = xrfsr.simulate.painting(size, size, scale=4, seed=0, lines=xrfsr.simulate.LINES[:8])
    print(f"\nTraining and reconstruction, {size} × {size} pixels, 8 lines\n")
    print("| device | products in | PSNR, dB | s in all | twice the same bits |")
    print("| --- | --- | --- | --- | --- |")
    for place, precision in dict.fromkeys(((device, "float32"), (device, "bfloat16"), ("cpu", "float32"))):
        options = {"device": place, "precision": precision, "progress": False, **settings}
        try:
            start = time.perf_counter()
            fine = made.scan.xrfsr.superresolve(made.rgb, 4, **options)
            took = time.perf_counter() - start
            same = ""
            if place != "cpu":
                again = made.scan.xrfsr.superresolve(made.rgb, 4, **options)
                same = "yes" if np.array_equal(again.intensity, fine.intensity) else "no"
            print(f"| {place} | {precision} | {psnr(fine, made.truth):.2f} | {took:.1f} | {same} |", flush=True)
        except Exception:
            print(f"| {place} | {precision} | failed | | |", flush=True)
            traceback.print_exc()


# ----------------------------------------------------------------------------------------------------------- rates


def rates(device: torch.device, *, small: bool) -> dict[str, float]:
    """Print and return the rates of the device itself: TFLOP/s of products by number format, TB/s of copies."""
    n = 512 if small else 8192 if device.type == "cuda" else 4096
    found: dict[str, float] = {}

    def product(name: str, dtype: torch.dtype) -> None:
        a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        took = seconds(lambda: torch.mm(a, b, out=out), device, 5, 20 if device.type == "cuda" else 1)
        found[name] = 2 * n**3 / took / 1e12

    product("float32", torch.float32)
    if device.type == "cuda":
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        product("tf32", torch.float32)
        torch.set_float32_matmul_precision(before)
    product("bfloat16", torch.bfloat16)
    source = torch.randn(2**20 if small else 2**30 if device.type == "cuda" else 2**27, device=device)
    target = torch.empty_like(source)
    took = seconds(lambda: target.copy_(source), device, 5, 10)
    found["copy"] = 2 * source.nbytes / took / 1e12
    tiny = torch.zeros(16, device=device)
    found["launch"] = seconds(lambda: tiny.add_(1), device, 5, 1000)
    print(f"\nThe device itself (products of {n} × {n} matrices; copies count bytes read and written)\n")
    print("| what | rate |\n| --- | --- |")
    for name in ("float32", "tf32", "bfloat16"):
        if name in found:
            print(f"| products in {name} | {found[name]:.3g} TFLOP/s |")
    print(f"| copy | {found['copy']:.3g} TB/s |")
    print(f"| one tiny operation | {1e6 * found['launch']:.1f} µs |", flush=True)
    return found


def network(device: torch.device, pixels: int, dtype: torch.dtype, *, training: bool) -> tuple[float, float]:
    """Return the TFLOP/s of the network alone for `pixels` pixels of each member, and the seconds of one pass."""
    a = Architecture(B=12, b=9, members=3)
    random = torch.Generator(device).manual_seed(0)

    def values(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random, device=device).mul_(0.1).requires_grad_(training)

    x = values(a.members, pixels, a.channels + 1).detach()
    drive, recurrence = values(a.K, a.members, a.channels + 1, a.M), values(a.K - 1, a.members, a.M, a.M)
    dictionary, bias = values(a.members, a.M, a.channels), values(a.members, 1, a.channels)
    gradient, buffers = torch.randn(a.members, pixels, a.channels, device=device), BufferPool()

    def run() -> None:
        output = unfold(x, drive, recurrence, dictionary, bias, buffers, dtype)
        if training:
            for each in (drive, recurrence, dictionary, bias):
                each.grad = None
            output.backward(gradient)

    with torch.set_grad_enabled(training):
        took = seconds(run, device, 5, 20 if device.type == "cuda" and pixels <= 2**14 else 2)
    return a.members * pixels * operations(a, training=training) / took / 1e12, took


def networks(device: torch.device, found: dict[str, float], *, small: bool) -> None:
    """Print the rates of the network alone."""
    print("\nThe network alone, three members\n")
    print("| pixels | what | products in | ms | TFLOP/s | share of bare products |")
    print("| --- | --- | --- | --- | --- | --- |")
    for training, name in ((True, "forward and back"), (False, "forward")):
        for pixels in (1625, 2**14) if small else (1625, 2**14, 2**18):
            for dtype in (torch.float32, torch.bfloat16):
                rate, took = network(device, pixels, dtype, training=training)
                kind = str(dtype).removeprefix("torch.")
                cells = (str(pixels), name, kind, f"{1e3 * took:.2f}", f"{rate:.3g}", f"{rate / found[kind]:.1%}")
                print(f"| {' | '.join(cells)} |", flush=True)


# ----------------------------------------------------------------------------------------------------------- times


def kriging_operations(coarse: int, scale: int, channels: int) -> float:
    """Floating-point operations of guided kriging: covariances, factorisation, solution."""
    n, seen = len(OFFSETS), scale**2
    # 45 shifts of footprints, and n neighbours of each fine pixel.
    of_pairs = (45 + n) * seen**2 * (2 * channels + 8)
    return float(coarse * (of_pairs + n**3 / 3 + 2 * n**2 * (seen + 2)))


def times(device: torch.device, found: dict[str, float], sizes: tuple[tuple[int, int], ...], runs: int) -> None:
    """Print the times of all parts at every size."""
    print(f"\nTimes on {device.type}, 4 × 4 finer, median of {runs}\n")
    print("| painting | what | s | TFLOP/s | share of bare float32 products | peak memory on the device, GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    made = xrfsr.simulate.painting(sizes[0][0], sizes[0][0], scale=4, seed=0, lines=xrfsr.simulate.LINES[:12])
    made.scan.xrfsr.superresolve(made.rgb, device=device.type, steps=20, progress=False)  # warm up
    for size, lines in sizes:
        scan, rgb = mirrored(made, size, lines)
        for what, function, work in parts(scan, rgb, device.type):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            try:
                took = seconds(function, device, runs)
            except Exception:
                print(f"| {size} × {size}, {lines} lines | {what} | failed | | | |", flush=True)
                traceback.print_exc()
                continue
            memory = f"{torch.cuda.max_memory_allocated(device) / 1e9:.2f}" if device.type == "cuda" else ""
            rate = work / took / 1e12
            cells = (f"{rate:.3g}", f"{rate / found['float32']:.1%}") if work else ("", "")
            label = f"{size} × {size}, {lines} lines"
            print(f"| {label} | {what} | {took:.3f} | {' | '.join(cells)} | {memory} |", flush=True)


def parts(scan: xr.Dataset, rgb: xr.DataArray, device: str) -> Iterator[tuple[str, Callable[[], object], float]]:
    """Yield what is timed: its name, a function, and its floating-point operations, or 0 where they are unknown."""
    U, maps, photo = scan.xrfsr.downsampling(4), scan.intensity.values, rgb.values
    pixels, config = photo[0].size, TrainingConfig()
    model = scan.xrfsr.train(rgb, 4, steps=20, device=device, progress=False)
    a = model.generator.architecture
    share = 1.25 * (config.pixels or pixels)  # a quarter more, from the scan itself, for scale transfer
    work = config.steps * a.members * share * operations(a, training=True)
    yield "training", partial(scan.xrfsr.train, rgb, 4, device=device, progress=False), work
    yield "search for the place of the photo", partial(xrfsr.refine_registration, rgb, scan, device=device), 0
    guide = photo_guide([photo])(photo)
    work = kriging_operations(maps[0].size, 4, len(guide))
    yield "guided kriging, once", partial(guided_krige, maps, guide, U, device), work
    chosen = scan.sel(line=list(model.lines)).intensity.values
    other_predictions = [np.zeros((len(chosen), *U.fine.shape), np.float32)] * (config.candidates - a.members - 1)
    work = a.members * pixels * operations(a, training=False)
    yield (
        "prediction, from making its inputs on",
        partial(model.predict, chosen, photo, U, device, other_predictions),
        work,
    )
    inputs, place = inputs_of_prior(len(maps), U.coarse.shape), resolve_device(device)
    weights = sum(each.numel() for each in load_prior(place).parameters())
    yield "prior, all lines", partial(corrections, inputs, place), 2 * weights * maps.size
    whole = partial(scan.xrfsr.superresolve, rgb, 4, model=model, device=device, progress=False)
    yield "reconstruction, model given", whole, 0


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="try the program: small paintings, few steps")
    parser.add_argument("--skip", nargs="+", default=[], choices=("agreement", "training", "rates", "times", "cpu"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="the photo does not help", category=UserWarning)
    device = torch.device(arguments.device)
    small, skip = arguments.small, arguments.skip
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"{card}; torch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} threads")
    fine = True
    if "agreement" not in skip:
        fine = agreement(arguments.device, 64 if small else 256)
    if "training" not in skip:
        trained(arguments.device, 64 if small else 256, **({"steps": 50} if small else {}))
    if "rates" not in skip or "times" not in skip:
        found = rates(device, small=small)
        if "rates" not in skip:
            networks(device, found, small=small)
        if "times" not in skip:
            times(device, found, SMALL if small else SIZES, arguments.runs)
            if device.type != "cpu" and "cpu" not in skip:
                cpu = torch.device("cpu")
                times(cpu, rates(cpu, small=small), SMALL if small else SIZES, 1)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
