"""Pictures of the pages of `xrfsr.explore` and `xrfsr.pick_points` for the docs: python examples/explore.py FOLDER."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import xrfsr


def photograph(browser: Any, shown: Any, port: int, text: str, size: tuple[int, int], path: Path) -> None:
    """Serve a page, and write a picture of it."""
    server = shown.show(port=port, open=False, threaded=True, verbose=False)
    try:
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(f"http://localhost:{port}")
        page.get_by_text(text).first.wait_for()
        page.get_by_label("Line", exact=True).select_option("Pb-L")
        page.wait_for_timeout(2000)
        page.mouse.move(470, 300)
        page.wait_for_timeout(1500)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.quantize(256).save(path, optimize=True)
    finally:
        server.stop()


def main(folder: Path) -> None:
    """Write both pictures to a folder."""
    lines = ["Ca-K", "Fe-K", "Hg-L", "Pb-L"]
    _, scan, rgb = xrfsr.simulate.painting(192, 256, scale=4, seed=20, lines=lines)
    fine = scan.xrfsr.superresolve(rgb, scale=4, uncertainty=True)
    view = xrfsr.explore(fine, scan, rgb)
    view.add_region([(18, 44), (18, 54), (29, 55), (32, 42)], "foliage")
    view.draw_profile((13, 7.5), (39, 59))
    picker = xrfsr.pick_points(np.pad(rgb.values, ((0, 0), (40, 30), (50, 60)), constant_values=0.6), scan)
    marked = [(30, 20), (220, 31), (40, 170), (231, 165), (120, 90)]  # as by hand, not quite right
    for k, (column, row) in enumerate(marked):
        picker.set("photo", column + 50, row + 40)
        picker.set("scan", (column + 0.5) / 4 - 0.5 + (0.1, -0.1, 0.05, 0, 0.15)[k], (row + 0.5) / 4 - 0.5)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        photograph(browser, view, 5091, "Left picture", (1240, 830), folder / "explore.png")
        photograph(browser, picker, 5092, "Click a detail", (1200, 680), folder / "pick_points.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
