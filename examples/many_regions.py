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
# # Many scans on a cluster, interrupted and resumed
#
# A museum has many paintings, and a large one is scanned in several regions. This notebook computes fine maps of a
# whole tree of scans with a Dask cluster, stops in the middle, and continues. The cluster has two workers on this
# computer; the cluster of a computing centre is used in the same way. The notebook needs
# `pip install "xrfsr[plot,cluster,report]"`.

# %% tags=["parameters"]
from pathlib import Path

import xarray as xr

import xrfsr

LINES = ["Ca-K", "Fe-K", "Hg-L", "Pb-L"]
SETTINGS = {"steps": 100, "uncertainty": True}  # of superresolve: a short training, to be quick; leave out `steps`
STORE = Path("all.zarr")

# %% [markdown]
# ## A tree of scans and a tree of photos
#
# Each scan has a path in the tree, such as `portraits/actor`. The photo of each scan has the same path and the name
# `rgb`. If one photo shows all scans, in their millimetres, pass that photo instead of a tree. With your own files,
# replace the simulated scans and photos by `xrfsr.open_scan(...)` and `xrfsr.register(...).photo`.

# %%
names = ["portraits/actor", "flowers/tulips", "flowers/roses", "portraits/lady"]
paintings = {
    name: xrfsr.simulate.painting(height=64, width=64, scale=4, seed=seed, lines=LINES)
    for seed, name in enumerate(names)
}
scans = xr.DataTree.from_dict({name: painting.scan for name, painting in paintings.items()})
photos = xr.DataTree.from_dict({name: painting.rgb.to_dataset(name="rgb") for name, painting in paintings.items()})
scans.xrfsr

# %% [markdown]
# ## The cluster
#
# Each worker has one thread, because regions are independent: two workers compute two regions at a time.

# %%
from distributed import Client, LocalCluster

cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR")
client = Client(cluster)
print(f"{len(client.scheduler_info()['workers'])} workers")

# %% [markdown]
# ## Interrupted
#
# A region appears in the store only when it is complete. To demonstrate this, a thread presses the stop button of the
# notebook as soon as the first region is in the store. A full disk or a power failure would have the same effect: the
# store contains only complete regions.

# %%
import _thread
import threading
import time


def stop_after_the_first():
    """Interrupt this notebook when a region is in the store."""
    while not any(STORE.glob("**/intensity")):
        time.sleep(0.1)
    _thread.interrupt_main()


threading.Thread(target=stop_after_the_first, daemon=True).start()
try:
    report = xrfsr.regions.run(scans, photos, STORE, client, scale=4, **SETTINGS)
except KeyboardInterrupt:
    print("interrupted")

# %%
def complete(store):
    """Return the paths of the regions in a store."""
    with xr.open_datatree(store, engine="zarr", chunks={}) as tree:
        return [node.path for node in tree.subtree if "intensity" in node]


complete(STORE)

# %% [markdown]
# ## Resumed
#
# Make the same call again. It compares scan, photo and settings of every region in the store with a checksum, and
# checks that its files are undamaged. Regions that pass are skipped, and the others are computed.

# %%
report = xrfsr.regions.run(scans, photos, STORE, client, scale=4, **SETTINGS)
print(report)
print("written:", *report.written)
print("skipped:", *report.skipped)

# %% [markdown]
# Another call would have nothing left to do. But if a scan was corrected, its region is computed again, and only that
# one:

# %%
lady = scans["portraits/lady"]
lady["intensity"] = lady["intensity"].where(lady["intensity"] < lady["intensity"].max())  # without its hottest pixel
report = xrfsr.regions.run(scans, photos, STORE, client, scale=4, **SETTINGS)
print(report)
print("written:", *report.written)

# %%
client.close()
cluster.close()

# %% [markdown]
# ## Use the result
#
# The store opens as a tree, lazily: only what is shown or computed is read.

# %%
fine = xr.open_datatree(STORE, engine="zarr", chunks={})
for name in names:
    gain = fine[name]["photo_gain"].to_series().round(1)
    print(f"{name:16} photo gain in dB: {', '.join(f'{line} {value:.1f}' for line, value in gain.items())}")

# %%
actor = "portraits/actor"
coarse, result = (tree[actor].to_dataset() for tree in (scans, fine))
xrfsr.plot.overview(photos[f"{actor}/rgb"], coarse, result, lines=["Fe-K", "Pb-L"]);

# %% [markdown]
# By default each region has its own colour limits. To compare regions, draw them with the same limits on axes of your
# own. The grey pixel of the lady is the one that was removed above.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.0), layout="constrained")
top = max(float(fine[name]["intensity"].sel(line="Pb-L").load().quantile(0.998)) for name in names)
for ax, name in zip(axes.flat, names, strict=True):
    fine[name].to_dataset().xrfsr.plot("Pb-L", ax=ax)
    ax.images[0].set_clim(0, top)
    ax.set_title(f"Pb-L, {name}", loc="left", fontsize=8)

# %% [markdown]
# Write one report for each region, and a page with links to them:

# %%
fine.xrfsr.report("reports", scan=scans, rgb=photos, overwrite=True)
sorted(path.name for path in Path("reports").rglob("*.html"))

# %% [markdown]
# A single painting that is larger than memory needs no tree: open its scan and photo with `chunks={}` and compute it
# tile by tile, on the same cluster or without one.
