"""Write the HTML report of a simulated painting: `python examples/report.py report.html`.

With the path of a PNG as well, a headless Chromium opens the page, draws a profile and takes a picture of it. It needs
playwright; XRFSR_CHROMIUM names the browser if it is not on the PATH.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import xrfsr

LINES = ["Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L"]


def write(path: Path) -> None:
    """Make a painting, its fine maps and their report."""
    _, scan, rgb = xrfsr.simulate.painting(192, 256, seed=1, lines=LINES)
    fine = scan.xrfsr.superresolve(rgb, uncertainty=True)
    fine.xrfsr.report(path, scan=scan, rgb=rgb, title="Flowers, simulated", overwrite=path.exists())


def photograph(path: Path, picture: Path) -> None:
    """Take a picture of the first screen of a report, with a profile."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("XRFSR_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1440})
        page.goto(path.resolve().as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.select_option("#line", label="Pb-L")
        box = page.locator("#map-canvas").bounding_box()
        page.click("#draw")
        for share, action in (((0.2, 0.6), page.mouse.down), ((0.8, 0.3), page.mouse.up)):
            page.mouse.move(box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"], steps=4)
            action()
        page.wait_for_selector("html[data-profile]", state="attached")
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
        page.wait_for_timeout(500)
        page.screenshot(path=picture)
        browser.close()
    with Image.open(picture) as full:
        full.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    write(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        photograph(Path(sys.argv[1]), Path(sys.argv[2]))
