"""Whose a hash is: an index holds numbers, and what they stand for is asked when one is near."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

import numpy as np

from monitor.hashes.pdq import MIN_QUALITY
from monitor.models.case import Fingerprint
from monitor.nearest.scan import Words
from monitor.nearest.segment import Owners
from monitor.store import cases
from monitor.store.cases import HashRow
from monitor.store.store import Store

# A hash's owner is the number of its fingerprint times this, and which of its hashes it is.
HASHES_OF_ONE: Final = 16


class Prints(Protocol):
    """Fingerprints of active cases, as they are now."""

    def of_numbers(self, numbers: Collection[int]) -> dict[int, Fingerprint]:
        """Find fingerprints by their numbers; who is withdrawn is not there."""

    def of_file(self, sha256: str, md5: str | None) -> list[Fingerprint]:
        """Find fingerprints by the file they were made of."""

    def watched(self, ids: Collection[str]) -> set[str]:
        """Tell which ids are of fingerprints that are there."""


class GivenPrints:
    """Fingerprints in memory, numbered from 0 on."""

    def __init__(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Take them."""
        self._prints = dict(enumerate(fingerprints))

    def of_numbers(self, numbers: Collection[int]) -> dict[int, Fingerprint]:
        """Find fingerprints by their numbers."""
        return {number: self._prints[number] for number in numbers}

    def of_file(self, sha256: str, md5: str | None) -> list[Fingerprint]:
        """Find fingerprints by the file they were made of."""
        return [
            one
            for one in self._prints.values()
            if one.sha256 == sha256 or (md5 is not None and one.md5 == md5)
        ]

    def watched(self, ids: Collection[str]) -> set[str]:
        """Tell which ids are of fingerprints that are there."""
        return {one.id for one in self._prints.values()} & set(ids)


class StoredPrints:
    """Fingerprints of a store: a withdrawal is in force with its commit."""

    def __init__(self, store: Store) -> None:
        """Take the store."""
        self._store = store

    def of_numbers(self, numbers: Collection[int]) -> dict[int, Fingerprint]:
        """Find fingerprints by their numbers; who is withdrawn is not there."""
        with self._store.read() as db:
            return cases.of_seqs(db, numbers)

    def of_file(self, sha256: str, md5: str | None) -> list[Fingerprint]:
        """Find fingerprints by the file they were made of."""
        with self._store.read() as db:
            return cases.of_file(db, sha256, md5)

    def watched(self, ids: Collection[str]) -> set[str]:
        """Tell which ids are of fingerprints that are there."""
        with self._store.read() as db:
            return cases.watched(db, ids)


def laid_out(rows: Iterable[HashRow]) -> tuple[Words, Owners]:
    """Lay the hashes of fingerprints out; those of too little texture have none to match on.

    Returns:
        N x 4, and the owner of each.

    Raises:
        OverflowError: There are more than an owner has bits for.
    """
    digits: list[str] = []
    owners: list[int] = []
    for number, quality, hashes in rows:
        if quality >= MIN_QUALITY:
            digits += hashes
            first = HASHES_OF_ONE * number
            owners += range(first, first + len(hashes))
    return words_of(digits), np.array(owners, np.uint32)


def words_of(digits: Iterable[str]) -> Words:
    """Lay hashes out that are given in hex; one after the other in a string, too."""
    return np.frombuffer(bytes.fromhex("".join(digits)), np.uint64).reshape(-1, 4)
