"""Compares a page's posts with what is stored: what is the same costs nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.models.item import Change, Item, MediaItem
from monitor.models.media import MediaStatus
from monitor.store import posted_media, posts
from pipelines.services import Services


def compare(items: Sequence[Item], services: Services) -> list[Item]:
    """Tell which posts are new, edited or the same; only media without facts are looked at."""
    keys = [posts.post_id(item.source.id, item.post.native_id) for item in items]
    with services.store.read() as db:
        before = posts.known(db, keys)
        told = [(key, _told(item, before.get(key))) for key, item in zip(keys, items, strict=True)]
        stored = posted_media.stored(
            db, [key for key, item in told if key in before and item.media]
        )
    return [_with_facts(item, stored[key]) if key in stored else item for key, item in told]


def _told(item: Item, before: posts.KnownPost | None) -> Item:
    """Tell how a post compares; one that is the same has only media that are to be tried again."""
    if before is None:
        return item
    # Another way of reading names the same media differently: only the word of an edit counts.
    is_other = before.via != item.post.via
    is_edited = before.digest != item.digest
    if is_edited and (not is_other or (item.post.edited and not before.edited)):
        return replace(item, change=Change.EDITED)
    is_open = before.has_media_to_retry or (is_other and before.has_media_named_only)
    return replace(item, change=Change.SAME, media=item.media if is_open else ())


def _with_facts(item: Item, stored: Mapping[str, posted_media.StoredMedia]) -> Item:
    """Keep the facts that a post's pictures have already."""
    return replace(item, media=tuple(_known(one, stored) for one in item.media))


def _known(item: MediaItem, stored: Mapping[str, posted_media.StoredMedia]) -> MediaItem:
    """Keep the facts that a picture of this post has already, whatever its server says today."""
    before = stored.get(posted_media.media_key(item.ref.origin_id, item.ref.url))
    if before is None or before.facts is None:
        return item
    return replace(item, status=MediaStatus.HASHED, facts=before.facts, known=True)
