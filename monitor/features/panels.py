"""Finds the rectangles of straight edges in a picture: what a page or a collage was put from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import Luma

# The most that are hashed of a picture.
MAX_PANELS = 24

# Straight edges are looked for at this size; pixels.
_LONGEST = 480
_STEP = 6
_FLAT = 2
# A line is an edge by how much more of it is a step than of the lines some pixels away.
_NEAR, _AWAY = 2, 7
_ROWS, _COLUMNS = 10, 6
_MIN_EDGE = 0.4
_MIN_SHARE, _MIN_SIDE = 0.12, 24
# Two rectangles whose sides are this near are one, in shares of their size.
_SAME = 0.02

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


def panels(grey: Luma) -> list[Box]:
    """List the rectangles of straight edges in a picture, the surest and largest first.

    Args:
        grey: uint8, H x W.

    Returns:
        At most `MAX_PANELS`; not the whole picture.
    """
    height, width = grey.shape
    if min(height, width) < _MIN_SIDE:
        return []
    edges = Edges(grey)
    whole = Box(0, 0, edges.width, edges.height)
    # Of a collage the cells come before what several of them make together.
    ranked = sorted(
        (
            (weakest * (1 - 0.8 * edges.separator(box)) * (box.area / whole.area) ** 0.25, box)
            for box, weakest in rectangles(edges)
        ),
        key=lambda one: -one[0],
    )
    kept: list[Box] = []
    for _, box in ranked:
        if box != whole and not any(_same(box, other) for other in kept):
            kept.append(box)
            if len(kept) == MAX_PANELS:
                break
    return [edges.full_size(box, width, height) for box in kept]


def _same(a: Box, b: Box) -> bool:
    """Tell whether two rectangles differ by next to nothing."""
    across, down = _SAME * (a.right - a.left), _SAME * (a.bottom - a.top)
    return (
        max(abs(a.left - b.left), abs(a.right - b.right)) <= across
        and max(abs(a.top - b.top), abs(a.bottom - b.bottom)) <= down
    )


class Edges:
    """Sums over a picture, by which any rectangle is judged in a few steps."""

    def __init__(self, grey: Luma) -> None:
        scale = _LONGEST / max(grey.shape)
        if scale < 1:
            size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
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

    def full_size(self, box: Box, width: int, height: int) -> Box:
        """Give a rectangle in the pixels of the picture as it came."""
        x, y = width / self.width, height / self.height
        return Box(
            round(box.left * x), round(box.top * y), round(box.right * x), round(box.bottom * y)
        )

    def rows(self, left: int, right: int) -> NDArray[np.float64]:
        """How much of an edge each row is, between two columns."""
        steps = np.asarray(self.down[:, right] - self.down[:, left], np.float64)
        return _prominence(steps / (right - left))

    def columns(self, top: int, bottom: int) -> NDArray[np.float64]:
        """How much of an edge each column is, between two rows."""
        steps = np.asarray(self.right[bottom] - self.right[top], np.float64)
        return _prominence(steps / (bottom - top))

    def separator(self, box: Box) -> float:
        """Give the strength of the strongest edge through the inside of a rectangle, 0-1."""
        down = self.rows(box.left, box.right)[box.top + 3 : box.bottom - 4]
        right = self.columns(box.top, box.bottom)[box.left + 3 : box.right - 4]
        return max(0.0, float(down.max(initial=0.0)), float(right.max(initial=0.0)))

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


def rectangles(edges: Edges) -> Iterator[tuple[Box, float]]:
    """List rectangles of straight edges with the strength of their weakest side, 0-1.

    Rows first, then columns between each two of them; and the other way round.
    """
    yield from _banded(edges)
    for box, weakest in _banded(Edges(np.ascontiguousarray(edges.grey.T))):
        yield Box(box.top, box.left, box.bottom, box.right), weakest


def _banded(edges: Edges) -> Iterator[tuple[Box, float]]:
    """List the rectangles between two rows; a side on the picture's border counts as an edge."""
    least_height = max(_MIN_SIDE, _MIN_SHARE * edges.height)
    least_width = max(_MIN_SIDE, _MIN_SHARE * edges.width)
    rows = _cuts(edges.rows(0, edges.width), _ROWS, _MIN_EDGE / 2, edges.height)
    between = lru_cache(maxsize=None)(edges.rows)
    for (top, _), (bottom, _) in combinations(rows, 2):
        if bottom - top < least_height:
            continue
        columns = _cuts(edges.columns(top, bottom), _COLUMNS, _MIN_EDGE, edges.width)
        for (left, a), (right, b) in combinations(columns, 2):
            if right - left < least_width:
                continue
            down = between(left, right)
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
