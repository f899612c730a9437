"""Multi-index hashing: finds all near hashes among millions by looking at some thousands.

A hash is cut into 16 bands of 16 bits. Hashes within 31 bits of each other differ by at most 1 bit
in one of the bands, as they would be 16 x 2 = 32 bits apart otherwise: so it is enough to look into
the buckets of a band's own value and of those 1 bit away. More than that: going round the bands,
there is one from which on no run of bands differs by 2 bits a band. Therefore an entry carries bits
of the band after its own, and nearly all entries are let go without reading their hash.

Sources: M. Norouzi, A. Punjani, D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing"
(2012); J. Qin, C. Xiao, "Pigeonring: A Principle for Faster Thresholded Similarity Search" (2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.nearest.scan import (
    CROWDED,
    KERNELS,
    NONE,
    Near,
    Words,
    grown,
    read_only,
    scan,
    to_planes,
)

RADIUS: Final = 31
# Rows that tables hold: with more, entries would have too few bits left for their tags.
MOST_ROWS: Final = 1 << 22

BANDS: Final = 16
WIDTH: Final = 16
# A band that differs by this many bits is not near.
_BOUND: Final = 2

_ENTRY_BITS: Final = 32
# A line of `passes` is 4 KiB then, and stays in a core's cache.
_MOST_TAG_BITS: Final = 12
# Entries in a bucket, as a power of two: with fewer, a hash would take over 100 bytes.
_FULL: Final = 5
# More entries than this share of the rows, and a scan is faster.
_MOST_SHARE: Final = 4
_LEAST: Final = 4096
_SCANNED_AT_ONCE: Final = 1 << 16
# Seconds a query, and a row, by which the kernels are faster.
_SAVED_S: Final = 300e-6
_SAVED_IN_BUILDING_S: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How tables of a number of rows are made and looked up in.

    Attributes:
        depth: Bits that name a bucket.
        tag_bits: Bits of the hash that an entry has beside its row.
        probes: P x 3: band, the bits of the bucket's name to turn, the line of `passes`.
        passes: Whether an entry may be near, by the bits in which its tag differs.
    """

    depth: int
    tag_bits: int
    probes: NDArray[np.int64]
    passes: NDArray[np.uint8]


def layout(rows: int) -> Layout:
    """Choose a layout; the same for the same number of rows."""
    bits = max(1, (rows - 1).bit_length())
    tag_bits = min(_MOST_TAG_BITS, _ENTRY_BITS - bits)
    return _layout(min(WIDTH, max(WIDTH - tag_bits, bits - _FULL)), tag_bits)


@cache
def _layout(depth: int, tag_bits: int) -> Layout:
    """Make a layout."""
    differing = np.arange(1 << tag_bits)
    # What is left of the band is the start of a tag, its lowest bits; the next band follows.
    rest = np.bitwise_count(differing & ((1 << (WIDTH - depth)) - 1))
    both = np.bitwise_count(differing)
    passes = [(turned + rest < _BOUND) & (turned + both < 2 * _BOUND) for turned in range(_BOUND)]
    turns = [0, *(1 << bit for bit in range(depth))]
    probes = [(band, turn, int(turn > 0)) for band in range(BANDS) for turn in turns]
    return Layout(depth, tag_bits, np.array(probes, np.int64), np.array(passes, np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Hashes, and by each of their bands where they are.

    Attributes:
        layout: By the number of rows.
        words: N x 4, read-only, in the order of their first band: their rows are its entries.
        starts: uint32, bands x (2^depth + 1): where a bucket's entries begin.
        entries: uint32, of the other bands, 15 x N: a row, and `tag_bits` of its hash that follow
            on the bucket's name.
    """

    layout: Layout
    words: Words
    starts: NDArray[np.uint32]
    entries: NDArray[np.uint32]

    def search(self, queries: Words, radius: int = RADIUS) -> Near:
        """Find all rows within a radius of each query.

        Args:
            queries: Q x 4.
            radius: Beyond `RADIUS` all rows are looked at.

        Returns:
            By query, row and distance, in no order; a row once a query.
        """
        if not len(self.words):
            return NONE
        if radius > RADIUS:
            return self._scanned(queries, np.arange(len(queries)), radius)
        fast = kernels(KERNELS, _SAVED_S * len(queries))
        most = max(_LEAST, len(self.words) // _MOST_SHARE)
        if fast is None:
            found = np.concatenate([NONE, *self._look_up(queries, radius, most)])
        else:
            plan = self.layout
            found = grown(
                fast.look_up,
                self.words,
                self.starts,
                self.entries,
                plan.depth,
                plan.tag_bits,
                plan.probes,
                plan.passes,
                read_only(queries),
                radius,
                most,
            )
        is_crowded = found[:, 1] == CROWDED
        if not is_crowded.any():
            return found
        numbers = found[is_crowded, 0]
        return np.concatenate([found[~is_crowded], self._scanned(queries, numbers, radius)])

    def _look_up(self, queries: Words, radius: int, most: int) -> Iterator[Near]:
        """Look queries up by numpy; a query of too many entries is `CROWDED`."""
        plan = self.layout
        band, turned, line = plan.probes.T
        for number, query in enumerate(queries):
            offsets = range(0, BANDS * WIDTH, WIDTH)
            key = np.array([cut(query[None], one, plan.depth)[0] for one in offsets], np.int64)
            tag = np.array(
                [cut(query[None], one + plan.depth, plan.tag_bits)[0] for one in offsets]
            )
            bucket = key[band] ^ turned
            begins = self.starts[band, bucket].astype(np.int64)
            sizes = self.starts[band, bucket + 1] - begins
            ends = np.cumsum(sizes)
            if ends[-1] > most:
                yield np.array([[number, CROWDED, 0]])
                continue
            places = np.arange(ends[-1]) + np.repeat(begins - ends + sizes, sizes)
            first = ends[np.count_nonzero(band == 0) - 1]
            bands, lines = np.repeat(band, sizes)[first:], np.repeat(line, sizes)[first:]
            entries = self.entries[bands - 1, places[first:]]
            differing = (entries ^ tag[bands]) & np.uint32((1 << plan.tag_bits) - 1)
            rows = entries[plan.passes[lines, differing] != 0] >> np.uint32(plan.tag_bits)
            rows = np.unique(np.concatenate([places[:first], rows]))
            distances = np.bitwise_count(self.words[rows] ^ query).sum(axis=1, dtype=np.int64)
            found = np.stack([np.full(len(rows), number), rows, distances], axis=1)
            yield found[distances <= radius]

    def _scanned(self, queries: Words, numbers: NDArray[np.int64], radius: int) -> Near:
        """Scan for some of the queries: theirs are more entries than it would look at."""
        found = [NONE]
        for start in range(0, len(self.words), _SCANNED_AT_ONCE):
            planes = to_planes(self.words[start : start + _SCANNED_AT_ONCE])
            part = scan(planes, queries[numbers], radius)
            part[:, 0] = numbers[part[:, 0]]
            part[:, 1] += start
            found.append(part)
        return np.concatenate(found)


def build(words: Words) -> tuple[Tables, NDArray[np.intp]]:
    """Make tables of at most `MOST_ROWS` hashes.

    Args:
        words: N x 4.

    Returns:
        The tables, and which of the given hashes each of their rows is.
    """
    plan = layout(len(words))
    starts = np.empty((BANDS, (1 << plan.depth) + 1), np.uint32)
    entries = np.empty((BANDS - 1, len(words)), np.uint32)
    order = np.argsort(cut(words, 0, plan.depth), kind="stable")
    words = read_only(words[order])
    fast = kernels(KERNELS, _SAVED_IN_BUILDING_S * len(words))
    for band in range(BANDS):
        offset = WIDTH * band
        into = entries[band - 1] if band else entries[:0].ravel()
        if fast is not None:
            fast.fill(words, offset, plan.depth, plan.tag_bits, starts[band], into)
            continue
        keys = cut(words, offset, plan.depth)
        counts = np.bincount(keys.astype(np.intp), minlength=1 << plan.depth)
        starts[band] = np.concatenate(([0], np.cumsum(counts)))
        if band:
            rows = np.argsort(keys, kind="stable").astype(np.uint64)
            tags = cut(words, offset + plan.depth, plan.tag_bits)
            into[:] = (rows << np.uint64(plan.tag_bits)) | tags[rows]
    starts.flags.writeable = False
    entries.flags.writeable = False
    return Tables(plan, words, starts, entries), order


def cut(words: Words, offset: int, width: int) -> Words:
    """Cut bits out of hashes, round their end.

    Args:
        words: N x 4.
        offset: The first bit.
        width: How many, at most 63.

    Returns:
        N numbers.
    """
    word, shift = divmod(offset % 256, 64)
    value = words[:, word] >> np.uint64(shift)
    if shift + width > 64:
        value = value | (words[:, (word + 1) % 4] << np.uint64(64 - shift))
    return value & np.uint64((1 << width) - 1)
