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
# # What to believe in a fine map
#
# Detail within the pixels of a scan is inferred, not measured. This notebook shows how to find out which details are
# reliable: by the uncertainty of values, the support of the photo, agreement with the scan, a test on the scan itself,
# and a wrong photo as a control. The painting is simulated, so that every answer can be compared with the true maps.
# All tests except those with `painting.truth` work in the same way on your own scan. It needs
# `pip install "xrfsr[plot,report]"`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

import xrfsr

LINES = ["Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L"]
painting = xrfsr.simulate.painting(height=128, width=128, scale=4, seed=3, lines=LINES)
scan = painting.scan

# %% [markdown]
# ## A trap: a word that only the photo shows
#
# Somebody has written a date on the photo. There is no paint below it, so no element map should show it.

# %%
picture = Image.new("L", (128, 128), 0)
ImageDraw.Draw(picture).text((8, 6), "1642", fill=255, font=ImageFont.load_default(size=22))
word = xr.DataArray(np.asarray(picture) / 255, {"y": painting.rgb["y"], "x": painting.rgb["x"]}, ["y", "x"])
rgb = (painting.rgb * (1 - word) + 0.95 * word).transpose("band", "y", "x").astype("float32")
rgb.attrs = painting.rgb.attrs
rgb.xrfsr.plot();

# %%
fine = scan.xrfsr.superresolve(rgb, scale=4, uncertainty=True)
fine.xrfsr.plot(columns=3);

# %% [markdown]
# ## Does the photo help, line by line?
#
# `photo_gain` is in decibels: each scan pixel is hidden and predicted from its neighbours, once along the edges of the
# photo and once without it. At 0 dB the photo is of no use; at +3 dB the squared error is half as large. `guided_share`
# is the weight of the estimates that use the photo: at 0 the map is made without it.

# %%
fine[["photo_gain", "guided_share"]].to_pandas()[["photo_gain", "guided_share"]].round(2)

# %% [markdown]
# ## How wrong may a value be?
#
# `uncertainty` is one standard deviation of each value. Nine of ten values should be wrong by less than 1.645 standard
# deviations:

# %%
error = abs(fine["intensity"] - painting.truth["intensity"])
covered = (error < 1.645 * fine["uncertainty"]).mean(("y", "x"))
covered.to_series().rename("share of values within 1.645 standard deviations").round(2)

# %%
fine.xrfsr.plot.uncertainty(columns=3);

# %% [markdown]
# The uncertainty also shows where an element is certainly present. Within the white contour, mercury is more than three
# standard deviations above zero.

# %%
there = (fine["intensity"] > 3 * fine["uncertainty"]).sel(line="Hg-L")
print(f"mercury is significant in {float(there.mean()):.0%} of the pixels")
ax = fine.xrfsr.plot("Hg-L")
ax.contour(there["x"], there["y"], there, [0.5], colors="white", linewidths=0.7);

# %% [markdown]
# ## Does the scan confirm the detail?
#
# `photo_support` is near 1 where, in the neighbourhood, the map changes when the photo changes between the same
# colours. It is near 0 where only the photo changes.

# %%
fine.xrfsr.plot.support(columns=3);

# %% [markdown]
# Did the date get into the maps, and does a low support warn of it? To find out, the maps are computed once more, with
# the photo without the date. The first two columns of the table are the mean error of each map within the date, in
# standard deviations, and the error at the same position without the date. Their difference is the effect of the date
# on the maps; if it is far below one, the uncertainty covers it. The other columns are the mean support within the date
# and, for comparison, at the strongest edges of the true map.

# %%
clean = scan.xrfsr.superresolve(painting.rgb, scale=4)
inside = word > 0.5
steep = xr.apply_ufunc(lambda a: np.hypot(*np.gradient(a, axis=(-2, -1))), painting.truth["intensity"])
edges = steep > steep.quantile(0.95, ("y", "x"))
before = abs(clean["intensity"] - painting.truth["intensity"])
columns = {
    "error in the date": (error / fine["uncertainty"]).where(inside),
    "error without it": (before / fine["uncertainty"]).where(inside),
    "support in the date": fine["photo_support"].where(inside),
    "support at true edges": fine["photo_support"].where(edges & ~inside),
}
table = pd.DataFrame({name: values.mean(("y", "x")).to_series() for name, values in columns.items()})
more = table["error in the date"] - table["error without it"]
print(f"the date adds at most {more.max():.2f} standard deviations to the error, in {more.idxmax()}")
table.round(2)

# %% [markdown]
# In the end the scan decides, because its pixels are measured. Before you believe a fine boundary, compare it with the
# scan.

# %%
part = {"y": slice(0, 12), "x": slice(0, 20)}
coarse, inferred, true = (each.sel(part) for each in (scan, fine, painting.truth))
coarse.xrfsr.plot.compare(inferred, true, line="Pb-L", titles=["Scan", "Fine", "Truth"]);

# %% [markdown]
# ## Does the map agree with the scan?
#
# Averaged over each scan pixel, a fine map has to equal the measured value. `consistency` returns the difference in
# standard deviations of the scan's noise. For this result it is zero by construction. Use it to test maps that were
# edited or come from other programs: below, a map was smoothed.

# %%
smoothed = fine.copy()
smoothed["intensity"] = fine["intensity"].rolling(y=5, x=5, center=True, min_periods=1).mean()
for name, maps in {"the result": fine, "the smoothed map": smoothed}.items():
    rms = float((maps.xrfsr.consistency(scan).sel(line="Pb-L") ** 2).mean() ** 0.5)
    print(f"Pb-L of {name} differs from the scan by {rms:.2f} standard deviations (root mean square)")

# %% [markdown]
# The shapes in the difference are the detail that was lost by smoothing.

# %%
residual = smoothed.xrfsr.consistency(scan).sel(line="Pb-L").reset_coords(drop=True)
label = {"label": "difference in standard deviations"}
residual.plot(yincrease=False, cmap="RdBu_r", robust=True, aspect=1.3, size=3.5, cbar_kwargs=label)
plt.gca().set(title="Smoothed map less scan, Pb-L", xlabel="mm", ylabel="mm");

# %% [markdown]
# ## A wrong photo as a control
#
# The photo turned upside down has the same colours and edges, but in the wrong positions. If a map still gains with it,
# this gain does not come from the photo. A good method stops using such a photo, and says so.

# %%
import warnings

turned = painting.rgb.copy(data=painting.rgb.values[:, ::-1, ::-1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    control = scan.xrfsr.superresolve(turned, scale=4)
print(*(str(each.message) for each in caught if each.category is UserWarning), sep="\n")
shares = {"right photo": fine["guided_share"], "upside down": control["guided_share"]}
pd.DataFrame({name: share.to_series() for name, share in shares.items()}).round(2)

# %% [markdown]
# The true maps are known here, so the gain can be measured, in dB over interpolation without any photo (`kriging`). The
# gain that remains with the wrong photo does not come from the photo: the prior, a network that has learned from random
# shapes, sharpens edges without it.

# %%
baseline = scan.xrfsr.superresolve(scale=4, method="kriging")
reference = baseline.xrfsr.quality(painting.truth).pooled_psnr
for name, maps in {"right photo": fine, "upside down": control}.items():
    gain = maps.xrfsr.quality(painting.truth).pooled_psnr - reference
    print(f"{name}: {float(gain):+.2f} dB over the baseline")

# %% [markdown]
# ## A test on your own scan
#
# `evaluate` makes the scan twice as coarse, restores it, and compares the result with the scan. It needs no truth. The
# figures hold for detail of the size of scan pixels; finer detail may be easier or harder to restore.

# %%
for method in ("unfolding", "kriging"):
    found = scan.xrfsr.evaluate(rgb, scale=2, method=method)
    print(f"{method:10} PSNR {float(found.pooled_psnr):.1f} dB, median SSIM {float(found.ssim.median()):.2f}")

# %% [markdown]
# ## Pass on the uncertainty, too
#
# The report shows maps, uncertainty and support with a divider, notes that you should read before you believe a map,
# and the record of the run. It is one HTML page, which opens without Python.

# %%
from pathlib import Path

fine.xrfsr.report("report.html", scan=scan, rgb=rgb, title="A painting with a date on the photo", overwrite=True)
print(f"report.html: {Path('report.html').stat().st_size / 1e6:.1f} MB")
