"""Moving placements, compiled: `refine` uses it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled
from monitor.windows._post_kernels import weighted_sum

Matrix = NDArray[np.float64]
Floats = NDArray[np.float32]

# As in `codes`, written out: the loops are unrolled by them.
_SIDE, _HALF, _FREQUENCIES = 32, 16, 16
_MOVES = 10


@compiled
def fit(
    grey: NDArray[np.uint8],
    shrink: Matrix,
    placing: tuple[Matrix, Matrix, Matrix],
    window: tuple[NDArray[np.bool_], Floats],
    limits: tuple[float, float, int, int],
) -> int:
    """Move a placement until its window fits best, as `refine` does.

    Args:
        grey: The post at about the size that the window is hashed at.
        shrink: (3, 3): takes the post's pixels to its.
        placing: The placement, (3, 3), which is changed; the window's grid in the photo, (3, 3);
            and its middle, (3,).
        window: Its signs, horizontal frequency first, (16, 16), and the frequencies, (16, 32).
        limits: The first step and the last; how many rounds; and the most bits that may differ
            after the first.

    Returns:
        How many bits of the window differ there.
    """
    best, grid, middle = placing
    wanted, basis = window
    step, last, rounds, hopeless = limits
    first = step
    made = (
        np.empty((_SIDE, _SIDE), np.float32),
        np.empty((2, _HALF, _SIDE), np.float32),
        np.empty((_SIDE, _FREQUENCIES), np.float32),
        np.empty(_SIDE, np.float32),
        (np.empty(_SIDE, np.int64), np.empty((6, _SIDE), np.float32)),
    )
    distance = _distance(grey, shrink @ (best @ grid), wanted, basis, made)
    moves = np.empty((_MOVES, 3, 3))
    for _ in range(rounds):
        centre = best @ middle
        _list_moves(centre[0], centre[1], step, _scale(best @ grid) * _SIDE, moves)
        nearest, chosen = 1 << 30, 0
        for number in range(_MOVES):
            moved = shrink @ (moves[number] @ best @ grid)
            differing = _distance(grey, moved, wanted, basis, made)
            if differing < nearest:
                nearest, chosen = differing, number
        better = nearest < distance
        if better:
            best[:] = moves[chosen] @ best
            distance = nearest
        if step == first and distance > hopeless:
            break
        if better:
            continue
        step /= 2
        if step < last:
            break
    return distance


@compiled
def _scale(matrix: Matrix) -> float:
    return math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))


@compiled
def _list_moves(x: float, y: float, step: float, side: float, moves: NDArray[np.float64]) -> None:
    """List small changes of a placement about a point, (10, 3, 3)."""
    moves[:] = np.eye(3)
    for half in range(2):
        sign = 2 * half - 1
        size, turn = 1 + 2 * sign * step, 1.5 * sign * step
        some = moves[half * 5 : half * 5 + 5]
        some[0, 0, 2] = some[1, 1, 2] = sign * step * side
        some[2, 0, 0] = some[2, 1, 1] = some[3, 0, 0] = size
        some[3, 1, 1] = 1 / size
        some[4, 0, 0] = some[4, 1, 1] = math.cos(turn)
        some[4, 1, 0] = math.sin(turn)
        some[4, 0, 1] = -some[4, 1, 0]
        for number in range(2, 5):
            change = some[number]
            change[0, 2] = x - change[0, 0] * x - change[0, 1] * y
            change[1, 2] = y - change[1, 0] * x - change[1, 1] * y


@compiled
def _distance(
    grey: NDArray[np.uint8],
    grid: Matrix,
    wanted: NDArray[np.bool_],
    basis: Floats,
    made: tuple[Floats, Floats, Floats, Floats, tuple[NDArray[np.int64], Floats]],
) -> int:
    """Count the bits of a window that differ, for a place of its 32 x 32 points.

    Args:
        made: Room for what is made in between.
    """
    window, both, lines, wave, row = made
    _sample(grey, grid, window, row)
    # Columns first: as many numbers lie side by side.
    _fold(window, both)
    for down in range(_FREQUENCIES):
        weighted_sum(both[down % 2], basis[down], wave)
        for x in range(_SIDE):
            lines[x, down] = wave[x]
    both, wave = both[:, :, :_FREQUENCIES], wave[:_FREQUENCIES]
    _fold(lines, both)
    differing = 0
    for across in range(_FREQUENCIES):
        weighted_sum(both[across % 2], basis[across], wave)
        for down in range(_FREQUENCIES):
            differing += int((wave[down] > 0) != wanted[across, down])
        if not across:
            # The mean's says nothing.
            differing -= int((wave[0] > 0) != wanted[0, 0])
    return differing


@compiled
def _fold(rows: Floats, both: Floats) -> None:
    """Add the rows that are equally far from both ends, and subtract them, (2, 16, n)."""
    for k in range(_HALF):
        for i in range(rows.shape[1]):
            both[0, k, i] = rows[k, i] + rows[_SIDE - 1 - k, i]
            both[1, k, i] = rows[k, i] - rows[_SIDE - 1 - k, i]


@compiled
def _sample(
    grey: NDArray[np.uint8], grid: Matrix, window: Floats, row: tuple[NDArray[np.int64], Floats]
) -> None:
    """Read a picture at 32 x 32 points, between four pixels; its border goes on outside."""
    places, parts = row
    pixels = grey.ravel()
    right, bottom, width = grey.shape[1] - 1, grey.shape[0] - 1, grey.shape[1]
    beside, below = min(1, right), min(1, bottom) * width
    for i in range(_SIDE):
        # Side by side where that can be, pixel by pixel where they are read.
        for j in range(_SIDE):
            # From corners of pixels to their middles.
            x = grid[0, 0] * (j + 0.5) + grid[0, 1] * (i + 0.5) + grid[0, 2] - 0.5
            y = grid[1, 0] * (j + 0.5) + grid[1, 1] * (i + 0.5) + grid[1, 2] - 0.5
            x, y = min(max(0.0, x), float(right)), min(max(0.0, y), float(bottom))
            left, top = min(int(x), max(right - 1, 0)), min(int(y), max(bottom - 1, 0))
            places[j] = top * width + left
            parts[0, j], parts[1, j] = np.float32(x - left), np.float32(y - top)
        for j in range(_SIDE):
            place = places[j]
            parts[2, j] = pixels[np.uint64(place)]
            parts[3, j] = pixels[np.uint64(place + beside)]
            parts[4, j] = pixels[np.uint64(place + below)]
            parts[5, j] = pixels[np.uint64(place + below + beside)]
        for j in range(_SIDE):
            upper = parts[2, j] + parts[0, j] * (parts[3, j] - parts[2, j])
            lower = parts[4, j] + parts[0, j] * (parts[5, j] - parts[4, j])
            window[i, j] = upper + parts[1, j] * (lower - upper)
