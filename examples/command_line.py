"""Run every command of docs/reference/command_line.md on a simulated painting, and write what it prints into the page.

    python examples/command_line.py

Commands are the lines that begin with ``$ xrfsr`` in blocks of the kind ``console``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from PIL import Image

import xrfsr

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "command_line.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def write_files(folder: Path) -> None:
    """Write maps/, a photo cropped to the scanned area, and one that shows more."""
    _, scan, rgb = xrfsr.simulate.painting(256, 208, scale=4, seed=2, lines=["Ca-K", "Fe-K", "Hg-L", "Pb-L"])
    (folder / "maps").mkdir()
    for line in scan["line"].values:
        tifffile.imwrite(folder / "maps" / f"{line}.tif", scan["intensity"].sel(line=line).values)
    pixels = np.moveaxis(np.round(255 * rgb.values), 0, -1).astype("uint8")
    # Twice as many pixels as the fine maps, as photos have.
    photo = Image.fromarray(pixels).resize((2 * pixels.shape[1], 2 * pixels.shape[0]), Image.Resampling.BICUBIC)
    photo.save(folder / "photo.jpg", quality=95)
    wall = Image.new("RGB", (620, 720), (120, 118, 110))
    wall.paste(photo, (90, 110))
    wall.save(folder / "frame.jpg", quality=95)


def run(command: str, folder: Path) -> str:
    """Return what a command prints, on both streams."""
    words = [sys.executable, "-m", "xrfsr", *shlex.split(command)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout.rstrip("\n") + "\n"


def main() -> None:
    """Write the page again, with the output of the commands."""
    text = PAGE.read_text(encoding="utf-8")
    with TemporaryDirectory() as place:
        folder = Path(place)
        write_files(folder)

        def fill(block: re.Match[str]) -> str:
            commands = [line for line in block[1].splitlines() if line.startswith("$ xrfsr")]
            printed = "\n".join(f"{command}\n{run(command[2:], folder)}" for command in commands)
            return f"```console\n{printed}```"

        made = BLOCK.sub(fill, text)
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
