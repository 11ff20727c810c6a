"""Pages to explore maps and to pick control points, with Panel: in notebooks and served."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrfsr.analysis.inputs import line_position
from xrfsr.core.mistakes import is_like_photo, is_like_scan
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.scan import lines_of
from xrfsr.errors import InvalidInput, collect_faults, import_optional
from xrfsr.exploration.display import panel
from xrfsr.exploration.explorer import Explorer
from xrfsr.exploration.picker import PointPicker
from xrfsr.exploration.scene import Scene
from xrfsr.registration.arguments import Picture

__all__ = ["Explorer", "PointPicker", "explore", "pick_points"]


def explore(
    fine: xr.Dataset | xr.DataArray, scan: xr.Dataset | xr.DataArray | None = None, rgb: xr.DataArray | None = None
) -> Explorer:
    """Page to explore fine maps: wipe between photo, scan and fine map, read values, draw profiles and regions.

    Pictures have about as many pixels as a screen. Of lazy maps only the visible line is computed, averaged over
    blocks, which become smaller where you zoom in.

    Parameters
    ----------
    fine : Dataset or DataArray
        Result of `superresolve`, or a scan alone. With `uncertainty` and `photo_support`, these are shown, too.
    scan : Dataset or DataArray, optional
        Scan from which it was made.
    rgb : DataArray, optional
        Photo (band, y, x) in the same millimetres.

    Returns
    -------
    Explorer
        Object that Jupyter shows as the last value of a cell; ``.show()`` opens it in a browser, ``.servable()`` is for
        ``panel serve``. What is drawn is in `regions`, `polygons` and `profile`.

    Raises
    ------
    InvalidInput
        Naming every fault of maps and photo, or if Panel is not installed (``pip install "xrfsr[explore]"``).

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> view = xrfsr.explore(scan, rgb=rgb)  # doctest: +SKIP
    >>> view.add_region([(2, 2), (2, 9), (9, 9)], "robe")  # doctest: +SKIP
    'robe'
    >>> view.regions["mean"].sel(region="robe", line="Pb-L").item()  # doctest: +SKIP
    """
    faults: list[str] = []
    scene: Scene | None = None
    with collect_faults(faults):
        scene = Scene(fine, scan, rgb)
    with collect_faults(faults):
        panel()
    if faults or scene is None:
        raise InvalidInput("exploration", faults)
    return Explorer(scene)


def pick_points(
    photo: Any, scan: xr.Dataset | xr.DataArray, line: str | None = None, *, points: Any = None
) -> PointPicker:
    """Page to pick control points for `xrfsr.register`: click the same details on the photo and on a map.

    The pairs are numbered; points can be dragged and deleted. From three pairs on, every point has a residual: its
    distance in mm from the position that the others predict.

    Parameters
    ----------
    photo : path, array or DataArray, or a mapping or list of several
        Photo, as for `xrfsr.register`: it may show more than the scan.
    scan : Dataset or DataArray
        Scan with `y` and `x` in a unit of length.
    line : str, optional
        Line to show first, in any spelling or by its element alone.
    points : array (n, 4), pair of arrays (n, 2), or path; optional
        At least three control points to begin with, such as those that were picked before.

    Returns
    -------
    PointPicker
        Object that Jupyter shows as the last value of a cell; ``.show()`` opens it in a browser. Its `points`, shape
        (n, 4), go into ``xrfsr.register(photo, scan, control_points=picker.points)``.

    Raises
    ------
    InvalidInput
        Naming every fault of photo, scan, line and points, or if Panel is not installed
        (``pip install "xrfsr[explore,register]"``).

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> picker = xrfsr.pick_points(rgb, scan, "Pb-L")  # doctest: +SKIP
    >>> found = xrfsr.register(rgb, scan, control_points=picker.points)  # doctest: +SKIP
    """
    faults: list[str] = []
    shot: Picture | None = None
    scene: Scene | None = None
    chosen: str | None = None
    if is_like_scan(photo) and is_like_photo(scan):
        raise InvalidInput("control points", ["photo and scan are swapped; write xrfsr.pick_points(photo, scan)"])
    with collect_faults(faults):
        shot = Picture.of(photo)
    with collect_faults(faults, "scan"):
        scene = Scene(scan)
    if scene is not None:
        with collect_faults(faults):
            chosen = scene.lines[0 if line is None else line_position(line, lines_of(scene.fine))]
    for optional in (panel, _skimage):
        with collect_faults(faults):
            optional()
    if faults or shot is None or scene is None or chosen is None:
        raise InvalidInput("control points", faults)
    bands = shown_bands(shot.bands)
    return PointPicker(np.where(shot.valid, shot.pixels[bands], np.float32(np.nan)), scene, chosen, points)


def _skimage() -> None:
    import_optional("skimage.transform", "registrations", "register")
