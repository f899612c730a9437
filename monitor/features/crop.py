"""Finds the photo within a screenshot or a frame: what recurs round it must not be enrolled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import Luma

# Straight edges are looked for at this size; pixels.
_LONGEST = 480
_STEP = 6
_FLAT = 2
# A line is an edge by how much more of it is a step than of the lines some pixels away.
_NEAR, _AWAY = 2, 7
_ROWS, _COLUMNS = 10, 6
_MIN_EDGE = 0.4
_MIN_SHARE, _MIN_SIDE = 0.15, 24
_MIN_AREA, _MAX_AREA = 0.10, 0.95
# Round a photo in a screenshot or frame most is flat, and flatter than the photo.
_MIN_FLAT, _FLATTER = 0.55, 0.12
# Rows and columns with less texture than this are margin.
_BLANK = 0.02
_CUTS = 2
_SMALLEST = 80

_Line = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture; pixels, the second corner outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


def photo_within(grey: Luma) -> Box | None:
    """Find the one photo that a screenshot or a framed picture is about.

    A rectangle of straight edges, with texture inside and mostly plain ground outside; in what is
    found it is looked once more, as in a bubble of a chat. A guess, for a person to confirm.

    Returns:
        None where the picture is a photo itself.
    """
    height, width = grey.shape
    whole = Box(0, 0, width, height)
    found = whole
    for _ in range(_CUTS):
        inner = _leaf(grey[found.top : found.bottom, found.left : found.right])
        if inner is None or min(inner.right - inner.left, inner.bottom - inner.top) < _SMALLEST:
            break
        found = Box(
            found.left + inner.left,
            found.top + inner.top,
            found.left + inner.right,
            found.top + inner.bottom,
        )
    return None if found == whole else found


class _Edges:
    """Sums over a picture, by which any rectangle is judged in a few steps."""

    def __init__(self, grey: Luma) -> None:
        longest = max(grey.shape)
        self.scale = min(1.0, _LONGEST / longest)
        if self.scale < 1:
            size = (round(grey.shape[1] * self.scale), round(grey.shape[0] * self.scale))
            grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        self.grey = grey
        self.height, self.width = grey.shape
        down = np.abs(np.diff(grey.astype(np.int16), axis=0))
        right = np.abs(np.diff(grey.astype(np.int16), axis=1))
        # Index i: the step between lines i and i + 1.
        self.down = np.pad(np.cumsum(down > _STEP, axis=1), ((0, 0), (1, 0)))
        self.right = np.pad(np.cumsum(right > _STEP, axis=0), ((1, 0), (0, 0)))
        self.busy = np.maximum(down[:, :-1], right[:-1]) > _FLAT
        self.busy_sum = np.pad(np.cumsum(np.cumsum(self.busy, 0), 1), ((1, 0), (1, 0)))

    def rows(self, left: int, right: int) -> NDArray[np.float64]:
        """How much of an edge each row is, between two columns."""
        steps = np.asarray(self.down[:, right] - self.down[:, left], np.float64)
        return _prominence(steps / (right - left))

    def columns(self, top: int, bottom: int) -> NDArray[np.float64]:
        """How much of an edge each column is, between two rows."""
        steps = np.asarray(self.right[bottom] - self.right[top], np.float64)
        return _prominence(steps / (bottom - top))

    def busy_in(self, box: Box) -> tuple[int, int]:
        """Count the pixels with texture, and all pixels."""
        rows, columns = self.busy.shape
        right, bottom = min(box.right, columns), min(box.bottom, rows)
        sums = self.busy_sum
        busy = (
            sums[bottom, right]
            - sums[box.top, right]
            - sums[bottom, box.left]
            + sums[box.top, box.left]
        )
        return int(busy), max(1, (right - box.left) * (bottom - box.top))


def _leaf(grey: Luma) -> Box | None:
    """Find the rectangle that is most likely the photo."""
    if min(grey.shape) < _SMALLEST:
        return None
    edges = _Edges(grey)
    whole = Box(0, 0, edges.width, edges.height)
    best, found = 0.0, None
    for box, weakest in _rectangles(edges):
        value = _likeness(edges, whole, box, weakest)
        if value > best:
            best, found = value, box
    if found is None:
        return None
    back = 1 / edges.scale
    return Box(*(round(v * back) for v in (found.left, found.top, found.right, found.bottom)))


def _likeness(edges: _Edges, whole: Box, box: Box, weakest: float) -> float:
    """Say how much a rectangle is like the one photo of a picture; 0: it can't be."""
    share = box.area / whole.area
    if not _MIN_AREA <= share <= _MAX_AREA:
        return 0.0
    busy, pixels = edges.busy_in(box)
    all_busy, all_pixels = edges.busy_in(whole)
    inside = 1 - busy / pixels
    outside = 1 - (all_busy - busy) / max(1, all_pixels - pixels)
    if outside < _MIN_FLAT or inside > outside - _FLATTER:
        return 0.0
    texture = edges.busy[box.top + 2 : box.bottom - 2, box.left + 2 : box.right - 2]
    blank = max((texture.mean(axis=axis) < _BLANK).mean() for axis in (0, 1))
    separator = max(_inner(edges.rows(box.left, box.right), box.top, box.bottom),
                    _inner(edges.columns(box.top, box.bottom), box.left, box.right))  # fmt: skip
    # Of two photos on a screen, the one that is less cut off is what the screenshot is of.
    middle = abs((box.top + box.bottom) / 2 / whole.bottom - 0.42)
    return float(
        (busy / max(1, all_busy))
        * (1 - inside)
        * (0.3 + weakest)
        * (1 - blank) ** 2
        * (0.4 if separator > 0.7 else 1.0)
        * (1 - middle / 2)
        * _levels(edges.grey[box.top : box.bottom, box.left : box.right])
    )


def _levels(grey: Luma) -> float:
    """Say how many levels of brightness there are, 0-1: text on plain ground has few."""
    counts = np.bincount(grey.ravel() >> 2, minlength=64) / grey.size
    counts = counts[counts > 0]
    bits = float(-(counts * np.log2(counts)).sum())
    return min(1.0, max(0.0, (bits - 2.0) / 2.0))


def _inner(prominence: NDArray[np.float64], first: int, last: int) -> float:
    """Give the strongest edge well inside two lines."""
    inside = prominence[first + 3 : last - 4]
    return float(inside.max()) if len(inside) else 0.0


def _rectangles(edges: _Edges) -> Iterator[tuple[Box, float]]:
    """List rectangles of straight edges with the strength of their weakest side, 0-1.

    Rows first, then columns between each two of them; and the other way round.
    """
    yield from _banded(edges)
    for box, weakest in _banded(_Edges(np.ascontiguousarray(edges.grey.T))):
        yield Box(box.top, box.left, box.bottom, box.right), weakest


def _banded(edges: _Edges) -> Iterator[tuple[Box, float]]:
    """List the rectangles between two rows; a side on the picture's border counts as an edge."""
    least_height = max(_MIN_SIDE, _MIN_SHARE * edges.height)
    least_width = max(_MIN_SIDE, _MIN_SHARE * edges.width)
    rows = _cuts(edges.rows(0, edges.width), _ROWS, _MIN_EDGE / 2, edges.height)
    for (top, _), (bottom, _) in combinations(rows, 2):
        if bottom - top < least_height:
            continue
        columns = _cuts(edges.columns(top, bottom), _COLUMNS, _MIN_EDGE, edges.width)
        for (left, a), (right, b) in combinations(columns, 2):
            if right - left < least_width:
                continue
            down = edges.rows(left, right)
            weakest = min(a, b, _at(down, top, edges.height), _at(down, bottom, edges.height))
            if weakest >= _MIN_EDGE:
                yield Box(left, top, right, bottom), weakest


def _prominence(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take from each line's share of steps that of the lines round it."""
    padded = np.pad(share, _AWAY, mode="edge")
    sums = np.pad(np.cumsum(padded), (1, 0))
    at = np.arange(len(share)) + _AWAY
    before = sums[at - _NEAR + 1] - sums[at - _AWAY]
    after = sums[at + _AWAY + 1] - sums[at + _NEAR]
    return np.asarray(share - (before + after) / (2 * (_AWAY - _NEAR + 1)))


def _cuts(prominence: NDArray[np.float64], count: int, least: float, end: int) -> list[_Line]:
    """List the strongest edges as cuts with their strength, and the two borders."""
    left = prominence.copy()
    found: list[_Line] = [(0, 1.0), (end, 1.0)]
    for _ in range(count):
        index = int(left.argmax()) if len(left) else 0
        if not len(left) or left[index] < least:
            break
        found.append((index + 1, float(left[index])))
        left[max(0, index - 3) : index + 4] = -1
    return sorted(found)


def _at(prominence: NDArray[np.float64], cut: int, end: int) -> float:
    """Give a cut's strength; a resampled edge may be a pixel off."""
    if cut in (0, end):
        return 1.0
    near = prominence[max(0, cut - 2) : cut + 1]
    return float(near.max()) if len(near) else 0.0
