"""The compiled twins of what looks up and pairs codes; imported where numba is there only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled
from monitor.nearest._kernels import ones

Words = NDArray[np.uint64]


@compiled
def _ones(x: np.uint64) -> np.int64:
    """Count the bits that are set, to be compared with signed numbers."""
    return np.int64(ones(x))


@compiled
def meet(
    voters: Words,
    keys: NDArray[np.uint32],
    codes: Words,
    offsets: NDArray[np.uint32],
    rows: NDArray[np.uint32],
    max_bucket: int,
    slack: int,
    nearest: NDArray[np.int64],
    found: NDArray[np.int64],
) -> int:
    """List the rows that share a key with a voter and are near it.

    Args:
        voters: (v, 4).
        keys: (v, k).
        codes: (n, 4).
        offsets, rows: The rows under each key, (2**bits + 1,) and (m,).
        max_bucket: Keys of more rows than this are skipped.
        slack: A row may be further than the nearest one by so much.
        nearest: (v,): bits up to which a row is near; lowered to the nearest one met.
        found: (room, 3): filled with voter, row and distance.

    Returns:
        How many there are; more than there is room for: only the first are written.
    """
    room = len(found)
    count = 0
    for voter in range(len(voters)):
        a, b, c, d = voters[voter]
        most = nearest[voter]
        limit = most
        for which in range(keys.shape[1]):
            key = keys[voter, which]
            start, end = np.int64(offsets[key]), np.int64(offsets[key + 1])
            if end - start > max_bucket:
                continue
            for at in range(start, end):
                row = rows[at]
                distance = _ones(codes[row, 0] ^ a) + _ones(codes[row, 1] ^ b)
                # Half of the bits tell for most that they are too many.
                if distance > limit:
                    continue
                distance += _ones(codes[row, 2] ^ c) + _ones(codes[row, 3] ^ d)
                if distance > limit:
                    continue
                if distance < nearest[voter]:
                    nearest[voter] = distance
                    limit = min(most, distance + slack)
                if count < room:
                    found[count, 0] = voter
                    found[count, 1] = row
                    found[count, 2] = distance
                count += 1
    return count


@compiled
def two_nearest(ours: Words, theirs: Words, far: int, found: NDArray[np.int64]) -> None:
    """Find the nearest of their codes to each of ours, and how far the second is.

    Args:
        ours: (n, 4).
        theirs: (4, m), contiguous: by columns, so that several are compared at once.
        far: Codes of so many differing bits or more need not be told apart.
        found: (n, 3): filled with the nearest, the first of equal ones; its distance, and that
            of the second; `far` where there is none nearer.
    """
    distances = np.empty(theirs.shape[1], np.int64)
    for row in range(len(ours)):
        a, b, c, d = ours[row]
        for column in range(len(distances)):
            distances[column] = (
                _ones(theirs[0, column] ^ a)
                + _ones(theirs[1, column] ^ b)
                + _ones(theirs[2, column] ^ c)
                + _ones(theirs[3, column] ^ d)
            )
        best = second = far
        nearest = 0
        for column in range(len(distances)):
            distance = distances[column]
            if distance < second:
                if distance < best:
                    second, best, nearest = best, distance, column
                else:
                    second = distance
        found[row, 0] = nearest
        found[row, 1] = best
        found[row, 2] = second
