"""Takes local features of a picture: places that can be found again, and a 256-bit code of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.sift import described

# Enough to meet a photo in a ninth of a collage, and few enough for a bank of many photos.
PHOTO_FEATURES = 380
POST_FEATURES = 1_200
# Pixels of the picture that features are taken from; a larger one is made smaller.
MAX_SIDE = 1_280
MAX_AREA = 800_000
# Of a post less: the time is by the pixel, and at half of them as many reposts were found.
POST_AREA = 400_000
MIN_SIDE = 32
CODE_BYTES = 32
# Bits of a code that it is looked up by, and of these those that may be wrong.
KEY_BITS = 20
_UNSURE = 3

_GRID = 6
_SCALE_BANDS = 6
# Sizes are diameters; SIFT's finest is about this many pixels.
_FINEST = 3.2
# A SIFT descriptor is 4 x 4 cells of 8 directions. In a mirrored picture the rows of cells come
# in the opposite order, and each direction is its opposite turn.
_MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, (-np.arange(8)) % 8].ravel()
# In inverted colours both rows and columns of cells do, as all directions are counted from the
# opposite one.
_INVERTED = np.arange(128).reshape(4, 4, 8)[::-1, ::-1].ravel()

# Which bits: those that tell features of different photographs apart best, and are wrong seldom.
# Chosen one by one on half of 116 photographs; in the other half they put 11 times fewer strangers
# under one key than bits drawn at random did, and met nearly as many pairs of one place.
_KEY = np.array(
    [4, 9, 11, 27, 42, 54, 58, 69, 83, 89, 93, 103, 127, 128, 151, 201, 207, 232, 241, 244]
)
_POWERS = (1 << np.arange(KEY_BITS)).astype(np.uint32)

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Places of a picture with their codes.

    Attributes:
        width, height: Of the picture that they were taken from; pixels.
        points: float32, (n, 4): x, y, size in its pixels, and direction in degrees.
        codes: uint8, (n, 32).
        keys: uint32, (n, 8) or (n, 1): what a code is looked up by, its own key first.
    """

    width: int
    height: int
    points: NDArray[np.float32]
    codes: NDArray[np.uint8]
    keys: NDArray[np.uint32]


def luma(rgb: NDArray[np.uint8], area: int = MAX_AREA) -> Luma:
    """Give the brightness of a picture, H x W x 3, at the size that features are taken from.

    Args:
        area: The most pixels; a larger picture is made smaller.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, MAX_SIDE / max(width, height), (area / (width * height)) ** 0.5)
    # Grey first: a filter over three channels takes longer than all of the rest.
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.uint8)


def extract(grey: Luma, count: int) -> tuple[LocalFeatures, LocalFeatures]:
    """Take the features of a picture, and those that its mirror image would have.

    SIFT (Lowe 2004), spread over the picture and over scales; each descriptor becomes 256 bits:
    where it is above its own median, and where above its upper quartile.

    Args:
        grey: uint8, H x W, as `luma` gives it.
        count: The most that are kept.
    """
    height, width = grey.shape
    if min(width, height) < MIN_SIDE:
        return _none(width, height), _none(width, height)
    points, descriptors = described(
        grey, lambda places, strengths: _spread(places, strengths, width, height), count
    )
    if not len(points):
        return _none(width, height), _none(width, height)
    mirrored = points.copy()
    mirrored[:, 0] = width - 1 - points[:, 0]
    mirrored[:, 3] = (180 - points[:, 3]) % 360
    return (
        LocalFeatures(width, height, points, *_codes(descriptors)),
        LocalFeatures(width, height, mirrored, *_codes(descriptors[:, _MIRROR])),
    )


def inverted(features: LocalFeatures) -> LocalFeatures:
    """Give the features that a picture would have in inverted colours.

    Each gradient is the opposite one there: a feature points the other way, and its cells come in
    the opposite order. Looked up by their own keys only: a whole picture is inverted, and enough
    of its features are met.
    """
    bits = np.unpackbits(features.codes, axis=1).reshape(-1, 2, 128)
    codes = np.packbits(bits[:, :, _INVERTED].reshape(-1, 256), axis=1)
    points = features.points.copy()
    points[:, 3] = (points[:, 3] + 180) % 360
    return replace(features, points=points, codes=codes, keys=keys_of(codes)[:, None])


def keys_of(codes: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Give the key of each code, (n,)."""
    keys = np.zeros(len(codes), np.uint32)
    # One bit of all after the other: as many bytes as bits would be much of a large bank.
    for bit, power in zip(_KEY.tolist(), _POWERS, strict=True):
        keys |= (codes[:, bit // 8] >> (7 - bit % 8) & 1) * power
    return keys


def _none(width: int, height: int) -> LocalFeatures:
    """Give the features of a picture that has none."""
    return LocalFeatures(
        width,
        height,
        np.empty((0, 4), np.float32),
        np.empty((0, CODE_BYTES), np.uint8),
        np.empty((0, 1 << _UNSURE), np.uint32),
    )


def _spread(
    points: NDArray[np.float32], strength: NDArray[np.float32], width: int, height: int
) -> NDArray[np.intp]:
    """Order places: the strongest of every cell and scale in turn."""
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
    return np.lexsort((-strength, rank))


def _codes(
    descriptors: NDArray[np.float32],
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Make 256 bits of each 128 numbers, and the keys that they are looked up by."""
    ordered = np.sort(descriptors, axis=1)
    median, quartile = ordered[:, 64:65], ordered[:, 96:97]
    bits = np.concatenate([descriptors > median, descriptors > quartile], axis=1)
    codes = np.packbits(bits, axis=1)
    # A bit is the less sure, the nearer its number is to its bound, halfway to the next one.
    bound = np.where(_KEY < 128, median, quartile)
    margin = np.abs(descriptors[:, _KEY % 128] - bound - 0.5)
    unsure = np.argsort(margin, axis=1, kind="stable")[:, :_UNSURE]
    turned = np.zeros((len(codes), 1), np.uint32)
    for column in range(_UNSURE):
        turned = np.hstack([turned, turned ^ _POWERS[unsure[:, column : column + 1]]])
    return codes, keys_of(codes)[:, None] ^ turned
