"""Moves a placement until the window that gave it fits best."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.features.extract import Luma
from monitor.windows.codes import BASIS, SIDE, Signs, coefficients
from monitor.windows.pyramid import Matrix, Pyramid, scale_of

_LAST: Final = 0.005
_ROUNDS: Final = 14
# What is not nearer than this after the first round is chance.
_HOPELESS: Final = 80

KERNELS: Final = "monitor.windows._refine_kernels"
# Measured: a placement.
_SAVED_S: Final = 1e-3


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
    grey, shrink = post.level(scale_of(matrix @ grid))
    centre = np.array([x + width / 2, y + height / 2, 1.0])
    fast = kernels(KERNELS, _SAVED_S)
    if fast is not None:
        placed = np.array(matrix, np.float64)
        limits = (step, _LAST, _ROUNDS, _HOPELESS)
        window = wanted.T.copy(), BASIS
        return placed, fast.fit(grey, shrink, (placed, grid, centre), window, limits)
    best, first = matrix, step
    distance = int(_distances(grey, shrink, [best @ grid], wanted)[0])
    for _ in range(_ROUNDS):
        side = scale_of(best @ grid) * SIDE
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
    windows = _sampled(grey, shrink @ np.stack(grids))
    differing = (coefficients(windows) > 0) != wanted
    # The mean's says nothing.
    differing[:, 0, 0] = False
    return np.asarray(differing.sum(axis=(1, 2)))


def _sampled(grey: Luma, grids: NDArray[np.float64]) -> NDArray[np.float32]:
    """Read a picture at 32 x 32 points of each grid, between four pixels, (n, 32, 32)."""
    # From corners of pixels to their middles.
    down, across = np.mgrid[:SIDE, :SIDE] + 0.5
    points = np.stack([across.ravel(), down.ravel(), np.ones(SIDE**2)])
    places = grids[:, :2] @ points - 0.5
    height, width = grey.shape
    x, y = places[:, 0].clip(0, width - 1), places[:, 1].clip(0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    beside, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    pixels = np.asarray(grey, np.float32)
    upper = pixels[top, left] + across * (pixels[top, beside] - pixels[top, left])
    lower = pixels[below, left] + across * (pixels[below, beside] - pixels[below, left])
    return np.asarray(upper + down * (lower - upper)).reshape(-1, SIDE, SIDE)
