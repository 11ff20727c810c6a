"""Photos on their side or upside down are found, and the result says so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import xrfsr
from xrfsr.registration.automatic import Scene
from xrfsr.registration.turns import probable_turn, turned, upright_to_photo


def scene(quarters: int, *, mirrored: bool = False, spacing: tuple[float, float] = (1.0, 1.0)) -> Scene:
    """A scan of 18 × 24 pixels, and a photo of it with a border, turned by some quarters counter-clockwise."""
    rng = np.random.default_rng(2)
    picture = (gaussian_filter(rng.standard_normal((2, 72, 96)), (0, 4, 4)) > 0).astype(np.float64)
    maps = picture.reshape(2, 18, 4, 24, 4).mean(axis=(2, 4))
    photo = np.pad(np.stack([picture[0], 1 - picture[1], picture.mean(axis=0)]), ((0, 0), (9, 5), (4, 8)))
    if spacing[0] > spacing[1]:
        photo = photo.repeat(round(spacing[0] / spacing[1]), axis=1)
    photo = np.rot90(photo[:, :, ::-1] if mirrored else photo, quarters, (1, 2)).astype(np.float32)
    return Scene(maps, np.ones((18, 24), bool), spacing, photo, np.ones(photo.shape[1:], bool))


SOAK = pytest.mark.soak
TURNS = [(3, 2.0), *(pytest.param(k, height, marks=SOAK) for k in range(4) for height in (1.0, 2.0))]


@pytest.mark.parametrize(("quarters", "height"), TURNS)
def test_the_turn_is_found(quarters: int, height: float) -> None:
    spacing = (height, 1.0)
    given = scene(quarters, spacing=spacing)
    assert probable_turn(given) == -quarters % 4
    upright = turned(given, -quarters % 4)
    np.testing.assert_array_equal(upright.photo, scene(0, spacing=spacing).photo)
    # Positions on the turned photo are those on the photo as it was passed.
    rows, columns = np.indices(upright.photo_valid.shape).reshape(2, -1)
    matrix = upright_to_photo(given.photo_valid.shape, -quarters % 4)
    x, y, _ = (matrix @ [columns, rows, np.ones(rows.size)]).round().astype(int)
    np.testing.assert_array_equal(given.photo[:, y, x], upright.photo[:, rows, columns])


@SOAK
def test_a_mirrored_photo_has_no_turn() -> None:
    assert probable_turn(scene(0, mirrored=True)) == 0


@pytest.mark.soak
@pytest.mark.parametrize(("quarters", "words"), [(1, "clockwise"), (2, "upside down"), (3, "counter-clockwise")])
def test_register_tries_quarter_turns_and_says_so(quarters: int, words: str) -> None:
    _, scan, rgb = xrfsr.simulate.painting(192, 256, 4, seed=3, lines=["Ca-K", "Fe-K", "Hg-L", "Pb-L"])
    photo = np.pad(rgb.values, ((0, 0), (30, 18), (12, 40)), constant_values=0.6)
    with pytest.warns(UserWarning, match=f"only after turning it (by 90 degrees )?{words}:"):
        found = xrfsr.register(np.ascontiguousarray(np.rot90(photo, quarters, (1, 2))), scan)
    assert found.diagnostics["turned"] == 90 * (-quarters % 4)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert np.corrcoef(found.photo.values[inner].ravel(), rgb.values[inner].ravel())[0, 1] > 0.95
    # The middle of the first pixel of the scan, on the photo as it was passed.
    marked = np.zeros(photo.shape[1:])
    marked[30 + 1, 12 + 1] = 1
    row, column = np.argwhere(np.rot90(marked, quarters))[0]
    np.testing.assert_allclose(found.photo_to_map_pixels([[column, row]]), [[0, 0]], atol=0.7)
