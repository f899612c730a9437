"""Looks a picture up among the enrolled photos by every means there is."""

from __future__ import annotations

from monitor.features.index import probe_of
from monitor.models.match import Match
from monitor.pictures import Picture
from monitor.registry.bank import Bank
from monitor.registry.facts import facts_of
from monitor.registry.matcher import best_of_each_photo, match
from monitor.registry.placed import local_matches


def look_up(bank: Bank, picture: Picture) -> list[Match]:
    """Match a picture by its hashes and, where a photo of the bank has them, local features.

    Returns:
        One match a photo, the surest first.

    Raises:
        MediaError: It is too small to be hashed.
    """
    facts = facts_of(picture)
    found = match(bank, facts)
    if len(bank.local):
        found = best_of_each_photo([*found, *local_matches(bank, facts, probe_of(picture.rgb))])
    return found
