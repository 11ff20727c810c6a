"""Leaderboard: every method on every scene with known truth, in the layout of the paper's Table I.

python benchmarks/leaderboard.py [--out docs/research/leaderboard.md] [--checkpoint WEIGHTS] [METHOD ...]

The tables are written as Markdown between two marks of the page.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from memory import peak_memory
from scenes import Scene, psnr, real, simulated

import xrfsr  # noqa: F401 - gives the accessor
from xrfsr.methods import get
from xrfsr.methods import names as known_methods
from xrfsr.methods.common.spectral_response import response

# Methods in the order of Table I; others follow.
ORDER = ("sisr", "cstf", "cms", "lttr", "ssr", "ssrcu", "unfolding")
CONSISTENT = ("kriging", "unfolding")  # consistent by themselves
PAPER = "unfolding, prior=False"  # nothing learned beforehand
MIXED = ("cstf", "lttr", "cms")  # assume that the photo is R times the maps
BEGIN, END = "<!-- measured: written by nox -s leaderboard -->", "<!-- end of what was measured -->"


def scenes() -> Iterator[Scene]:
    """Yield two simulated paintings, and the real scans if their files are available."""
    for seed in (0, 1):
        yield simulated(seed)
    yield from real()


def measured(scene: Scene, names: list[str], settings: dict[str, dict[str, Any]]) -> list[xr.Dataset]:
    """Return two comparisons: all methods without the projection, and all with it."""
    truth = scene.true_maps

    def compared(name: str, label: str = "", **changed: bool) -> xr.Dataset:
        each = {name: settings.get(name, {}) | changed}
        with warnings.catch_warnings(), peak_memory() as held:
            warnings.simplefilter("ignore")
            made: xr.Dataset = scene.scan.xrfsr.compare(
                scene.photo, scene.scale, methods=[name], truth=truth, settings=each, progress=False
            )
        return made.assign(memory=("algorithm", held)).assign_coords(algorithm=[label or name])

    consistent = [compared(name) for name in names if name in CONSISTENT]
    if PAPER in names:
        consistent.append(compared("unfolding", PAPER, prior=False))
    others = [name for name in names if name not in (*CONSISTENT, PAPER)]
    both = [[compared(name, projected=projected) for name in others] for projected in (False, True)]
    return [xr.concat([*made, *consistent], "algorithm").sel(algorithm=names) for made in both]


def table(names: list[str], rows: dict[str, list[xr.Dataset]]) -> list[str]:
    """Return a table with scenes and metrics as rows and methods as columns; the best is bold."""
    if not names:
        return []
    lines = [f"| scene | | {' | '.join(names)} |", f"| --- | --- |{' --- |' * len(names)}"]
    for scene, (plain, projected) in rows.items():
        for label, made, metric, digits in (
            ("RMSE", plain, "rmse", 4),
            ("PSNR", plain, "psnr", 2),
            ("PSNR, projected", projected, "psnr", 2),
            ("PSNR, projected, without noise", projected, "psnr_corrected", 2),
        ):
            values = made.pooled.sel(metric=metric, algorithm=names).values
            if metric == "psnr_corrected" and not (made.truth_noise > 0).any():
                continue  # unknown, or the same as above
            if np.isnan(values).all():
                continue
            top = np.nanargmin(values) if metric == "rmse" else np.nanargmax(values)
            cells = [
                "–" if np.isnan(value) else f"**{value:.{digits}f}**" if i == top else f"{value:.{digits}f}"
                for i, value in enumerate(values)
            ]
            lines.append(f"| {scene} | {label} | {' | '.join(cells)} |")
            scene = ""
    return lines


def noise_table(names: list[str], rows: dict[str, list[xr.Dataset]]) -> list[str]:
    """Return a table of the noise of the true maps, and what it takes from the PSNR of some methods."""
    shown = [name for name in ("kriging", PAPER, "unfolding") if name in names]
    lines = [
        f"| scene | noise known of | ceiling, dB | {' | '.join(f'{name}, dB' for name in shown)} |",
        f"| --- | --- | --- |{' --- |' * len(shown)}",
    ]
    for scene, (_, made) in rows.items():
        sigma = made.truth_noise.values  # the peak of the maps is one
        known = np.isfinite(sigma)
        variance = np.nansum(sigma**2) / len(sigma)
        ceiling = "none" if variance == 0 and known.all() else f"{-10 * np.log10(variance):.1f}" if variance else "–"
        bound = "≤ " if known.any() and not known.all() else ""
        cells = []
        for name in shown:
            plain, corrected = made.pooled.sel(algorithm=name, metric=["psnr", "psnr_corrected"]).values
            cells.append(f"{plain:.2f} → {f'{corrected:.2f}' if known.any() and np.isfinite(corrected) else '–'}")
        lines.append(f"| {scene} | {known.sum()} of {len(sigma)} maps | {bound}{ceiling} | {' | '.join(cells)} |")
    return lines


def mixture(scene: Scene) -> str:
    """Return a table row: the share of the photo that R Y leaves unexplained, and PSNR with the photo and with R Y."""
    lines, bands = len(scene.truth), scene.photo.sizes["band"]
    low = scene.scan.intensity.values.reshape(lines, -1).astype(np.float64)
    image = scene.scan.xrfsr.downsampling(scene.scale)(scene.photo.values.astype(np.float64)).reshape(bands, -1)
    R = response(low, image)
    left = image - R[:, :-1] @ low - R[:, -1:]
    share = left.var() / (image - image.mean(axis=1, keepdims=True)).var()
    mixed = np.tensordot(R[:, :-1], scene.truth, axes=1) + R[:, -1][:, None, None]
    photos = scene.photo, scene.photo.copy(data=np.clip(mixed, 0, 1).astype(np.float32))
    cells = []
    for name in MIXED:
        found = [scene.scan.xrfsr.superresolve(photo, scene.scale, method=name, progress=False) for photo in photos]
        cells.append(" → ".join(f"{psnr(fine.intensity.values, scene.truth):.2f}" for fine in found))
    return f"| {scene.name} | {share:.0%} | {' | '.join(cells)} |"


def main() -> None:
    """Measure all methods and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", help="methods to measure (default: all that can run)")
    parser.add_argument("--out", type=Path, default=Path("docs/research/leaderboard.md"))
    parser.add_argument("--checkpoint", help="weights of a single-image network")
    arguments = parser.parse_args()
    settings: dict[str, dict[str, Any]] = {"sisr": {"checkpoint": arguments.checkpoint}} if arguments.checkpoint else {}
    names = arguments.methods or [
        name for name in known_methods() if not get(name).Options.required() or arguments.checkpoint
    ]
    names += [PAPER] * ("unfolding" in names)
    names = [name for name in ORDER if name in names] + [name for name in names if name not in ORDER]
    rows: dict[str, list[xr.Dataset]] = {}
    for scene in scenes():
        print(scene.name, flush=True)
        rows[scene.name] = measured(scene, names, settings)
        for made in rows[scene.name]:
            print(made.pooled.sel(metric="psnr").to_series().to_string(), flush=True)
    first = [name for name in names if name in (*ORDER, PAPER)]
    others = [name for name in names if name not in first] + ["unfolding"] * ("unfolding" in names)
    costs = next(iter(rows.values()))[1]
    text = [
        BEGIN,
        "",
        *table(first, rows),
        "",
        *table(others, rows),
        "",
        "Noise of the true maps: PSNR of maps without noise against them (the ceiling), and PSNR → PSNR without noise.",
        "",
        *noise_table(names, rows),
        "",
        "| 256 × 256, 13 lines | seconds | MB |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {costs.seconds.sel(algorithm=name):.1f} | {costs.memory.sel(algorithm=name):.0f} |"
            for name in names
        ),
        "",
        "Cost of assuming Z = R Y: PSNR in dB, projected, with the photo → with a photo that is R times the true maps.",
        "",
        f"| scene | photo unexplained by R Y | {' | '.join(MIXED)} |",
        "| --- | --- | --- | --- | --- |",
        *(mixture(scene) for scene in scenes()),
        "",
        END,
    ]
    page = arguments.out.read_text("utf-8") if arguments.out.exists() else f"{BEGIN}\n{END}\n"
    head, _, rest = page.partition(BEGIN)
    arguments.out.write_text(head + "\n".join(text) + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
