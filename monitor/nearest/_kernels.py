"""Distances and look-ups of hashes, compiled: `scan` and `tables` use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import compiled

_ODD = np.uint64(0x5555555555555555)
_PAIRS = np.uint64(0x3333333333333333)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)
_ONE, _TWO, _FOUR, _TOP = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)

# Hashes compared with all queries in turn, while they are in a core's cache.
_BLOCK = 2048
# Entries in a line of the cache.
_LINE = 16


@compiled
def ones(x: np.uint64) -> np.uint64:
    """Count the ones of a word; LLVM knows these lines for the processor's own instruction."""
    x = x - ((x >> _ONE) & _ODD)
    x = (x & _PAIRS) + ((x >> _TWO) & _PAIRS)
    x = (x + (x >> _FOUR)) & _NIBBLES
    return np.uint64((x * _BYTES) >> _TOP)


@compiled
def scan(
    planes: tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]],
    queries: NDArray[np.uint64],
    radius: int,
    found: NDArray[np.int64],
) -> int:
    """Compare every hash with every query; most are let go by half of their bits.

    Args:
        planes: N each, read-only.
        queries: Q x 4, read-only.
        found: M x 3: query, hash, distance; the first M are written.

    Returns:
        How many are near, which may be more than M.
    """
    limit = np.uint64(radius)
    count = 0
    for start in range(0, planes[0].size, _BLOCK):
        end = min(start + _BLOCK, planes[0].size)
        a, b = planes[0][start:end], planes[1][start:end]
        c, d = planes[2][start:end], planes[3][start:end]
        for q in range(queries.shape[0]):
            w, x, y, z = queries[q, 0], queries[q, 1], queries[q, 2], queries[q, 3]
            if _least(a, b, w, x) > limit:
                continue
            for i in range(a.size):
                distance = ones(a[i] ^ w) + ones(b[i] ^ x) + ones(c[i] ^ y) + ones(d[i] ^ z)
                if distance <= limit:
                    if count < found.shape[0]:
                        found[count, 0] = q
                        found[count, 1] = start + i
                        found[count, 2] = distance
                    count += 1
    return count


@compiled
def _least(a: NDArray[np.uint64], b: NDArray[np.uint64], x: np.uint64, y: np.uint64) -> np.uint64:
    least = np.uint64(128)
    for i in range(a.size):
        least = min(least, ones(a[i] ^ x) + ones(b[i] ^ y))
    return least


@compiled
def _bits(words: NDArray[np.uint64], offset: int, width: int) -> np.uint64:
    """Cut `width` bits, at most 63, out of a hash, round its end."""
    offset %= 256
    word, shift = offset // 64, offset % 64
    value = words[word] >> np.uint64(shift)
    if shift + width > 64:
        value |= words[(word + 1) % 4] << np.uint64(64 - shift)
    return np.uint64(value & ((_ONE << np.uint64(width)) - _ONE))


@compiled
def fill(
    words: NDArray[np.uint64],
    offset: int,
    depth: int,
    tag_bits: int,
    starts: NDArray[np.uint32],
    entries: NDArray[np.uint32],
) -> None:
    """Lay out the buckets of one band, by counting.

    Args:
        words: N x 4, read-only.
        offset: First bit of the band.
        depth: Bits that name a bucket.
        tag_bits: Bits after these that an entry holds.
        starts: 2^depth + 1; written.
        entries: N; written. Empty for the first band, whose entries are the rows.
    """
    starts[:] = 0
    for row in range(words.shape[0]):
        starts[np.int64(_bits(words[row], offset, depth)) + 1] += np.uint32(1)
    for following in range(1, starts.size):
        starts[following] += starts[following - 1]
    if entries.size == 0:
        return
    place = starts.copy()
    for row in range(words.shape[0]):
        bucket = np.int64(_bits(words[row], offset, depth))
        tag = _bits(words[row], offset + depth, tag_bits)
        entries[place[bucket]] = np.uint32(np.uint64(row) << np.uint64(tag_bits) | tag)
        place[bucket] += np.uint32(1)


@compiled
def look_up(
    words: NDArray[np.uint64],
    starts: NDArray[np.uint32],
    entries: NDArray[np.uint32],
    depth: int,
    tag_bits: int,
    probes: NDArray[np.int64],
    passes: NDArray[np.uint8],
    queries: NDArray[np.uint64],
    radius: int,
    most: int,
    found: NDArray[np.int64],
) -> int:
    """Look queries up in the buckets of all bands.

    Args:
        words: N x 4, read-only.
        starts: Bands x (2^depth + 1), read-only.
        entries: (bands - 1) x N, read-only.
        depth: Bits that name a bucket.
        tag_bits: Bits of its hash that an entry has.
        probes: P x 3: band, the bits of the bucket's name to turn, the line of `passes`.
        passes: Whether an entry may be near, by its tag against the query's.
        queries: Q x 4, read-only.
        most: The most entries that are looked at for a query.
        found: M x 3: query, hash, distance; the first M are written; in the place of a hash, -1 is
            for a query that has more entries.

    Returns:
        How many are near, which may be more than M.
    """
    bands = starts.shape[0]
    keys = np.empty(bands, np.int64)
    tags = np.empty(bands, np.uint32)
    reach = np.empty((2, probes.shape[0]), np.int64)
    rows = np.empty(0, np.uint32)
    ends = np.empty(bands, np.int64)
    hits = 0
    for q in range(queries.shape[0]):
        query = queries[q]
        for band in range(bands):
            offset = band * (256 // bands)
            keys[band] = _bits(query, offset, depth)
            tags[band] = _bits(query, offset + depth, tag_bits)
        total = _reach(starts, probes, keys, reach)
        if total > most:
            if hits < found.shape[0]:
                found[hits, 0] = q
                found[hits, 1] = -1
                found[hits, 2] = 0
            hits += 1
            continue
        if total >= rows.size:
            rows = np.empty(2 * total + 1, np.uint32)
        count = _survivors(entries, probes, reach, passes, tags, tag_bits, rows, ends)
        for i in range(count):
            row = np.uint64(rows[i])
            distance = ones(words[row, 0] ^ query[0]) + ones(words[row, 1] ^ query[1])
            distance += ones(words[row, 2] ^ query[2]) + ones(words[row, 3] ^ query[3])
            if distance <= np.uint64(radius):
                band = int(np.searchsorted(ends, i, side="right"))
                if _is_before(words[row], band, depth, tag_bits, keys, tags, passes):
                    continue
                if hits < found.shape[0]:
                    found[hits, 0] = q
                    found[hits, 1] = row
                    found[hits, 2] = distance
                hits += 1
    return hits


@compiled
def _is_before(
    words: NDArray[np.uint64],
    band: int,
    depth: int,
    tag_bits: int,
    keys: NDArray[np.int64],
    tags: NDArray[np.uint32],
    passes: NDArray[np.uint8],
) -> bool:
    """Tell whether a hash that is found by a band is found by one before, too."""
    for other in range(band):
        offset = other * (256 // keys.size)
        turned = ones(_bits(words, offset, depth) ^ np.uint64(keys[other]))
        if turned > np.uint64(1):
            continue
        differing = _bits(words, offset + depth, tag_bits) ^ np.uint64(tags[other])
        if other == 0 or passes[turned, differing]:
            return True
    return False


@compiled
def _reach(
    starts: NDArray[np.uint32],
    probes: NDArray[np.int64],
    keys: NDArray[np.int64],
    reach: NDArray[np.int64],
) -> int:
    """Tell where the buckets begin and end, and how many entries are in them all."""
    total = 0
    for i in range(probes.shape[0]):
        band = np.uint64(probes[i, 0])
        bucket = np.uint64(keys[band] ^ probes[i, 1])
        reach[0, i] = starts[band, bucket]
        reach[1, i] = starts[band, bucket + np.uint64(1)]
        total += int(reach[1, i] - reach[0, i])
    return total


@compiled
def _touch(
    entries: NDArray[np.uint32], probes: NDArray[np.int64], reach: NDArray[np.int64]
) -> np.uint32:
    """Read a word of each line of the buckets: memory is waited for once and not line by line."""
    seen = np.uint32(0)
    for i in range(probes.shape[0]):
        if probes[i, 0] > 0 and reach[1, i] > reach[0, i]:
            band = np.uint64(probes[i, 0] - 1)
            for place in range(reach[0, i], reach[1, i], _LINE):
                seen ^= entries[band, np.uint64(place)]
            seen ^= entries[band, np.uint64(reach[1, i] - 1)]
    return seen


@compiled
def _survivors(
    entries: NDArray[np.uint32],
    probes: NDArray[np.int64],
    reach: NDArray[np.int64],
    passes: NDArray[np.uint8],
    tags: NDArray[np.uint32],
    tag_bits: int,
    rows: NDArray[np.uint32],
    ends: NDArray[np.int64],
) -> int:
    """Keep the entries whose tags pass; without a branch, which would be guessed wrong.

    Args:
        rows: The entries' rows; written.
        ends: How many there are up to each band's last; written.
    """
    mask, shift = np.uint32((1 << tag_bits) - 1), np.uint32(tag_bits)
    # Written where the first survivor goes, so that it is not optimised away.
    rows[0] = _touch(entries, probes, reach)
    count = 0
    for i in range(probes.shape[0]):
        if probes[i, 0] == 0:
            for place in range(reach[0, i], reach[1, i]):
                rows[np.uint64(count)] = place
                count += 1
            ends[0] = count
            continue
        band, line = np.uint64(probes[i, 0] - 1), np.uint64(probes[i, 2])
        tag = tags[probes[i, 0]]
        for place in range(reach[0, i], reach[1, i]):
            entry = entries[band, np.uint64(place)]
            rows[np.uint64(count)] = entry >> shift
            count += int(passes[line, np.uint64((entry ^ tag) & mask)])
        ends[probes[i, 0]] = count
    return count
