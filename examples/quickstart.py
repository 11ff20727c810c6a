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
# A MA-XRF scanner dwells on every pixel, so a scan is coarse; a camera is not. Here a painting is simulated, so that
# the truth is known: we scan it with 1 mm pixels, photograph it, and ask for maps that are four times finer.

# %%
import xrfsr

painting = xrfsr.simulate.painting(height=128, width=128, scale=4, seed=0)
scan, rgb = painting.scan, painting.rgb
scan

# %% [markdown]
# A scan is an ordinary `xarray.Dataset`: `intensity` along `line`, `y` and `x`, with pixel centres in millimetres. The
# photo lies in the same millimetres.

# %%
rgb.plot.imshow(yincrease=False);
# %% [markdown]
# ## One line
#
# A small network is trained on this scan and this photo alone; nothing else is needed.

# %%
fine = scan.xrfsr.superresolve(rgb, scale=4)
fine

# %% [markdown]
# The result is laid out like the scan, with smaller pixels, and averages to the scan again. How it was made stands in
# its attributes.

# %%
fine.attrs

# %%
xrfsr.plot.overview(rgb, scan, fine, painting.truth, lines=["Ca-K", "Fe-K", "Pb-L"])

# %% [markdown]
# ## It is xarray from here on
#
# Select lines by name, areas in millimetres, and divide one map by another.

# %%
corner = fine.sel(x=slice(4, 16), y=slice(4, 16))
ratio = corner.sel(line="Ca-K") / corner.sel(line="Pb-L")
ratio["intensity"].plot(yincrease=False, vmin=0, robust=True, cmap="magma");
# %% [markdown]
# Plain division keeps the attributes of the first map, its unit included. `ratio` knows that a ratio has none, and
# leaves out pixels with nothing to divide by.

# %%
fine.xrfsr.ratio("Ca-K", "Pb-L").plot(yincrease=False, vmin=0, robust=True, cmap="magma");
# %% [markdown]
# Profiles, statistics and correlations are xarray too.

# %%
fine["intensity"].sel(y=8, method="nearest").sel(line=["Fe-K", "Pb-L"]).plot(hue="line");
# %% [markdown]
# ## Keep it
#
# `fine.xrfsr.to_zarr("fine.zarr")` writes a store that `xr.open_zarr("fine.zarr")` opens again, identical.
#
# ## How far to trust it
#
# The photo tells where edges run, not what lies below the surface. How much it helps, the scan itself can tell: for
# each line, `photo_gain` is how much better its pixels are predicted from their neighbours along the edges of the photo
# than without it, in dB. Where it does not help, it takes no part.

# %%
fine["photo_gain"].to_series().sort_values().round(1)

# %% [markdown]
# Here the truth is known. Compare the line of a pigment on the surface with one that is hidden, and see what the photo
# could and could not add:

# %%
error = abs(fine - painting.truth)["intensity"].mean(("y", "x")) / painting.truth["intensity"].mean(("y", "x"))
error.to_series().sort_values().round(3)
