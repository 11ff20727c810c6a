"""Contribution of each part of the method, compared with the default settings.

python benchmarks/worth.py [JOB ...] [--seeds N] [--out FOLDER]

Every figure is the PSNR minus that of the kriging baseline in dB, pooled over maps, peak 1, averaged over the seeds; in
brackets the same without the noise of the true maps, where they have noise that is known.
The column "held-out" is the gain on held-out pixels of the scan, which needs no truth. Tables are printed as Markdown
and written to the folder, with every single run.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scenes import Scene, coarser, decimated, real, simulated, thinned

# Settings of the network alone, without kriging along edges, to compare parts of the network.
NETWORK: dict[str, Any] = {"along_photo": False, "along_edges": 0.0}
# Settings with which these parts were chosen: two members that use single pixels of the photo.
TWO = NETWORK | {"inputs": ("leave-out",) * 2, "views": "pixel", "transfer": (0.05, 1.0), "pixels": 2000}
PARTS: dict[str, dict[str, Any]] = {
    "network alone": {},
    "one member, little transfer": {"inputs": ("leave-out",), "transfer": 0.05},
    "one member, much transfer": {"inputs": ("leave-out",), "transfer": 1.0},
    "no scale transfer": {"transfer": 0.0},
    "bilinear input": {"inputs": ("bilinear", "bilinear")},
    "always left out (mixing 0)": {"mixing": 0.0},
    "zero blocks in D": {"zero_blocks": True},
    "sigmoid at the end": {"final_sigmoid": "always"},
    "weights below one": {"weight_limit": 1.0},
    "no photo reconstruction (α₁ = 0)": {"alpha_1": 0.0},
    "K = 1": {"K": 1},
    "K = 3": {"K": 3},
    "K = 8": {"K": 8},
    "M = 32": {"M": 32},
    "M = 128": {"M": 128},
    "products in float32": {"precision": "float32"},
}
MOVED = 0.5, -1.5  # fine pixels downwards and to the right
VIEWS: dict[str, dict[str, Any]] = {
    "as by default": {},
    "the pixel alone": {"views": "pixel"},
    "sharp": {"views": "sharp"},
    "soft": {"views": "soft"},
}
EDGES: dict[str, dict[str, Any]] = {
    "network alone": NETWORK,
    "with kriging along the photo": {"along_edges": 0.0},
    "with kriging along the edges of all maps": {"along_photo": False},
    "both (default)": {},
    "nothing but kriging along edges": {"along_edges": 1.0},
}
ADVERSARIAL: dict[str, dict[str, Any]] = {
    "pretraining alone": {},
    "500 more steps, α₂ = 0": {"adversarial_steps": 500, "alpha_2": 0.0},
    "adversarial stage, α₂ = 0.5e-6 (paper)": {"adversarial_steps": 500},
    "adversarial stage, α₂ = 0.5e-3": {"adversarial_steps": 500, "alpha_2": 0.5e-3},
}
# A step of the paper uses the whole image and the scan, 69,632 pixels at 256 × 256.
PAPER_STEPS = 10**9 // (256 * 256 + 64 * 64)


def corrected(scene: Scene, fine: xr.Dataset, **footprint: Any) -> float | None:
    """Return the gain without the noise of the true maps; None if they have none, or if it is unknown."""
    if not (scene.noise.sigma > 0).any():
        return None
    gain = scene.corrected_gain(fine, **footprint)
    return gain if np.isfinite(gain) else None


@dataclass
class Table:
    """Table of runs by variant and scene."""

    title: str
    seeds: int
    runs: list[dict[str, Any]] = field(default_factory=list)

    def run(
        self,
        variant: str,
        scene: Scene,
        settings: dict[str, Any],
        photo: Any = None,
        consistency: str = "exact",
        refine: str | None = "shift",
        prior: bool = True,
        **footprint: Any,
    ) -> None:
        """Run one variant on one scene, for every seed."""
        rgb = scene.photo if photo is None else photo
        place: dict[str, Any] = {"refine": refine, **footprint}
        for seed in range(self.seeds):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = scene.scan.xrfsr.train(rgb, scene.scale, seed=seed, progress=False, **place, **settings)
                made: dict[str, Any] = {"model": model, "consistency": consistency, "prior": prior}
                fine = scene.scan.xrfsr.superresolve(rgb, scene.scale, **made, **place)
            held_out = model.held_out_gain
            self.runs.append(
                {
                    "variant": variant,
                    "scene": scene.name,
                    "seed": seed,
                    "gain": scene.gain(fine, **footprint),
                    "corrected": corrected(scene, fine, **footprint),
                    "worst": scene.worst(fine, **footprint),
                    "photo_gain": [float(np.nanmin(fine.photo_gain)), float(np.nanmax(fine.photo_gain))],
                    "helped": f"{int((fine.guided_share > 0).sum())} of {fine.sizes['line']}",
                    "held_out": None if np.isnan(held_out).all() else float(np.nanmean(held_out)),
                    "seconds": time.perf_counter() - start,
                }
            )
            print(json.dumps(self.runs[-1]), flush=True)

    def run_threads(self, variants: dict[str, dict[str, Any]], scenes: list[Scene], base: dict[str, Any]) -> None:
        """Run every variant on every scene, with the settings of `base` that it does not change, without the prior."""
        for variant, settings in variants.items():
            for scene in scenes:
                self.run(variant, scene, base | settings, prior=False)

    def values(self, key: str, variant: str, scene: str) -> list[float]:
        """Return one figure for every seed."""
        found = [run[key] for run in self.runs if run["variant"] == variant and run["scene"] == scene]
        return [value for value in found if value is not None]

    def markdown(self) -> str:
        """Return a Markdown table: means and standard deviations over the seeds, and the gain on held-out pixels."""
        variants = list(dict.fromkeys(run["variant"] for run in self.runs))
        scenes = list(dict.fromkeys(run["scene"] for run in self.runs))
        rows = [
            f"**{self.title}** ({self.seeds} seeds)",
            "",
            f"| variant | {' | '.join(scenes)} | held-out | seconds |",
            f"| --- | {' | '.join('---' for _ in scenes)} | --- | --- |",
        ]
        for variant in variants:
            cells, held_out, seconds = [], [], []
            for scene in scenes:
                gains, others = (self.values(key, variant, scene) for key in ("gain", "corrected"))
                without = f" ({np.mean(others):+.2f})" if others else ""
                cells.append(f"{np.mean(gains):+.2f} ± {np.std(gains):.2f}{without}" if gains else "–")
                held_out += self.values("held_out", variant, scene)
                seconds += self.values("seconds", variant, scene)
            mean = f"{np.mean(held_out):+.2f}" if held_out else "–"
            rows.append(f"| {variant} | {' | '.join(cells)} | {mean} | {np.mean(seconds):.0f} |")
        return "\n".join(rows)

    def keep(self, folder: Path, name: str) -> None:
        """Print the table, and write it with its runs."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(self.markdown() + "\n", encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps(self.runs, indent=1) + "\n", encoding="utf-8")
        print(f"\n{self.markdown()}\n", flush=True)


def parts(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare parts of the network, and scans point by point."""
    table = Table("Parts of the method, gain over the baseline in dB", seeds)
    table.run_threads(PARTS, scenes, TWO)
    table.keep(out, "parts")
    table = Table("Footprints: U as the scan was made, gain over the baseline of that scan in dB", seeds)
    for scene in scenes:
        table.run("area", scene, {})
        table.run("decimate", decimated(scene), {}, footprint="decimate")
    table.keep(out, "footprints")


def views(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare neighbourhoods of a pixel as input of the network."""
    table = Table("Views of the photo, gain over the baseline in dB", seeds)
    table.run_threads(VIEWS, scenes, NETWORK)
    table.keep(out, "views")


def edges(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare the network with and without kriging along edges."""
    table = Table("Kriging along edges, gain over the baseline in dB", seeds)
    table.run_threads(EDGES, scenes, {})
    table.keep(out, "edges")


def controls(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare the true photo, a wrong photo and a grey one, with and without the prior."""
    table = Table("Controls: gain over the baseline in dB", seeds)
    for scene in scenes:
        for name, photo in (("photo", scene.photo), ("photo upside down", scene.turned), ("grey", scene.grey)):
            table.run(f"{name}, without the prior", scene, {}, photo, prior=False)
            table.run(f"{name}, with it", scene, {}, photo)
    table.keep(out, "controls")


def placement(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare the photo as registered and moved on purpose, with and without refinement."""
    table = Table("The place of the photo: gain over the baseline in dB", seeds)
    for scene in scenes:
        photos = {
            "as supplied": scene.photo,
            "moved": scene.displaced(*MOVED),
            "moved and resampled": scene.moved(*MOVED),
        }
        for name, photo in photos.items():
            table.run(f"{name}, left there", scene, {}, photo, refine=None)
            table.run(f"{name}, refined", scene, {}, photo)
    table.keep(out, "placement")


def eight(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Measure at twice the scale, with the photo and with a wrong one."""
    table = Table("At 8×, gain over the baseline of that scan in dB", seeds)
    for scene in (coarser(scene, 8) for scene in scenes):
        table.run("network alone", scene, NETWORK, prior=False)
        table.run("without the prior", scene, {}, prior=False)
        table.run("default", scene, {})
        table.run("default, photo upside down", scene, {}, scene.turned)
    table.keep(out, "eight")


def noise(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare exactly consistent and noise-aware results on a scan with a quarter of the photons."""
    table = Table("A quarter of the photons, gain over the baseline of that scan in dB", seeds)
    for scene in scenes:
        if "amnh" in scene.name:
            for case in (scene, thinned(scene, 0.25)):
                for consistency in ("exact", "noise-aware"):
                    table.run(consistency, case, {}, consistency=consistency)
    table.keep(out, "noise")


def adversarial(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare the adversarial stage with as many steps without its term."""
    table = Table("Adversarial stage, gain over the baseline in dB", seeds)
    table.run_threads(ADVERSARIAL, scenes[:2] + scenes[3:5], NETWORK)
    table.keep(out, "adversarial")


def paper(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Compare the paper's schedule, stopped at 10⁹ pixels, with the default, on a simulated painting."""
    table = Table("Default and the paper's schedule, gain over the baseline in dB", 1)
    table.run("default", scenes[0], {}, prior=False)
    settings = {"preset": "paper", "steps": PAPER_STEPS, "adversarial_steps": 0}
    table.run("paper, 10⁹ pixels", scenes[0], settings, prior=False)
    table.keep(out, "paper")


def main() -> None:
    """Run the requested jobs, or all."""
    jobs = {
        "parts": parts,
        "views": views,
        "edges": edges,
        "controls": controls,
        "placement": placement,
        "eight": eight,
        "noise": noise,
        "adversarial": adversarial,
        "paper": paper,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"one or more of {', '.join(jobs)} (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs of each (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder to write to (default: %(default)s)")
    options = parser.parse_args()
    if unknown := [name for name in options.jobs if name not in jobs]:
        parser.error(f"a job must be one of {', '.join(jobs)}, got {', '.join(unknown)}")
    scenes = [simulated(seed) for seed in range(3)] + list(real())
    for name in options.jobs or jobs:
        jobs[name](scenes, options.seeds, options.out)


if __name__ == "__main__":
    main()
