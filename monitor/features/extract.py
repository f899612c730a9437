"""Takes local features of a picture: places that can be found again, and a 256-bit code of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Enough to meet a photo in a ninth of a collage, and few enough for a bank of many photos.
PHOTO_FEATURES = 400
POST_FEATURES = 1_500
# Pixels of the picture that features are taken from; a larger one is made smaller.
MAX_SIDE = 1_280
MAX_AREA = 800_000
MIN_SIDE = 32
CODE_BYTES = 32

_GRID = 6
_SCALE_BANDS = 6
# Sizes are diameters; SIFT's finest is about this many pixels.
_FINEST = 3.2
# Lower than SIFT's usual threshold: soft photos must have features too.
_CONTRAST = 0.015
_EDGE = 12

# A SIFT descriptor is 4 x 4 cells of 8 directions. In a mirrored picture the rows of cells come
# in the opposite order, and each direction is its opposite turn.
_MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, (-np.arange(8)) % 8].ravel()

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Places of a picture with their codes.

    Attributes:
        width, height: Of the picture that they were taken from; pixels.
        points: float32, (n, 4): x, y, size in its pixels, and direction in degrees.
        codes: uint8, (n, 32).
    """

    width: int
    height: int
    points: NDArray[np.float32]
    codes: NDArray[np.uint8]


def luma(rgb: NDArray[np.uint8]) -> Luma:
    """Give the brightness of a picture, H x W x 3, at the size that features are taken from."""
    height, width = rgb.shape[:2]
    scale = min(1.0, MAX_SIDE / max(width, height), (MAX_AREA / (width * height)) ** 0.5)
    # Made smaller first: of a large picture, three channels would be turned to grey for nothing.
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def extract(grey: Luma, count: int) -> tuple[LocalFeatures, LocalFeatures]:
    """Take the features of a picture, and those that its mirror image would have.

    SIFT (Lowe 2004), spread over the picture and over scales; each descriptor becomes 256 bits:
    where it is above its own median, and where above its upper quartile.

    Args:
        grey: uint8, H x W, as `luma` gives it.
        count: The most that are kept.
    """
    height, width = grey.shape
    keypoints: Sequence[cv2.KeyPoint] = ()
    descriptors = None
    if min(width, height) >= MIN_SIDE:
        sift = cv2.SIFT_create(contrastThreshold=_CONTRAST, edgeThreshold=_EDGE)  # type: ignore[attr-defined]
        keypoints, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or not len(keypoints):
        none = LocalFeatures(
            width, height, np.empty((0, 4), np.float32), np.empty((0, CODE_BYTES), np.uint8)
        )
        return none, none
    points = np.array([(*one.pt, one.size, one.angle) for one in keypoints], np.float32)
    strength = np.array([one.response for one in keypoints])
    kept = _spread(points, strength, width, height, count)
    points, descriptors = points[kept], np.asarray(descriptors)[kept]
    mirrored = points.copy()
    mirrored[:, 0] = width - 1 - points[:, 0]
    mirrored[:, 3] = (180 - points[:, 3]) % 360
    return (
        LocalFeatures(width, height, points, _codes(descriptors)),
        LocalFeatures(width, height, mirrored, _codes(descriptors[:, _MIRROR])),
    )


def _spread(
    points: NDArray[np.float32],
    strength: NDArray[np.float64],
    width: int,
    height: int,
    count: int,
) -> NDArray[np.intp]:
    """Choose the strongest of every cell and scale in turn, until there are enough."""
    band = np.floor(np.log2(np.maximum(points[:, 2], _FINEST) / _FINEST)).astype(np.intp)
    row = np.minimum(points[:, 1] * _GRID / height, _GRID - 1).astype(np.intp)
    column = np.minimum(points[:, 0] * _GRID / width, _GRID - 1).astype(np.intp)
    group = (row * _GRID + column) * _SCALE_BANDS + np.minimum(band, _SCALE_BANDS - 1)
    # The rank of each within its group, strongest first.
    order = np.lexsort((-strength, group))
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0])
    sizes = np.diff(np.r_[starts, len(order)])
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return np.lexsort((-strength, rank))[:count]


def _codes(descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Make 256 bits of each 128 numbers."""
    ordered = np.sort(descriptors, axis=1)
    median, quartile = ordered[:, 64:65], ordered[:, 96:97]
    return np.packbits(
        np.concatenate([descriptors > median, descriptors > quartile], axis=1), axis=1
    )
