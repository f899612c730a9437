"""Finds which enrolled photos share features with a post, without looking at every photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.features.extract import CODE_BYTES, KEY_BITS, keys_of

Words = NDArray[np.uint64]

# Bits of 256. Features of the same place differ in some 5 to 60, others in some 100.
MAX_DISTANCE = 70
# A feature of a post that is as near to another photo tells for it, too.
AS_NEAR = 8
# Of a photo, the features that it is looked up by: the strongest of every part of it.
LOOKED_UP = 200
# A bucket of more features than this has what recurs in many photos: it tells none of them.
_MAX_BUCKET = 20_000
# Codes that differ in this many bits or more need not be told apart.
FAR = 80
_ROOM = 1 << 16
KERNELS = "monitor.features._kernels"
# Seconds that kernels save: for each key that is looked up, for each row under it, where codes fall
# under the same key by a chance of one in 60,000, and for each pair of codes that is compared.
_SAVED_A_KEY_S, _SAVED_A_ROW_S, _SAVED_A_PAIR_S = 2e-7, 6e-8 / 60_000, 1.3e-8


def words_of(codes: NDArray[np.uint8]) -> Words:
    """Lay codes out as rows of four 64-bit words."""
    return np.ascontiguousarray(codes).view(np.uint64).reshape(-1, CODE_BYTES // 8)


class CodeTable:
    """The codes of many photos, under a key of some of their bits.

    Locality-sensitive hashing with query-directed probing (Lv et al. 2007): a post's feature is
    looked for under its own key and under those with its least certain bits turned over. In pairs
    of features of one place, 8 keys of 20 bits meet 73 of 100.
    """

    def __init__(self, codes: Words, rows: NDArray[np.uint32]) -> None:
        """Sort.

        Args:
            codes: (n, 4); kept, not copied.
            rows: Those that can be met.
        """
        keys = keys_of(codes[rows].view(np.uint8))
        self._codes = codes
        self._rows = rows[np.argsort(keys, kind="stable")]
        self._offsets = np.zeros((1 << KEY_BITS) + 1, np.uint32)
        np.cumsum(np.bincount(keys, minlength=1 << KEY_BITS), out=self._offsets[1:])

    @property
    def bytes(self) -> int:
        """Say how much memory it takes beside the codes."""
        return self._rows.nbytes + self._offsets.nbytes

    def meet(
        self, voters: Words, keys: NDArray[np.uint32], nearest: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """List the rows that are met by codes of a post, and near them.

        Args:
            voters: (v, 4).
            keys: (v, k): what each is looked up by.
            nearest: (v,): bits up to which a row is near; lowered to the nearest one that is met.

        Returns:
            (m, 3): voter, row and the bits that differ; at least those that are no further than
            `AS_NEAR` beyond the nearest.
        """
        fast = kernels(KERNELS, keys.size * (_SAVED_A_KEY_S + _SAVED_A_ROW_S * len(self._rows)))
        if fast is None:
            return self._meet_by_numpy(voters, keys, nearest)
        room = _ROOM
        while True:
            found = np.empty((room, 3), np.int64)
            lowered = nearest.copy()
            count = fast.meet(
                voters, keys, self._codes, self._offsets, self._rows, _MAX_BUCKET, AS_NEAR,
                lowered, found,
            )  # fmt: skip
            if count <= room:
                nearest[:] = lowered
                return found[:count]
            room = count

    def _meet_by_numpy(
        self, voters: Words, keys: NDArray[np.uint32], nearest: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        start = self._offsets[keys].ravel().astype(np.intp)
        size = self._offsets[keys + 1].ravel() - start
        size[size > _MAX_BUCKET] = 0
        voter = np.repeat(np.repeat(np.arange(len(keys)), keys.shape[1]), size)
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        row = self._rows[np.repeat(start, size) + within].astype(np.intp)
        # Half of the bits tell for most that they are too many.
        half = _differing(self._codes[row, :2], voters[voter, :2])
        kept = half <= nearest[voter]
        voter, row, half = voter[kept], row[kept], half[kept]
        distance = half + _differing(self._codes[row, 2:], voters[voter, 2:])
        kept = distance <= nearest[voter]
        found = np.stack([voter[kept], row[kept], distance[kept]], axis=1)
        np.minimum.at(nearest, found[:, 0], found[:, 2])
        return found


def two_nearest(ours: Words, theirs: Words) -> NDArray[np.int64]:
    """Find the nearest of their codes to each of ours, and how far the second is.

    Returns:
        (n, 3): the nearest, the first of equal ones; its distance, and the second's. Distances
        over `FAR` are given as `FAR`.
    """
    fast = kernels(KERNELS, len(ours) * len(theirs) * _SAVED_A_PAIR_S)
    if fast is not None:
        found = np.empty((len(ours), 3), np.int64)
        fast.two_nearest(ours, np.ascontiguousarray(theirs.T), FAR, found)
        return found
    # As signs: the product of two codes is 256 less twice the bits that differ.
    product = _signs(ours) @ _signs(theirs).T
    nearest = product.argmax(axis=1)
    rows = np.arange(len(nearest))
    best = (256 - product[rows, nearest]) / 2
    product[rows, nearest] = -256
    second = (256 - product.max(axis=1)) / 2
    nearest[best >= FAR] = 0
    return np.stack([nearest, best.clip(max=FAR), second.clip(max=FAR)], axis=1).astype(np.int64)


def _differing(a: Words, b: Words) -> NDArray[np.int64]:
    return np.asarray(np.bitwise_count(a ^ b).sum(axis=1, dtype=np.int64))


def _signs(codes: Words) -> NDArray[np.float32]:
    """Give 1 and -1 for the bits of codes, (n, 256)."""
    return np.unpackbits(codes.view(np.uint8), axis=1).astype(np.float32) * 2 - 1
