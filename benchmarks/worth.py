"""What each part of the method is worth, part by part against the default settings.

python benchmarks/worth.py [JOB ...] [--seeds N] [--out FOLDER]

Every figure is the PSNR over the photo-free floor in dB, pooled over maps, peak 1, in the mean over the seeds. What
held-out pixels of the scan say, without knowing the truth, stands beside it. Tables are printed as Markdown and written
to the folder, with every single run.
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
from scenes import Scene, coarser, decimated, real, simulated, thinned

# Parts of the network are told apart where nothing but the network is at work.
NETWORK: dict[str, Any] = {"along_photo": False, "along_edges": 0.0}
# And where they are as they were when these parts were chosen: two members that see a pixel of the photo alone.
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
# The default looks at 10⁷ pixels; the paper's whole image and its half scale down to 256 × 256 are 69,632 a step.
PAPER_STEPS = 10**9 // (256 * 256 + 64 * 64)


@dataclass
class Table:
    """Runs by variant and scene."""

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
        **footprint: Any,
    ) -> None:
        """One variant on one scene, for every seed."""
        rgb = scene.photo if photo is None else photo
        for seed in range(self.seeds):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = scene.scan.xrfsr.train(rgb, scene.scale, seed=seed, progress=False, **footprint, **settings)
                fine = scene.scan.xrfsr.superresolve(
                    rgb, scene.scale, model=model, consistency=consistency, **footprint
                )
            told = model.held_out_gain
            self.runs.append(
                {
                    "variant": variant,
                    "scene": scene.name,
                    "seed": seed,
                    "gain": scene.gain(fine, **footprint),
                    "worst": scene.worst(fine, **footprint),
                    "photo_gain": [float(np.nanmin(fine.photo_gain)), float(np.nanmax(fine.photo_gain))],
                    "helped": f"{int((fine.guided_share > 0).sum())} of {fine.sizes['line']}",
                    "held_out": None if np.isnan(told).all() else float(np.nanmean(told)),
                    "seconds": time.perf_counter() - start,
                }
            )
            print(json.dumps(self.runs[-1]), flush=True)

    def run_threads(self, variants: dict[str, dict[str, Any]], scenes: list[Scene], base: dict[str, Any]) -> None:
        """Every variant on every scene, with `base` where it says nothing else."""
        for variant, settings in variants.items():
            for scene in scenes:
                self.run(variant, scene, base | settings)

    def values(self, key: str, variant: str, scene: str) -> list[float]:
        """One figure of every seed."""
        found = [run[key] for run in self.runs if run["variant"] == variant and run["scene"] == scene]
        return [value for value in found if value is not None]

    def markdown(self) -> str:
        """Mean over the seeds, and between the seeds the standard deviation; what held-out pixels say below."""
        variants = list(dict.fromkeys(run["variant"] for run in self.runs))
        scenes = list(dict.fromkeys(run["scene"] for run in self.runs))
        rows = [
            f"**{self.title}** ({self.seeds} seeds)",
            "",
            f"| variant | {' | '.join(scenes)} | held-out | seconds |",
            f"| --- | {' | '.join('---' for _ in scenes)} | --- | --- |",
        ]
        for variant in variants:
            cells, told, seconds = [], [], []
            for scene in scenes:
                gains = self.values("gain", variant, scene)
                cells.append(f"{np.mean(gains):+.2f} ± {np.std(gains):.2f}" if gains else "–")
                told += self.values("held_out", variant, scene)
                seconds += self.values("seconds", variant, scene)
            held_out = f"{np.mean(told):+.2f}" if told else "–"
            rows.append(f"| {variant} | {' | '.join(cells)} | {held_out} | {np.mean(seconds):.0f} |")
        return "\n".join(rows)

    def keep(self, folder: Path, name: str) -> None:
        """Print and write."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(self.markdown() + "\n", encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps(self.runs, indent=1) + "\n", encoding="utf-8")
        print(f"\n{self.markdown()}\n", flush=True)


def parts(scenes: list[Scene], seeds: int, out: Path) -> None:
    """Ablations, and scans point by point."""
    table = Table("Parts of the method, gain over the floor in dB", seeds)
    table.run_threads(PARTS, scenes, TWO)
    table.keep(out, "parts")
    table = Table("Footprints: U as the scan was made, gain over the floor of that scan in dB", seeds)
    for scene in scenes:
        table.run("area", scene, {})
        table.run("decimate", decimated(scene), {}, footprint="decimate")
    table.keep(out, "footprints")


def views(scenes: list[Scene], seeds: int, out: Path) -> None:
    """What the surroundings of a pixel tell the network."""
    table = Table("What members see of the photo, gain over the floor in dB", seeds)
    table.run_threads(VIEWS, scenes, NETWORK)
    table.keep(out, "views")


def edges(scenes: list[Scene], seeds: int, out: Path) -> None:
    """What kriging along edges adds to the network."""
    table = Table("Kriging along edges, gain over the floor in dB", seeds)
    table.run_threads(EDGES, scenes, {})
    table.keep(out, "edges")


def controls(scenes: list[Scene], seeds: int, out: Path) -> None:
    """The true photo, a wrong one and none."""
    table = Table("Controls: gain over the floor in dB", seeds)
    for scene in scenes:
        table.run("photo", scene, {})
        table.run("photo upside down", scene, {}, scene.turned)
        table.run("grey", scene, {}, scene.grey)
    table.keep(out, "controls")


def eight(scenes: list[Scene], seeds: int, out: Path) -> None:
    """At twice the scale, with the photo and with a wrong one."""
    table = Table("At 8×, gain over the floor of that scan in dB", seeds)
    for scene in (coarser(scene, 8) for scene in scenes):
        table.run("network alone", scene, NETWORK)
        table.run("default", scene, {})
        table.run("default, photo upside down", scene, {}, scene.turned)
    table.keep(out, "eight")


def noise(scenes: list[Scene], seeds: int, out: Path) -> None:
    """A scan of a quarter of the photons, exactly consistent and noise-aware, over the floor of that scan."""
    table = Table("A quarter of the photons, gain over the floor of that scan in dB", seeds)
    for scene in scenes:
        if "amnh" in scene.name:
            for case in (scene, thinned(scene, 0.25)):
                for consistency in ("exact", "noise-aware"):
                    table.run(consistency, case, {}, consistency=consistency)
    table.keep(out, "noise")


def adversarial(scenes: list[Scene], seeds: int, out: Path) -> None:
    """With the adversarial stage, and with as many steps without its term."""
    table = Table("Adversarial stage, gain over the floor in dB", seeds)
    table.run_threads(ADVERSARIAL, scenes[:2] + scenes[3:5], NETWORK)
    table.keep(out, "adversarial")


def paper(scenes: list[Scene], seeds: int, out: Path) -> None:
    """The paper's schedule stopped at 10⁹ pixels against the default at 10⁷, on the simulated painting."""
    table = Table("Default against the paper's schedule, gain over the floor in dB", 1)
    table.run("default, 10⁷ pixels", scenes[0], {})
    settings = {"preset": "paper", "steps": PAPER_STEPS, "adversarial_steps": 0}
    table.run("paper, 10⁹ pixels", scenes[0], settings)
    table.keep(out, "paper")


def main() -> None:
    """Run what is asked for, or everything."""
    jobs = {
        "parts": parts,
        "views": views,
        "edges": edges,
        "controls": controls,
        "eight": eight,
        "noise": noise,
        "adversarial": adversarial,
        "paper": paper,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(jobs)} (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder to write to (default: %(default)s)")
    options = parser.parse_args()
    if unknown := [name for name in options.jobs if name not in jobs]:
        parser.error(f"{', '.join(unknown)}: accepted are {', '.join(jobs)}")
    scenes = [simulated(seed) for seed in range(3)] + list(real())
    for name in options.jobs or jobs:
        jobs[name](scenes, options.seeds, options.out)


if __name__ == "__main__":
    main()
