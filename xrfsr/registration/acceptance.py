"""Acceptance tests of an automatic registration."""

from __future__ import annotations

from xrfsr.registration.automatic import Evidence

__all__ = ["rejection_reasons"]

# Least ratio of the information that the photo has about the maps and about mirrored maps at their best positions.
CLEARER = 1.8
# Largest distance between the positions of two halves of the scan: in its pixels, or as a share of its longer side.
PIXELS, SHARE = 1.5, 1 / 200
LEAST_OVERLAP = 0.6

REVERSED = 1.3  # times better from which on a mirror image is taken for the right one
MIRRORED = (
    ", so the photo seems to be mirrored; turn it over first, in a picture program or with rgb[:, ::-1] of its array"
)


def rejection_reasons(evidence: Evidence, longest: int) -> list[str]:
    """Return the reasons to reject a position; an empty list accepts it.

    Parameters
    ----------
    evidence : Evidence
        Position and its scores.
    longest : int
        Number of pixels along the longer side of the scan.
    """
    found: list[str] = []
    if evidence.score < CLEARER * evidence.control:
        found.append(
            f"the photo must explain the maps {CLEARER:g} times better than their mirror images, got "
            f"{evidence.score:.2f} and {evidence.control:.2f} nats per pixel at the best positions"
            + (MIRRORED if evidence.control > REVERSED * evidence.score else "")
        )
    if evidence.disagreement > max(PIXELS, SHARE * longest):
        found.append(
            f"two halves of the scan must lead to positions within {max(PIXELS, SHARE * longest):.1f} pixels of the "
            f"scan, got {evidence.disagreement:.1f}"
        )
    if evidence.overlap < LEAST_OVERLAP:
        found.append(f"the photo must show at least {LEAST_OVERLAP:.0%} of the scan, got {evidence.overlap:.0%}")
    return found
