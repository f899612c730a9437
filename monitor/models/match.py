"""A hash of a post's picture or video against a fingerprint of a case."""

from __future__ import annotations

import math
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
class Moment:
    """When in a video: in that of the post, in the enrolled one, or in both.

    Attributes:
        start_s, end_s: Seconds from the start of the post's video; None: the post is a picture.
        share: Of the unlike frames of the post's video that were looked at, those that match, 0-1.
        length_s: Of the post's video.
        clip_start_s, clip_end_s: In the enrolled video; None: a photo was enrolled.
        clip_share: Of the enrolled video's unlike frames, those that are found again, 0-1.
        frames: Frames of the post that match.
    """

    start_s: float | None = None
    end_s: float | None = None
    share: float | None = None
    length_s: float | None = None
    clip_start_s: float | None = None
    clip_end_s: float | None = None
    clip_share: float | None = None
    frames: int = 1

    @property
    def when(self) -> str:
        """Say from when to when in the post's video; empty: the post is a picture."""
        return _span(self.start_s, self.end_s)

    @property
    def clip_when(self) -> str:
        """Say from when to when in the enrolled video; empty: a photo was enrolled."""
        return _span(self.clip_start_s, self.clip_end_s)

    @property
    def length(self) -> str:
        """Say how long the post's video is."""
        return clock_time(math.ceil(self.length_s or 0))


def clock_time(seconds: int) -> str:
    """Write a time as players do: mm:ss, and h:mm:ss from an hour on."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _span(start_s: float | None, end_s: float | None) -> str:
    """Write a range of times so that it has all of it; one time where it has no length."""
    if start_s is None or end_s is None:
        return ""
    # A moment is shown by players under the second that has begun.
    start = math.floor(start_s)
    end = start if end_s == start_s else math.ceil(end_s)
    return clock_time(start) if end == start else f"{clock_time(start)}-{clock_time(end)}"


@dataclass(frozen=True, slots=True)
class Match:
    """One match.

    Attributes:
        method: "sha256", "md5", "pdq", "windows" or "features"; "vpdq" for a video in a video.
        distance: Differing bits of a hash, 0 for identical; None for features.
        quality: The smaller PDQ quality of the two sides, 0-100.
        transform: How the post's picture is turned against the enrolled one: a name of
            `monitor.hashes.pdq.DIHEDRAL`, by `inverted` in inverted colours.
        region: Where in the post's picture: x, y, width, height as shares of 0-1.
        placing: How the photo was placed by windows or features; None for hashes of panels.
        partner: Whose bare hash it was matched by; None: made of a photo.
        moment: When, where the post or what is enrolled is a video.
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
    moment: Moment | None = None

    @property
    def posted(self) -> str:
        """Say what the post has: "picture" or "video"."""
        return "video" if self.moment is not None and self.moment.when else "picture"

    @property
    def enrolled(self) -> str:
        """Say what was enrolled: "photo" or "video"."""
        return "video" if self.moment is not None and self.moment.clip_when else "photo"

    @property
    def is_whole(self) -> bool:
        """Tell whether it is all of the post's picture or frame that matches, to the percent."""
        return self.percents == (0, 0, 100, 100)

    @property
    def percents(self) -> tuple[int, int, int, int]:
        """Give the region in percent."""
        x, y, width, height = (round(100 * share) for share in self.region)
        return x, y, width, height

    @property
    def rank(self) -> tuple[int, bool, int, str, str]:
        """Order matches: by grade, hashes before features, the nearest first."""
        inliers = self.placing.inliers if self.placing else None
        near = (self.distance or 0) if inliers is None else -inliers
        is_placed = self.placing is not None
        return tuple(Grade).index(self.grade), is_placed, near, self.case_id, self.fingerprint_id
