"""The contract of a method: what the pipeline calls, and what it may rely on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.options import MethodOptions
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling

if TYPE_CHECKING:
    import torch

__all__ = ["ALL", "Method", "Prepared", "Reconstruction", "Run", "Solution"]

OptionsT = TypeVar("OptionsT", bound=MethodOptions)
# Index of all fine pixels of a problem.
ALL = (slice(None), slice(None))


@dataclass(frozen=True)
class Run:
    """Circumstances of one computation: where it runs, what it shows, and the seed.

    Attributes
    ----------
    device_name : str
        Device as torch names it, or ``"auto"``.
    seed : int
        Seed of everything random.
    progress : bool, optional
        Whether to show a progress bar; None shows it in terminals and notebooks.
    compares : bool
        Whether estimates are compared, because the uncertainty of the maps is wanted.
    """

    device_name: str = "auto"
    seed: int = 0
    progress: bool | None = None
    compares: bool = False

    @cached_property
    def device(self) -> torch.device:
        """Device of this process, resolved at first use.

        Raises
        ------
        InvalidInput
            If torch does not know the device, or this machine has none.
        """
        from xrfsr.utils.device import resolve_device

        return resolve_device(self.device_name)

    def __getstate__(self) -> dict[str, Any]:
        # Another process resolves it again: it may have another device.
        return {name: value for name, value in self.__dict__.items() if name != "device"}


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Fine maps.

    Attributes
    ----------
    maps : array of float32, shape (line, y, x)
        Intensity, in the units of the scan.
    physical : array of bool, shape (line,), optional
        False for maps that keep negative values, because no map without them is consistent with the scan.
    spread : array of float32, shape like `maps`, optional
        Variance over the estimates of which the maps were made, if the method makes several.
    layers : dict of array of float32, shape like `maps`
        What is known of every value of the maps, by the names that it has in the result.
    """

    maps: NDArray[np.float32]
    physical: NDArray[np.bool_] | None = None
    spread: NDArray[np.float32] | None = None
    layers: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class Prepared(Protocol):
    """A method that was prepared on a sample of the painting, and can be applied to any part of it.

    It is pickled and sent to every process that works on the painting.
    """

    @property
    def metadata(self) -> dict[str, str | float]:
        """Attributes of the result that are known only after preparing, without the prefix ``xrfsr_``."""

    @property
    def line_values(self) -> dict[str, NDArray[np.float32]]:
        """Coordinates of the result along `line`, shape (line,), by the names in `Method.line_coords`."""

    def apply(self, problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """Return the fine maps in the rows and columns `core` of a problem, whose other pixels are its halo."""


class Solution(NamedTuple):
    """A method prepared on one problem, and that problem's fine maps.

    Attributes
    ----------
    prepared : Prepared
    reconstruction : Reconstruction
    """

    prepared: Prepared
    reconstruction: Reconstruction


class Method(ABC, Generic[OptionsT]):
    """A way from a coarse scan and a photo to fine maps.

    A subclass has a name, a frozen dataclass of options and `prepare`. It holds no state: all that it learns of a
    painting is in what `prepare` returns.

    Attributes
    ----------
    name : str
        Name for ``superresolve(method=...)``.
    uses_photo : bool
        Whether it needs a photo.
    consistent : bool
        Whether its maps, averaged by U, give the scan back under the default options.
    uses_device : bool
        Whether it computes with torch, on `Run.device`.
    measured : tuple of str
        Names in `Prepared.metadata` that `metadata` cannot have, because they are known only after preparing.
    any_ratio : bool
        Whether it can be applied to a problem of another ratio than the one it was prepared for.
    Options : type
        Subclass of `MethodOptions`; its fields are the keywords that a user can pass.
    """

    name: ClassVar[str]
    uses_photo: ClassVar[bool] = True
    consistent: ClassVar[bool] = True
    uses_device: ClassVar[bool] = False
    measured: ClassVar[tuple[str, ...]] = ()
    any_ratio: ClassVar[bool] = True
    Options: type[OptionsT]

    def __repr__(self) -> str:
        return f"<method {self.name!r} of {type(self).__module__}>"

    @abstractmethod
    def prepare(self, sample: Sequence[Problem], options: OptionsT, run: Run) -> Prepared:
        """Train or measure on a sample of the painting whatever holds for all of it.

        Parameters
        ----------
        sample : sequence of Problem
            Windows of the painting, or one problem that is all of it.
        options : MethodOptions
            Options of this method.
        run : Run
            Device, seed and progress bar.
        """

    def solve(self, problem: Problem, options: OptionsT, run: Run) -> Solution:
        """Prepare on a problem and apply to all of it.

        A method whose preparation computes most of the answer overrides this to keep it.
        """
        prepared = self.prepare([problem], options, run)
        return Solution(prepared, prepared.apply(problem, ALL))

    def halo(self, U: Downsampling) -> int | None:
        """Coarse pixels around a tile on which its maps depend; None for a method that needs the whole painting."""
        return None

    def unseen(self, prepared: Any, sample: Sequence[Problem]) -> list[NDArray[np.bool_]]:
        """Pixels of the scan whose errors, at half the resolution, are those of pixels on which nothing was trained.

        Parameters
        ----------
        prepared : Prepared
            What `prepare` has returned for the sample.
        sample : sequence of Problem
            Windows of the painting, or all of it.

        Returns
        -------
        list of array of bool, shape (line, coarse.y, coarse.x)
            For every problem; all measured pixels for a method that is not trained.
        """
        return [problem.measured for problem in sample]

    def options_from(self, keywords: Mapping[str, Any]) -> OptionsT:
        """Build the options from what the user wrote.

        Raises
        ------
        InvalidInput
            Naming every fault.
        """
        return self.Options.from_keywords(self.name, keywords)

    def misfits(self, options: OptionsT, lines: Sequence[str], units: str, bands: int, U: Downsampling) -> list[str]:
        """Return why the options do not fit a painting, as far as that is known without reading it.

        Parameters
        ----------
        options : MethodOptions
            Options of this method.
        lines, units
            Labels of the maps, and their unit.
        bands : int
            Number of bands of the photo.
        U : Downsampling
            Operator from the result to the scan.
        """
        return []

    def unattended(self, options: OptionsT) -> OptionsT:
        """Options for a run that nobody watches, so that nothing half finished is kept."""
        return options

    def uses_uncertainty(self, options: OptionsT) -> bool:
        """Whether the uncertainty of the scan changes the result."""
        return False

    def metadata(self, options: OptionsT, run: Run) -> dict[str, str | float]:
        """Attributes of the result that are known before preparing, without the prefix ``xrfsr_``."""
        return options.metadata()

    def line_coords(self, options: OptionsT) -> Mapping[str, str]:
        """Names and descriptions of the coordinates along `line` that the result gains."""
        return {}
