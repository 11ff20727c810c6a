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
# A MA-XRF scanner dwells on every pixel, so its maps are coarse; a photograph has fine detail. This notebook simulates
# a painting, so that the true maps are known: we scan it with 1 mm pixels, photograph it, and compute maps that are
# four times finer.

# %%
import xrfsr

painting = xrfsr.simulate.painting(height=128, width=128, scale=4, seed=0)
scan, rgb = painting.scan, painting.rgb
scan

# %% [markdown]
# A scan is an ordinary `xarray.Dataset`: `intensity` along `line`, `y` and `x`, with pixel centres in millimetres. The
# photo uses the same millimetres.

# %%
rgb.xrfsr.plot();
# %% [markdown]
# ## One line
#
# A small network is trained on this scan and this photo only. No other data are needed.

# %%
fine = scan.xrfsr.superresolve(rgb, scale=4, uncertainty=True)
fine

# %% [markdown]
# The result has the layout of the scan, with smaller pixels. If you average it over each scan pixel, you get the scan
# back. Its attributes record how it was made.

# %%
fine.attrs

# %%
xrfsr.plot.overview(rgb, scan, fine, painting.truth, lines=["Ca-K", "Fe-K", "Pb-L"]);

# %% [markdown]
# ## Continue in xarray
#
# Select lines by name, areas in millimetres, and divide one map by another.

# %%
corner = fine.sel(x=slice(4, 16), y=slice(4, 16))
ratio = corner.sel(line="Ca-K") / corner.sel(line="Pb-L")
ratio["intensity"].xrfsr.plot();
# %% [markdown]
# Plain division keeps the attributes of the first map, including its unit. `ratio` returns a dimensionless map, and
# leaves out pixels whose denominator is zero.

# %%
fine.xrfsr.plot.ratio("Ca-K", "Pb-L");
# %% [markdown]
# Profiles, statistics and correlations work in the same way.

# %%
fine.xrfsr.plot.profile((8, 1), (8, 31), lines=["Fe-K", "Pb-L"]);
# %% [markdown]
# ## Save it
#
# `fine.xrfsr.to_zarr("fine.zarr")` writes a store, and `xr.open_zarr("fine.zarr")` returns the identical Dataset.
#
# ## Can I trust it?
#
# The photo shows edges on the surface, not the layers below it. `photo_gain` measures for each line how much the photo
# helps. Each scan pixel is hidden in turn and predicted from its neighbours, once along the edges of the photo and once
# without the photo. The ratio of the squared errors is given in decibels (dB): +3 dB means half the squared error. The
# photo is not used for lines that it does not help.

# %%
fine["photo_gain"].to_series().sort_values().round(1)

# %% [markdown]
# `uncertainty` is one standard deviation of every value, in the unit of the map. It is largest at edges, where the map
# has most detail within a pixel of the scan.

# %%
fine.xrfsr.plot.uncertainty("Pb-L");
# %% [markdown]
# `photo_support` is near 1 where the map changes with the colours of the photo. It is near 0 where it does not, as for
# detail that only the photo shows.

# %%
fine.xrfsr.plot.support("Pb-L");
# %% [markdown]
# Here the truth is known. Compare the relative error of lines on the surface with that of hidden ones:

# %%
error = abs(fine - painting.truth)["intensity"].mean(("y", "x")) / painting.truth["intensity"].mean(("y", "x"))
error.to_series().sort_values().round(3)
