"""A hash of a post's picture against a fingerprint of a case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.models.case import Partner


class Grade(StrEnum):
    """How sure a match is: exact and strong ones are mailed, review is listed for a person."""

    EXACT = "exact"
    STRONG = "strong"
    REVIEW = "review"


# Methods by which the very same file is found.
DIGESTS = ("sha256", "md5")

# How people say the names of `monitor.hashes.pdq.DIHEDRAL`.
TURNED = {
    "none": "not turned / 그대로",
    "rot90": "a quarter turn to the left / 왼쪽으로 90° 회전",
    "rot180": "upside down / 180° 회전",
    "rot270": "a quarter turn to the right / 오른쪽으로 90° 회전",
    "flip_x": "upside down and mirrored / 상하 반전",
    "flip_y": "mirrored / 좌우 반전",
    "transpose": "a quarter turn to the left and mirrored / 90° 회전 후 반전",
    "anti_transpose": "a quarter turn to the right and mirrored / 90° 회전 후 반전",
}


def inverted(transform: str) -> str:
    """Name a turn of a picture that is in inverted colours, too."""
    return "inverted" if transform == "none" else f"{transform}_inverted"


TURNED |= {
    inverted(name): "{}, in inverted colours / {}, 색상 반전".format(*said.split(" / "))
    for name, said in TURNED.items()
}


@dataclass(frozen=True, slots=True)
class Placing:
    """Where and how well an enrolled photo was placed in a post's picture.

    Attributes:
        agreement: Share of the photo's visible, textured parts that look the same there, 0-1.
        shown: Share of the photo that lies within the post's picture, 0-1.
        scale: Size in the post's file against the enrolled one.
        angle: Degrees clockwise that it is turned beyond `Match.transform`; -45 to 45.
        inliers: Local features of the photo that were found again, all by one placement; None:
            it was placed by windows.
    """

    agreement: float
    shown: float
    scale: float
    angle: float
    inliers: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One match.

    Attributes:
        method: "sha256", "md5", "pdq", "windows" or "features".
        distance: Differing bits of a hash, 0 for identical; None for features.
        quality: The smaller PDQ quality of the two sides, 0-100.
        transform: How the post's picture is turned against the enrolled one: a name of
            `monitor.hashes.pdq.DIHEDRAL`, by `inverted` in inverted colours.
        region: Where in the post's picture: x, y, width, height as shares of 0-1.
        placing: How the photo was placed by windows or features; None for hashes of panels.
        partner: Whose bare hash it was matched by; None: made of a photo.
    """

    case_id: str
    fingerprint_id: str
    media_sha256: str
    method: str
    distance: int | None
    quality: int
    transform: str
    grade: Grade
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    placing: Placing | None = None
    partner: Partner | None = None

    @property
    def rank(self) -> tuple[int, bool, int, str, str]:
        """Order matches: by grade, hashes before features, the nearest first."""
        inliers = self.placing.inliers if self.placing else None
        near = (self.distance or 0) if inliers is None else -inliers
        is_placed = self.placing is not None
        return tuple(Grade).index(self.grade), is_placed, near, self.case_id, self.fingerprint_id
