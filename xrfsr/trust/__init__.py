"""What in a result can be believed: value by value, against a truth, and against the scan."""

from xrfsr.trust.against_scan import consistency
from xrfsr.trust.against_truth import quality

__all__ = ["consistency", "quality"]


def __dir__() -> list[str]:
    return sorted(__all__)
