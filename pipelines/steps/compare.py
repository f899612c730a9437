"""Compares a post with what is stored: what is the same costs nothing more."""

from __future__ import annotations

from dataclasses import replace

from monitor.models.item import Change, Item, MediaItem
from monitor.models.media import MediaStatus
from monitor.store import posts
from pipelines.services import Services


def compare(item: Item, services: Services) -> Item:
    """Tell whether a post is new, edited or the same; only media without facts are looked at."""
    source_id, native_id = item.source.id, item.post.native_id
    with services.store.read() as db:
        before = posts.known(db, source_id, [native_id]).get(native_id)
        if before is None:
            return replace(item, change=Change.NEW)
        # The other way names the same media differently: only the word of an edit counts there.
        if before.via != item.post.via and (before.edited or not item.post.edited):
            return replace(item, change=Change.SAME, media=())
        if before.digest == item.digest and not before.has_media_to_retry:
            return replace(item, change=Change.SAME, media=())
        stored = posts.stored_media(db, posts.post_id(source_id, native_id))
    change = Change.SAME if before.digest == item.digest else Change.EDITED
    return replace(item, change=change, media=tuple(_known(one, stored) for one in item.media))


def _known(item: MediaItem, stored: dict[str, posts.StoredMedia]) -> MediaItem:
    """Keep the facts that a picture of this post has already, whatever its server says today."""
    before = stored.get(posts.media_key(item.ref.origin_id, item.ref.url))
    if before is None or before.facts is None:
        return item
    return replace(item, status=MediaStatus.HASHED, facts=before.facts, known=True)
