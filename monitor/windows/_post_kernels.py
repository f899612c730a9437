"""Hashing all windows of a picture, compiled: `post` uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled

Floats = NDArray[np.float32]

# As in `codes` and `post`, written out: the loops are unrolled by them.
_SIDE, _HALF, _STEP = 32, 16, 2
_FREQUENCIES, _BLOCK, _WORDS = 16, 8, 4
_LOWEST = 5
# The most numbers that are summed in one go, while they are in the nearest cache; and a step.
_CHUNK, _VECTOR = 256, 16
_UPPER, _MEAN = np.uint64(32), np.uint64(1)
# The lowest bits of a number give way to which bit of a key it is.
_PLACE = 31
_FARTHEST = np.int32(0x7FFFFFFF)


@compiled
def hash_windows(
    small: NDArray[np.uint8],
    basis: Floats,
    key_bits: NDArray[np.int32],
    min_texture: float,
    found: tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.intp]],
) -> int:
    """Hash the windows of a picture that have texture.

    Rows are laid end to end, so that the inner loops are long.

    Args:
        small: H x W, 32 or more each.
        basis: (16, 32).
        key_bits: (16, 16): by vertical and horizontal frequency, the bit of a key; -1: none.
        min_texture: Grey levels that the lowest frequencies amount to.
        found: Codes, (n, 4); bits of their keys that may be wrong, (n, 4); and which windows they
            are, (n,), row by row; for all windows, of which the first are written.

    Returns:
        How many there are.
    """
    codes, unsure, kept = found
    height, width = small.shape
    rows, columns = (height - _SIDE) // _STEP + 1, (width - _SIDE) // _STEP + 1
    lines = _lines(small, basis, rows + _HALF - 1, columns)
    chunk = _even(rows * columns)
    both = np.empty((2, _HALF, chunk), np.float32)
    wave = np.empty(chunk, np.float32)
    # Lower and upper half of each word.
    words = np.empty((_WORDS, 2, chunk), np.uint32)
    textures = np.empty(chunk, np.float32)
    least = np.empty((unsure.shape[1], chunk), np.int32)
    # The sum of squares of cosines that amount to so much.
    plain = np.float32((min_texture * _SIDE * _SIDE / 4) ** 2)
    count = 0
    for start in range(0, rows * columns, chunk):
        size = min(chunk, rows * columns - start)
        words[:] = 0
        textures[:] = 0
        least[:] = _FARTHEST
        for across in range(_FREQUENCIES):
            _fold_all(lines[:, across], start, size, columns, both)
            for down in range(_FREQUENCIES):
                weighted_sum(both[down % 2], basis[down], wave)
                half = words[down // _BLOCK * 2 + across // _BLOCK, down % _BLOCK // 4]
                _add_signs(wave, np.uint32(down % 4 * _BLOCK + across % _BLOCK), half)
                if down < _LOWEST and across < _LOWEST and down + across:
                    _add_squares(wave, textures)
                if key_bits[down, across] >= 0:
                    _add_least(wave, key_bits[down, across], least)
        for i in range(size):
            if textures[i] <= plain:
                continue
            kept[count] = start + i
            for word in range(_WORDS):
                upper = np.uint64(words[word, 1, i]) << _UPPER
                codes[count, word] = upper | np.uint64(words[word, 0, i])
            codes[count, 0] &= ~_MEAN
            for k in range(len(least)):
                unsure[count, k] = least[k, i] & _PLACE
            count += 1
    return count


@compiled
def _even(length: int) -> int:
    """Say into how large parts numbers are cut, so that no part is nearly empty."""
    parts = (length - 1) // _CHUNK + 1
    return ((length - 1) // parts // _VECTOR + 1) * _VECTOR


@compiled
def _lines(small: NDArray[np.uint8], basis: Floats, rows: int, columns: int) -> Floats:
    """Transform each row of pixels where windows begin.

    Returns:
        (2, 16, rows * columns): even and odd rows; by horizontal frequency.
    """
    # Windows begin at every other pixel. Some would begin where there is no room.
    apart = columns + _HALF - 1
    length = rows * apart - _HALF + 1
    pixels = np.empty((2, rows * apart), np.float32)
    waves = np.empty((_FREQUENCIES, rows * apart), np.float32)
    chunk = _even(length)
    both = np.empty((2, _HALF, chunk), np.float32)
    lines = np.empty((2, _FREQUENCIES, rows * columns), np.float32)
    for odd in range(2):
        for y in range(rows):
            for x in range(apart):
                pixels[0, y * apart + x] = small[2 * y + odd, 2 * x]
                pixels[1, y * apart + x] = small[2 * y + odd, 2 * x + 1]
        for start in range(0, length, chunk):
            size = min(chunk, length - start)
            _fold_all(pixels, start, size, 1, both)
            for across in range(_FREQUENCIES):
                weighted_sum(both[across % 2], basis[across], waves[across, start : start + size])
        for across in range(_FREQUENCIES):
            for y in range(rows):
                for x in range(columns):
                    lines[odd, across, y * columns + x] = waves[across, y * apart + x]
    return lines


@compiled
def _fold_all(parts: Floats, start: int, size: int, apart: int, both: Floats) -> None:
    """Add what is equally far from both ends of windows, and subtract it.

    A cosine is the same or the opposite there: so half of the products do.

    Args:
        parts: (2, n): even and odd ones; two that follow one another are `apart` places apart.
        start, size: Where windows begin.
        both: (2, 16, size): sums and differences; written.
    """
    for k in range(_HALF):
        other = _SIDE - 1 - k
        near, far = start + k // 2 * apart, start + other // 2 * apart
        _fold(
            parts[k % 2, near : near + size],
            parts[other % 2, far : far + size],
            both[0, k],
            both[1, k],
        )


@compiled
def _fold(one: Floats, other: Floats, sums: Floats, differences: Floats) -> None:
    for i in range(len(one)):
        sums[i] = one[i] + other[i]
        differences[i] = one[i] - other[i]


@compiled
def weighted_sum(parts: Floats, weights: Floats, out: Floats) -> None:
    """Sum 16 rows, weighted; written out, so that what is summed stays in registers."""
    out[:] = 0
    for k in range(0, _HALF, 8):
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        e, f, g, h = weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7]
        for i in range(len(out)):
            out[i] += (
                a * parts[k, i]
                + b * parts[k + 1, i]
                + c * parts[k + 2, i]
                + d * parts[k + 3, i]
                + e * parts[k + 4, i]
                + f * parts[k + 5, i]
                + g * parts[k + 6, i]
                + h * parts[k + 7, i]
            )


@compiled
def _add_squares(part: Floats, sums: Floats) -> None:
    for i in range(len(sums)):
        sums[i] += part[i] * part[i]


@compiled
def _add_signs(part: Floats, bit: np.uint32, words: NDArray[np.uint32]) -> None:
    for i in range(len(words)):
        words[i] |= np.uint32(part[i] > 0) << bit


@compiled
def _add_least(part: Floats, place: int, least: NDArray[np.int32]) -> None:
    """Keep the smallest numbers in order, each with its place; whatever their signs."""
    bits = part.view(np.int32)
    one, two, three, four = least[0], least[1], least[2], least[3]
    for i in range(len(part)):
        number = np.int32((bits[i] & np.int32(0x7FFFFFE0)) | np.int32(place))
        larger = max(one[i], number)
        one[i] = min(one[i], number)
        number = max(two[i], larger)
        two[i] = min(two[i], larger)
        larger = max(three[i], number)
        three[i] = min(three[i], number)
        four[i] = min(four[i], larger)
