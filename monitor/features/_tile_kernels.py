"""Comparing tiles at all small shifts, compiled: `tiles` uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled

Floats = NDArray[np.float32]

# As in `tiles`, written out: the loops are unrolled by them.
_TILES, _SIDE, _HALF, _FREQUENCIES = 8, 24, 12, 8
_SHIFT = 3
_SHIFTS = 2 * _SHIFT + 1
# Of each tile of a row: its columns, and as many as it may be shifted by on both sides.
_LENGTH = (_SIDE + 2 * _SHIFT) * _TILES


@compiled
def nearest(
    signs: NDArray[np.uint8],
    compared: NDArray[np.bool_],
    frame: Floats,
    basis: Floats,
    found: NDArray[np.int64],
) -> None:
    """Count the bits of each tile that differ where it fits best.

    Tiles of a row lie column by column beside each other, so that all of them, at all shifts to
    the side, are summed in one go.

    Args:
        signs: (64, 63).
        compared: (64,): of the others no count is needed.
        frame: (200, 200): the post in the photo's frame, with 4 pixels round it.
        basis: (8, 24).
        found: (64,); lowered.
    """
    pixels = _beside(frame)
    wanted = np.empty((_FREQUENCIES**2, _SHIFTS * _TILES), np.bool_)
    differing = np.empty(_SHIFTS * _TILES, np.int32)
    for row in range(_TILES):
        if not compared[row * _TILES : (row + 1) * _TILES].any():
            continue
        for bit in range(1, _FREQUENCIES**2):
            for i in range(_SHIFTS * _TILES):
                wanted[bit, i] = signs[row * _TILES + i % _TILES, bit - 1] != 0
        for dy in range(_SHIFTS):
            top = row * _SIDE + dy
            _differing(pixels[top : top + _SIDE], wanted, basis, differing)
            for i in range(_SHIFTS * _TILES):
                # Of both ways, not far at once.
                if abs(i // _TILES - _SHIFT) + abs(dy - _SHIFT) <= _SHIFT + 1:
                    tile = row * _TILES + i % _TILES
                    found[tile] = min(found[tile], differing[i])


@compiled
def _differing(
    pixels: Floats, wanted: NDArray[np.bool_], basis: Floats, differing: NDArray[np.int32]
) -> None:
    """Count the bits of a row of tiles that differ, at each shift to the side, (7 * 8,).

    Args:
        pixels: (24, 240).
        wanted: (64, 7 * 8): the tiles' signs, vertical frequency first, for each shift.
        differing: Written.
    """
    both = np.empty((2, _HALF, _LENGTH), np.float32)
    wave = np.empty(_LENGTH, np.float32)
    columns = np.empty((_SIDE, _SHIFTS * _TILES), np.float32)
    halves = np.empty((2, _HALF, _SHIFTS * _TILES), np.float32)
    line = np.empty(_SHIFTS * _TILES, np.float32)
    differing[:] = 0
    _fold(pixels, both)
    for down in range(_FREQUENCIES):
        _sum(both[down % 2], basis[down], wave)
        for x in range(_SIDE):
            columns[x] = wave[x * _TILES : (x + _SHIFTS) * _TILES]
        _fold(columns, halves)
        for across in range(_FREQUENCIES):
            # The mean is no bit.
            if across + down:
                _sum(halves[across % 2], basis[across], line)
                _count(line, wanted[down * _FREQUENCIES + across], differing)


@compiled
def _beside(frame: Floats) -> Floats:
    """Lay the columns of each row's tiles side by side: all first ones, all second ones..."""
    pixels = np.empty((frame.shape[0] - 2, _LENGTH), np.float32)
    for y in range(pixels.shape[0]):
        for x in range(_LENGTH // _TILES):
            for tile in range(_TILES):
                pixels[y, x * _TILES + tile] = frame[y + 1, tile * _SIDE + x + 1]
    return pixels


@compiled
def _fold(rows: Floats, both: Floats) -> None:
    """Add what is equally far from both ends of 24 rows, and subtract it, (2, 12, n).

    A cosine is the same or the opposite there: so half of the products do.
    """
    for k in range(_HALF):
        for i in range(rows.shape[1]):
            both[0, k, i] = rows[k, i] + rows[_SIDE - 1 - k, i]
            both[1, k, i] = rows[k, i] - rows[_SIDE - 1 - k, i]


@compiled
def _sum(parts: Floats, weights: Floats, out: Floats) -> None:
    """Sum 12 rows, weighted; written out, so that what is summed stays in registers."""
    a, b, c, d, e, f = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    g, h, m, n, o, p = weights[6], weights[7], weights[8], weights[9], weights[10], weights[11]
    for i in range(len(out)):
        out[i] = (
            a * parts[0, i]
            + b * parts[1, i]
            + c * parts[2, i]
            + d * parts[3, i]
            + e * parts[4, i]
            + f * parts[5, i]
            + g * parts[6, i]
            + h * parts[7, i]
            + m * parts[8, i]
            + n * parts[9, i]
            + o * parts[10, i]
            + p * parts[11, i]
        )


@compiled
def _count(line: Floats, wanted: NDArray[np.bool_], differing: NDArray[np.int32]) -> None:
    for i in range(len(line)):
        differing[i] += np.int32((line[i] > 0) != wanted[i])
