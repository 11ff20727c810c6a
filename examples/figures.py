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
# # Figures for a paper, a catalogue and a talk
#
# A cookbook: each section makes one figure, with code ready to copy. All figures are drawn with matplotlib, the right
# way up, with equal millimetres in both directions and a scale bar. The notebook needs `pip install "xrfsr[plot]"`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import xrfsr

LINES = ["Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L"]
truth, scan, rgb = xrfsr.simulate.painting(height=128, width=128, scale=4, seed=20, lines=LINES)
fine = scan.xrfsr.superresolve(rgb, scale=4, uncertainty=True, steps=150)  # a short training, to be quick
OUT = Path("figures")
OUT.mkdir(exist_ok=True)

# %% [markdown]
# ## Maps side by side
#
# Grey pixels, if there are any, were not measured. The colour scale ends at the value that 0.2 % of the pixels exceed,
# so that a few hot pixels do not darken the rest; the arrow on the colour bar shows this.

# %%
fine.xrfsr.plot(lines=["Fe-K", "Hg-L", "Pb-L"], columns=3);

# %% [markdown]
# ## Before and after
#
# One line of scan and fine map, with the same colour limits. With different limits, such a figure would mislead.

# %%
before_after = scan.xrfsr.plot.compare(fine, line="Hg-L", titles=["Scan, 1 mm", "Fine map, 0.25 mm"])

# %% [markdown]
# ## Composite
#
# Three elements in red, green and blue. Each is stretched by itself: colours show where an element is, not how much of
# it there is.

# %%
fine.xrfsr.plot.composite(red="Hg-L", green="Cu-K", blue="Pb-L");

# %% [markdown]
# ## Overlay
#
# One element in colour over the photo in grey. The colour is more opaque where the intensity is higher.

# %%
fine.xrfsr.plot.overlay(rgb, line="Hg-L");

# %% [markdown]
# ## Profile
#
# Values along a line, here 30 mm long, averaged over a width of 1 mm. The band is one standard deviation.

# %%
fine.xrfsr.plot.profile((16, 1), (16, 31), width="1 mm", lines=["Fe-K", "Cu-K"]);

# %% [markdown]
# ## Ratio
#
# The median ratio is white; twice the median and half of it are equally strong colours. Light grey means that the ratio
# is not significant.

# %%
fine.xrfsr.plot.ratio("Fe-K", "Pb-L");

# %% [markdown]
# ## A detail, marked on the whole painting
#
# With `ax=`, all methods draw on axes of your own. Select the detail in millimetres.

# %%
from matplotlib.patches import Rectangle

top, left, size = 6, 10, 10  # mm
detail = {"y": slice(top, top + size), "x": slice(left, left + size)}
figure, axes = plt.subplots(1, 3, figsize=(183 / 25.4, 64 / 25.4), dpi=150, layout="constrained")
rgb.xrfsr.plot(ax=axes[0])
rgb.sel(detail).xrfsr.plot(ax=axes[1])
fine.sel(detail).xrfsr.plot("Pb-L", ax=axes[2])
axes[0].add_patch(Rectangle((left, top), size, size, fill=False, edgecolor="white", linewidth=1.2))
for ax, title in zip(axes, ["a  Photo", "b  Detail", "c  Detail, Pb-L"], strict=True):
    ax.set_title(title, loc="left", fontsize=8)

# %% [markdown]
# ## Scale bar or positions
#
# The scale bar has a round length, 1, 2 or 5 times a power of ten. `positions=True` writes millimetres along the
# sides.

# %%
figure, axes = plt.subplots(1, 2, figsize=(183 / 25.4, 86 / 25.4), dpi=150, layout="constrained")
fine.xrfsr.plot("Fe-K", ax=axes[0])
fine.xrfsr.plot("Fe-K", positions=True, ax=axes[1]);

# %% [markdown]
# ## In the size of the print
#
# Most journals print one column 89 mm wide, and two columns 183 mm. A figure of one picture has the first width, a
# figure of several the second, with text of 6 to 8 points. Save pictures at 300 dots per inch, or as PDF, in which text
# stays text. Do not cut the edges (`bbox_inches="tight"`), because that would change the width.

# %%
from PIL import Image

single = fine.xrfsr.plot("Hg-L")
for name, ax in {"one_column": single, "two_columns": before_after[0]}.items():
    ax.figure.savefig(OUT / f"{name}.png", dpi=300)
    ax.figure.savefig(OUT / f"{name}.pdf", dpi=300)
    with Image.open(OUT / f"{name}.png") as picture:
        width, height = (round(side / 300 * 25.4) for side in picture.size)
        print(f"{name}.png: {picture.width} × {picture.height} pixels, {width} × {height} mm at 300 dpi")
    print(f"{name}.pdf: {(OUT / f'{name}.pdf').stat().st_size / 1000:.0f} kB")

# %% [markdown]
# For a width of your own, pass axes: `figsize` is in inches, so divide millimetres by 25.4.
# ## For any colour vision
#
# The colours of intensities, `magma`, become steadily lighter, so they are readable with any colour vision and in grey
# print. The next cell measures which share of the steps gets lighter, for `magma`, `cividis` and the popular `jet`.

# %%
from matplotlib import colormaps

for name in ("magma", "cividis", "jet"):
    red, green, blue = np.moveaxis(colormaps[name](np.linspace(0, 1, 101))[:, :3], 1, 0)
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    print(f"{name}: {np.mean(np.diff(luminance) > 0):.0%} of the steps get lighter")

# %% [markdown]
# Composites in red and green are the exception: some readers cannot separate these colours. Show the single maps as
# well, or two elements in orange and blue, colours that Okabe and Ito (2008) chose for any colour vision:

# %%
picture = fine.xrfsr.composite(red="Hg-L", blue="Cu-K")
high = {"orange": picture.sel(band="red"), "blue": picture.sel(band="blue")}
colours = {"orange": (0.90, 0.62, 0.0), "blue": (0.34, 0.71, 0.91)}  # of Okabe and Ito (2008)
mixed = sum(np.asarray(high[name])[None] * np.reshape(colour, (3, 1, 1)) for name, colour in colours.items())
safe = picture.copy(data=mixed.clip(0, 1).astype(picture.dtype))
figure, ax = plt.subplots(figsize=(89 / 25.4, 95 / 25.4), dpi=150, layout="constrained")
safe.xrfsr.plot(ax=ax)
ax.set_title("Hg-L orange, Cu-K blue", loc="left", fontsize=8);

# %% [markdown]
# ## For a dark slide
#
# The colours of text and background follow the style of matplotlib.

# %%
with plt.style.context("dark_background"):
    fine.xrfsr.plot("Cu-K")
    plt.show()

# %% [markdown]
# ## Many figures in a script
#
# In a script, figures are neither shown nor kept in memory, so a loop over many lines needs little memory:

# %%
for line in fine["line"].values:
    ax = fine.xrfsr.plot(str(line))
    ax.figure.savefig(OUT / f"{line}.png", dpi=150)
    plt.close(ax.figure)  # in a notebook: do not show it as well
print(*sorted(path.name for path in OUT.iterdir()), sep=", ")
