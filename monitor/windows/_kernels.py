"""Looking windows up, compiled: `lookup` uses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled
from monitor.nearest._kernels import ones

Words = NDArray[np.uint64]

_ONE, _SIX = np.uint64(1), np.uint64(6)
_LAST = np.uint64(63)
_BITS = 257
_ROOM = 1024


@compiled
def look_up(
    posted: tuple[Words, NDArray[np.uint32], NDArray[np.uint32]],
    turns: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Words, NDArray[np.uint32]],
    table: tuple[Words, Words, NDArray[np.int32], Words, NDArray[np.int32]],
    limits: tuple[int, int, int, int],
    found: NDArray[np.intp],
) -> int:
    """Find near codes under a post's keys.

    Memory is what it waits for: all buckets of a window are touched before one is read.

    Args:
        posted: Codes as they are and transposed, (2, n, 4); their keys, (2, n); and the bits of
            these that may be changed, (2, n, m).
        turns: Which of the two a turn is made of, (t,); how many changes of a key are tried, (t,);
            in which order; and what the turn changes of the codes, (t, 4), and of the keys, (t,).
        table: The photos' codes sorted by key: the first word, (k,), and the others, (k, 3); where
            those of each key begin, (keys + 1,); which keys there are, a bit each, (2**21 / 64,);
            and how many there are before each of these words.
        limits: The most bits that differ in the first word, and in all; the most rows of a key;
            and how many pairs are wanted: once there are so many, only nearer ones are listed.
        found: (room, 4): window, row, turn's index and distance of each pair; written.

    Returns:
        How many there are; beyond the room they are only counted.
    """
    codes, keys, _ = posted
    which, tries, _, turned_codes, _ = turns
    first, others = table[:2]
    # Of each bucket: where it begins and ends, and its turn.
    buckets = np.empty((3, tries.sum() + 1), np.int64)
    changes = np.zeros((2, 1 << posted[2].shape[2]), np.uint32)
    begins, ends, owners = buckets[0], buckets[1], buckets[2]
    rows = np.empty(_ROOM, np.int64)
    counts = np.zeros(_BITS, np.int64)
    most_low, most = np.uint64(limits[0]), limits[1]
    count = within = 0
    for i in range(keys.shape[1]):
        while within >= limits[3]:
            within -= counts[most]
            most -= 1
        _list_changes(posted[2][:, i], changes)
        met = _buckets(keys[:, i], changes, turns, table, limits[2], buckets)
        total = (ends[:met] - begins[:met]).sum()
        if total >= rows.size:
            rows = np.empty(2 * total + 1, np.int64)
        # Written where it is written over, so that what is read is not optimised away.
        rows[0] = _touched(first, begins, ends, met)
        near = 0
        for b in range(met):
            word = codes[which[owners[b]], i, 0] ^ turned_codes[owners[b], 0]
            near = _near_in(first, begins[b], ends[b], word, most_low, rows, near)
            ends[b] = near
        rows[near] = _touched(others[:, 0], rows, rows, near)
        for b in range(met):
            turn = owners[b]
            for m in range(ends[b - 1] if b else 0, ends[b]):
                code, change = codes[which[turn], i], turned_codes[turn]
                distance = np.int64(ones(code[0] ^ change[0] ^ first[rows[m]]))
                for k in range(3):
                    word = code[k + 1] ^ change[k + 1] ^ others[rows[m], k]
                    distance += np.int64(ones(word))
                if distance <= most:
                    if count < len(found):
                        found[count, 0], found[count, 1] = i, rows[m]
                        found[count, 2], found[count, 3] = turn, distance
                    count += 1
                    within += 1
                    counts[distance] += 1
    return count


@compiled
def _list_changes(bits: NDArray[np.uint32], changes: NDArray[np.uint32]) -> None:
    """Give every change of some bits, (2, m) to (2, 2**m): first none, then the first bit's..."""
    size = 1
    for k in range(bits.shape[1]):
        for half in range(2):
            for j in range(size):
                changes[half, size + j] = changes[half, j] ^ bits[half, k]
        size *= 2


@compiled
def _buckets(
    keys: NDArray[np.uint32],
    changes: NDArray[np.uint32],
    turns: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Words, NDArray[np.uint32]],
    table: tuple[Words, Words, NDArray[np.int32], Words, NDArray[np.int32]],
    most: int,
    buckets: NDArray[np.int64],
) -> int:
    """List where the rows of a window's keys are; gives how many keys there are any of."""
    which, tries, likely, _, turned_keys = turns
    _, _, starts, occupied, before = table
    begins, ends, owners = buckets[0], buckets[1], buckets[2]
    met = 0
    for turn in range(which.size):
        key = keys[which[turn]] ^ turned_keys[turn]
        for j in range(tries[turn]):
            changed = np.uint64(key ^ changes[which[turn], likely[j]])
            # Without a branch, which would be guessed wrong.
            begins[np.uint64(met)] = np.int64(changed)
            owners[np.uint64(met)] = turn
            met += int((occupied[changed >> _SIX] >> (changed & _LAST)) & _ONE)
    for b in range(met):
        changed = np.uint64(begins[b])
        lower = occupied[changed >> _SIX] & ((_ONE << (changed & _LAST)) - _ONE)
        place = np.uint64(before[changed >> _SIX]) + ones(lower)
        start, end = starts[place], starts[place + _ONE]
        begins[b] = start
        ends[b] = end if end - start <= most else start
    return met


@compiled
def _touched(
    words: Words, begins: NDArray[np.int64], ends: NDArray[np.int64], count: int
) -> np.int64:
    """Read where buckets begin and end: memory is waited for once, not bucket by bucket."""
    seen = np.uint64(0)
    for b in range(count):
        seen += words[np.uint64(begins[b])] + words[np.uint64(max(begins[b], ends[b] - 1))]
    return np.int64(seen)


@compiled
def _near_in(
    first: Words,
    start: int,
    end: int,
    word: np.uint64,
    most_low: np.uint64,
    rows: NDArray[np.int64],
    met: int,
) -> int:
    """List the rows of a bucket whose first words are near; gives how many there are now."""
    for row in range(start, end):
        # Without a branch, too.
        rows[np.uint64(met)] = row
        met += int(ones(word ^ first[np.uint64(row)]) <= most_low)
    return met
