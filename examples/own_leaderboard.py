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
# # Which method is best for my scan?
#
# The best method for one painting may not be the best for another. This notebook compares several methods on one scan,
# without knowing the true fine maps: the scan is made four times coarser, every method restores it, and the result is
# compared with the scan (the reduced-resolution protocol of Wald). Then it tests whether the differences are larger
# than chance. It needs `pip install "xrfsr[plot]"`.

# %% tags=["parameters"]
import xrfsr

LINES = ["Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L"]
_, scan, rgb = xrfsr.simulate.painting(height=256, width=256, scale=4, seed=5, lines=LINES)
METHODS = ["unfolding", "ssr", "guided_filter", "guided_diffusion", "gsa", "kriging", "bicubic", "bilinear"]
SETTINGS = {"unfolding": {"steps": 120}}  # a short training, to be quick; use {} for your own scan

# %% [markdown]
# With your own files, replace the simulated painting by `scan = xrfsr.open_scan(...)` and
# `rgb = xrfsr.register(...).photo`. The scan needs at least 32 × 32 pixels for a scale of 4.

# %%
rows, columns = scan.sizes["y"], scan.sizes["x"]
print(f"The scan has {rows} × {columns} pixels; the methods get {rows // 4} × {columns // 4}.")
rgb.xrfsr.plot();

# %% [markdown]
# ## All methods once

# %%
compared = scan.xrfsr.compare(rgb, scale=4, methods=METHODS, settings=SETTINGS)
xrfsr.plot.comparison(compared);

# %% [markdown]
# PSNR is the error in decibels: +3 dB means half the squared error. The maps of the scan contain noise, which no method
# could restore; `psnr_corrected` is the PSNR without this noise. SSIM is 1 if structures look the same. An edge
# sharpness of 1 means edges as sharp as those of the scan, a smaller value blurred edges.

# %%
import pandas as pd

table = pd.DataFrame(
    {
        "PSNR, dB": compared["pooled"].sel(metric="psnr").to_series(),
        "without noise, dB": compared["pooled"].sel(metric="psnr_corrected").to_series(),
        "SSIM": compared["ssim"].median("line").to_series(),
        "edge sharpness": compared["edge_sharpness"].median("line").to_series(),
        "seconds": compared["seconds"].to_series(),
    }
)
table.sort_values("PSNR, dB", ascending=False).round(2)

# %% [markdown]
# The best method may differ from line to line. `score` contains the PSNR of each line:

# %%
score = compared["score"].sel(metric="psnr").to_pandas()
score.loc[table["PSNR, dB"].sort_values(ascending=False).index].round(1)

# %% [markdown]
# ## Is the difference larger than chance?
#
# Some methods are trained, and begin with random numbers. Runs with other seeds show how much of a result is chance.
# Methods without random numbers give the same result every time.

# %%
import xarray as xr

SEEDS = [0, 1, 2]
options = {"scale": 4, "methods": METHODS, "settings": SETTINGS}
runs = [compared, *(scan.xrfsr.compare(rgb, seed=seed, **options) for seed in SEEDS[1:])]
pooled = xr.concat([run["pooled"].sel(metric="psnr") for run in runs], xr.Variable("seed", SEEDS))
spread = pd.DataFrame(
    {
        "mean": pooled.mean("seed").to_series(),
        "lowest": pooled.min("seed").to_series(),
        "highest": pooled.max("seed").to_series(),
    }
).sort_values("mean", ascending=False)
spread.round(2)

# %%
first, second = spread.index[:2]
lead = pooled.sel(algorithm=first) - pooled.sel(algorithm=second)
print(f"{first} leads {second} by {float(lead.min()):.2f} to {float(lead.max()):.2f} dB")

# %% [markdown]
# The seed is one source of chance; the choice of the area is another, and usually a larger one. Here each method is
# measured in four quarters of the scan, as its gain over `kriging`, which uses no photo. The quarters are small, so a
# warning may say that the photo does not help some of their maps. A method that leads in all quarters is a safer choice
# than one that leads only in the mean.

# %%
from itertools import product

import matplotlib.pyplot as plt

quarters = [scan.isel(y=slice(top, top + 32), x=slice(left, left + 32)) for top, left in product((0, 32), (0, 32))]
few = ["unfolding", "guided_filter", "guided_diffusion", "gsa", "kriging"]
each = [quarter.xrfsr.compare(rgb, scale=4, methods=few, settings=SETTINGS) for quarter in quarters]
gain = xr.concat([one["pooled"].sel(metric="psnr") for one in each], "quarter")
gain = gain - gain.sel(algorithm="kriging", drop=True)

figure, ax = plt.subplots(figsize=(5.5, 0.4 * len(few) + 0.8), layout="constrained")
order = gain.mean("quarter").to_series().sort_values().index
for height, name in enumerate(order):
    values = gain.sel(algorithm=name)
    ax.plot(values, [height] * len(values), "o", color="#0072B2", alpha=0.7)
    ax.plot(values.mean(), height, "|", color="#D55E00", markersize=16, markeredgewidth=2)
ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
ax.set_yticks(range(len(order)), order)
ax.set_xlabel("gain over kriging in dB: ● each quarter, | their mean")
for side in ("top", "right"):
    ax.spines[side].set_visible(False)

# %% [markdown]
# ## One method in detail
#
# `evaluate` makes the same test with one method and any of its options. Its result has one value for each line.

# %%
found = scan.xrfsr.evaluate(rgb, scale=4, method=first, **SETTINGS.get(first, {}))
details = found[["psnr", "ssim", "edge_sharpness"]]
details.to_pandas()[["psnr", "ssim", "edge_sharpness"]].round(2)

# %% [markdown]
# The figures hold for detail of the size of scan pixels. Finer detail may be easier or harder to restore, so take the
# ranking as advice, not as proof.
