"""PDQ's 64x64 picture and its DCT as one linear map: exact up to a rounding error, and fast.

Two box filters in a row are a tent, so each of the 64x64 pixels is a weighted mean of a small
block of the picture, and the weights depend on the picture's size only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.hashes._pdq_reference_order import (
    DCT,
    FREQUENCIES,
    KERNELS,
    LUMA,
    SIDE,
    box_reach,
    centres,
)

Float64 = NDArray[np.float64]

_LUMA: Final = np.array(LUMA, dtype=np.float32)
# Seconds a pixel by which the kernel is faster.
_SAVED_S: Final = 0.7e-9
# Seconds a rough picture.
_SAVED_ROUGHLY_S: Final = 1e-4
_DCT64: Final = DCT.astype(np.float64)
_FREQUENCY: Final = np.arange(1, FREQUENCIES + 1)
# How far the reference's float32 sums were seen to drift from the true value: over 3,000 pictures
# made to provoke it (bright, smooth, striped, long), the worst error was a third of this. It falls
# with both frequencies, because a drift along a line is itself smooth.
_COEFFICIENT_SLACK: Final = 0.6 / np.outer(_FREQUENCY, _FREQUENCY) + 0.003
_GRADIENT_SLACK: Final = 0.002
_SLACK_SIDE: Final = 1024


def small_picture(rgb: NDArray[np.uint8]) -> Float64:
    """Filter a picture and keep 64x64 of its pixels.

    Args:
        rgb: H x W x 3, C-contiguous.

    Returns:
        64 x 64, within some 0.001 of the reference's values.
    """
    height, width = rgb.shape[:2]
    rows = rgb.reshape(height, 3 * width)
    small = np.empty((SIDE, SIDE))
    fast = kernels(KERNELS, _SAVED_S * height * width)
    if fast is not None:
        (down, by_row), (across, by_column) = _tents(height), _tents(width)
        rows.flags.writeable = False
        fast.weigh(rows, (down, across), (by_row, by_column), _LUMA, small)
        return small
    starts, weights = _tents(height)
    length = weights.shape[1]
    # The bytes of one output row become floats while they are in the cache; the whole picture
    # as floats would cost more than all of the sums.
    block = np.empty((length, 3 * width), dtype=np.float32)
    flat = np.empty((SIDE, 3 * width), dtype=np.float32)
    for i, start in enumerate(starts):
        np.copyto(block, rows[start : start + length])
        np.dot(weights[i], block, out=flat[i])
    starts, weights = _tents(width)
    length = weights.shape[1]
    coloured = np.multiply.outer(weights, _LUMA).reshape(SIDE, 3 * length)
    for j, start in enumerate(starts):
        small[:, j] = flat[:, 3 * start : 3 * (start + length)] @ coloured[j]
    return small


def rough_small_picture(grey: NDArray[np.uint8], height: int, width: int) -> Float64:
    """Make the 64x64 picture of one that was decoded at a fraction of its size.

    Args:
        grey: H x W, the luminance: each pixel the mean of a square of the whole picture's, as the
            DCT of a JPEG gives it.
        height, width: Of the whole picture.

    Returns:
        64 x 64, nearly what the whole picture's pixels give.
    """
    down, across = _folded(height, grey.shape[0]), _folded(width, grey.shape[1])
    fast = kernels(KERNELS, _SAVED_ROUGHLY_S)
    if fast is None:
        return np.asarray(down.whole @ grey.astype(np.float32) @ across.whole.T, np.float64)
    small = np.empty((SIDE, SIDE))
    starts, weights = (down.starts, across.starts), (down.weights, across.weights)
    fast.weigh_grey(np.ascontiguousarray(grey), starts, weights, small)
    return small


def small_grey_picture(grey: NDArray[np.uint8]) -> Float64:
    """Filter the luminance of a picture and keep 64x64 of its pixels, by numpy alone.

    Args:
        grey: H x W; rows may be apart.

    Returns:
        64 x 64.
    """
    height, width = grey.shape
    starts, weights = _tents(height)
    length = weights.shape[1]
    block = np.empty((length, width), dtype=np.float32)
    flat = np.empty((SIDE, width), dtype=np.float32)
    for i, start in enumerate(starts):
        np.copyto(block, grey[start : start + length])
        np.dot(weights[i], block, out=flat[i])
    starts, weights = _tents(width)
    length = weights.shape[1]
    small = np.empty((SIDE, SIDE))
    for j, start in enumerate(starts):
        small[:, j] = flat[:, start : start + length] @ weights[j]
    return small


def coefficients(small: Float64) -> Float64:
    """Transform a 64x64 picture to its frequencies 1-16 both ways, 16 x 16."""
    return _DCT64 @ small @ _DCT64.T


def coefficient_slack(height: int, width: int) -> Float64:
    """Tell how far the reference's coefficients may be from the true ones, 16 x 16."""
    return _COEFFICIENT_SLACK * _drift(height, width)


def gradient_slack(height: int, width: int) -> float:
    """Tell how far the reference's gradients, in hundredths of 255, may be from the true ones."""
    return _GRADIENT_SLACK * _drift(height, width)


def _drift(height: int, width: int) -> float:
    return math.sqrt(max(height, width, _SLACK_SIDE // 2) / _SLACK_SIDE)


@lru_cache(maxsize=64)
def _tents(length: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Tell which pixels along a side make each of the 64, and their weights.

    Returns:
        First pixel of each, and weights, 64 x K, that sum up to 1.
    """
    behind, ahead = box_reach(length)
    position = np.arange(length)
    low = np.maximum(0, position - behind)
    high = np.minimum(length, position + ahead)
    share = 1.0 / (high - low)
    summed = np.concatenate(([0.0], np.cumsum(share)))
    centre = centres(length)[:, None]
    span = min(2 * (behind + ahead) - 1, length)
    starts = np.clip(centre - 2 * behind, 0, length - span)
    pixel = starts + np.arange(span)
    # A pixel counts once for every mean of the first pass that holds it and that the mean of the
    # second pass takes in: these lie side by side, so their shares are a difference of two sums.
    until = np.minimum(high[centre], pixel + behind + 1)
    since = np.maximum(low[centre], pixel - ahead + 1)
    weights = np.where(until > since, summed[np.maximum(until, 0)] - summed[since], 0.0)
    return starts.ravel(), (weights * share[centre]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Folded:
    """Which pixels along a side of a smaller picture make each of the 64, and their weights.

    Attributes:
        whole: 64 x fewer, most of them 0.
        starts: First pixel of each.
        weights: 64 x K, of the pixels from there on.
    """

    whole: NDArray[np.float32]
    starts: NDArray[np.intp]
    weights: NDArray[np.float32]


@lru_cache(maxsize=64)
def _folded(length: int, fewer: int) -> _Folded:
    """Add up the weights of the pixels that one pixel of a smaller picture stands for."""
    starts, weights = _tents(length)
    whole = np.zeros((SIDE, length), np.float32)
    np.put_along_axis(whole, starts[:, None] + np.arange(weights.shape[1]), weights, axis=1)
    # A JPEG's last blocks go on beyond its edge.
    each = -(-length // fewer)
    folded = np.add.reduceat(whole, np.arange(0, length, each), axis=1)
    first, last = (folded > 0).argmax(axis=1), fewer - (folded > 0)[:, ::-1].argmax(axis=1)
    span = int((last - first).max())
    first = np.minimum(first, fewer - span)
    weights = np.take_along_axis(folded, first[:, None] + np.arange(span), axis=1)
    return _Folded(folded, first, np.ascontiguousarray(weights))
