"""Settings with which every method takes a fraction of a second, for tests of numbers and not of quality."""

from __future__ import annotations

from typing import Any

import xarray as xr

QUICK: dict[str, Any] = {"steps": 6, "pixels": 128, "K": 2, "M": 8}
SETTINGS: dict[str, dict[str, Any]] = {
    "unfolding": QUICK | {"inputs": ("leave-out", "leave-out"), "views": ("sharp", "soft")},
    "unfolding, noise-aware": QUICK | {"consistency": "noise-aware", "precision": "float32"},
    "unfolding, adversarial": QUICK
    | {"adversarial_steps": 4, "patches": 4, "patch": 8, "windows": 2, "inputs": "bilinear"},
    "unfolding, whole image": QUICK | {"pixels": None, "weight_limit": 0.5, "schedule": "constant"},
    "kriging": {},
    "bilinear": {},
    "bicubic": {},
    "guided_filter": {},
    "guided_diffusion": {"steps": 5},
    "gsa": {},
    "cnmf": {"rounds": 1, "steps": 5},
    "ssr": {"atoms": 10, "rounds": 3},
    "ssrcu": {"atoms": 10, "rounds": 3},
    "cstf": {"loops": 1, "steps": 2},
    "lttr": {"groups": 4, "steps": 2},
    "cms": {"groups": 4, "steps": 2},
}


def assert_same(made: Any, expected: Any, but: str = "") -> None:
    """Check that two results are identical, but for the seconds they took and what a lazy one cannot know."""
    apart = {"xrfsr_durations_s", "xrfsr_unknown", f"xrfsr_{but}"}
    for each in (made, expected):
        apart |= {f"xrfsr_{name}" for name in each.attrs.get("xrfsr_unknown", "").partition(":")[0].split(", ")}
    plain = [each.copy(deep=False) for each in (made, expected)]
    for each in plain:
        each.attrs = {name: value for name, value in each.attrs.items() if name not in apart}
    xr.testing.assert_identical(*plain)
