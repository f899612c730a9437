"""Compares hashes with queries one by one: for few hashes, and for many queries at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels

KERNELS: Final = "monitor.nearest._kernels"
BYTES: Final = 32

# Hashes, one a row of four 64-bit words; and in planes, the same word of all hashes in each.
Words = NDArray[np.uint64]
Planes = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]
# Query, row and distance, one a row of three.
Near = NDArray[np.int64]

# In place of a row: the query has too many entries, and is left to a scan.
CROWDED: Final = -1
NONE: Final = np.empty((0, 3), np.int64)

# Pairs compared at a time by numpy, so that they stay in a core's cache.
_AT_ONCE: Final = 1 << 14
# Seconds a pair by which the kernel is faster.
_SAVED_S: Final = 15e-9
_ROOM: Final = 1024


def to_planes(words: Words) -> Planes:
    """Lay hashes out for a scan, read-only."""
    a, b, c, d = np.ascontiguousarray(words.T)
    return read_only(a), read_only(b), read_only(c), read_only(d)


def read_only(array: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give rows side by side that can't be written: kernels are compiled for these."""
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def scan(planes: Planes, queries: Words, radius: int) -> Near:
    """Find all pairs of a query and a hash that are near.

    Args:
        planes: N each, read-only.
        queries: Q x 4.
        radius: The most bits that differ.

    Returns:
        By query, hash and distance, in no order.
    """
    fast = kernels(KERNELS, _SAVED_S * len(planes[0]) * len(queries))
    if fast is None:
        return _scan(planes, queries, radius)
    return grown(fast.scan, planes, read_only(queries), radius)


def grown(kernel: Callable[..., int], *given: object) -> Near:
    """Give what a kernel finds: it says how much there is, and is asked again if that did not fit.

    Args:
        kernel: Its last argument is what it writes to.
    """
    found = np.empty((_ROOM, 3), np.int64)
    count = kernel(*given, found)
    if count > _ROOM:
        found = np.empty((count, 3), np.int64)
        kernel(*given, found)
    return found[:count]


def _scan(planes: Planes, queries: Words, radius: int) -> Near:
    """Scan by numpy: the fewer are gone through one by one."""
    if len(queries) > len(planes[0]):
        return _scan(to_planes(queries), np.stack(planes, axis=1), radius)[:, [1, 0, 2]]
    found = [NONE]
    for number, query in enumerate(queries):
        for start in range(0, len(planes[0]), _AT_ONCE):
            part = [plane[start : start + _AT_ONCE] for plane in planes]
            distances = np.bitwise_count(part[0] ^ query[0]).astype(np.uint16)
            for plane, word in zip(part[1:], query[1:], strict=True):
                distances += np.bitwise_count(plane ^ word)
            near = np.flatnonzero(distances <= radius)
            if len(near):
                numbers = np.full(len(near), number)
                found.append(np.stack([numbers, start + near, distances[near]], axis=1))
    return np.concatenate(found)
