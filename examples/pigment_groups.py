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
# # Groups of pixels with the same pigments
#
# Pixels of one paint have similar intensities in all lines. This notebook finds groups of such pixels in fine maps with
# scikit-learn (`pip install scikit-learn`). You then have to judge which pigments a group represents. The notebook
# begins with a simulated painting; replace it by your own scan and photo.

# %% tags=["parameters"]
import xrfsr

painting = xrfsr.simulate.painting(height=96, width=96, scale=4, seed=20)
scan, rgb = painting.scan, painting.rgb
SETTINGS = {"steps": 150}  # of superresolve: a short training, to be quick; use {} for your own

# %%
rgb.xrfsr.plot();
# %%
fine = scan.xrfsr.superresolve(rgb, scale=4, **SETTINGS)
fine.xrfsr.plot.composite(red="Pb-L", green="Fe-K", blue="Cu-K");

# %% [markdown]
# ## From maps to a table and back
#
# scikit-learn needs a table with one row for each pixel. Square roots make the noise of counts the same everywhere, and
# division by the standard deviation gives each line the same weight. Leave out scatter, and lines that are only noise.
# Pixels with missing values are dropped, and are missing in the map of groups, too.

# %%
import numpy as np
import xarray as xr
from sklearn.cluster import KMeans

NUMBER = 8  # of groups: try some, and keep what separates paints that you can tell apart


def find_groups(maps):
    """Return the number of the group of every pixel, from 0 on, as a map (y, x)."""
    roots = np.sqrt(maps["intensity"].clip(min=0))
    table = ((roots - roots.mean(("y", "x"))) / roots.std(("y", "x"))).stack(pixel=("y", "x"))
    table = table.transpose("pixel", "line").dropna("pixel")
    numbers = KMeans(NUMBER, random_state=0, n_init=4).fit_predict(table.values)
    return xr.DataArray(numbers, {"pixel": table["pixel"]}, ["pixel"], name="group").unstack("pixel")


group = find_groups(fine.xrfsr.sel(kind="element"))
group.plot(yincrease=False, cmap="tab10", vmin=-0.5, vmax=9.5, aspect=1.2, size=4);

# %% [markdown]
# ## Which pigments?
#
# The table shows mean intensities of each group, as multiples of the mean of the painting. Elements that are high
# together suggest a pigment: cobalt, potassium and arsenic suggest smalt; mercury suggests vermilion; tin and lead,
# lead-tin yellow; copper, azurite or a green; manganese and iron, umber; zinc, a modern retouching. X-rays come from
# all layers, so a group may also be several layers of paint.

# %%
intensity = fine["intensity"]
means = intensity.groupby(group).mean() / intensity.mean(("y", "x"))
means.to_pandas().round(1)

# %% [markdown]
# ## Look closer at one group
#
# A comparison such as `group == 3` is a mask (y, x). You can use it with `where` to select pixels, and as the region of
# `correlation`. A polygon in millimetres can be used in the same way.

# %%
cobalt = means.sel(line="Co-K").idxmax("group").item()
fine.xrfsr.correlation(group == cobalt, lines=["K-K", "Co-K", "As-K", "Pb-L"]).to_pandas().round(2)

# %%
corner = fine.xrfsr.region([(0, 15), (0, 24), (12, 24), (12, 15)])  # (y, x) in mm
share = [float((group == cobalt).where(area).mean()) for area in (corner, ~corner)]
print(f"{share[0]:.0%} of the upper right corner, {share[1]:.0%} of the rest")

# %% [markdown]
# Is the ratio of two lines the same within a group? `significant` is false where the uncertainty of the scan is too
# large to tell.

# %%
ratio = scan.xrfsr.ratio("As-K", "Co-K", uncertainty=True)
inside = (group == cobalt).astype(float).coarsen(y=4, x=4).mean() > 0.9  # whole pixels of the scan
ratio["ratio"].where(ratio["significant"] & inside).plot.hist(bins=20);

# %% [markdown]
# ## Does the photo help?
#
# Here the true maps are known, and therefore the true groups. The adjusted Rand index is 1 if two groupings are the
# same, and about 0 if they agree only by chance.

# %%
from sklearn.metrics import adjusted_rand_score

true_group = find_groups(painting.truth)
baseline = scan.xrfsr.superresolve(scale=4, method="kriging")
for name, maps in {"with the photo": fine, "interpolated without it": baseline}.items():
    found = find_groups(maps)
    print(f"{name}: {adjusted_rand_score(true_group.values.ravel(), found.values.ravel()):.2f}")
