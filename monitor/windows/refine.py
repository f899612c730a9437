"""Moves a placement until the window that gave it fits best."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import Luma
from monitor.windows.codes import SIDE, Signs, coefficients
from monitor.windows.pyramid import Matrix, Pyramid

_LAST: Final = 0.005
_ROUNDS: Final = 14
# What is not nearer than this after the first round is chance.
_HOPELESS: Final = 80


def refine(
    post: Pyramid, matrix: Matrix, box: NDArray[np.float32], wanted: Signs, step: float = 0.03
) -> tuple[Matrix, int]:
    """Move, size, squeeze and turn a placement by smaller and smaller steps.

    Args:
        matrix: (3, 3): takes the photo's pixels to the post's.
        box: The photo's window: x, y, width, height.
        wanted: Its signs, (16, 16).
        step: The first and largest step, as a share of the window's side; sizes change by twice,
            and angles by 1.5 radians times it.

    Returns:
        The placement, and how many bits of the window differ there.
    """
    x, y, width, height = (float(one) for one in box)
    grid = np.array([[width / SIDE, 0, x], [0, height / SIDE, y], [0, 0, 1]])
    grey, shrink = post.level(_scale(matrix @ grid))
    centre = np.array([x + width / 2, y + height / 2, 1.0])
    best, first = matrix, step
    distance = int(_distances(grey, shrink, [best @ grid], wanted)[0])
    for _ in range(_ROUNDS):
        side = _scale(best @ grid) * SIDE
        moves = [move @ best for move in _moves((best @ centre)[:2], step, side)]
        distances = _distances(grey, shrink, [move @ grid for move in moves], wanted)
        nearest = int(distances.argmin())
        if distances[nearest] < distance:
            best, distance = moves[nearest], int(distances[nearest])
        if step == first and distance > _HOPELESS:
            break
        if best is moves[nearest]:
            continue
        step /= 2
        if step < _LAST:
            break
    return best, distance


def _scale(matrix: Matrix) -> float:
    return float(abs(np.linalg.det(matrix[:2, :2])) ** 0.5)


def _moves(centre: NDArray[np.float64], step: float, side: float) -> list[Matrix]:
    """List small changes of a placement about the window's middle."""
    moves = []
    for sign in (-1, 1):
        shift = sign * step * side
        moves += [_shift(shift, 0), _shift(0, shift)]
        size, turn = 1 + 2 * sign * step, 1.5 * sign * step
        for change in (
            np.array([[size, 0], [0, size]]),
            np.array([[size, 0], [0, 1 / size]]),
            np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]),
        ):
            move = np.eye(3)
            move[:2, :2] = change
            move[:2, 2] = centre - change @ centre
            moves.append(move)
    return moves


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _distances(grey: Luma, shrink: Matrix, grids: list[Matrix], wanted: Signs) -> NDArray[np.intp]:
    """Count the bits of the window that differ, for each place of its 32 x 32 points."""
    windows = np.empty((len(grids), SIDE, SIDE), np.float32)
    for window, grid in zip(windows, grids, strict=True):
        whole = shrink @ grid
        # From corners of pixels to their middles.
        whole[:2, 2] += whole[:2, :2].sum(axis=1) / 2 - 0.5
        window[:] = cv2.warpAffine(
            grey,
            whole[:2],
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    differing = (coefficients(windows) > 0) != wanted
    # The mean's says nothing.
    differing[:, 0, 0] = False
    return np.asarray(differing.sum(axis=(1, 2)))
