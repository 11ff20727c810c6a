"""A small map fitted by PyMca itself: the files that the readers are tested with."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np

# Unlike any of its turned or mirrored copies.
STRENGTH = 1.0 + np.arange(4)[:, None] + 0.1 * np.arange(5) + np.eye(4, 5)


def fit(folder: Path, *, multipage: bool = False, fractions: bool = False) -> np.ndarray:
    """Fit the steel spectrum that PyMca comes with, stronger by `STRENGTH` in each pixel, and save every format.

    Returns
    -------
    ndarray
        (y, x), what the fit finds for Fe-Ka.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from PyMca5 import PyMcaDataDir
        from PyMca5.PyMcaIO import ConfigDict, specfilewrapper
        from PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit import FastXRFLinearFit

        data = Path(PyMcaDataDir.PYMCA_DATA_DIR)
        spectrum = specfilewrapper.Specfile(str(data / "Steel.spe"))[0].data()[-1]
        settings = ConfigDict.ConfigDict()
        settings.read(str(data / "Steel.cfg"))
        settings["fit"]["stripalgorithm"] = 1  # the only background that the fast fit takes
        program = FastXRFLinearFit()
        program.setFitConfiguration(settings)
        result = program.fitMultipleSpectra(
            x=np.arange(len(spectrum)),
            y=STRENGTH[..., None] * spectrum,
            concentrations=fractions,
            outputDir=str(folder),
            outputRoot="IMAGES",
            fileEntry="painting",
            fileProcess="xrf_fit",
            h5=True,
            tif=True,
            edf=True,
            csv=True,
            dat=True,
            multipage=multipage,
        )
        names = [str(name) for name in result.labels("parameters")]
        return np.asarray(result["parameters"][names.index("Fe Ka") if "Fe Ka" in names else names.index("Fe_Ka")])
