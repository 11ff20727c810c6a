# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A method of your own, in thirty lines of torch
#
# You can compare a new idea for fine maps with the methods of xrfsr without changing xrfsr: write it as a class in a
# package of your own. This notebook writes a method with a small neural network, registers it, runs it, and compares
# it. It needs `pip install "xrfsr[plot]"`.
#
# ## The idea
#
# One small network gets the colour and the position of every fine pixel, and returns the intensities of all lines.
# Averaged over scan pixels, these intensities must equal the scan. `problem.U` computes this average. It is a linear
# operator that accepts torch tensors and passes gradients on, so that the network can be trained on the scan alone.

# %%
from pathlib import Path

PACKAGE = Path("my_methods")
PACKAGE.mkdir(exist_ok=True)
SOURCE = '''
"""A field: a small network from colour and place to the intensities of all lines, trained on the scan alone."""

from dataclasses import dataclass

import numpy as np
import torch

from xrfsr.methods import FusionMethod, FusionOptions, setting


@dataclass(frozen=True, kw_only=True)
class FieldOptions(FusionOptions):
    """Options of `Field`: default, smallest and largest accepted value of each."""

    width: int = setting(64, 4, 1024)
    steps: int = setting(300, 1, 100_000)


class Field(FusionMethod[FieldOptions]):
    """Fit ``U(network(colour, place)) = scan``."""

    name = "field"
    Options = FieldOptions

    def estimate(self, problem, options, run):
        torch.manual_seed(run.seed)
        scan, photo = (torch.as_tensor(each, dtype=torch.float32) for each in (problem.scan, problem.photo))
        peak = scan.amax((1, 2), keepdim=True).clamp(min=1e-6)
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in photo.shape[1:]), indexing="ij")
        colour = (photo - photo.mean((1, 2), keepdim=True)) / photo.std((1, 2), keepdim=True).clamp(min=1e-6)
        place = torch.stack([wave(k * each) for k in (1, 2, 4) for each in (y, x) for wave in (torch.sin, torch.cos)])
        pixels = torch.cat([colour, place]).flatten(1).T
        network = torch.nn.Sequential(
            torch.nn.Linear(pixels.shape[1], options.width), torch.nn.GELU(),
            torch.nn.Linear(options.width, options.width), torch.nn.GELU(),
            torch.nn.Linear(options.width, len(scan)), torch.nn.Softplus(),
        )
        measured = torch.as_tensor(problem.training_mask)
        optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
        for _ in range(options.steps):
            maps = network(pixels).T.reshape(-1, *photo.shape[1:])
            loss = ((problem.U(maps) - scan / peak)[measured] ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (maps * peak).detach().numpy().astype(np.float32)
'''
(PACKAGE / "field.py").write_text(SOURCE, encoding="utf-8");

# %% [markdown]
# `FusionMethod` does the rest: missing pixels are filled before and masked afterwards, maps that a photo cannot guide
# are interpolated, and the result is projected so that it averages back to the scan and has no negative values.
# ## Register it
#
# Name the method in the `pyproject.toml` of your package, with its name on the left:
#
# ```toml
# [project]
# name = "my-methods"
# version = "0.1"
#
# [project.entry-points."xrfsr.methods"]
# field = "field:Field"
# ```
#
# `pip install -e .` then writes this entry point next to the package, where xrfsr finds it. This notebook has no
# package to install, so it writes the two files that pip would write:

# %%
import sys

installed = PACKAGE / "my_methods-0.1.dist-info"
installed.mkdir(exist_ok=True)
(installed / "METADATA").write_text("Metadata-Version: 2.1\nName: my-methods\nVersion: 0.1\n", encoding="utf-8")
(installed / "entry_points.txt").write_text("[xrfsr.methods]\nfield = field:Field\n", encoding="utf-8")
sys.path.insert(0, str(PACKAGE.resolve()))

# %%
from xrfsr.methods import registry

print(*registry.names(), sep=", ")

# %% [markdown]
# ## Run it
#
# The new method works like all others: its options are checked, and the record of the result names it.

# %%
import xrfsr

LINES = ["Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L"]
truth, scan, rgb = xrfsr.simulate.painting(height=96, width=96, scale=4, seed=1, lines=LINES)
fine = scan.xrfsr.superresolve(rgb, scale=4, method="field")
print("method:", fine.attrs["xrfsr_method"])
print("options:", fine.attrs["xrfsr_options"])

# %%
baseline = scan.xrfsr.superresolve(scale=4, method="kriging")
titles = ["Scan", "Baseline", "Our method", "Truth"]
scan.xrfsr.plot.compare(baseline, fine, truth, line="Hg-L", titles=titles);

# %% [markdown]
# Wrong options are refused before any work is done, and the message lists what is accepted:

# %%
try:
    scan.xrfsr.superresolve(rgb, scale=4, method="field", widht=32, steps=0)
except xrfsr.InvalidInput as error:
    print(error)

# %% [markdown]
# ## Is it better than the baseline?
#
# `kriging` is the baseline, which uses no photo. Here the true maps are known; without `truth=`, the methods would get
# a coarser scan, and the scan itself would serve as the truth. `unfolding` is the default method of xrfsr, here with a
# short training, to be quick.

# %%
compared = scan.xrfsr.compare(
    rgb,
    scale=4,
    truth=truth,
    methods=["field", "kriging", "guided_filter", "unfolding"],
    settings={"unfolding": {"steps": 200}},
)
xrfsr.plot.comparison(compared);

# %%
psnr = compared["pooled"].sel(metric="psnr")
for name in ("kriging", "unfolding"):
    print(f"field against {name}: {float(psnr.sel(algorithm='field') - psnr.sel(algorithm=name)):+.2f} dB")

# %% [markdown]
# One painting and one seed prove little. Runs with other seeds show how much of the gain is chance:

# %%
others = [scan.xrfsr.superresolve(rgb, scale=4, method="field", seed=seed) for seed in (1, 2)]
reference = baseline.xrfsr.quality(truth)
gains = [float(other.xrfsr.quality(truth).pooled_psnr - reference.pooled_psnr) for other in (fine, *others)]
print("over the baseline, for three seeds:", ", ".join(f"{gain:+.2f} dB" for gain in gains))

# %% [markdown]
# As a control, turn the photo upside down: a method that uses its colours then loses its gain. `unfolding` detects that
# the photo does not fit and stops using it; our thirty lines do not.

# %%
turned = rgb.copy(data=rgb.values[:, ::-1, ::-1])
wrong = scan.xrfsr.superresolve(turned, scale=4, method="field", refine=None).xrfsr.quality(truth)
print(f"with the photo upside down: {float(wrong.pooled_psnr - reference.pooled_psnr):+.2f} dB over the baseline")

# %% [markdown]
# The page "Adding a method" of the documentation describes large paintings (`halo`), methods that are trained once for
# many tiles (`prepare`), and the arguments of `estimate`.
