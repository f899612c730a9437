"""The bank: the fingerprints of all active cases, laid out for exact search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.hashes.pdq import MIN_QUALITY
from monitor.models.case import Fingerprint
from monitor.store import audit, cases
from monitor.store.store import Store


@dataclass(frozen=True)
class Bank:
    """Fingerprints of active cases.

    Attributes:
        fingerprints: All of them; also those of too little texture, found by sha256 only.
        words: uint64, (n, 4): one row a hash of a fingerprint whose quality allows matching.
        owners: (n,): index into `fingerprints` of each row.
        variants: (n,): which of the fingerprint's hashes each row is.
        by_sha256: Indices into `fingerprints`.
    """

    fingerprints: tuple[Fingerprint, ...]
    words: NDArray[np.uint64]
    owners: NDArray[np.intp]
    variants: NDArray[np.intp]
    by_sha256: dict[str, tuple[int, ...]]


def build(fingerprints: Sequence[Fingerprint]) -> Bank:
    """Lay out fingerprints for search; right for none, one and equal ones."""
    rows: list[bytes] = []
    owners: list[int] = []
    variants: list[int] = []
    by_sha256: dict[str, tuple[int, ...]] = {}
    for index, one in enumerate(fingerprints):
        if one.sha256 is not None:
            by_sha256[one.sha256] = (*by_sha256.get(one.sha256, ()), index)
        if one.quality < MIN_QUALITY:
            continue
        for variant, digest in enumerate(one.pdq):
            rows.append(bytes.fromhex(digest))
            owners.append(index)
            variants.append(variant)
    return Bank(
        fingerprints=tuple(fingerprints),
        words=to_words(rows),
        owners=np.asarray(owners, dtype=np.intp),
        variants=np.asarray(variants, dtype=np.intp),
        by_sha256=by_sha256,
    )


def to_words(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """Lay 32-byte digests out as rows of four 64-bit words."""
    return np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(len(digests), 4)


class Registry:
    """Gives the bank as it is now: enrolments and withdrawals count at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = -1
        self._bank = build(())

    def bank(self) -> Bank:
        """Give the bank, read anew when a case changed since the last call."""
        with self._store.read() as db:
            version = audit.version(db)
            if version != self._version:
                self._bank = build(cases.active_fingerprints(db))
                self._version = version
        return self._bank
