"""Finds enrolled photos inside a post: candidates by shared features, then place and check."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.features.codec import EnrolledFeatures
from monitor.features.extract import (
    PHOTO_FEATURES,
    POST_AREA,
    POST_FEATURES,
    LocalFeatures,
    Luma,
    extract,
    inverted,
    luma,
)
from monitor.features.geometry import Placement, place
from monitor.features.lookup import AS_NEAR, MAX_DISTANCE, two_nearest, words_of
from monitor.features.segment import LARGEST, Segment, merged, segments_of
from monitor.features.tiles import Agreement, agreement, tiles_of

# A feature's best partner must be nearer than its second by this factor: what a picture has
# several times says nothing.
_RATIO = 0.92
# Photos that are looked at closely, for the post and for its mirror image each.
_CANDIDATES = 6
_MIN_VOTES = 0.3
# Features of a post that vote: the strongest of every part of it. The nearer, the more it says.
_VOTERS = 500
_MIDDLE, _SLOPE = 28.0, 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A post's picture, made ready to be looked through; not stored.

    Attributes:
        grey: The picture at the size its features were taken from.
        plain, mirrored: Its features, and those of its mirror image.
    """

    grey: Luma
    plain: LocalFeatures
    mirrored: LocalFeatures


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A photo placed in a post.

    Attributes:
        photo: Its number in the bank.
        mirrored: The placement is in the post's mirror image.
        inverted: It is in the post in inverted colours.
    """

    photo: int
    mirrored: bool
    placement: Placement
    agreement: Agreement
    inverted: bool = False


def enrolled_features(rgb: NDArray[np.uint8]) -> EnrolledFeatures:
    """Take what is kept of a photo, H x W x 3."""
    return features_in(luma(rgb))


def features_in(grey: Luma) -> EnrolledFeatures:
    """Take what is kept of a photo, H x W, at the size that `luma` gives it."""
    return EnrolledFeatures(extract(grey, PHOTO_FEATURES)[0], tiles_of(grey))


def probe_of(rgb: NDArray[np.uint8]) -> Probe:
    """Make a post's picture, H x W x 3, ready to be looked through."""
    return probe_in(luma(rgb, POST_AREA))


def probe_in(grey: Luma) -> Probe:
    """Make a post's picture, at the size that `luma` gives it, ready to be looked through."""
    return Probe(grey, *extract(grey, POST_FEATURES))


class LocalIndex:
    """The local features of all photos of the bank.

    A bank is not changed: what is added or withdrawn makes another one that shares most of it.
    """

    def __init__(self, photos: Iterable[EnrolledFeatures] = ()) -> None:
        """Lay photos out; they are numbered in their order, from 0 on."""
        self._segments = tuple(segments_of(photos, 0))
        self._next = sum(len(one) for one in self._segments)

    def __len__(self) -> int:
        """Say how many photos there are."""
        return sum(len(one) for one in self._segments)

    @property
    def bytes(self) -> int:
        """Say how much memory the photos take."""
        return sum(one.bytes for one in self._segments)

    def added(self, photos: Iterable[EnrolledFeatures]) -> LocalIndex:
        """Give a bank of more photos; they are numbered after all that ever were in this one.

        Small segments are made one, so that there are few: a photo is laid out anew as often as
        the bank doubles.
        """
        segments = list(self._segments)
        following = self._next
        for one in segments_of(photos, self._next):
            following = int(one.numbers[-1]) + 1
            segments.append(one)
            while len(segments) > 1 and len(segments[-2]) <= 2 * len(segments[-1]):
                if len(segments[-2]) + len(segments[-1]) > LARGEST:
                    break
                segments[-2:] = [merged(segments[-2:])]
        return self._of(segments, following)

    def dropped(self, numbers: Collection[int]) -> LocalIndex:
        """Give a bank without some photos; of these, nothing is left in memory."""
        segments = [one.without(numbers) for one in self._segments]
        kept = [merged([one]) if 2 * len(one) < len(one.gone) else one for one in segments]
        return self._of([one for one in kept if len(one)], self._next)

    def _of(self, segments: list[Segment], following: int) -> LocalIndex:
        other = LocalIndex()
        other._segments, other._next = tuple(segments), following
        return other

    def size_of(self, photo: int) -> tuple[int, int]:
        """Give the width and height that a photo's features were taken at; pixels."""
        segment, at = self._find(photo)
        return int(segment.sides[at, 0]), int(segment.sides[at, 1])

    def _find(self, photo: int) -> tuple[Segment, int]:
        """Find a photo's segment, and its position there."""
        firsts = [int(one.numbers[0]) for one in self._segments]
        segment = self._segments[bisect_right(firsts, photo) - 1]
        return segment, int(np.searchsorted(segment.numbers, photo))

    def search(self, probe: Probe) -> list[Hit]:
        """Find photos in a post, as they are, mirrored and inverted; the best placement of each."""
        best: dict[int, Hit] = {}
        for is_mirrored, features in ((False, probe.plain), (True, probe.mirrored)):
            if len(features.codes) < 2:
                continue
            grey = np.ascontiguousarray(probe.grey[:, ::-1]) if is_mirrored else probe.grey
            for is_inverted in (False, True):
                look = inverted(features) if is_inverted else features
                for photo in self._candidates(look):
                    hit = self._hit(photo, look, 255 - grey if is_inverted else grey)
                    if hit is None:
                        continue
                    hit = replace(hit, mirrored=is_mirrored, inverted=is_inverted)
                    if photo not in best or _weight(hit) > _weight(best[photo]):
                        best[photo] = hit
        return sorted(best.values(), key=_weight, reverse=True)

    def _hit(self, photo: int, features: LocalFeatures, grey: Luma) -> Hit | None:
        """Place a photo in a picture, and check it; None where too few features agree."""
        segment, at = self._find(photo)
        placement = _place(segment, at, features)
        if placement is None:
            return None
        tiles, (width, height) = segment.tiles_of(at), self.size_of(photo)
        return Hit(photo, False, placement, agreement(tiles, width, height, grey, placement.matrix))

    def _candidates(self, features: LocalFeatures) -> list[int]:
        """List the photos that most features of a post are nearest to."""
        voters, keys = words_of(features.codes[:_VOTERS]), features.keys[:_VOTERS]
        nearest = np.full(len(voters), MAX_DISTANCE, np.int64)
        met: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
        for one in self._segments:
            found = one.table.meet(voters, keys, nearest)
            photos = one.owners(found[:, 1])
            found[:, 1] = one.numbers[photos]
            met.append(found[~one.gone[photos]])
        voter, photo, distance = np.concatenate(met).T
        kept = distance <= nearest[voter] + AS_NEAR
        voter, photo, distance = voter[kept], photo[kept], distance[kept]
        # One vote a feature and photo, by its nearest.
        order = np.lexsort((distance, photo, voter))
        voter, photo, distance = voter[order], photo[order], distance[order]
        first = np.r_[True, (np.diff(voter) != 0) | (np.diff(photo) != 0)][: len(voter)]
        weight = 1 / (1 + np.exp((distance[first] - _MIDDLE) / _SLOPE))
        named, at = np.unique(photo[first], return_inverse=True)
        votes = np.bincount(at, weights=weight, minlength=len(named))
        order = np.argsort(-votes, kind="stable")[:_CANDIDATES]
        return [int(named[one]) for one in order if votes[one] > _MIN_VOTES]


def _place(segment: Segment, photo: int, post: LocalFeatures) -> Placement | None:
    """Pair a photo's features with a post's, each used once, and place the photo."""
    codes = segment.codes[segment.rows_of(photo)]
    nearest, best, second = two_nearest(codes, words_of(post.codes)).T
    good = np.flatnonzero((best <= MAX_DISTANCE) & (best <= _RATIO * second))
    good = good[np.argsort(best[good], kind="stable")]
    _, first = np.unique(nearest[good], return_index=True)
    good = good[np.sort(first)]
    return place(
        segment.points_of(photo)[good].astype(np.float64),
        post.points[nearest[good]].astype(np.float64),
        float(segment.sides[photo].max()),
    )


def _weight(hit: Hit) -> tuple[int, int]:
    """Order hits: by what agrees, then by inliers."""
    return hit.agreement.agreeing, hit.placement.inliers
