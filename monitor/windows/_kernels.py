"""Looking windows up, compiled: `lookup` uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled
from monitor.nearest._kernels import ones

Words = NDArray[np.uint64]

_ONE, _SIX = np.uint64(1), np.uint64(6)
_LAST = np.uint64(63)


@compiled
def look_up(
    posted: tuple[Words, NDArray[np.uint32]],
    masks: NDArray[np.uint32],
    table: tuple[Words, NDArray[np.int32], Words],
    limits: tuple[int, int, int],
    found: NDArray[np.intp],
) -> int:
    """Find near codes under a post's keys.

    Args:
        posted: Codes, (n, 4), and their keys, (n,).
        masks: (n, k): what is changed of each key.
        table: The photos' codes sorted by key, (m, 4); where each key's begin, (2**21 + 1,); and
            which keys there are, a bit each.
        limits: The most bits that differ in the first word, and in all; and the most rows of a
            key.
        found: (k, 3): window, row and distance of each pair; written.

    Returns:
        How many there are; beyond k they are only counted.
    """
    codes, keys = posted
    rows, starts, occupied = table
    count = 0
    most_low, most = np.uint64(limits[0]), np.uint64(limits[1])
    for i in range(keys.size):
        for j in range(masks.shape[1]):
            key = np.uint64(keys[i] ^ masks[i, j])
            if not (occupied[key >> _SIX] >> (key & _LAST)) & _ONE:
                continue
            start, end = starts[key], starts[key + _ONE]
            if end - start > limits[2]:
                continue
            for row in range(start, end):
                distance = ones(codes[i, 0] ^ rows[row, 0])
                if distance > most_low:
                    continue
                for k in range(1, 4):
                    distance += ones(codes[i, k] ^ rows[row, k])
                if distance <= most:
                    if count < len(found):
                        found[count, 0], found[count, 1], found[count, 2] = i, row, distance
                    count += 1
    return count
