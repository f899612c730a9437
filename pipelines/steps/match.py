"""Matches the pictures of a post against the bank of enrolled photos."""

from __future__ import annotations

from dataclasses import replace

from monitor.models.item import Item
from monitor.registry.bank import Bank
from monitor.registry.matcher import best_of_each_case, match


def match_media(item: Item, bank: Bank) -> Item:
    """Match every picture with facts, also those known from other posts."""
    facts = {one.facts.sha256: one.facts for one in item.media if one.facts is not None}
    matches = [found for one in facts.values() for found in best_of_each_case(match(bank, one))]
    return replace(item, matches=tuple(matches))
