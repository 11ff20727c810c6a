"""Compute element maps of a small cube of spectra with maxrf4u: `python write_maxrf4u.py FOLDER`.

The release of maxrf4u stores the elements as text (`text.datastack`). Its current source stores atomic numbers, because
its own reader fails on text: `numbers.datastack` has two results, written with that one difference.
"""

from __future__ import annotations

import builtins
import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
builtins.input = lambda *_: "y"  # it asks before it writes

HEIGHT, WIDTH, CHANNELS = 20, 26, 2048
ENERGIES = -0.5 + 0.02 * np.arange(CHANNELS)
ELEMENTS = ["Fe", "Ca", "Cu"]
# Kα and Kβ in keV, and their share of the counts.
PEAKS = {
    "Fe": ((6.404, 0.88), (7.058, 0.12)),
    "Ca": ((3.692, 0.88), (4.013, 0.12)),
    "Cu": ((8.048, 0.88), (8.905, 0.12)),
}


def truth() -> dict[str, np.ndarray]:
    """Maps that differ from their rotated and mirrored copies."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return {"Fe": 400.0 + 90 * x, "Ca": 300.0 + 120 * y, "Cu": 2500.0 * ((y < 8) & (x < 9)) + 50}


def cube() -> np.ndarray:
    def peak(energy: float, sigma: float) -> np.ndarray:
        shape = np.exp(-(((ENERGIES - energy) / sigma) ** 2) / 2)
        return shape / shape.sum()

    spectra = np.zeros((HEIGHT, WIDTH, CHANNELS))
    for element, counts in truth().items():
        for energy, share in PEAKS[element]:
            spectra += share * counts[..., None] * peak(energy, 0.06)
    # The sensor's own peak, the tube's line and its Compton scatter, by which it calibrates the energies.
    for energy, sigma, counts in ((0.0, 0.04, 20000), (20.21, 0.12, 6000), (18.9, 0.45, 30000)):
        spectra += counts * peak(energy, sigma)
    spectra += 4 * np.exp(-ENERGIES / 20)
    # Without noise, whose peaks it would fit as well, and no two pixels alike, because it wants one brightest pixel.
    number = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1)
    return np.rint(1000 * spectra * (1 + 1e-4 * number)).astype(np.uint32)


def main(folder: Path) -> None:
    import maxrf4u
    from mendeleev import element

    raw, rpl = folder / "painting.raw", folder / "painting.rpl"
    cube().tofile(raw)
    head = {
        "key": "value", "width": WIDTH, "height": HEIGHT, "depth": CHANNELS, "offset": 0, "data-Length": 4,
        "data-type": "unsigned", "byte-order": "little-endian", "record-by": "vector",
    }  # fmt: skip
    rpl.write_text("".join(f"{key}\t{value}\n" for key, value in head.items()))
    maxrf4u.raw_to_datastack(str(raw), str(rpl), verbose=False)
    path = str(folder / "painting.datastack")
    maxrf4u.calibrate(path)
    maxrf4u.compute_hotmax_spectra(path, auto_write=True)
    maxrf4u.compute_hotmax_noise(path)
    maxrf4u.compute_subpeaks(path)
    maxrf4u.compute_nmf_peakmaps(path, auto_write=True)
    for name in ("text", "numbers"):
        shutil.copy(path, folder / f"{name}.datastack")
    compute(maxrf4u, ELEMENTS[:2], folder / "text.datastack")
    append = maxrf4u.append

    def append_numbers(values: Any, name: str, file: str) -> None:
        if name == "nmf_elements":
            values, name = np.array([element(one).atomic_number for one in values]), "nmf_atomnums"
        append(values, name, file)

    maxrf4u.append = append_numbers
    for elements in (ELEMENTS[:2], ELEMENTS):
        compute(maxrf4u, elements, folder / "numbers.datastack")


def compute(maxrf4u: Any, elements: list[str], path: Path) -> None:
    """Compute element maps, and keep them and the names beside the file."""
    names, maps = maxrf4u.compute_nmf_element_maps(str(path), elements, auto_write=True)
    np.savez(path.with_suffix(".npz"), names=np.array(names), maps=maps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
