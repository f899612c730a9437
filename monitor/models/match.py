"""A hash of a post's picture against a fingerprint of a case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How sure a match is: exact and strong ones are mailed, review is listed for a person."""

    EXACT = "exact"
    STRONG = "strong"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Match:
    """One match.

    Attributes:
        method: "sha256" or "pdq".
        distance: Differing bits; 0 for identical.
        quality: The smaller PDQ quality of the two sides, 0-100.
        transform: How the post's picture is turned against the enrolled one: a name of
            `monitor.hashes.pdq.DIHEDRAL`.
        region: Where in the post's picture: x, y, width, height as shares of 0-1.
    """

    case_id: str
    fingerprint_id: str
    media_sha256: str
    method: str
    distance: int
    quality: int
    transform: str
    grade: Grade
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
