"""Compares a post with what is stored: one that is the same costs nothing more."""

from __future__ import annotations

from dataclasses import replace

from monitor.models.item import Change, Item
from monitor.store import posts
from pipelines.services import Services


def compare(item: Item, services: Services) -> Item:
    """Tell whether a post is new, edited or the same; its media are looked at accordingly."""
    with services.store.read() as db:
        known = posts.known(db, item.source.id, [item.post.native_id])
    before = known.get(item.post.native_id)
    if before is None:
        return replace(item, change=Change.NEW)
    if before.digest != item.digest:
        return replace(item, change=Change.EDITED)
    media = item.media if before.has_media_to_retry else ()
    return replace(item, change=Change.SAME, media=media)
