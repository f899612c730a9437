"""Finds which windows of a post are near to those of enrolled photos, without comparing all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.windows.codes import KEY_BITS, TURNS, Codes, key_places, keys_of, turned, undone

# Bits of the 63 lowest frequencies, and of all 255. Independent windows differ in some 32 and
# 128; the same, off by half a step, in some 10 and 70.
MAX_LOW: Final = 14
MAX_DISTANCE: Final = 96
# A key that more windows have tells little.
_MAX_BUCKET: Final = 2_000
_LIMITS: Final = (MAX_LOW, MAX_DISTANCE, _MAX_BUCKET)

KERNELS: Final = "monitor.windows._kernels"
# Measured: a window in all its turns.
_SAVED_S: Final = 3e-6
_FIRST_ROOM: Final = 1 << 14

Pairs = NDArray[np.intp]
Masks = NDArray[np.uint32]


def _transposed_places() -> NDArray[np.intp]:
    """Tell where each bit of a key is in the key of the picture's transpose, (21,)."""
    places = list(zip(*(one.tolist() for one in key_places()), strict=True))
    return np.array([places.index((across, down)) for down, across in places], np.intp)


_TRANSPOSED: Final = _transposed_places()


class WindowTable:
    """The codes of all photos' windows, sorted by a key of their lowest frequencies.

    Locality-sensitive hashing with query-directed probing (Lv et al. 2007): a post's window is
    looked for under its own key and under those with its least certain bits turned over. A photo
    has many windows and a post shows most of them several times: one that is met is enough.
    """

    def __init__(self, codes: Codes) -> None:
        keys = keys_of(codes)
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._codes = np.ascontiguousarray(codes[self._order])
        counts = np.bincount(keys, minlength=1 << KEY_BITS)
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        packed = np.packbits(counts > 0, bitorder="little")
        self._occupied = packed.view("<u8").astype(np.uint64)

    @property
    def bytes(self) -> int:
        """Say how much memory it takes."""
        parts = (self._order, self._codes, self._starts, self._occupied)
        return sum(one.nbytes for one in parts)

    def blank(self, rows: NDArray[np.bool_]) -> None:
        """Forget some rows, (n,), as they were given."""
        self._codes[rows[self._order]] = 0

    def near(
        self, codes: Codes, unsure: NDArray[np.uint8], turns: Sequence[int] = range(TURNS)
    ) -> Pairs:
        """List the pairs of windows that are near.

        Args:
            codes: (n, 4), of a post's windows.
            unsure: (n, k): bits of their keys that may be wrong.
            turns: Of the photos, that are looked for.

        Returns:
            (m, 4): window, row of a photo's window, the turn of that photo, and distance of each
            pair, the nearest first.
        """
        if not len(self._codes):
            return np.empty((0, 4), np.intp)
        upright, transposed = _masks(unsure, transposed=False), _masks(unsure, transposed=True)
        fast = kernels(KERNELS, _SAVED_S * len(codes))
        find = _look_up if fast is None else fast.look_up
        table = (self._codes, self._starts, self._occupied)
        found = []
        for turn in turns:
            # Turned back, the post's window is as the photo's.
            back = turned(codes, undone(turn))
            posted = (back, keys_of(back))
            masks = transposed if turn & 4 else upright
            pairs = np.empty((_FIRST_ROOM, 3), np.intp)
            while (count := find(posted, masks, table, _LIMITS, pairs)) > len(pairs):
                pairs = np.empty((count, 3), np.intp)
            one = np.empty((count, 4), np.intp)
            one[:, 0] = pairs[:count, 0]
            one[:, 1] = self._order[pairs[:count, 1]]
            one[:, 2] = turn
            one[:, 3] = pairs[:count, 2]
            found.append(one)
        every = np.concatenate(found)
        return every[np.lexsort((*every.T[:3], every[:, 3]))]


def _masks(unsure: NDArray[np.uint8], *, transposed: bool) -> NDArray[np.uint32]:
    """Give every change of the unsure bits of keys, (n, 2**k), none first."""
    masks = np.zeros((len(unsure), 1), np.uint32)
    places = _TRANSPOSED if transposed else np.arange(KEY_BITS)
    for column in (np.uint32(1) << places[unsure].astype(np.uint32)).T:
        masks = np.hstack([masks, masks ^ column[:, None]])
    return masks


def _look_up(
    posted: tuple[Codes, Masks],
    masks: Masks,
    table: tuple[Codes, NDArray[np.int32], Codes],
    limits: tuple[int, int, int],
    found: Pairs,
) -> int:
    """Do what the kernel does, by numpy."""
    codes, keys = posted
    rows, starts, _ = table
    count = 0
    for column in masks.T:
        changed = keys ^ column
        start = starts[changed]
        size = starts[changed + 1] - start
        size[size > limits[2]] = 0
        window = np.repeat(np.arange(len(keys)), size)
        within = np.arange(len(window)) - np.repeat(np.cumsum(size) - size, size)
        row = start[window] + within
        differing = np.bitwise_count(codes[window] ^ rows[row])
        distance = differing.sum(axis=1, dtype=np.intp)
        kept = (differing[:, 0] <= limits[0]) & (distance <= limits[1])
        some = np.stack([window[kept], row[kept], distance[kept]], axis=1)
        room = max(0, len(found) - count)
        found[count : count + len(some)] = some[:room]
        count += len(some)
    return count
