"""What is done around methods that are a function from a scan and a photo to fine maps.

Such a function is shown maps that the photo may guide, without gaps, and its result is treated alike whatever the
method: maps that the photo may not guide (scatter, diagnostic, flat ones), and pixels that the photo does not show,
are those of the photo-free floor; the rest is moved to what agrees with the scan, the residual spread by the
covariance of the floor, and freed of negative values. With ``projected=False`` the method's own result stands as it
is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.methods.common.problem import Problem, Reconstruction
from xrfsr.methods.common.settings import Setting, chosen
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["Peer", "reach_of_projection"]

FURTHER = 3  # the floor is felt further than a residual, which is smaller


def reach_of_projection(U: Downsampling) -> int:
    """How many coarse pixels around a part have a say in its projection."""
    return U.halo + FURTHER


@dataclass(frozen=True, eq=False)
class Peer:
    """See `xrfsr.methods.common.problem.Prepared`.

    Attributes
    ----------
    make : callable
        From a `Problem`, and the name of a device where it wants one, to maps (line, fine.y, fine.x).
    projected : bool
        Whether its maps are made consistent and not negative.
    guided : bool
        Whether it looks at the photo.
    on_device : bool
        Whether it wants a device.
    record, per_line
        See `Prepared`.
    """

    make: Callable[..., NDArray[np.float32]]
    projected: bool
    guided: bool = True
    on_device: bool = False
    record: dict[str, str | float] = field(default_factory=dict)
    per_line: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        make: Callable[..., NDArray[np.float32]],
        known: Mapping[str, Setting],
        given: Mapping[str, Any],
        *,
        guided: bool = True,
        on_device: bool = False,
    ) -> Self:
        """With the settings that were given, among others that all methods are given, or else their defaults."""
        settings = chosen(known, given)
        record: dict[str, str | float] = {"settings": json.dumps(settings)}
        projected = bool(settings.pop("projected"))
        return cls(partial(make, **settings), projected, guided, on_device, record)

    def apply(self, problem: Problem, own: tuple[slice, slice], device: str) -> Reconstruction:
        """See `xrfsr.methods.common.problem.Prepared`."""
        make = partial(self.make, device=device) if self.on_device else self.make
        maps = self._guided(problem, make) if self.guided else make(problem)
        if not self.projected:
            return Reconstruction(maps[:, *own])
        U = problem.U
        maps = U.project(maps, problem.scan, U.correlation_length)
        maps, physical = project_nonnegative(maps, problem.scan, U)
        return Reconstruction(maps[:, *own], physical)

    def _guided(self, problem: Problem, make: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
        """The method's maps where it may make any, the floor elsewhere."""
        mine = np.flatnonzero(problem.guided)
        everything = mine.size == len(problem.lines) and problem.photo_valid.all()
        if everything:
            return make(problem)
        U = problem.U
        maps = krige(problem.scan, U, mean=problem.mean)
        if mine.size:
            made = make(problem.sel_lines(mine))
            maps[mine] = np.where(problem.photo_valid, made, maps[mine])
        return np.asarray(maps, dtype=np.float32)
