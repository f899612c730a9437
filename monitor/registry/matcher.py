"""Finds the fingerprints that a picture matches, exactly: no candidate is skipped."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY, THRESHOLD
from monitor.models.match import Grade, Match
from monitor.models.media import MediaFacts, Panel
from monitor.registry.bank import Bank, to_words


def match(bank: Bank, facts: MediaFacts) -> list[Match]:
    """Match a picture's hashes: the same bytes, else the nearest turn of each photo.

    A flat scan: up to some 200,000 hashes it is as fast as any index.

    Returns:
        One match a fingerprint, the surest first.
    """
    found = {index: _exact(bank, index, facts) for index in bank.by_sha256.get(facts.sha256, ())}
    whole = Panel((0.0, 0.0, 1.0, 1.0), facts.pdq, facts.pdq_quality)
    # The whole picture first: it may be the screenshot itself that was enrolled.
    for panel in (whole, *facts.panels):
        for index, one in _near_in(bank, facts, panel).items():
            found.setdefault(index, one)
    return sorted(found.values(), key=lambda one: one.rank)


def _near_in(bank: Bank, facts: MediaFacts, panel: Panel) -> dict[int, Match]:
    """Match one part of a picture; the nearest turn of each photo."""
    found: dict[int, Match] = {}
    if panel.quality >= MIN_QUALITY and len(bank.words):
        query = to_words([bytes.fromhex(panel.pdq)])
        distances = np.bitwise_count(bank.words ^ query).sum(axis=1, dtype=np.int64)
        # Nearest first, so that a fingerprint's first row here is its best turn.
        within = np.flatnonzero(distances <= THRESHOLD)
        for row in within[np.argsort(distances[within], kind="stable")]:
            index = int(bank.owners[row])
            if index not in found:
                found[index] = _near(bank, int(row), int(distances[row]), facts, panel)
    return found


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


def _near(bank: Bank, row: int, distance: int, facts: MediaFacts, panel: Panel) -> Match:
    """Make the match of a near hash."""
    fingerprint = bank.fingerprints[int(bank.owners[row])]
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="pdq",
        distance=distance,
        quality=min(fingerprint.quality, panel.quality),
        transform=DIHEDRAL[int(bank.variants[row])],
        grade=Grade.STRONG,
        region=panel.region,
    )
