"""Hashes all windows of a post's picture: every place and size where a part of a photo may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Final

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.windows.codes import (
    BASIS,
    FREQUENCIES,
    KEY_BITS,
    LOWEST,
    MIN_TEXTURE,
    SIDE,
    UNSURE,
    WORDS,
    Codes,
    key_places,
    pack,
    texture,
)
from monitor.windows.pyramid import Matrix, Pyramid

# A window's hash bears to be off by 3 % of its side and by 5 % in size: steps of twice that.
_STEP: Final = 2
_RATIO: Final = 1.1
_UPRIGHT: Final = 17
# Of a video, down to a third of its side.
_QUICK: Final = 13
# Squeezed and turned pictures are looked through for larger parts only.
_ALTERED: Final = 11
_SQUEEZES: Final = (0.71, 1.41)
_ANGLES: Final = (-27, -18, -9, 9, 18, 27)
# Of a picture of an extreme shape there would be millions: then the small ones are left out.
_MANY: Final = 150_000
_MOST_ALTERED_SHAPE: Final = 5
# Pixels of the picture: less is made of next to nothing.
_SMALLEST: Final = 24
_KEY_PLACES: Final = key_places()
_KEY_BITS: Final = np.full((FREQUENCIES, FREQUENCIES), -1, np.int32)
_KEY_BITS[_KEY_PLACES] = range(KEY_BITS)

KERNELS: Final = "monitor.windows._post_kernels"
# Measured: a window.
_SAVED_S: Final = 1.5e-6

_NONE: Final = (
    np.empty((0, WORDS), np.uint64),
    np.empty((0, 4), np.float32),
    np.empty((0, UNSURE), np.uint8),
    np.empty(0, np.uint8),
)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A post's picture, put upright or to shape in one of the ways it may have been altered.

    Attributes:
        matrix: (3, 3): takes the layer's pixels to the post's.
        sizes: How many sizes of windows are taken of it.
    """

    picture: Pyramid
    matrix: Matrix
    sizes: int


@dataclass(frozen=True, slots=True, eq=False)
class PostWindows:
    """A post's picture, made ready to be looked through; not stored.

    Attributes:
        picture: At the size that its windows were taken from.
        codes: uint64, (n, 4).
        boxes: float32, (n, 4): x, y, width, height in the pixels of their layer.
        unsure: uint8, (n, 4): bits of the windows' keys that may be wrong, the least sure first.
        layers: uint8, (n,): index into `matrices`.
        upright: How many of the first windows are of the picture as it is.
        matrices: Take each layer's pixels to those of `picture`.
        is_quick: Fewer of them are looked at closely.
    """

    picture: Pyramid
    codes: Codes
    boxes: NDArray[np.float32]
    unsure: NDArray[np.uint8]
    layers: NDArray[np.uint8]
    upright: int
    matrices: tuple[Matrix, ...]
    is_quick: bool = False


def post_windows(picture: Pyramid, *, is_quick: bool = False) -> PostWindows:
    """Make a post's picture ready to be looked through.

    Args:
        picture: At the size that `monitor.features.extract.luma` gives a post.
        is_quick: It is one of many of a video: a fifth of the time is taken, and neither small
            parts are found nor what was squeezed or turned by a few degrees.
    """
    layers = [Layer(picture, np.eye(3), _QUICK)] if is_quick else list(_layers(picture))
    parts = [_NONE]
    left = _MANY
    for number, layer in enumerate(layers):
        for count, codes, boxes, unsure in _windows(layer, left):
            parts.append((codes, boxes, unsure, np.full(len(codes), number, np.uint8)))
            left -= count
    codes, boxes, unsure, owners = (np.concatenate(part) for part in zip(*parts, strict=True))
    matrices = tuple(layer.matrix for layer in layers)
    inside = np.flatnonzero(_inside(boxes, owners, matrices, picture.grey.shape))
    # Rows are taken ten times as fast by their numbers.
    codes, boxes = codes.take(inside, axis=0), boxes.take(inside, axis=0)
    unsure, owners = unsure.take(inside, axis=0), owners.take(inside)
    upright = int((owners == 0).sum())
    return PostWindows(picture, codes, boxes, unsure, owners, upright, matrices, is_quick)


def _layers(picture: Pyramid) -> Iterator[Layer]:
    """Give the picture as it is, unsqueezed, and turned upright."""
    yield Layer(picture, np.eye(3), _UPRIGHT)
    if max(picture.grey.shape) > _MOST_ALTERED_SHAPE * min(picture.grey.shape):
        return
    # Of the altered ones only large windows are taken: a smaller picture does.
    small, shrink = picture.level(min(picture.grey.shape) / (2 * SIDE * _RATIO**_ALTERED))
    back = np.asarray(np.linalg.inv(shrink), np.float64)
    height, width = small.shape
    for squeeze in _SQUEEZES:
        size = (max(1, round(width * squeeze**0.5)), max(1, round(height / squeeze**0.5)))
        shaped = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
        shape = np.asarray(np.diag([width / size[0], height / size[1], 1.0]), np.float64)
        yield Layer(Pyramid(shaped), back @ shape, _ALTERED)
    for angle in _ANGLES:
        turn = _turn(angle, width, height)
        shaped = np.asarray(
            cv2.warpAffine(
                small, turn[:2], (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            ),
            np.uint8,
        )
        yield Layer(Pyramid(shaped), back @ turn, _ALTERED)


def _turn(angle: float, width: int, height: int) -> Matrix:
    """Give the map of a turned picture's points to the picture's, of the same size."""
    across, along = cos(radians(angle)), sin(radians(angle))
    turn = np.array([[across, -along, 0], [along, across, 0], [0, 0, 1]])
    middle = np.array([width, height]) / 2
    turn[:2, 2] = middle - turn[:2, :2] @ middle
    return turn


def _windows(
    layer: Layer, most: int
) -> Iterator[tuple[int, Codes, NDArray[np.float32], NDArray[np.uint8]]]:
    """Hash the windows of a layer, size by size, while there are not too many.

    Returns:
        How many were looked at; codes, boxes and unsure bits of those with texture.
    """
    height, width = layer.picture.grey.shape
    for number in range(layer.sizes):
        side = min(height, width) / _RATIO**number
        size = (max(SIDE, round(width * SIDE / side)), max(SIDE, round(height * SIDE / side)))
        count = ((size[0] - SIDE) // _STEP + 1) * ((size[1] - SIDE) // _STEP + 1)
        most -= count
        if most < 0 or side < _SMALLEST:
            return
        # At most 1.41 times as large: the codes' frequencies are half of what its pixels hold.
        grey, _ = layer.picture.level(side / SIDE)
        small = np.asarray(cv2.resize(grey, size), np.uint8)
        kept, codes, unsure = _hashed(small, count)
        y, x = np.divmod(kept, (size[0] - SIDE) // _STEP + 1)
        across, down = width / size[0], height / size[1]
        boxes = np.empty((len(kept), 4), np.float32)
        boxes[:, 0], boxes[:, 1] = x * (_STEP * across), y * (_STEP * down)
        boxes[:, 2:] = SIDE * across, SIDE * down
        yield count, codes, boxes, unsure


def _hashed(
    small: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.intp], Codes, NDArray[np.uint8]]:
    """Hash the windows of a picture, row by row; gives those with texture.

    Args:
        count: Of all windows.

    Returns:
        Which they are, their codes, and which bits of their keys are unsure.
    """
    fast = kernels(KERNELS, _SAVED_S * count)
    if fast is not None:
        kept, codes = np.empty(count, np.intp), np.empty((count, WORDS), np.uint64)
        unsure = np.empty((count, UNSURE), np.uint8)
        number = fast.hash_windows(small, BASIS, _KEY_BITS, MIN_TEXTURE, (codes, unsure, kept))
        return kept[:number], codes[:number], unsure[:number]
    found = _coefficients(np.asarray(small, np.float32))
    lowest = found[:, :LOWEST, :, :LOWEST].transpose(0, 2, 1, 3)
    lowest = np.ascontiguousarray(lowest).reshape(-1, LOWEST, LOWEST)
    kept = np.flatnonzero(texture(lowest) > MIN_TEXTURE)
    positive = (found > 0).transpose(0, 2, 1, 3).reshape(-1, FREQUENCIES, FREQUENCIES)
    return kept, pack(positive[kept]), _unsure(lowest[kept])


def _coefficients(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform all windows of a picture.

    Returns:
        (rows, 16, columns, 16): for each row of windows, by vertical frequency, for each window
        of the row, by horizontal frequency.
    """
    # Overlapping views that are still matrices to the product: nothing is copied.
    turned = _bands(np.ascontiguousarray(small.T))
    lines = np.ascontiguousarray((BASIS @ turned).transpose(2, 0, 1))
    columns = lines.shape[1]
    found = BASIS @ _bands(lines.reshape(len(small), -1))
    return np.asarray(found.reshape(-1, FREQUENCIES, columns, FREQUENCIES))


def _bands(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """View lines, (n, m), as bands of windows, (k, 32, m)."""
    return sliding_window_view(lines, SIDE, axis=0)[::_STEP].transpose(0, 2, 1)


def _unsure(lowest: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tell which bits of windows' keys are the least sure, (n, 4), the least first."""
    down, across = _KEY_PLACES
    sizes = np.abs(lowest[:, down, across])
    least = np.argpartition(sizes, UNSURE, axis=1)[:, :UNSURE]
    order = np.argsort(np.take_along_axis(sizes, least, axis=1), axis=1)
    return np.take_along_axis(least, order, axis=1).astype(np.uint8)


def _inside(
    boxes: NDArray[np.float32],
    owners: NDArray[np.uint8],
    matrices: tuple[Matrix, ...],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Tell which windows lie within the post."""
    inside = np.ones(len(boxes), np.bool_)
    for number, matrix in enumerate(matrices):
        if not matrix[0, 1]:
            continue
        rows = slice(*np.searchsorted(owners, [number, number + 1]))
        x, y, across, down = boxes[rows].T
        for (a, b, c), end in zip(matrix[:2].tolist(), shape[::-1], strict=True):
            point = a * x + b * y + c
            slack = 0.02 * (abs(a) * across + abs(b) * down)
            inside[rows] &= point + min(a, 0) * across + min(b, 0) * down >= -slack
            inside[rows] &= point + max(a, 0) * across + max(b, 0) * down <= end + slack
    return inside
