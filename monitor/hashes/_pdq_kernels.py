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
def luminance(
    rows: NDArray[np.uint8], luma: tuple[float, float, float], grey: NDArray[np.float32]
) -> None:
    """Weigh red, green and blue in double precision, then round.

    Args:
        rows: H x 3 W, read-only.
        grey: H x W; written.
    """
    for y in range(grey.shape[0]):
        for x in range(grey.shape[1]):
            red, green, blue = rows[y, 3 * x], rows[y, 3 * x + 1], rows[y, 3 * x + 2]
            grey[y, x] = red * luma[0] + green * luma[1] + blue * luma[2]


@exactly_compiled
def filter_across(lines: NDArray[np.float32], behind: int, ahead: int) -> NDArray[np.float32]:
    """Take running means along each line: add the value that enters, subtract the one that leaves.

    Args:
        lines: N x M.
        behind, ahead: The reach of a mean.
    """
    count, length = lines.shape
    means = np.empty_like(lines)
    taken = np.empty(length, np.float32)
    for x in range(length):
        taken[x] = min(length, x + ahead) - max(0, x - behind)
    # Each sum waits for the one before it: four lines at a time wait together.
    whole = count - count % 4
    for y in range(0, whole, 4):
        _sum_four(lines[y : y + 4], behind, ahead, means[y : y + 4])
    for y in range(whole, count):
        _sum_one(lines[y], behind, ahead, means[y])
    for y in range(count):
        _divide(means[y], taken)
    return means


@exactly_compiled
def _sum_four(
    lines: NDArray[np.float32], behind: int, ahead: int, sums: NDArray[np.float32]
) -> None:
    length = lines.shape[1]
    a, b, c, d = lines[0], lines[1], lines[2], lines[3]
    w, x, y, z = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for last in range(length + ahead - 1):
        if last < length:
            w += a[last]
            x += b[last]
            y += c[last]
            z += d[last]
        left = last - behind - ahead
        if left >= 0:
            w -= a[left]
            x -= b[left]
            y -= c[left]
            z -= d[left]
        middle = last - ahead + 1
        if middle >= 0:
            sums[0, middle] = w
            sums[1, middle] = x
            sums[2, middle] = y
            sums[3, middle] = z


@exactly_compiled
def _sum_one(line: NDArray[np.float32], behind: int, ahead: int, sums: NDArray[np.float32]) -> None:
    total = np.float32(0)
    for last in range(line.size + ahead - 1):
        if last < line.size:
            total += line[last]
        if last >= behind + ahead:
            total -= line[last - behind - ahead]
        if last >= ahead - 1:
            sums[last - ahead + 1] = total


@exactly_compiled
def _divide(sums: NDArray[np.float32], taken: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        sums[x] /= taken[x]


@exactly_compiled
def filter_down(lines: NDArray[np.float32], behind: int, ahead: int) -> NDArray[np.float32]:
    """Take running means down each column, in the same order.

    Args:
        lines: N x M.
        behind, ahead: The reach of a mean.
    """
    length = lines.shape[0]
    width = behind + ahead
    means = np.empty_like(lines)
    sums = np.zeros(lines.shape[1], np.float32)
    for last in range(length + ahead - 1):
        if last < length:
            _enter(sums, lines[last])
        if last >= width:
            _leave(sums, lines[last - width])
        y = last - ahead + 1
        if y >= 0:
            taken = min(length, y + ahead) - max(0, y - behind)
            _share(sums, np.float32(taken), means[y])
    return means


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
