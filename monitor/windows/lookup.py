"""Finds which windows of a post are near to those of enrolled photos, without comparing all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.windows.codes import (
    KEY_BITS,
    NEGATIVE,
    TURNS,
    WORDS,
    Codes,
    key_places,
    keys_of,
    turned,
    undone,
)

# Bits of the 63 lowest frequencies, and of all 255. Independent windows differ in some 32 and
# 128; the same, off by half a step, in some 10 and 70.
MAX_LOW: Final = 14
MAX_DISTANCE: Final = 96
# A key that more windows have tells little.
_MAX_BUCKET: Final = 2_000

KERNELS: Final = "monitor.windows._kernels"
# Measured: a window in one turn.
_SAVED_S: Final = 2e-7
_FIRST_ROOM: Final = 1 << 15
# The turn that is a picture's transpose.
_CROSSED: Final = 4
_ONE: Final = np.uint32(1)
# Which of a key's four least sure bits are turned over, the likeliest first. Measured on reposts:
# of the pairs that all sixteen meet, 12 meet 94 of 100, 6 meet 71 and 3 meet 49.
_LIKELY: Final = np.array([0, 1, 2, 3, 4, 8, 5, 6, 9, 10, 7, 12], np.intp)
# As it is, and mirrored left to right.
_OFTEN: Final = (0, 1)
_BLANK: Final = np.zeros((1, WORDS), np.uint64)

Pairs = NDArray[np.intp]
Keys = NDArray[np.uint32]
_Table: TypeAlias = tuple[Codes, Codes, NDArray[np.int32], Codes, NDArray[np.int32]]


def _transposed_places() -> Keys:
    """Tell where each bit of a key is in the key of the picture's transpose, (21,)."""
    places = list(zip(*(one.tolist() for one in key_places()), strict=True))
    return np.array([places.index((across, down)) for down, across in places], np.uint32)


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
        # Most are let go by their first words: these lie together.
        self._first = codes[self._order, 0]
        self._others = codes[self._order, 1:]
        counts = np.bincount(keys, minlength=1 << KEY_BITS)
        # Where those of each key begin, without the keys that there are none of.
        self._starts = np.concatenate([[0], np.cumsum(counts[counts > 0])]).astype(np.int32)
        packed = np.packbits(counts > 0, bitorder="little")
        self._occupied = packed.view("<u8").astype(np.uint64)
        many = np.bitwise_count(self._occupied).cumsum()
        self._before = np.concatenate([[0], many[:-1]]).astype(np.int32)

    @property
    def bytes(self) -> int:
        """Say how much memory it takes."""
        return self._order.nbytes + sum(one.nbytes for one in self._table)

    @property
    def _table(self) -> _Table:
        return self._first, self._others, self._starts, self._occupied, self._before

    def blank(self, rows: NDArray[np.bool_]) -> None:
        """Forget some rows, (n,), as they were given."""
        gone = rows[self._order]
        self._first[gone] = 0
        self._others[gone] = 0

    def near(
        self,
        codes: Codes,
        unsure: NDArray[np.uint8],
        most: int,
        turns: Sequence[int] = range(TURNS),
    ) -> Pairs:
        """List the pairs of windows that are nearest.

        Args:
            codes: (n, 4), of a post's windows.
            unsure: (n, 4): bits of their keys that may be wrong, the least sure first.
            most: How many pairs are wanted; of equally near ones, those of the first windows.
            turns: Of the photos, that are looked for.

        Returns:
            (m, 4): window, row of a photo's window, the turn of that photo, and distance of each
            pair, the nearest first.
        """
        if not len(self._first):
            return np.empty((0, 4), np.intp)
        # Turned back, the post's window is as the photo's: it or its transpose, and some of the
        # bits turned over, which are the same for all windows.
        crossed = turned(codes, _CROSSED)
        backs = [undone(turn) for turn in turns]
        changed = np.concatenate([turned(_BLANK, back) for back in backs])
        which = np.array([back // _CROSSED & 1 for back in backs], np.intp)
        posted = (
            np.stack([codes, crossed]),
            np.stack([keys_of(codes), keys_of(crossed)]),
            np.stack([_ONE << unsure, _ONE << _TRANSPOSED[unsure]]),
        )
        tries = np.array([_tries(turn) for turn in turns], np.intp)
        turning = (which, tries, _LIKELY, changed, keys_of(changed))
        limits = (MAX_LOW, MAX_DISTANCE, _MAX_BUCKET, most)
        fast = kernels(KERNELS, _SAVED_S * len(codes) * len(turns))
        find = _look_up if fast is None else fast.look_up
        pairs = np.empty((_FIRST_ROOM, 4), np.intp)
        while (count := find(posted, turning, self._table, limits, pairs)) > len(pairs):
            pairs = np.empty((count, 4), np.intp)
        pairs = _nearest(pairs[:count], most)
        pairs[:, 1] = self._order[pairs[:, 1]]
        pairs[:, 2] = np.asarray(turns, np.intp)[pairs[:, 2]]
        return pairs[np.lexsort((*pairs.T[:3], pairs[:, 3]))]


def _nearest(pairs: Pairs, most: int) -> Pairs:
    """Give the nearest pairs; of equally near ones, those of the first windows."""
    if len(pairs) <= most:
        return pairs
    limit = np.partition(pairs[:, 3], most - 1)[most - 1]
    pairs = pairs[pairs[:, 3] <= limit]
    order = np.lexsort((pairs[:, 1], pairs[:, 2], pairs[:, 0], pairs[:, 3]))
    return pairs[order[:most]]


def _tries(turn: int) -> int:
    """Say how many changes of a key are tried for a turn."""
    # What is turned or in inverted colours is so as a whole, seldom as a part of something: of all
    # its windows, enough are met by fewer. A mirrored photo may be in a screenshot or a collage.
    if turn & NEGATIVE:
        return 3 if turn - NEGATIVE in _OFTEN else 2
    return 12 if turn in _OFTEN else 6


def _changes(bits: Keys) -> Keys:
    """Give every change of some bits, (n, m): first none, then the first bit's, (n, 2**m)."""
    changes = np.zeros((len(bits), 1), np.uint32)
    for bit in bits.T:
        changes = np.hstack([changes, changes ^ bit[:, None]])
    return changes


def _look_up(
    posted: tuple[Codes, Keys, Keys],
    turns: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Codes, Keys],
    table: _Table,
    limits: tuple[int, int, int, int],
    found: Pairs,
) -> int:
    """Do what the kernel does, by numpy."""
    first, others, starts, occupied, before = table
    most_low, most, max_bucket, _ = limits
    count = 0
    which_of, tries_of, likely, turned_codes, turned_keys = turns
    each = zip(which_of, tries_of, turned_codes, turned_keys, strict=True)
    for turn, (which, tries, code, key) in enumerate(each):
        codes, keys, bits = (one[which] for one in posted)
        codes = codes ^ code
        for column in _changes(bits)[:, likely[:tries]].T:
            word, bit = np.divmod((keys ^ key ^ column).astype(np.uint64), np.uint64(64))
            lower = occupied[word] & ((np.uint64(1) << bit) - np.uint64(1))
            place = before[word] + np.bitwise_count(lower)
            start, end = starts[place], starts[np.minimum(place + 1, len(starts) - 1)]
            size = np.where(occupied[word] >> bit & np.uint64(1), end - start, 0)
            size[size > max_bucket] = 0
            window = np.repeat(np.arange(len(keys)), size)
            within = np.arange(len(window)) - np.repeat(np.cumsum(size) - size, size)
            row = start[window] + within
            low = np.bitwise_count(codes[window, 0] ^ first[row])
            near = low <= most_low
            window, row, low = window[near], row[near], low[near]
            rest = np.bitwise_count(codes[window, 1:] ^ others[row])
            distance = low + rest.sum(axis=1, dtype=np.intp)
            kept = distance <= most
            some = np.empty((int(kept.sum()), 4), np.intp)
            some[:, 0], some[:, 1], some[:, 2] = window[kept], row[kept], turn
            some[:, 3] = distance[kept]
            room = max(0, len(found) - count)
            found[count : count + len(some)] = some[:room]
            count += len(some)
    return count
