"""Which photos the photo gain accepts, and whether they help: right and wrong photos on simulated scans of all sizes.

    python benchmarks/photo_test.py [--seeds 12]

For each size of the scan and each photo: the share of maps for which the photo is used, the mean gain of kriging along
the photo over kriging without it for these maps, measured with the truth, and the share of maps that lose by it. Twelve
paintings a size take some eight minutes on one core.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import xrfsr
from xrfsr.kriging.guided import guided_krige
from xrfsr.kriging.photo_gain import along_photo, photo_gain

SIZES = [(8, 8), (8, 12), (10, 14), (12, 16), (16, 16), (16, 24), (24, 32), (36, 48)]  # coarse pixels
SCALE = 4
LOSS = -0.1  # dB


def main() -> None:
    """Print one row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12, help="paintings of each size")
    seeds = parser.parse_args().seeds
    random = np.random.default_rng(5)
    warnings.filterwarnings("ignore", message="maps are constant")
    for rows, columns in SIZES:
        used: dict[str, list[bool]] = {}
        gains: dict[str, list[float]] = {}
        for seed in range(100, 100 + seeds):
            shape = SCALE * rows, SCALE * columns
            truth, scan, rgb = xrfsr.simulate.painting(*shape, seed=seed, scale=SCALE)
            other = xrfsr.simulate.painting(*shape, seed=seed + 50, scale=SCALE)[2].values
            photo, maps = rgb.values, scan.intensity.values.astype(np.float32)
            varied = maps.std(axis=(1, 2)) > 0
            maps, right = maps[varied], truth.intensity.values[varied]
            U = scan.xrfsr.downsampling(SCALE)
            plain = guided_krige(maps, np.zeros_like(photo[:1]), U).fine
            for name, shown in {
                "right": photo,
                "upside down": photo[:, ::-1],
                "mirrored": photo[:, :, ::-1],
                "half a turn": photo[:, ::-1, ::-1],
                "white noise": random.random(photo.shape),
                "other painting": other,
                "1 pixel away": np.roll(photo, (3, 4), axis=(1, 2)),
                "3 pixels away": np.roll(photo, (10, 13), axis=(1, 2)),
            }.items():
                shown = np.ascontiguousarray(shown, dtype=np.float32)
                guided = along_photo(maps, shown, U)
                helps = photo_gain(maps, shown, U, np.ones(maps.shape, dtype=bool), guided=guided).helps
                errors = [((made - right) ** 2).mean(axis=(1, 2)) for made in (plain, guided.fine)]
                used.setdefault(name, []).extend(helps)
                gains.setdefault(name, []).extend((10 * np.log10(np.divide(*errors)))[helps])
        print(f"{rows} x {columns}")
        for name, found in used.items():
            gain = np.array(gains[name])
            mean = f"{gain.mean():+.2f} dB" if gain.size else "-"
            lost = 100 * (gain < LOSS).sum() / len(found)
            print(f"  {name:15s} used for {100 * np.mean(found):3.0f} %  {mean:>9s}  lose {lost:3.0f} %", flush=True)


if __name__ == "__main__":
    main()
