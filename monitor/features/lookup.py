"""Finds which enrolled photos share features with a post, without looking at every photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import CODE_BYTES, LocalFeatures, keys_of

# Bits of 256. Features of the same place differ in some 5 to 60, others in some 100.
MAX_DISTANCE = 70
# Features of a post that vote: the strongest of every part of it.
_VOTERS = 500
# A feature that is as near to another photo has a vote for it, too.
_AS_NEAR = 8
_MIDDLE, _SLOPE = 28.0, 3.0
# A bucket of more features than this has what recurs in many photos: it tells none of them.
_MAX_BUCKET = 20_000


class CodeTable:
    """The codes of all photos, sorted by a key of some of their bits.

    Locality-sensitive hashing with query-directed probing (Lv et al. 2007): a post's feature is
    looked for under its own key and under those with its least certain bits turned over. In pairs
    of features of one place, 8 keys of 20 bits meet 73 of 100.
    """

    def __init__(self, codes: NDArray[np.uint8], owners: NDArray[np.intp]) -> None:
        keys = keys_of(codes)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._words = np.ascontiguousarray(codes[order]).view(np.uint64).reshape(-1, 4)
        self._owners = owners[order].astype(np.int32)

    def votes(self, features: LocalFeatures, photos: int) -> NDArray[np.float64]:
        """Say how much of a post each photo has, (photos,)."""
        voters = features.codes[:_VOTERS]
        voter, row = self._rows(features.keys[:_VOTERS])
        words = np.ascontiguousarray(voters).view(np.uint64).reshape(-1, CODE_BYTES // 8)
        # Half of the bits tell for most that they are too many.
        half = np.bitwise_count(self._words[row, :2] ^ words[voter, :2]).sum(axis=1, dtype=np.int16)
        kept = half <= MAX_DISTANCE
        voter, row, half = voter[kept], row[kept], half[kept]
        rest = np.bitwise_count(self._words[row, 2:] ^ words[voter, 2:]).sum(axis=1, dtype=np.int16)
        distance = half + rest
        nearest = np.full(len(voters), MAX_DISTANCE, np.int16)
        np.minimum.at(nearest, voter, distance)
        kept = (distance <= MAX_DISTANCE) & (distance <= nearest[voter] + _AS_NEAR)
        voter, owner, distance = voter[kept], self._owners[row[kept]], distance[kept]
        # One vote a feature and photo, by its nearest.
        order = np.lexsort((distance, owner, voter))
        voter, owner, distance = voter[order], owner[order], distance[order]
        first = np.r_[True, (np.diff(voter) != 0) | (np.diff(owner) != 0)][: len(voter)]
        weight = 1 / (1 + np.exp((distance[first] - _MIDDLE) / _SLOPE))
        return np.asarray(np.bincount(owner[first], weights=weight, minlength=photos), np.float64)

    def _rows(self, keys: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """List the rows under any of each voter's keys: the voters and the rows."""
        flat = keys.ravel()
        start = np.searchsorted(self._keys, flat, side="left")
        size = np.searchsorted(self._keys, flat, side="right") - start
        size[size > _MAX_BUCKET] = 0
        voter = np.repeat(np.repeat(np.arange(len(keys)), keys.shape[1]), size)
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        return voter, np.repeat(start, size) + within
