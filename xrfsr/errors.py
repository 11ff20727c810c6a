"""The one exception for bad input: it carries every fault found, not only the first."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["InvalidInput"]


class InvalidInput(ValueError):
    """Something handed to xrfsr cannot be used; the message lists every fault.

    Parameters
    ----------
    what : str
        The thing that was looked at, such as ``"scan"`` or ``"line labels"``.
    faults : sequence of str
        One sentence per fault: the variable, the offending value, what is accepted, and the fix.

    Attributes
    ----------
    what : str
    faults : tuple of str

    Examples
    --------
    >>> error = InvalidInput("scan", ["'x' has no units; set ds.x.attrs['units'] = 'mm'"])
    >>> print(error)
    invalid scan: 'x' has no units; set ds.x.attrs['units'] = 'mm'
    """

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        self.what = what
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            message = f"invalid {what}: {self.faults[0]}"
        else:
            listed = "\n".join(f"  - {fault}" for fault in self.faults)
            message = f"invalid {what}, {len(self.faults)} faults:\n{listed}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[str, tuple[str, ...]]]:
        # The default would pickle the message alone, and a Dask worker could not send the error home.
        return (type(self), (self.what, self.faults))
