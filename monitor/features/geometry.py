"""Finds the one placement of a photo in a post that most pairs of features agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Pairs that fewer agree with are chance.
MIN_INLIERS = 4
# A pair's own place, size and direction predict where the others lie: within this share of the
# photo's size plus this share of the distance, which leaves room for squeezed pictures.
_NEAR, _FAR = 0.012, 0.14
_OCTAVES, _RADIANS = 0.6, 0.5
_STARTS, _ROUNDS = 6, 8
# Then within these shares of the photo's size of the fitted placement.
_LOOSE, _TIGHT = 0.03, 0.015
_MOST_SQUEEZED = 2.6
_SMALLEST = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a photo lies in a post.

    Attributes:
        matrix: float64, (2, 3): takes the photo's pixels to the post's.
        inliers: Pairs at distinct places that agree with it.
    """

    matrix: NDArray[np.float64]
    inliers: int

    @property
    def scale(self) -> float:
        """Post pixels a photo pixel."""
        return float(abs(np.linalg.det(self.matrix[:, :2])) ** 0.5)


def place(photo: Points, post: Points, longest: float) -> Placement | None:
    """Find the placement that most pairs agree on; deterministic.

    Every pair alone predicts all others by its place, size and direction; the best of them are
    grown into an affine map by least squares.

    Args:
        photo: (n, 4): x, y, size, direction in degrees of each pair's side in the photo.
        post: (n, 4): the same in the post.
        longest: The photo's longer side, pixels.

    Returns:
        None where too few agree.
    """
    if len(photo) < MIN_INLIERS:
        return None
    ratio = post[:, 2] / photo[:, 2]
    turn = np.deg2rad(post[:, 3] - photo[:, 3])
    agreeing = _predicted(photo, post, ratio, turn, longest)
    votes = agreeing.sum(axis=1)
    best: Placement | None = None
    for start in np.argsort(-votes, kind="stable")[:_STARTS]:
        if votes[start] < MIN_INLIERS:
            break
        found = _grow(photo, post, ratio, agreeing[start], longest)
        if found is not None and (best is None or found.inliers > best.inliers):
            best = found
    return best


def _predicted(
    photo: Points, post: Points, ratio: Points, turn: Points, longest: float
) -> NDArray[np.bool_]:
    """Tell for every pair (row) which others (columns) lie where it predicts them."""
    along, across = ratio * np.cos(turn), ratio * np.sin(turn)
    dx = photo[None, :, 0] - photo[:, None, 0]
    dy = photo[None, :, 1] - photo[:, None, 1]
    x = post[:, None, 0] + along[:, None] * dx - across[:, None] * dy
    y = post[:, None, 1] + across[:, None] * dx + along[:, None] * dy
    error = np.hypot(x - post[None, :, 0], y - post[None, :, 1])
    distance = np.hypot(dx, dy)
    octaves = np.abs(np.log2(ratio[None, :] / ratio[:, None]))
    radians = np.abs((turn[None, :] - turn[:, None] + np.pi) % (2 * np.pi) - np.pi)
    near = error <= ratio[:, None] * (_NEAR * longest + _FAR * distance)
    return np.asarray(near & (octaves < _OCTAVES) & (radians < _RADIANS))


def _grow(
    photo: Points, post: Points, ratio: Points, chosen: NDArray[np.bool_], longest: float
) -> Placement | None:
    """Fit an affine map to the pairs, take in what agrees with it, and again until it stands."""
    matrix = np.zeros((2, 3))
    for number in range(_ROUNDS):
        if chosen.sum() < MIN_INLIERS:
            return None
        matrix = _affine(photo[chosen], post[chosen])
        scale = abs(np.linalg.det(matrix[:, :2])) ** 0.5
        if scale < _SMALLEST:
            return None
        share = _LOOSE if number < 3 else _TIGHT
        error = np.hypot(*(photo[:, :2] @ matrix[:, :2].T + matrix[:, 2] - post[:, :2]).T)
        within = error <= max(2.0, share * longest * scale)
        now = within & (np.abs(np.log2(ratio / scale)) < 0.8)
        if number >= 3 and np.array_equal(now, chosen):
            break
        chosen = now
    if chosen.sum() < MIN_INLIERS:
        return None
    longer, shorter = np.linalg.svd(matrix[:, :2], compute_uv=False)
    if shorter < _SMALLEST or longer > _MOST_SQUEEZED * shorter:
        return None
    return Placement(matrix, _places(photo[chosen], post[chosen], longest, scale))


def _affine(photo: Points, post: Points) -> NDArray[np.float64]:
    """Fit by least squares."""
    known = np.c_[photo[:, :2], np.ones(len(photo))]
    return np.asarray(np.linalg.lstsq(known, post[:, :2], rcond=None)[0].T)


def _places(photo: Points, post: Points, longest: float, scale: float) -> int:
    """Count distinct places: several features of one spot are one witness."""
    ours = np.unique(np.round(photo[:, :2] / (longest * 0.01)), axis=0)
    theirs = np.unique(np.round(post[:, :2] / (longest * scale * 0.01)), axis=0)
    return min(len(ours), len(theirs))
