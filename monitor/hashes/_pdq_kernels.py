"""The sums of PDQ's 64x64 picture, compiled: `_pdq_linear` and `_pdq_reference_order` use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled, exactly_compiled


@compiled
def weigh(
    rows: NDArray[np.uint8],
    starts: tuple[NDArray[np.intp], NDArray[np.intp]],
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
    luma: NDArray[np.float32],
    small: NDArray[np.float64],
) -> None:
    """Take the weighted means that make the 64x64 picture.

    Args:
        rows: H x 3 W, read-only.
        starts: First pixel of each mean, down and across.
        weights: 64 x K, down and across.
        luma: Weights of red, green and blue.
        small: 64 x 64; written.
    """
    flat = np.empty(rows.shape[1], np.float32)
    grey = np.empty(rows.shape[1] // 3, np.float32)
    for i in range(small.shape[0]):
        flat[:] = 0
        _add_rows(flat, rows[starts[0][i] :], weights[0][i])
        for x in range(grey.size):
            grey[x] = luma[0] * flat[3 * x] + luma[1] * flat[3 * x + 1] + luma[2] * flat[3 * x + 2]
        for j in range(small.shape[1]):
            total = np.float32(0)
            for k in range(weights[1].shape[1]):
                total += weights[1][j, k] * grey[starts[1][j] + k]
            small[i, j] = total


@compiled
def weigh_grey(
    grey: NDArray[np.uint8],
    starts: tuple[NDArray[np.intp], NDArray[np.intp]],
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
    small: NDArray[np.float64],
) -> None:
    """Take the weighted means that make the 64x64 picture of one that is grey already.

    Args:
        grey: H x W.
        starts: First pixel of each mean, down and across.
        weights: 64 x K, down and across.
        small: 64 x 64; written.
    """
    flat = np.empty(grey.shape[1], np.float32)
    for i in range(small.shape[0]):
        flat[:] = 0
        _add_rows(flat, grey[starts[0][i] :], weights[0][i])
        for j in range(small.shape[1]):
            total = np.float32(0)
            for k in range(weights[1].shape[1]):
                total += weights[1][j, k] * flat[starts[1][j] + k]
            small[i, j] = total


@compiled
def _add_rows(
    flat: NDArray[np.float32], rows: NDArray[np.uint8], weights: NDArray[np.float32]
) -> None:
    whole = weights.size - weights.size % 4
    for k in range(0, whole, 4):
        _add_four(flat, rows[k], rows[k + 1], rows[k + 2], rows[k + 3], weights[k : k + 4])
    for k in range(whole, weights.size):
        _add_one(flat, rows[k], weights[k])


@compiled
def _add_four(
    flat: NDArray[np.float32],
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    c: NDArray[np.uint8],
    d: NDArray[np.uint8],
    weights: NDArray[np.float32],
) -> None:
    # Four at a time: a running sum is read and written a quarter as often.
    w, x, y, z = weights[0], weights[1], weights[2], weights[3]
    for i in range(flat.size):
        flat[i] += w * a[i] + x * b[i] + y * c[i] + z * d[i]


@compiled
def _add_one(flat: NDArray[np.float32], row: NDArray[np.uint8], weight: float) -> None:
    for i in range(flat.size):
        flat[i] += weight * row[i]


@exactly_compiled
def small_picture(
    rows: NDArray[np.uint8],
    luma: tuple[float, float, float],
    reaches: tuple[tuple[int, int], tuple[int, int]],
    centres: tuple[NDArray[np.intp], NDArray[np.intp]],
    small: NDArray[np.float32],
) -> None:
    """Filter a picture twice along rows and columns and keep 64x64 of its pixels.

    Args:
        rows: H x 3 W, read-only.
        luma: Weights of red, green and blue, taken in double precision.
        reaches: Of a mean, down and across: pixels before, and pixels from the middle one on.
        centres: The pixels that are kept, down and across, in their order.
        small: 64 x 64; written.
    """
    height, width = rows.shape[0], rows.shape[1] // 3
    means = np.empty((height, width), np.float32)
    # Each sum waits for the one before it: four lines at a time wait together.
    lines = np.zeros((4, width), np.float32)
    taken = _taken(width, reaches[1])
    for y in range(0, height, 4):
        count = min(4, height - y)
        for i in range(count):
            _luminance(rows[y + i], luma, lines[i])
        _sum_across(lines, reaches[1], means[y : y + count])
        for i in range(count):
            _divide(means[y + i], taken)
    _filter_down(means, reaches[0], means)
    narrow = np.empty((height, small.shape[1]), np.float32)
    filtered = np.empty((4, width), np.float32)
    for y in range(0, height, 4):
        count = min(4, height - y)
        lines[:count] = means[y : y + count]
        _sum_across(lines, reaches[1], filtered[:count])
        for i in range(count):
            for k in range(small.shape[1]):
                x = centres[1][k]
                narrow[y + i, k] = filtered[i, x] / taken[x]
    _filter_down(narrow, reaches[0], narrow)
    for k in range(small.shape[0]):
        small[k] = narrow[centres[0][k]]


@exactly_compiled
def _taken(length: int, reach: tuple[int, int]) -> NDArray[np.float32]:
    """Tell how many pixels each mean along a line is of."""
    taken = np.empty(length, np.float32)
    for x in range(length):
        taken[x] = min(length, x + reach[1]) - max(0, x - reach[0])
    return taken


@exactly_compiled
def _luminance(
    row: NDArray[np.uint8], luma: tuple[float, float, float], grey: NDArray[np.float32]
) -> None:
    for x in range(grey.size):
        grey[x] = row[3 * x] * luma[0] + row[3 * x + 1] * luma[1] + row[3 * x + 2] * luma[2]


@exactly_compiled
def _sum_across(
    lines: NDArray[np.float32], reach: tuple[int, int], sums: NDArray[np.float32]
) -> None:
    """Take running sums along four lines: add the value that enters, subtract the one that leaves.

    Args:
        lines: 4 x M.
        sums: As many of the four as are wanted; written.
    """
    length = lines.shape[1]
    a, b, c, d = lines[0], lines[1], lines[2], lines[3]
    w, x, y, z = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for last in range(length + reach[1] - 1):
        if last < length:
            w += a[last]
            x += b[last]
            y += c[last]
            z += d[last]
        left = last - reach[0] - reach[1]
        if left >= 0:
            w -= a[left]
            x -= b[left]
            y -= c[left]
            z -= d[left]
        middle = last - reach[1] + 1
        if middle >= 0:
            sums[0, middle] = w
            if sums.shape[0] == 4:
                sums[1, middle] = x
                sums[2, middle] = y
                sums[3, middle] = z
            else:
                if sums.shape[0] > 1:
                    sums[1, middle] = x
                if sums.shape[0] > 2:
                    sums[2, middle] = y


@exactly_compiled
def _divide(sums: NDArray[np.float32], taken: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        sums[x] /= taken[x]


@exactly_compiled
def _filter_down(
    lines: NDArray[np.float32], reach: tuple[int, int], means: NDArray[np.float32]
) -> None:
    """Take running means down each column, in the same order.

    Args:
        lines: N x M.
        means: N x M; written; the lines themselves will do.
    """
    length = lines.shape[0]
    ahead = reach[1]
    width = reach[0] + ahead
    # The lines that leave later: their places may be written by then.
    kept = np.empty((width, lines.shape[1]), np.float32)
    sums = np.zeros(lines.shape[1], np.float32)
    for last in range(length + ahead - 1):
        if last < length:
            _enter(sums, lines[last])
        if last >= width:
            _leave(sums, kept[last % width])
        if last < length:
            kept[last % width] = lines[last]
        y = last - ahead + 1
        if y >= 0:
            taken = min(length, y + ahead) - max(0, y - reach[0])
            _share(sums, np.float32(taken), means[y])


@exactly_compiled
def _enter(sums: NDArray[np.float32], line: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        sums[x] += line[x]


@exactly_compiled
def _leave(sums: NDArray[np.float32], line: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        sums[x] -= line[x]


@exactly_compiled
def _share(sums: NDArray[np.float32], taken: np.float32, out: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        out[x] = sums[x] / taken
