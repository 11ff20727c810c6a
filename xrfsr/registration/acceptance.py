"""Whether an automatic registration is to be believed."""

from __future__ import annotations

from xrfsr.registration.automatic import Evidence

__all__ = ["rejection_reasons"]

# The photo must tell so many times more of the maps than of their mirror images at their best places.
CLEARER = 1.8
# Two halves of the scan must lead to the same place: in pixels of the scan, or as a share of its longer side.
PIXELS, SHARE = 1.5, 1 / 200
LEAST_OVERLAP = 0.6


def rejection_reasons(evidence: Evidence, longest: int) -> list[str]:
    """Why a position is not trusted; empty where it is.

    Parameters
    ----------
    evidence : Evidence
    longest : int
        Pixels of the scan along its longer side.
    """
    found: list[str] = []
    if evidence.score < CLEARER * evidence.control:
        found.append(
            "at the best place the photo tells little more of the maps than of their mirror images "
            f"({evidence.score:.2f} against {evidence.control:.2f} nats a pixel)"
        )
    if evidence.disagreement > max(PIXELS, SHARE * longest):
        found.append(
            f"two halves of the scan lead to places {evidence.disagreement:.1f} pixels of the scan apart, more than "
            f"{max(PIXELS, SHARE * longest):.1f}"
        )
    if evidence.overlap < LEAST_OVERLAP:
        found.append(f"only {evidence.overlap:.0%} of the scan would lie on the photo")
    return found
