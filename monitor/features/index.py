"""Finds enrolled photos inside a post: candidates by shared features, then place and check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import (
    CODE_BYTES,
    PHOTO_FEATURES,
    POST_AREA,
    POST_FEATURES,
    LocalFeatures,
    Luma,
    extract,
    luma,
)
from monitor.features.geometry import Placement, place
from monitor.features.lookup import MAX_DISTANCE, CodeTable
from monitor.features.tiles import Agreement, Tiles, agreement, tiles_of

# A feature's best partner must be nearer than its second by this factor: what a picture has
# several times says nothing.
_RATIO = 0.92
# Photos that are looked at closely, for the post and for its mirror image each.
_CANDIDATES = 6
_MIN_VOTES = 1.0


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
    grey = luma(rgb, POST_AREA)
    return Probe(grey, *extract(grey, POST_FEATURES))


class LocalIndex:
    """The local features of all photos of the bank."""

    def __init__(self, photos: Sequence[EnrolledFeatures]) -> None:
        self._photos = tuple(photos)
        codes = [one.features.codes for one in self._photos]
        owners = np.repeat(np.arange(len(codes)), [len(one) for one in codes])
        none = np.empty((0, CODE_BYTES), np.uint8)
        self._table = CodeTable(np.concatenate([none, *codes]), owners)

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
            if len(features.codes) < 2:
                continue
            signs = _signs(features.codes)
            grey: Luma | None = None
            for photo in self._candidates(features):
                one = self._photos[photo]
                placement = _place(one.features, features, signs)
                if placement is None:
                    continue
                if grey is None:
                    grey = np.ascontiguousarray(probe.grey[:, ::-1]) if mirrored else probe.grey
                checked = agreement(
                    one.tiles, one.features.width, one.features.height, grey, placement.matrix
                )
                hit = Hit(photo, mirrored, placement, checked)
                if photo not in best or _weight(hit) > _weight(best[photo]):
                    best[photo] = hit
        return sorted(best.values(), key=_weight, reverse=True)

    def _candidates(self, features: LocalFeatures) -> list[int]:
        """List the photos that most features of a post are nearest to."""
        votes = self._table.votes(features, len(self._photos))
        order = np.argsort(-votes, kind="stable")[:_CANDIDATES]
        return [int(one) for one in order if votes[one] > _MIN_VOTES]


def _place(
    ours: LocalFeatures, post: LocalFeatures, signs: NDArray[np.float32]
) -> Placement | None:
    """Pair a photo's features with a post's, each used once, and place the photo.

    Args:
        signs: Of the post's codes, which are the same for every photo.
    """
    # As signs: the product of two codes is 256 less twice the bits that differ.
    product = _signs(ours.codes) @ signs.T
    nearest = product.argmax(axis=1)
    rows = np.arange(len(nearest))
    best = (256 - product[rows, nearest]) / 2
    product[rows, nearest] = -256
    second = (256 - product.max(axis=1)) / 2
    good = np.flatnonzero((best <= MAX_DISTANCE) & (best <= _RATIO * second))
    good = good[np.argsort(best[good], kind="stable")]
    _, first = np.unique(nearest[good], return_index=True)
    good = good[np.sort(first)]
    return place(
        ours.points[good].astype(np.float64),
        post.points[nearest[good]].astype(np.float64),
        max(ours.width, ours.height),
    )


def _weight(hit: Hit) -> tuple[int, int]:
    """Order hits: by what agrees, then by inliers."""
    return hit.agreement.agreeing, hit.placement.inliers


def _signs(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give 1 and -1 for the bits of codes, (n, 256)."""
    return np.unpackbits(codes, axis=1).astype(np.float32) * 2 - 1
