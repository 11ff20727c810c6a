"""Draw every figure of xrfsr.plot for a simulated painting: the pictures of docs/gallery/plots.md.

Takes about a minute on two cores, most of it for training. Run it as ``python examples/gallery.py docs/gallery/plots``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams
from PIL import Image

import xrfsr

LINES = ["Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L"]
DOTS = 100  # per inch: small files that are sharp enough for a page
LIMIT = 150_000  # bytes; larger pictures are written with a palette


def figures(painting: Any, fine: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each figure and its axes."""
    truth, scan, rgb = painting
    yield "maps", fine.xrfsr.plot(lines=["Ca-K", "Fe-K", "Pb-L"], columns=3)
    yield "photo", rgb.xrfsr.plot(positions=True)
    yield "composite", fine.xrfsr.plot.composite(red="Hg-L", green="Cu-K", blue="Pb-L")
    yield "compare", scan.xrfsr.plot.compare(fine, truth, line="Fe-K", titles=["Scan", "Fine", "Truth"])
    yield "overlay", fine.xrfsr.plot.overlay(rgb, line="Hg-L")
    yield "profile", fine.xrfsr.plot.profile((10, 4), (30, 36), width="1 mm", lines=["Fe-K", "Cu-K"])
    yield "uncertainty", fine.xrfsr.plot.uncertainty(["Ca-K", "Fe-K", "Pb-L"], columns=3)
    yield "support", fine.xrfsr.plot.support(["Ca-K", "Fe-K", "Pb-L"], columns=3)
    yield "histogram", fine.xrfsr.plot.histogram(["Ca-K", "Fe-K", "Pb-L"], columns=3)
    yield "ratio", fine.xrfsr.plot.ratio("Cu-K", "Pb-L")
    yield "training", xrfsr.plot.training(fine)
    compared = scan.xrfsr.compare(rgb, methods=["bilinear", "kriging", "guided_filter", "gsa"], truth=truth)
    yield "comparison", xrfsr.plot.comparison(compared)
    yield "overview", xrfsr.plot.overview(rgb, scan, fine, truth, lines=["Pb-L"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one PNG for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the pictures")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    painting = xrfsr.simulate.painting(192, 160, scale=4, seed=20, lines=LINES)
    # A corner that the scanner did not reach.
    painting.scan["intensity"].loc[{"y": slice(None, 3), "x": slice(36, None)}] = np.nan
    fine = painting.scan.xrfsr.superresolve(painting.rgb, scale=4, uncertainty=True)
    # Pixels with sharp edges take half the space in a PNG.
    rcParams["image.interpolation"] = "nearest"
    for name, axes in figures(painting, fine):
        path = options.out / f"{name}.png"
        np.ravel(axes)[0].figure.savefig(path, dpi=DOTS, pil_kwargs={"optimize": True})
        if path.stat().st_size > LIMIT:
            with Image.open(path) as picture:
                few = picture.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
            few.save(path, optimize=True)
        print(f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
