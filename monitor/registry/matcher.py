"""Finds the fingerprints that a picture matches, exactly: no candidate is skipped."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY, THRESHOLD
from monitor.models.match import Grade, Match
from monitor.models.media import MediaFacts
from monitor.registry.bank import Bank, to_words


def match(bank: Bank, facts: MediaFacts) -> list[Match]:
    """Match a picture's hashes: the same bytes, else the nearest turn of each photo.

    A flat scan: up to some 200,000 hashes it is as fast as any index.

    Returns:
        One match a fingerprint, the surest first.
    """
    found = {index: _exact(bank, index, facts) for index in bank.by_sha256.get(facts.sha256, ())}
    if facts.pdq_quality >= MIN_QUALITY and len(bank.words):
        query = to_words([bytes.fromhex(facts.pdq)])
        distances = np.bitwise_count(bank.words ^ query).sum(axis=1, dtype=np.int64)
        # Nearest first, so that a fingerprint's first row here is its best turn.
        within = np.flatnonzero(distances <= THRESHOLD)
        for row in within[np.argsort(distances[within], kind="stable")]:
            index = int(bank.owners[row])
            if index not in found:
                found[index] = _near(bank, int(row), int(distances[row]), facts)
    return sorted(found.values(), key=lambda one: one.rank)


def best_of_each_case(matches: Iterable[Match]) -> list[Match]:
    """Keep the surest match of each case: a finding is about a case, not about one photo."""
    best: dict[str, Match] = {}
    for one in sorted(matches, key=lambda one: one.rank):
        best.setdefault(one.case_id, one)
    return list(best.values())


def best_of_each_photo(matches: Iterable[Match]) -> list[Match]:
    """Keep the surest match of each enrolled photo, the surest first."""
    best: dict[str, Match] = {}
    for one in sorted(matches, key=lambda one: one.rank):
        best.setdefault(one.fingerprint_id, one)
    return list(best.values())


def _exact(bank: Bank, index: int, facts: MediaFacts) -> Match:
    """Make the match of identical bytes."""
    fingerprint = bank.fingerprints[index]
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="sha256",
        distance=0,
        quality=facts.pdq_quality,
        transform=DIHEDRAL[0],
        grade=Grade.EXACT,
    )


def _near(bank: Bank, row: int, distance: int, facts: MediaFacts) -> Match:
    """Make the match of a near hash."""
    fingerprint = bank.fingerprints[int(bank.owners[row])]
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="pdq",
        distance=distance,
        quality=min(fingerprint.quality, facts.pdq_quality),
        transform=DIHEDRAL[int(bank.variants[row])],
        grade=Grade.STRONG,
    )
