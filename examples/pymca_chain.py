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
# # From a PyMca fit to maps in QGIS, ImageJ and PyMca
#
# The spectra of a scan have been fitted with PyMca. This notebook opens the fit, finds the scan on a photo, computes
# maps four times finer, and saves them for other programs. It begins with simulated files; replace them by your own. It
# needs `pip install "xrfsr[plot,register]"`, and PyMca5 for the simulated fit.

# %% tags=["parameters"]
from pathlib import Path

FOLDER = Path("from_pymca")
FIT, PHOTO, PIXEL_SIZE = FOLDER / "IMAGES.h5", FOLDER / "photo.jpg", "1 mm"
SETTINGS = {}  # of superresolve, such as {"max_seconds": 60}

# %% [markdown]
# With your own files, skip the next cell.

# %%
if not FIT.exists():
    from from_pymca import make_files  # next to this notebook

    make_files(FOLDER, height=192, width=160)  # a small painting, to be quick

# %% [markdown]
# ## 1. Open the fit
#
# PyMca does not store the pixel size, so pass it. Linear fits of weak lines can be negative where the element is
# absent; these values are set to zero.

# %%
import xrfsr

scan = xrfsr.open_scan(FIT, pixel_size=PIXEL_SIZE)
scan = scan.assign(intensity=scan["intensity"].clip(min=0))
scan

# %% [markdown]
# ## 2. Find the scan on the photo
#
# Look at `check.png`: contours must continue from one square of the chequerboard to the next. If they do not, pass
# control points; `xrfsr.pick_points` opens a page on which you click them.

# %%
found = xrfsr.register(PHOTO, scan, overlay=FOLDER / "check.png")
found

# %%
from PIL import Image

with Image.open(FOLDER / "check.png") as file:
    check = file.resize((2 * file.width, 2 * file.height), Image.Resampling.NEAREST)
check

# %% [markdown]
# ## 3. Compute fine maps
#
# `photo_gain` measures for each line how much the photo helps, in decibels. `uncertainty=True` adds one standard
# deviation of each value.

# %%
fine = scan.xrfsr.superresolve(found.photo, scale=4, uncertainty=True, **SETTINGS)
fine["photo_gain"].to_series().round(2)

# %%
page = xrfsr.plot.overview(found.photo, scan, fine)
page[0, 0].figure.savefig(FOLDER / "overview.png", dpi=200)

# %% [markdown]
# A map drawn over the photo shows whether they are well aligned.

# %%
fine.xrfsr.plot.overlay(found.photo, line="Hg-L");

# %% [markdown]
# ## 4. Save everything for xarray
#
# The store keeps what other formats cannot hold, such as `photo_gain`.

# %%
fine.xrfsr.to_zarr(FOLDER / "fine.zarr", overwrite=True)

# %% [markdown]
# ## 5. A ratio
#
# This is the ratio of iron to lead. The median is white; in light grey pixels the ratio is not significant, because it
# is too uncertain.

# %%
fine.xrfsr.plot.ratio("Fe-K", "Pb-L");

# %% [markdown]
# ## 6. Save maps, a ratio and the photo for other programs
#
# - **QGIS**: drag `fine.tif` and `photo.tif` into a new project. They are registered, and north is the top.
# - **ImageJ, Fiji**: open `stack.tif`. Slices have the names of the lines, and lengths are in millimetres.
# - **PyMca, silx view**: open `fine.h5`; it also holds the ratio and the photo.

# %%
maps = fine[["intensity"]].drop_vars(["photo_gain", "guided_share"])
maps = maps.assign(hg_pb=fine.xrfsr.ratio("Hg-L", "Pb-L"))

maps.xrfsr.to_geotiff(FOLDER / "fine.tif", overwrite=True)
found.photo.xrfsr.to_geotiff(FOLDER / "photo.tif", overwrite=True)
maps.xrfsr.to_imagej(FOLDER / "stack.tif", overwrite=True)
maps.xrfsr.to_pymca(FOLDER / "fine.h5", photo=found.photo, overwrite=True)

# %% [markdown]
# The next cell prints what QGIS will show: the names of the layers, and the edges of photo and maps in millimetres,
# which should be the same.

# %%
import rasterio

for name in ("fine.tif", "photo.tif"):
    with rasterio.open(FOLDER / name) as file:
        edges = ", ".join(f"{side} {getattr(file.bounds, side):.2f}" for side in ("left", "bottom", "right", "top"))
        layers = ", ".join(text or "a colour" for text in file.descriptions)
        print(f"{name}: {layers}; {edges}")
