"""Finds whole copies among very many pictures: a rough look first, a close one where it is near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor.hashes.pdq import MIN_QUALITY, ROUGHNESS, THRESHOLD, rough_pdq
from monitor.models.match import Match
from monitor.pictures import Picture, RoughPicture
from monitor.registry.bank import Bank
from monitor.registry.facts import facts_of
from monitor.registry.matcher import match

# Of a rough look's quality: with less, that of the whole picture may be too little to match on,
# and only the same bytes are.
_SURE_QUALITY: Final = MIN_QUALITY + 20


def near_roughly(bank: Bank, pictures: Sequence[RoughPicture | None]) -> list[bool]:
    """Tell which pictures may be whole copies of enrolled photos, in any turn.

    Args:
        pictures: None for those that must be looked at closely anyway.
    """
    may = [True] * len(pictures)
    hashed = {number: rough_pdq(one) for number, one in enumerate(pictures) if one is not None}
    sure = [number for number, one in hashed.items() if one.quality >= _SURE_QUALITY]
    digests = b"".join(hashed[number].digest for number in sure)
    queries = np.frombuffer(digests, np.uint64).reshape(-1, 4)
    # In inverted colours each bit of a hash is the other one.
    both = np.concatenate([queries, ~queries])
    near = set(bank.nearest.search(both, THRESHOLD + ROUGHNESS)[:, 0].tolist())
    for place, number in enumerate(sure):
        may[number] = place in near or place + len(sure) in near
    return may


def match_whole(bank: Bank, picture: Picture) -> list[Match]:
    """Match a picture by its hashes only, the surest first."""
    return match(bank, facts_of(picture))
