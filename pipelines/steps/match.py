"""Matches the pictures of a post against the bank of enrolled photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from monitor.models.item import Item
from monitor.models.match import Match
from monitor.registry.bank import Bank
from monitor.registry.matcher import best_of_each_case, match

Earlier = Callable[[str], Sequence[Match]]


def match_media(item: Item, bank: Bank, earlier: Earlier) -> Item:
    """Match every picture with facts, also those known from other posts.

    Args:
        earlier: Gives what local features found in a file of this sha256 before: one that is
            known by its origin is not fetched again, and has no pixels to look at.
    """
    if not item.media:
        return item
    media = {one.facts.sha256: one for one in item.media if one.facts is not None}
    matches: list[Match] = []
    for sha256, one in media.items():
        if one.facts is None:
            continue
        if one.look is not None:
            by_look = one.look.matches(bank)
        else:
            found = earlier(sha256)
            watched = bank.prints.watched({old.fingerprint_id for old in found}) if found else set()
            by_look = [old for old in found if old.fingerprint_id in watched]
        matches += best_of_each_case([*match(bank, one.facts), *by_look])
    return replace(item, matches=tuple(matches))
