"""SIFT's loops, compiled: extremes of a difference of Gaussians, their directions and descriptors.

As in OpenCV, by which what is enrolled without these kernels was described: Lowe, "Distinctive
image features from scale-invariant keypoints" (2004).
"""

from __future__ import annotations

from math import cos, exp, floor, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled

Float32 = NDArray[np.float32]

_BORDER = 5
_STEPS = 5
_BINS = 36
_PEAK = 0.8
_ORIENTATION_RADIUS, _ORIENTATION_SIGMA = 4.5, 1.5
_CELLS, _DIRECTIONS = 4, 8
_CELL_SIGMAS = 3.0
_CLIP, _LENGTH = 0.2, 512.0
# From a cell and direction to the next direction, the next cell, and the next row of cells.
_BEYOND = np.uint64(1)
_ACROSS = np.uint64(_DIRECTIONS + 1)
_DOWN = np.uint64((_CELLS + 2) * (_DIRECTIONS + 1))
# Pixels of an octave: no place's surroundings are wider.
_WIDEST = 1_024


@compiled
def extremes(
    dog: Float32, layers: int, sigma: float, least: float, edge: float, found: Float32
) -> int:
    """Find the places that stand out from all that is near them, in place and scale.

    Args:
        dog: (layers + 2, h, w): one octave; of a picture of 0-255.
        sigma: Of the octave's first blur.
        least: Contrast, a share of 1, from which a place counts.
        edge: The greatest ratio of the curvatures along and across an edge.
        found: (room, 7): filled with x, y, size, response, layer, column and row; in the pixels
            of the octave.

    Returns:
        How many there are; more than there is room for: only the first are written.
    """
    count = 0
    height, width = dog.shape[1:]
    stands_out = np.empty(max(0, width - 2 * _BORDER), np.bool_)
    highest, lowest = np.empty_like(dog[0, 0]), np.empty_like(dog[0, 0])
    for layer in range(1, layers + 1):
        for row in range(_BORDER, height - _BORDER):
            _compare(dog, layer, row, highest, lowest, stands_out)
            for at in range(len(stands_out)):
                if not stands_out[at]:
                    continue
                column = at + _BORDER
                fit = _fitted(dog, layers, layer, row, column, least, edge)
                if fit[0] == 0.0:
                    continue
                if count < len(found):
                    found[count, 0] = fit[1]
                    found[count, 1] = fit[2]
                    found[count, 2] = 2 * sigma * 2 ** (fit[3] / layers)
                    found[count, 3] = fit[0]
                    found[count, 4] = fit[4]
                    found[count, 5] = fit[5]
                    found[count, 6] = fit[6]
                count += 1
    return count


@compiled
def _compare(
    dog: Float32,
    layer: int,
    row: int,
    highest: Float32,
    lowest: Float32,
    stands_out: NDArray[np.bool_],
) -> None:
    """Tell which places of a row are further from zero than all that is near them.

    Loops without a branch over slices that begin at 0: the compiler makes vectors of them.

    Args:
        highest, lowest: (w,): room.
        stands_out: Filled for the columns within the border.
    """
    count = len(stands_out)
    own = dog[layer, row, _BORDER : _BORDER + count]
    highest[:] = -np.inf
    lowest[:] = np.inf
    for step in range(-1, 2):
        for y in range(-1, 2):
            line = dog[layer + step, row + y, _BORDER - 1 : _BORDER + count + 1]
            for at in range(count):
                high = max(max(line[at], line[at + 1]), line[at + 2])
                low = min(min(line[at], line[at + 1]), line[at + 2])
                highest[at] = max(highest[at], high)
                lowest[at] = min(lowest[at], low)
    for at in range(count):
        value = own[at]
        high = (value > 0) & (value >= highest[at])
        stands_out[at] = high | ((value < 0) & (value <= lowest[at]))


@compiled
def _fitted(
    dog: Float32, layers: int, layer: int, row: int, column: int, least: float, edge: float
) -> tuple[float, float, float, float, int, int, int]:
    """Fit a parabola to an extreme.

    Returns:
        Response (0: it is none), x, y, layer with its fraction, and the layer, column and row of
        the nearest pixel.
    """
    none = (0.0, 0.0, 0.0, 0.0, 0, 0, 0)
    height, width = dog.shape[1:]
    for _ in range(_STEPS):
        a = dog[layer - 1]
        b = dog[layer]
        c = dog[layer + 1]
        twice = 2 * b[row, column]
        dx = (b[row, column + 1] - b[row, column - 1]) / 2
        dy = (b[row + 1, column] - b[row - 1, column]) / 2
        ds = (c[row, column] - a[row, column]) / 2
        dxx = b[row, column + 1] + b[row, column - 1] - twice
        dyy = b[row + 1, column] + b[row - 1, column] - twice
        dss = c[row, column] + a[row, column] - twice
        dxy = (
            b[row + 1, column + 1]
            - b[row + 1, column - 1]
            - b[row - 1, column + 1]
            + b[row - 1, column - 1]
        ) / 4
        dxs = (
            c[row, column + 1] - c[row, column - 1] - a[row, column + 1] + a[row, column - 1]
        ) / 4
        dys = (
            c[row + 1, column] - c[row - 1, column] - a[row + 1, column] + a[row - 1, column]
        ) / 4
        # Cramer's rule.
        xx = dyy * dss - dys * dys
        xy = dys * dxs - dxy * dss
        xs = dxy * dys - dyy * dxs
        whole = dxx * xx + dxy * xy + dxs * xs
        if whole == 0:
            return none
        x = -(xx * dx + xy * dy + xs * ds) / whole
        y = -(xy * dx + (dxx * dss - dxs * dxs) * dy + (dxy * dxs - dxx * dys) * ds) / whole
        s = -(xs * dx + (dxy * dxs - dxx * dys) * dy + (dxx * dyy - dxy * dxy) * ds) / whole
        if abs(x) < 0.5 and abs(y) < 0.5 and abs(s) < 0.5:
            contrast = (b[row, column] + (dx * x + dy * y + ds * s) / 2) / 255
            flat = dxx * dyy - dxy * dxy
            trace = dxx + dyy
            if abs(contrast) * layers < least:
                return none
            if flat <= 0 or trace * trace * edge >= (edge + 1) * (edge + 1) * flat:
                return none
            return abs(contrast), column + x, row + y, layer + s, layer, column, row
        if max(abs(x), abs(y), abs(s)) > width + height:
            return none
        column += floor(x + 0.5)
        row += floor(y + 0.5)
        layer += floor(s + 0.5)
        if not 1 <= layer <= layers:
            return none
        if not _BORDER <= column < width - _BORDER or not _BORDER <= row < height - _BORDER:
            return none
    return none


@compiled
def directions(blurred: Float32, places: Float32, found: Float32) -> int:
    """Find the directions that a place's surroundings mostly rise in.

    Args:
        blurred: (layers + 3, h, w): the octave.
        places: (n, 7): as `extremes` gives them.
        found: (room, 2): filled with the index of a place and a direction in degrees.

    Returns:
        How many there are; more than there is room for: only the first are written.
    """
    count = 0
    room = np.empty((3, _WIDEST), np.float32)
    raw = np.empty(_BINS)
    smooth = np.empty(_BINS)
    for index in range(len(places)):
        image = blurred[int(places[index, 4])]
        _histogram(image, places[index], room, raw)
        top = 0.0
        for i in range(_BINS):
            smooth[i] = (
                (raw[i - 2] + raw[(i + 2) % _BINS]) / 16
                + (raw[i - 1] + raw[(i + 1) % _BINS]) / 4
                + raw[i] * 6 / 16
            )
            top = max(top, smooth[i])
        for i in range(_BINS):
            left, right = smooth[i - 1], smooth[(i + 1) % _BINS]
            if smooth[i] > left and smooth[i] > right and smooth[i] >= _PEAK * top:
                peak = i + 0.5 * (left - right) / (left - 2 * smooth[i] + right)
                if count < len(found):
                    found[count, 0] = index
                    found[count, 1] = (360 - 360 / _BINS * peak) % 360
                count += 1
    return count


@compiled
def _histogram(image: Float32, place: Float32, room: Float32, raw: NDArray[np.float64]) -> None:
    """Add the gradients round a place up by their direction.

    Args:
        room: (3, longest).
    """
    scale = place[2] / 2
    column, row = int(place[5]), int(place[6])
    radius = min(floor(_ORIENTATION_RADIUS * scale + 0.5), room.shape[1] // 2 - 1)
    falling = -1 / (2 * (_ORIENTATION_SIGMA * scale) ** 2)
    height, width = image.shape
    left, right = max(1, column - radius), min(width - 1, column + radius + 1)
    raw[:] = 0
    across = room[2]
    for at in range(right - left):
        across[at] = exp(falling * (left + at - column) ** 2)
    per_radian = np.float32(_BINS / (2 * pi))
    # From half a turn below zero on, so that none is negative.
    middle = np.float32(_BINS + 0.5)
    for y in range(max(1, row - radius), min(height - 1, row + radius + 1)):
        down = exp(falling * (y - row) ** 2)
        _gradients(image, y, left, right, room[0], room[1])
        for at in range(right - left):
            bin_ = int(room[1, at] * per_radian + middle) % _BINS
            raw[bin_] += down * across[at] * room[0, at]


@compiled
def _gradients(
    image: Float32, row: int, left: int, right: int, size: Float32, angle: Float32
) -> None:
    """Give the gradients along a row, between two columns; without a branch, as vectors."""
    above, below = image[row - 1, left:right], image[row + 1, left:right]
    line = image[row, left - 1 : right + 1]
    for at in range(right - left):
        dx = line[at + 2] - line[at]
        dy = above[at] - below[at]
        size[at] = np.float32(sqrt(dx * dx + dy * dy))
        angle[at] = _angle(dx, dy)


@compiled
def describe(blurred: Float32, places: Float32, angles: Float32, found: Float32) -> None:
    """Describe places by the directions of the gradients in 4 x 4 cells round them.

    Args:
        blurred: (layers + 3, h, w): the octave.
        places: (n, 7): as `extremes` gives them.
        angles: (n,): degrees.
        found: (n, 128): filled with whole numbers of 0-255.
    """
    cells = np.empty((_CELLS + 2) ** 2 * (_DIRECTIONS + 1), np.float32)
    room = np.empty((3, _WIDEST), np.float32)
    for index in range(len(places)):
        cells[:] = 0
        image = blurred[int(places[index, 4])]
        _gather(image, places[index], (360 - angles[index]) % 360, room, cells)
        total = 0.0
        for i in range(_CELLS):
            for j in range(_CELLS):
                start = ((i + 1) * (_CELLS + 2) + j + 1) * (_DIRECTIONS + 1)
                # What lies between the last direction and the first is in the one beyond.
                cells[start] += cells[start + _DIRECTIONS]
                for k in range(_DIRECTIONS):
                    value = cells[start + k]
                    found[index, (i * _CELLS + j) * _DIRECTIONS + k] = value
                    total += value * value
        most = sqrt(total) * _CLIP
        total = 0.0
        for k in range(found.shape[1]):
            found[index, k] = min(found[index, k], most)
            total += found[index, k] ** 2
        length = _LENGTH / max(sqrt(total), 1e-7)
        for k in range(found.shape[1]):
            found[index, k] = min(255.0, floor(found[index, k] * length + 0.5))


@compiled
def _gather(image: Float32, place: Float32, angle: float, room: Float32, cells: Float32) -> None:
    """Add the gradients round a place up, each shared by the cells and directions it is between.

    Args:
        room: (3, longest).
        cells: (6 * 6 * 9,): with a margin of cells round the 4 x 4, and one direction beyond.
    """
    height, width = image.shape
    column, row = floor(place[0] + 0.5), floor(place[1] + 0.5)
    cell = _CELL_SIGMAS * place[2] / 2
    radius = floor(cell * sqrt(2) * (_CELLS + 1) / 2 + 0.5)
    radius = min(radius, height + width, room.shape[1] // 2 - 1)
    turn = np.float32(angle * pi / 180)
    along, beside = np.float32(cos(turn) / cell), np.float32(sin(turn) / cell)
    falling = -1 / (cell * cell * _CELLS * _CELLS / 2)
    sizes, angles, across = room
    left, right = max(1, column - radius), min(width - 1, column + radius + 1)
    for at in range(right - left):
        across[at] = exp(falling * (left + at - column) ** 2)
    # The margin's cell begins at -1; all are counted from there, so that none is below zero.
    middle = np.float32(_CELLS / 2 + 0.5)
    end = np.float32(_CELLS + 1)
    none, whole = np.float32(0), np.float32(_DIRECTIONS)
    per_radian = np.float32(_DIRECTIONS / (2 * pi))
    # Angles are of half a turn at most, and so are directions.
    from_zero = np.float32(2 * pi) - turn
    for i in range(max(-radius, 1 - row), min(radius, height - 2 - row) + 1):
        down = np.float32(exp(falling * i * i))
        y_start = np.float32(i) * along + np.float32(left - column) * beside + middle
        x_start = np.float32(left - column) * along - np.float32(i) * beside + middle
        begin, stop = _span(y_start, beside, end, 0, right - left)
        begin, stop = _span(x_start, along, end, begin, stop)
        if begin >= stop:
            continue
        _gradients(image, row + i, left + begin, left + stop, sizes[begin:], angles[begin:])
        for at in range(begin, stop):
            y = np.float32(at) * beside + y_start
            x = np.float32(at) * along + x_start
            if not (none < y < end and none < x < end):
                continue
            size = sizes[at] * down * across[at]
            direction = (angles[at] + from_zero) * per_radian
            direction -= whole if direction >= whole else none
            direction += whole if direction < none else none
            r, c, d = int(y), int(x), min(int(direction), _DIRECTIONS - 1)
            y -= np.float32(r)
            x -= np.float32(c)
            direction -= np.float32(d)
            # Unsigned: an index that might be negative is looked at before each use.
            first = np.uint64((r * (_CELLS + 2) + c) * (_DIRECTIONS + 1) + d)
            second = first + _DOWN
            lower = size * y
            upper = size - lower
            right_part = upper * x
            _share(cells, first, upper - right_part, direction)
            _share(cells, first + _ACROSS, right_part, direction)
            right_part = lower * x
            _share(cells, second, lower - right_part, direction)
            _share(cells, second + _ACROSS, right_part, direction)


@compiled
def _span(
    start: np.float32, step: np.float32, end: np.float32, begin: int, stop: int
) -> tuple[int, int]:
    """Narrow a range down to where a line is between 0 and its end, and a place more each way."""
    if abs(step) < 1e-6:
        return begin, stop
    one, other = -start / step, (end - start) / step
    first, last = min(one, other), max(one, other)
    return max(begin, floor(first)), min(stop, floor(last) + 2)


@compiled
def _share(cells: Float32, at: np.uint64, size: np.float32, part: np.float32) -> None:
    """Add to a direction and to the one beyond."""
    beyond = size * part
    cells[at] += size - beyond
    cells[at + _BEYOND] += beyond


@compiled
def _angle(x: np.float32, y: np.float32) -> np.float32:
    """Give the angle of a vector in radians, within a hundredth of a degree."""
    ax, ay = abs(x), abs(y)
    low, high = min(ax, ay), max(ax, ay)
    t = low / max(high, np.float32(1e-20))
    s = t * t
    # Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 4.4.49.
    r = t * (
        np.float32(0.9998660)
        + s
        * (
            np.float32(-0.3302995)
            + s * (np.float32(0.1801410) + s * (np.float32(-0.0851330) + s * np.float32(0.0208351)))
        )
    )
    if ay > ax:
        r = np.float32(pi / 2) - r
    if x < 0:
        r = np.float32(pi) - r
    return -r if y < 0 else r
