"""Finds enrolled photos inside a post: candidates by shared features, then place and check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import (
    CODE_BYTES,
    PHOTO_FEATURES,
    POST_FEATURES,
    LocalFeatures,
    Luma,
    extract,
    luma,
)
from monitor.features.geometry import Placement, place
from monitor.features.tiles import Agreement, Tiles, agreement, tiles_of

# Bits of 256. Features of the same place differ in some 20 to 60, others in some 100.
MAX_DISTANCE = 70
# A feature's best partner must be nearer than its second by this factor: what a picture has
# several times says nothing.
_RATIO = 0.92
# Photos that are looked at closely, for the post and for its mirror image each.
_CANDIDATES = 6
_MIDDLE, _SLOPE = 40.0, 8.0


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledFeatures:
    """What is kept of a photo whose owner agreed to local features."""

    features: LocalFeatures
    tiles: Tiles


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
        photo: Its index in the bank.
        mirrored: The placement is in the post's mirror image.
    """

    photo: int
    mirrored: bool
    placement: Placement
    agreement: Agreement


def enrolled_features(rgb: NDArray[np.uint8]) -> EnrolledFeatures:
    """Take what is kept of a photo, H x W x 3."""
    grey = luma(rgb)
    return EnrolledFeatures(extract(grey, PHOTO_FEATURES)[0], tiles_of(grey))


def probe_of(rgb: NDArray[np.uint8]) -> Probe:
    """Make a post's picture, H x W x 3, ready to be looked through."""
    grey = luma(rgb)
    return Probe(grey, *extract(grey, POST_FEATURES))


class LocalIndex:
    """The local features of all photos of the bank."""

    def __init__(self, photos: Sequence[EnrolledFeatures]) -> None:
        self._photos = tuple(photos)
        codes = [one.features.codes for one in self._photos]
        self._codes = np.concatenate(codes) if codes else np.empty((0, CODE_BYTES), np.uint8)
        self._owners = np.repeat(np.arange(len(codes)), [len(one) for one in codes])

    def __len__(self) -> int:
        """Say how many photos there are."""
        return len(self._photos)

    def size_of(self, photo: int) -> tuple[int, int]:
        """Give the width and height that a photo's features were taken at; pixels."""
        features = self._photos[photo].features
        return features.width, features.height

    def search(self, probe: Probe) -> list[Hit]:
        """Find photos in a post, as they are and mirrored; the best placement of each."""
        best: dict[int, Hit] = {}
        for mirrored, features in ((False, probe.plain), (True, probe.mirrored)):
            if not len(features.codes) or not len(self._codes):
                continue
            grey: Luma | None = None
            for photo in self._candidates(features):
                placement = self._place(self._photos[photo], features)
                if placement is None:
                    continue
                if grey is None:
                    grey = np.ascontiguousarray(probe.grey[:, ::-1]) if mirrored else probe.grey
                one = self._photos[photo]
                checked = agreement(
                    one.tiles, one.features.width, one.features.height, grey, placement.matrix
                )
                hit = Hit(photo, mirrored, placement, checked)
                if photo not in best or _weight(hit) > _weight(best[photo]):
                    best[photo] = hit
        return sorted(best.values(), key=_weight, reverse=True)

    def _candidates(self, features: LocalFeatures) -> list[int]:
        """List the photos that most features of a post are nearest to."""
        nearest, distance = _nearest(features.codes, self._codes, 1)
        good = distance[:, 0] <= MAX_DISTANCE
        weights = 1 / (1 + np.exp((distance[good, 0] - _MIDDLE) / _SLOPE))
        votes = np.bincount(
            self._owners[nearest[good, 0]], weights=weights, minlength=len(self._photos)
        )
        order = np.argsort(-votes, kind="stable")[:_CANDIDATES]
        return [int(one) for one in order if votes[one] > 0]

    def _place(self, photo: EnrolledFeatures, post: LocalFeatures) -> Placement | None:
        """Pair a photo's features with a post's, each used once, and place the photo."""
        ours = photo.features
        if len(post.codes) < 2:
            return None
        nearest, distance = _nearest(ours.codes, post.codes, 2)
        good = np.flatnonzero(
            (distance[:, 0] <= MAX_DISTANCE) & (distance[:, 0] <= _RATIO * distance[:, 1])
        )
        good = good[np.argsort(distance[good, 0], kind="stable")]
        _, first = np.unique(nearest[good, 0], return_index=True)
        good = good[np.sort(first)]
        return place(
            ours.points[good].astype(np.float64),
            post.points[nearest[good, 0]].astype(np.float64),
            max(ours.width, ours.height),
        )


def _weight(hit: Hit) -> tuple[int, int]:
    """Order hits: by what agrees, then by inliers."""
    return hit.agreement.agreeing, hit.placement.inliers


def _nearest(
    queries: NDArray[np.uint8], codes: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the nearest codes of each query: their indices and distances, (n, count)."""
    matches = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(queries, codes, k=count)
    index = np.array([[one.trainIdx for one in row] for row in matches], np.intp)
    distance = np.array([[one.distance for one in row] for row in matches], np.float64)
    return index.reshape(len(queries), -1), distance.reshape(len(queries), -1)
