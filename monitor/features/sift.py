"""Finds and describes places of a picture by SIFT: compiled, or by OpenCV where numba is absent."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels

Float32 = NDArray[np.float32]
# Given places (n, 3) of x, y, size, and their strengths: their indices, the best first.
Order = Callable[[Float32, Float32], NDArray[np.intp]]

KERNELS = "monitor.features._sift_kernels"
# Seconds a pixel by which they are faster.
_SAVED_S = 2e-7

# Lower than SIFT's usual threshold: soft photos must have features too.
_CONTRAST = 0.015
_EDGE = 12
_LAYERS = 3
_SIGMA = 1.6
# The blur that a camera's picture has.
_CAMERA = 0.5
# Extremes of an octave at most, strongest or not: a hostile picture has one in every few pixels.
_ROOM = 200_000

# One thread: crawls run side by side, and two threads on busy cores wait for each other.
cv2.setNumThreads(1)


def described(grey: NDArray[np.uint8], order: Order, count: int) -> tuple[Float32, Float32]:
    """Find places in a picture, and describe the best of them.

    Args:
        count: The most that are described; a place of several directions is several.

    Returns:
        Points (n, 4): x, y, size and direction in degrees; and descriptors (n, 128), 0-255.

    Raises:
        MemoryError: OpenCV could not do it.
    """
    fast = kernels(KERNELS, _SAVED_S * grey.size)
    try:
        return (
            _by_opencv(grey, order, count)
            if fast is None
            else _by_kernels(fast, grey, order, count)
        )
    except cv2.error as error:
        raise MemoryError("local features") from error


def _by_opencv(grey: NDArray[np.uint8], order: Order, count: int) -> tuple[Float32, Float32]:
    # The type stubs of OpenCV lack it.
    sift = cv2.SIFT_create(contrastThreshold=_CONTRAST, edgeThreshold=_EDGE)  # type: ignore[attr-defined]
    keypoints = sift.detect(grey, None)
    if not keypoints:
        return _nothing()
    places = np.array([(*one.pt, one.size) for one in keypoints], np.float32)
    strengths = np.array([one.response for one in keypoints], np.float32)
    # Described after the choice: most would be described for nothing.
    chosen = [keypoints[one] for one in order(places, strengths)[:count]]
    keypoints, descriptors = sift.compute(grey, chosen)
    points = np.array([(*one.pt, one.size, one.angle) for one in keypoints], np.float32)
    return points, np.asarray(descriptors, np.float32)


def _by_kernels(
    fast: ModuleType, grey: NDArray[np.uint8], order: Order, count: int
) -> tuple[Float32, Float32]:
    octaves = _octaves(grey)
    found = []
    for number, blurred in enumerate(octaves):
        differences = np.empty((_LAYERS + 2, *blurred.shape[1:]), np.float32)
        for layer, out in enumerate(differences):
            cv2.subtract(blurred[layer + 1], blurred[layer], dst=out)
        room = np.empty((_ROOM, 7), np.float32)
        met = fast.extremes(differences, _LAYERS, _SIGMA, _CONTRAST, float(_EDGE), room)
        one = room[: min(met, _ROOM)]
        found.append(np.c_[one, np.full(len(one), number, np.float32)])
    places = np.concatenate(found)
    if not len(places):
        return _nothing()
    # The first octave is of twice the picture's size.
    pixel = np.exp2(places[:, 7:] - 1)
    chosen = order(np.asarray(places[:, :3] * pixel, np.float32), places[:, 3])[:count]
    places, pixel = places[chosen], pixel[chosen]
    turned = [_turned(fast, one, places, number) for number, one in enumerate(octaves)]
    which, angles = np.concatenate(turned).T
    # Those that were chosen first come first.
    first = np.argsort(which, kind="stable")[:count]
    which, angles = which[first].astype(np.intp), angles[first]
    places, pixel = places[which], pixel[which]
    points = np.c_[places[:, :3] * pixel, angles].astype(np.float32)
    descriptors = np.empty((len(points), 128), np.float32)
    for number, blurred in enumerate(octaves):
        ours = np.flatnonzero(places[:, 7] == number)
        out = np.empty((len(ours), 128), np.float32)
        here = np.ascontiguousarray(places[ours, :7])
        fast.describe(blurred, here, np.ascontiguousarray(points[ours, 3]), out)
        descriptors[ours] = out
    return points, descriptors


def _turned(fast: ModuleType, blurred: Float32, places: Float32, number: int) -> Float32:
    """Give the places of an octave with each of their directions: index and degrees, (n, 2)."""
    ours = np.flatnonzero(places[:, 7] == number)
    turned = np.empty((4 * len(ours), 2), np.float32)
    count = fast.directions(blurred, np.ascontiguousarray(places[ours, :7]), turned)
    turned = turned[:count]
    turned[:, 0] = ours[turned[:, 0].astype(np.intp)]
    return turned


def _octaves(grey: NDArray[np.uint8]) -> list[Float32]:
    """Blur a picture more and more, each octave at half of the size of the one before.

    Returns:
        Of each octave (6, h, w); the first is of twice the picture's size.
    """
    height, width = grey.shape
    start = cv2.resize(grey.astype(np.float32), (2 * width, 2 * height))
    before = (_SIGMA**2 - (2 * _CAMERA) ** 2) ** 0.5
    octaves: list[Float32] = []
    for _ in range(max(0, round(np.log2(min(start.shape)) - 2)) + 1):
        blurred = np.empty((_LAYERS + 3, *start.shape), np.float32)
        if octaves:
            blurred[0] = start
        else:
            cv2.GaussianBlur(start, (0, 0), before, dst=blurred[0])
        for layer in range(1, _LAYERS + 3):
            lower = _SIGMA * 2 ** ((layer - 1) / _LAYERS)
            more = lower * (2 ** (2 / _LAYERS) - 1) ** 0.5
            cv2.GaussianBlur(blurred[layer - 1], (0, 0), more, dst=blurred[layer])
        octaves.append(blurred)
        start = np.ascontiguousarray(blurred[_LAYERS, ::2, ::2])
    return octaves


def _nothing() -> tuple[Float32, Float32]:
    return np.empty((0, 4), np.float32), np.empty((0, 128), np.float32)
