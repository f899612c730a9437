"""Finds the fingerprints that a picture matches, exactly: no candidate is skipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY, THRESHOLD
from monitor.models.case import Fingerprint
from monitor.models.frames import load
from monitor.models.match import Grade, Match, Moment, inverted
from monitor.models.media import MediaFacts, Panel
from monitor.nearest.scan import Words
from monitor.registry.bank import Bank
from monitor.registry.in_video import all_of_it, met_by_hash, summed_up, timeline
from monitor.registry.prints import HASHES_OF_ONE, words_of

_OF_PARTNERS: Final = 5
WHOLE_PICTURE: Final = (0.0, 0.0, 1.0, 1.0)


def match(bank: Bank, facts: MediaFacts) -> list[Match]:
    """Match a picture's or a video's hashes: the same bytes, else the nearest turn of each photo.

    Returns:
        One match a fingerprint, the surest first.
    """
    found = {one.id: _exact(one, facts) for one in bank.prints.of_file(facts.sha256, facts.md5)}
    if facts.frames is None:
        _match_picture(bank, facts, found)
    else:
        _match_video(bank, facts, found)
    return sorted(found.values(), key=lambda one: one.rank)


def _match_video(bank: Bank, facts: MediaFacts, found: dict[str, Match]) -> None:
    """Match the frames of a video; adds to what is found."""
    frames = load(facts.frames or b"")
    looked_at = timeline(frames)
    for key, exact in found.items():
        found[key] = replace(exact, moment=all_of_it(looked_at))
    met = met_by_hash(bank, facts, frames)
    for one in summed_up(bank, facts, frames, met, looked_at):
        found.setdefault(one.fingerprint_id, one)


def _match_picture(bank: Bank, facts: MediaFacts, found: dict[str, Match]) -> None:
    """Match the hashes of a picture; adds to what is found."""
    whole = Panel(WHOLE_PICTURE, facts.pdq, facts.pdq_quality)
    # The whole picture first: it may be the screenshot itself that was enrolled.
    parts = [one for one in (whole, *facts.panels) if one.quality >= MIN_QUALITY]
    queries = words_of(one.pdq for one in parts)
    if whole in parts:
        # In inverted colours each bit of a hash is the other one.
        parts.append(whole)
        queries = np.concatenate([queries, ~queries[:1]])
    near = bank.nearest.search(queries)
    prints = bank.prints.of_numbers(set((near[:, 1] // HASHES_OF_ONE).tolist()))
    # Nearest first, so that a fingerprint's first hash in a part is its best turn there.
    for query, owner, _ in near[np.lexsort((near[:, 1], near[:, 2], near[:, 0]))].tolist():
        number, variant = divmod(owner, HASHES_OF_ONE)
        one = prints.get(number)
        if one is None or one.id in found:
            continue
        # The fingerprint's own hash counts: an alert must not rest on a file beside the store.
        own = words_of(one.pdq[variant : variant + 1])
        distance = int(np.bitwise_count(own ^ queries[query]).sum())
        if len(own) and distance <= THRESHOLD:
            hit = _near(one, variant, distance, facts, parts[query])
            is_inverted = query > 0 and parts[query] is whole
            found[one.id] = replace(hit, transform=inverted(hit.transform)) if is_inverted else hit
    _match_stills(bank, facts, parts, queries, found)


def _match_stills(
    bank: Bank,
    facts: MediaFacts,
    parts: list[Panel],
    queries: Words,
    found: dict[str, Match],
) -> None:
    """Match a picture against the frames of enrolled videos: it may be a still of one."""
    hits = sorted(bank.clips.search(queries), key=lambda one: (one.distance, one.query))
    prints = bank.prints.of_numbers({one.number for one in hits})
    for hit in hits:
        one = prints.get(hit.number)
        if one is None or one.id in found:
            continue
        part = parts[hit.query]
        near = _near(one, hit.turn, hit.distance, facts, part)
        moment = Moment(clip_start_s=hit.ms / 1000, clip_end_s=hit.ms / 1000)
        is_inverted = hit.query > 0 and part.region == WHOLE_PICTURE
        transform = inverted(near.transform) if is_inverted else near.transform
        found[one.id] = replace(near, moment=moment, transform=transform)


def best_of_each_case(matches: Iterable[Match]) -> list[Match]:
    """Keep the surest match of each case: a finding is about a case, not about one photo.

    Of a partner's case, which has many people's photos, the surest of some photos: if one is in
    quarantine or dismissed, another may count.
    """
    best: dict[str, list[Match]] = {}
    for one in sorted(matches, key=lambda one: one.rank):
        kept = best.setdefault(one.case_id, [])
        if len(kept) < (_OF_PARTNERS if one.partner else 1):
            kept.append(one)
    return sorted((one for kept in best.values() for one in kept), key=lambda one: one.rank)


def best_of_each_photo(matches: Iterable[Match]) -> list[Match]:
    """Keep the surest match of each enrolled photo, the surest first."""
    best: dict[str, Match] = {}
    for one in sorted(matches, key=lambda one: one.rank):
        best.setdefault(one.fingerprint_id, one)
    return list(best.values())


def _exact(fingerprint: Fingerprint, facts: MediaFacts) -> Match:
    """Make the match of identical bytes."""
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="sha256" if fingerprint.sha256 == facts.sha256 else "md5",
        distance=0,
        quality=facts.pdq_quality,
        transform=DIHEDRAL[0],
        grade=Grade.EXACT,
        partner=fingerprint.partner,
    )


def _near(
    fingerprint: Fingerprint, variant: int, distance: int, facts: MediaFacts, panel: Panel
) -> Match:
    """Make the match of a near hash."""
    return Match(
        case_id=fingerprint.case_id,
        fingerprint_id=fingerprint.id,
        media_sha256=facts.sha256,
        method="pdq",
        distance=distance,
        quality=min(fingerprint.quality, panel.quality),
        transform=DIHEDRAL[variant % len(DIHEDRAL)],
        grade=Grade.STRONG,
        region=panel.region,
        partner=fingerprint.partner,
    )
