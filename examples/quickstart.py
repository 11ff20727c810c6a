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
# # From a coarse scan and a photo to fine element maps
#
# An MA-XRF scanner has to count X-rays at every pixel for a while, so its maps are coarse; a photograph has fine
# detail. This notebook simulates a painting, so that the true maps are known. We scan it with 1 mm pixels, photograph
# it, and compute maps that are four times finer. The notebook needs `pip install "xrfsr[plot,report]"`.

# %%
import xrfsr

painting = xrfsr.simulate.painting(height=128, width=128, scale=4, seed=0)
scan, rgb = painting.scan, painting.rgb
scan

# %% [markdown]
# A scan is an ordinary `xarray.Dataset`: `intensity` along `line`, `y` and `x`, with pixel centres in millimetres. The
# photo uses the same millimetres. Write `.xrfsr` after the object in the last line of a cell to see a summary of the
# lines and their maps.

# %%
scan.xrfsr

# %%
rgb.xrfsr.plot();

# %% [markdown]
# ## One line of code
#
# Small networks are trained on this scan and this photo only. No other data are needed. `uncertainty=True` also
# computes how far each value may be wrong.

# %%
fine = scan.xrfsr.superresolve(rgb, scale=4, uncertainty=True)
fine

# %% [markdown]
# The result has the layout of the scan, with smaller pixels. First, look at some lines: the photo, the scan, the fine
# map and, because the painting is simulated, the true map and the error.

# %%
xrfsr.plot.overview(rgb, scan, fine, painting.truth, lines=["Ca-K", "Fe-K", "Pb-L"]);

# %% [markdown]
# If you average the fine map over each pixel of the scan, you get the scan back. `consistency` measures the
# difference in standard deviations of the noise:

# %%
print(f"largest difference from the scan: {float(abs(fine.xrfsr.consistency(scan)).max()):.5f} standard deviations")

# %% [markdown]
# ## Continue in xarray
#
# Select lines by name and areas in millimetres. `ratio` divides one map by another and leaves out pixels whose
# denominator is zero. In the figure, the median ratio is white, and in grey pixels the ratio is not significant.

# %%
corner = fine.sel(x=slice(0, 12), y=slice(0, 12))
for name, part in {"the upper left corner": corner, "all of it": fine}.items():
    print(f"median Fe-K / Pb-L of {name}: {part.xrfsr.ratio('Fe-K', 'Pb-L').median().item():.2f}")

# %%
fine.xrfsr.plot.ratio("Fe-K", "Pb-L");

# %% [markdown]
# Profiles, statistics and correlations work in the same way. The band along the curves is one standard deviation.

# %%
fine.xrfsr.plot.profile((8, 1), (8, 31), lines=["Fe-K", "Pb-L"]);

# %% [markdown]
# ## Can I trust it?
#
# The photo shows edges on the surface, not the layers below it. `photo_gain` measures for each line how much the photo
# helps. Each scan pixel is hidden in turn and predicted from its neighbours, once along the edges of the photo and once
# without the photo. The ratio of the squared errors is given in decibels (dB): +3 dB means half the squared error. The
# photo is not used for lines that gain nothing from it.

# %%
fine["photo_gain"].to_series().sort_values().round(1)

# %% [markdown]
# `uncertainty` is one standard deviation of every value, in the unit of the map. It is largest at edges, where the map
# has most detail within a scan pixel. `photo_support` is near 1 where the map changes with the colours of the photo,
# and near 0 where it does not, for example at details that only the photo shows.

# %%
fine.xrfsr.plot.uncertainty("Pb-L");

# %%
fine.xrfsr.plot.support("Pb-L");

# %% [markdown]
# Here the true maps are known. Nine of ten values should differ from them by less than 1.645 standard deviations:

# %%
error = abs(fine["intensity"] - painting.truth["intensity"])
print(f"{float((error < 1.645 * fine['uncertainty']).mean()):.0%} of the values are")

# %% [markdown]
# Compare the relative errors of elements at the surface with those of hidden ones. `visible_share` is the share of the
# fine detail that comes from visible layers.

# %%
table = (error.mean(("y", "x")) / painting.truth["intensity"].mean(("y", "x"))).to_dataset(name="relative_error")
table.to_pandas().sort_values("relative_error")[["relative_error", "visible_share"]].round(2)

# %% [markdown]
# The notebook `what_to_believe.py` has more tests, most of which need no truth.
#
# ## Save it, and pass it on
#
# `xr.open_zarr("fine.zarr")` opens the store again, as the identical Dataset. The report is one HTML page that you can
# explore without Python.

# %%
fine.xrfsr.to_zarr("fine.zarr", overwrite=True)
fine.xrfsr.report("report.html", scan=scan, rgb=rgb, title="Simulated painting", overwrite=True)

# %% [markdown]
# In a notebook that runs on your computer, `fine.xrfsr.explore(scan, rgb)` shows the maps with a divider, linked
# zoom, values under the cursor, profiles and regions (`pip install "xrfsr[explore]"`).
#
# The attributes of the result record how it was made:

# %%
{name: value for name, value in fine.attrs.items() if len(str(value)) < 60}
