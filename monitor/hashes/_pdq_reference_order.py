"""PDQ's 64x64 picture and its DCT with the reference's own float32 roundings, for near ties.

Each sum here adds up in the order of the reference implementation, because two coefficients
that differ in the last bit of a float32 decide a bit of the hash.

Source: the algorithm is Meta's (ThreatExchange, "TMK+PDQF and PDQ", 2019); the order of the
additions is the one that gives the numbers of `pdqhash` 0.2.8 on x86-64.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels

KERNELS: Final = "monitor.hashes._pdq_kernels"

# Seconds a pixel by which the kernels are faster.
_SAVED_S: Final = 20e-9

SIDE: Final = 64
FREQUENCIES: Final = 16
LUMA: Final = (0.299, 0.587, 0.114)

Float32 = NDArray[np.float32]

# Pixels made grey at a time: their double-precision arrays stay in a core's cache.
_CHUNK: Final = 1 << 15


def _dct_matrix() -> Float32:
    # The scale is a float32 and the cosine a double, as in the reference; `math` and not numpy,
    # whose cosine may differ in the last bit from one processor to the next.
    scale = float(np.float32(math.sqrt(2.0 / SIDE)))
    step = math.pi / 2.0 / SIDE
    rows = [
        [scale * math.cos(step * (i + 1) * (2 * j + 1)) for j in range(SIDE)]
        for i in range(FREQUENCIES)
    ]
    return np.array(rows, dtype=np.float64).astype(np.float32)


DCT: Final = _dct_matrix()


def box_reach(length: int) -> tuple[int, int]:
    """Tell which neighbours one box filter averages: a 128th of the side, rounded up.

    Returns:
        Pixels before, and pixels from the middle one on; together the width of the box.
    """
    width = (length + 2 * SIDE - 1) // (2 * SIDE)
    ahead = (width + 2) // 2
    return width - ahead, ahead


def centres(length: int) -> NDArray[np.intp]:
    """Tell the 64 positions along a side that the 64x64 picture keeps."""
    return (2 * np.arange(SIDE, dtype=np.intp) + 1) * length // (2 * SIDE)


def small_picture(rgb: NDArray[np.uint8], *, keep_64: bool) -> Float32:
    """Filter a picture twice along rows and columns and keep 64x64 of its pixels.

    Args:
        rgb: H x W x 3.
        keep_64: Take a picture of 64x64 as it is. The reference does so for the plain hash, but
            not for the turned ones.

    Returns:
        64 x 64, the reference's values to the last bit.
    """
    height, width = rgb.shape[:2]
    keep = keep_64 and height == width == SIDE
    fast = None if keep else kernels(KERNELS, _SAVED_S * height * width)
    if fast is not None:
        rows = rgb.reshape(height, 3 * width)
        rows.flags.writeable = False
        small = np.empty((SIDE, SIDE), dtype=np.float32)
        reaches, middles = (
            (box_reach(height), box_reach(width)),
            (centres(height), centres(width)),
        )
        fast.small_picture(rows, LUMA, reaches, middles, small)
        return small
    grey = _luminance(rgb)
    if keep:
        return grey
    once = _filter_down(_transposed(_filter_down(_transposed(grey))))
    narrow = _filter_down(_transposed(once))[centres(width)]
    return _filter_down(_transposed(narrow))[centres(height)]


def coefficients(small: Float32) -> Float32:
    """Transform a 64x64 picture to its frequencies 1-16 both ways.

    Returns:
        16 x 16, vertical frequency first, the reference's values to the last bit.
    """
    half = np.zeros((FREQUENCIES, SIDE), dtype=np.float32)
    for k in range(SIDE):
        half += DCT[:, k, None] * small[k]
    full = np.zeros((FREQUENCIES, FREQUENCIES), dtype=np.float32)
    for k in range(SIDE):
        full += half[:, k, None] * DCT[:, k]
    return full


def _luminance(rgb: NDArray[np.uint8]) -> Float32:
    """Weigh red, green and blue in double precision, as `pdqhash` does, then round."""
    grey = np.empty(rgb.shape[:2], dtype=np.float32)
    rows = max(1, _CHUNK // rgb.shape[1])
    for start in range(0, rgb.shape[0], rows):
        part = rgb[start : start + rows]
        sums = part[..., 0] * LUMA[0]
        sums += part[..., 1] * LUMA[1]
        sums += part[..., 2] * LUMA[2]
        grey[start : start + rows] = sums
    return grey


def _filter_down(lines: Float32) -> Float32:
    """Take running means down the columns: add the value that enters, subtract the one that leaves.

    Args:
        lines: N x M; a column is one line of the picture.
    """
    length = lines.shape[0]
    behind, ahead = box_reach(length)
    width = behind + ahead
    means = np.empty_like(lines)
    sums = np.zeros(lines.shape[1], dtype=np.float32)
    for last in range(length + ahead - 1):
        middle = means[max(0, last - ahead + 1)]
        if last < length:
            sums = np.add(sums, lines[last], out=middle)
        if last >= width:
            sums = np.subtract(sums, lines[last - width], out=middle)
    position = np.arange(length)
    taken = np.minimum(length, position + ahead) - np.maximum(0, position - behind)
    means /= taken.astype(np.float32)[:, None]
    return means


def _transposed(lines: Float32) -> Float32:
    return np.ascontiguousarray(lines.T)
