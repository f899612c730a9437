"""Says of a photo that was placed in a post: how sure, where, and how turned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, degrees

import numpy as np
from numpy.typing import NDArray

from monitor.features.index import Hit, Probe
from monitor.features.tiles import TILES, Agreement
from monitor.models.case import Fingerprint
from monitor.models.match import Grade, Match, Moment, Placing, inverted
from monitor.models.media import MediaFacts
from monitor.registry.bank import Bank
from monitor.windows.index import WindowHit
from monitor.windows.post import PostWindows

# By quarter turns clockwise, without and with a mirror before the turn.
_TURNS = ("none", "rot270", "rot180", "rot90")
_MIRRORED_TURNS = ("flip_y", "anti_transpose", "flip_x", "transpose")

# Measured on edits of photographs and on strangers' photos in the same frames and screenshots:
# what agrees by more than a frame or a caption is strong; what only has many features in common
# is for a person to see.
_MIN_INLIERS, _MIN_AGREEING, _MIN_SHARE = 5, 3, 0.45
_MIN_SHOWN, _MANY_INLIERS, _MANY_SHOWN = 10, 15, 6
# Of a photo that was cut out along a curve only the middle is left.
_CORE_INLIERS, _CORE_TILES = 20, 10
_REVIEW = ((12, 5, 0.12), (30, 3, 0.0))
# Of the tiles that a window's place predicts, up to a third agree by chance, as flat or regular
# grounds do; these more are needed.
_CHANCE, _SURPLUS, _MUCH_SURPLUS = 0.35, 5, 10
_SEEN_CORE = 2
_CORE_DISTANCE = 60
_REVIEW_CORE, _REVIEW_SURPLUS = 4, 0
# What strangers' posts have in common with a photo (a frame, a caption, an app's chrome) lies round
# its middle, where hardly any tile agrees by chance.
_MIN_CORE = 4


def local_matches(bank: Bank, facts: MediaFacts, probe: Probe) -> list[Match]:
    """Match a post's picture against the local features of the bank."""
    matches = []
    for hit in bank.local.search(probe):
        grade = _grade(hit)
        if grade is None:
            continue
        matrix = hit.placement.matrix
        if hit.mirrored:
            last = probe.grey.shape[1] - 1
            matrix = np.array([[-1, 0, last], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
        size = bank.local.size_of(hit.photo)
        placed = _Placed(
            grade, matrix, size, hit.agreement, inliers=hit.placement.inliers, inverted=hit.inverted
        )
        match = _match(bank.local_prints[hit.photo], facts, placed, probe.grey.shape)
        matches.append(_of_moment(match, bank.local_ms.get(hit.photo)))
    return sorted(matches, key=lambda one: one.rank)


def window_matches(bank: Bank, facts: MediaFacts, post: PostWindows) -> list[Match]:
    """Match a post's picture against the windows of the bank."""
    matches = []
    for hit in bank.windows.search(post):
        grade = _window_grade(hit)
        if grade is None:
            continue
        size = bank.windows.size_of(hit.photo)
        placed = _Placed(
            grade, hit.matrix, size, hit.agreement, distance=hit.distance, inverted=hit.inverted
        )
        match = _match(bank.window_prints[hit.photo], facts, placed, post.picture.grey.shape)
        matches.append(_of_moment(match, bank.window_ms.get(hit.photo)))
    return sorted(matches, key=lambda one: one.rank)


def _of_moment(match: Match, ms: int | None) -> Match:
    """Say of a match of an enrolled video which of its pictures it is."""
    if ms is None:
        return match
    return replace(match, moment=Moment(clip_start_s=ms / 1000, clip_end_s=ms / 1000))


def seen_match(
    fingerprint: Fingerprint,
    facts: MediaFacts,
    hit: WindowHit,
    size: tuple[int, int],
    photo: PostWindows,
) -> Match | None:
    """Match a photo against a picture that was seen before, by hashes of the picture's parts.

    Args:
        hit: The picture, placed in the photo.
        size: Width and height that the picture's windows were taken at; pixels.

    Returns:
        None where it may be chance.
    """
    checked = hit.agreement
    if checked.shown < _MIN_SHOWN or _surplus(checked) < _SURPLUS:
        return None
    height, width = photo.picture.grey.shape
    matrix = np.linalg.inv(np.vstack([hit.matrix, [0, 0, 1]]))[:2]
    placed = _Placed(
        Grade.STRONG,
        matrix,
        (width, height),
        checked,
        distance=hit.distance,
        inverted=hit.inverted,
    )
    match = _match(fingerprint, facts, placed, (size[1], size[0]))
    # How much of the photo is shown: its box within the picture, by all of it.
    area = float(abs(np.linalg.det(matrix[:, :2]))) * width * height / (size[0] * size[1])
    shown = min(1.0, match.region[2] * match.region[3] / area) if area else 0.0
    placing = replace(match.placing, shown=round(shown, 3)) if match.placing else None
    return replace(match, placing=placing)


def _grade(hit: Hit) -> Grade | None:
    """Grade a hit; None: chance."""
    inliers, checked = hit.placement.inliers, hit.agreement
    if inliers < _MIN_INLIERS or checked.agreeing < _MIN_AGREEING:
        return None
    if checked.share >= _MIN_SHARE:
        is_large = checked.shown >= _MIN_SHOWN
        is_sure = inliers >= _MANY_INLIERS and checked.shown >= _MANY_SHOWN
        # A blank photo in a frame is found by its frame: on any post that has the same.
        is_photo = checked.core_textured >= _MIN_CORE
        return Grade.STRONG if is_photo and (is_large or is_sure) else Grade.REVIEW
    if inliers >= _CORE_INLIERS and checked.core >= _CORE_TILES:
        return Grade.STRONG
    if checked.core < _MIN_CORE:
        return None
    for least_inliers, least_agreeing, least_share in _REVIEW:
        enough = inliers >= least_inliers and checked.agreeing >= least_agreeing
        if enough and checked.share >= least_share:
            return Grade.REVIEW
    return None


def _surplus(checked: Agreement) -> float:
    """Tell how many tiles agree beyond those that may by chance."""
    return checked.agreeing - _CHANCE * checked.compared


def _window_grade(hit: WindowHit) -> Grade | None:
    """Grade a hit of windows; None: chance."""
    checked = hit.agreement
    surplus = _surplus(checked)
    is_core = checked.core >= _CORE_TILES and hit.distance <= _CORE_DISTANCE
    # What only borders have in common may be a frame, or the like of many pictures.
    is_seen = checked.core >= _SEEN_CORE or surplus >= _MUCH_SURPLUS
    if is_core or (checked.shown >= _MIN_SHOWN and surplus >= _SURPLUS and is_seen):
        return Grade.STRONG
    if checked.core >= _REVIEW_CORE and surplus >= _REVIEW_SURPLUS:
        return Grade.REVIEW
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A photo in a post.

    Attributes:
        matrix: (2, 3): takes the photo's pixels to the post's.
        size: Width and height of the photo in these pixels.
        inliers, distance: As in `Placing` and `Match`; one of the two.
    """

    grade: Grade
    matrix: NDArray[np.float64]
    size: tuple[int, int]
    agreement: Agreement
    inliers: int | None = None
    distance: int | None = None
    inverted: bool = False


def _match(
    fingerprint: Fingerprint, facts: MediaFacts, placed: _Placed, shape: tuple[int, ...]
) -> Match:
    """Make the match of a placed photo.

    Args:
        shape: Height and width of the post that it was placed in; pixels.
    """
    height, width = shape
    transform, angle = _turn(placed.matrix)
    scale = float(abs(np.linalg.det(placed.matrix[:, :2])) ** 0.5)
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="windows" if placed.inliers is None else "features",
        distance=placed.distance,
        quality=min(fingerprint.quality, facts.pdq_quality),
        transform=inverted(transform) if placed.inverted else transform,
        grade=placed.grade,
        region=_region(placed.matrix, placed.size, (width, height)),
        placing=Placing(
            agreement=round(placed.agreement.share, 3),
            shown=round(placed.agreement.shown / TILES**2, 3),
            # Of the file: a smaller picture was looked at.
            scale=round(scale * facts.width / width, 3),
            angle=round(angle, 1),
            inliers=placed.inliers,
        ),
    )


def _turn(matrix: NDArray[np.float64]) -> tuple[str, float]:
    """Name the nearest quarter turn, and the degrees clockwise beyond it."""
    (a, b), (c, d) = matrix[:, :2]
    names = _TURNS
    if a * d - b * c < 0:
        # Mirrored left to right first; what remains is a turn.
        a, c, names = -a, -c, _MIRRORED_TURNS
    clockwise = degrees(atan2(c - b, a + d))
    quarters = round(clockwise / 90)
    return names[quarters % 4], clockwise - 90 * quarters


def _region(
    matrix: NDArray[np.float64], photo: tuple[int, int], post: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Give the box round a photo, as shares of the post, cut off at its borders."""
    corners = np.array([[x, y, 1] for x in (0, photo[0]) for y in (0, photo[1])]) @ matrix.T
    left, top = (corners.min(axis=0) / post).clip(0, 1)
    right, bottom = (corners.max(axis=0) / post).clip(0, 1)
    box = (left, top, right - left, bottom - top)
    return (
        round(float(box[0]), 4),
        round(float(box[1]), 4),
        round(float(box[2]), 4),
        round(float(box[3]), 4),
    )
