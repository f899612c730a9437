"""Finds the part of a video that moves: what stands still round it is bars, or an app's window."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Left, top, right, bottom in shares of the frame.
Box = tuple[float, float, float, float]

# Sides of the picture that is held against the one before.
_SIDE: Final = 256
# Levels by which a pixel differs that moves: noise of the coding is less.
_MOVED: Final = 10
# A pixel is of what moves where it moves between this share of frames: a caption changes seldom.
_OFTEN: Final = 0.3
# A row or column belongs to it with this share of the pixels that its fullest has.
_SHARE: Final = 0.25
# Within, this share must move: of a person before a wall, only the person would be found.
_FULL: Final = 0.3
_LEAST, _MOST = 0.12, 0.92
_LEAST_PAIRS: Final = 3


class Inner:
    """Counts where frames of one size differ."""

    def __init__(self) -> None:
        """Begin."""
        self._before: NDArray[np.int16] | None = None
        self._moved = np.zeros((0, 0), np.int32)
        self._pairs = 0

    def add(self, grey: NDArray[np.uint8]) -> None:
        """Hold a frame, H x W, against the one before."""
        down, across = (-(-length // _SIDE) for length in grey.shape)
        small = grey[::down, ::across].astype(np.int16)
        if self._before is None or self._before.shape != small.shape:
            self._moved, self._pairs = np.zeros(small.shape, np.int32), 0
        else:
            self._moved += np.abs(small - self._before) > _MOVED
            self._pairs += 1
        self._before = small

    def box(self) -> Box | None:
        """Give the part that moves; None where it is nearly all, little, or can't be told."""
        if self._pairs < _LEAST_PAIRS:
            return None
        moves = self._moved >= max(2, _OFTEN * self._pairs)
        height, width = moves.shape
        top, bottom = _span(moves.sum(axis=1))
        left, right = _span(moves[top:bottom].sum(axis=0))
        top, bottom = _span(moves[:, left:right].sum(axis=1))
        area = (bottom - top) * (right - left)
        if not _LEAST * moves.size <= area <= _MOST * moves.size:
            return None
        if moves[top:bottom, left:right].mean() < _FULL:
            return None
        return left / width, top / height, right / width, bottom / height


def _span(counts: NDArray[np.int64]) -> tuple[int, int]:
    """Give the longest run of what is nearly as full as the fullest."""
    most = int(counts.max(initial=0))
    if most == 0:
        return 0, 0
    full = np.r_[False, counts >= _SHARE * most, False]
    edges = np.flatnonzero(np.diff(full.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    # Dark moments leave gaps of some rows.
    gaps = starts[1:] - ends[:-1] > max(2, len(counts) // 32)
    starts, ends = starts[np.r_[True, gaps]], ends[np.r_[gaps, True]]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest])
