"""From spectra to fine maps: fit with PyMca, open the fit, register the photo, super-resolve, save the maps.

``python examples/from_pymca.py folder`` simulates spectra and a rotated photo of a painting, fits the spectra with
PyMca, and runs the notebook ``pymca_chain.py``, which has all other steps. It needs PyMca5 and the extras plot and
register. With your own files, use the notebook alone.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import xrfsr
from xrfsr.core.lines import emission, parse

LINES = ["Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L"]
CHANNELS, KEV = 1024, 0.015
RESOLUTION = 0.14
NOTEBOOK = Path(__file__).with_name("pymca_chain.py")


def spectra(scan, seed=0):
    """Simulate spectra (y, x, channel) of a scan, with the line width of a detector and background."""
    energy = KEV * (np.arange(CHANNELS) + 0.5)
    shapes = []
    for label in scan["line"].values:
        line, shape = parse(label), np.zeros(CHANNELS)
        for name in line.transitions:
            place, strength = emission(line.element)[name]
            sigma = np.sqrt((RESOLUTION / 2.355) ** 2 + 0.115 * 3.65e-3 * (place - 5.895))
            shape += strength * np.exp(-0.5 * ((energy - place) / sigma) ** 2)
        shapes.append(shape / shape.sum())
    background = 0.4 * np.exp(-((energy - 8) ** 2) / 40)
    expected = np.tensordot(np.moveaxis(scan["intensity"].values, 0, -1), np.array(shapes), 1) + background
    return np.random.default_rng(seed).poisson(expected).astype(np.float64)


def fit_with_pymca(cube, folder):
    """Fit all spectra linearly and save the maps, like PyMca's batch fit."""
    from PyMca5 import PyMcaDataDir
    from PyMca5.PyMcaIO import ConfigDict
    from PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit import FastXRFLinearFit

    settings = ConfigDict.ConfigDict()
    settings.read(str(Path(PyMcaDataDir.PYMCA_DATA_DIR) / "Steel.cfg"))
    settings["peaks"] = {line.element: [line.family] for line in map(parse, LINES)}
    settings["fit"] |= {"stripalgorithm": 1, "xmin": 150, "xmax": 1000, "scatterflag": 0, "sumflag": 0, "escapeflag": 0}
    settings["fit"] |= {"hypermetflag": 1, "linearfitflag": 1, "fitweight": 0}
    settings["detector"] |= {"zero": KEV / 2, "gain": KEV, "noise": 0.09, "fano": 0.115, "sum": 0.0}
    program = FastXRFLinearFit()
    program.setFitConfiguration(settings)
    names = {"outputDir": str(folder), "outputRoot": "IMAGES", "fileEntry": "painting", "fileProcess": "xrf_fit"}
    program.fitMultipleSpectra(x=np.arange(CHANNELS, dtype=float), y=cube, h5=True, **names)
    return folder / "IMAGES.h5"


def photograph(rgb, path):
    """Write a JPEG of the painting and the wall around it, slightly rotated."""
    wall = np.full((3, *(int(1.2 * size) for size in rgb.shape[1:])), 0.7)
    top, left = (int(0.08 * size) for size in rgb.shape[1:])
    wall[:, top : top + rgb.shape[1], left : left + rgb.shape[2]] = rgb
    turned = ndimage.rotate(wall, 2.0, axes=(1, 2), reshape=False, order=1, mode="nearest")
    Image.fromarray((255 * np.moveaxis(turned, 0, -1).clip(0, 1)).astype(np.uint8)).save(path, quality=92)


def make_files(folder, height=384, width=320):
    """Write what a user has: ``IMAGES.h5``, the fit of a simulated scan, and ``photo.jpg``."""
    folder.mkdir(parents=True, exist_ok=True)
    _, simulated, rgb = xrfsr.simulate.painting(height, width, 4, seed=5, lines=LINES)
    photograph(rgb.values, folder / "photo.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyMca's warnings about numpy
        fit_with_pymca(spectra(simulated), folder)


def main(folder, height=384, width=320, **settings):
    """Make the files, then run the cells of the notebook; `settings` are those of `superresolve`."""
    make_files(folder, height, width)
    fit, photo = folder / "IMAGES.h5", folder / "photo.jpg"
    names = {"FOLDER": folder, "FIT": fit, "PHOTO": photo, "PIXEL_SIZE": "1 mm", "SETTINGS": settings}
    for title, code in cells(NOTEBOOK.read_text(encoding="utf-8")):
        if "[markdown]" not in title and "parameters" not in title:
            exec(compile(code, NOTEBOOK, "exec"), names)
    for name in ("scan", "found"):
        print(names[name])
    print(names["fine"]["photo_gain"].round(2).to_series().to_string())


def cells(text):
    """Yield the title line and the code of each cell of a notebook in jupytext's percent format."""
    for cell in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        title, _, code = cell.partition("\n")
        yield title, code


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "from_pymca"))
