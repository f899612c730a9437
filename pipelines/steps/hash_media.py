"""Hashes a fetched picture, unless a file of the same bytes was hashed before."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from monitor.errors import MediaError
from monitor.models.item import MediaItem
from monitor.models.media import MediaStatus
from monitor.pictures import decode
from monitor.registry.facts import describe
from monitor.store import posts
from pipelines.services import Services


def hash_media(item: MediaItem, services: Services) -> MediaItem:
    """Turn bytes into facts and let go of them; what is no picture says why."""
    data = item.data or b""
    with services.store.read() as db:
        facts = posts.facts_of_sha256(db, hashlib.sha256(data).hexdigest())
    if facts is not None:
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True, data=None)
    try:
        facts, _ = describe(decode(data, services.limits))
    except MediaError as error:
        if data.lstrip()[:1] == b"<":
            # A challenge, an error or a login page in its place: another day it may be there.
            reason = "the server answers with a page"
            return replace(item, status=MediaStatus.FAILED, reason=reason, data=None)
        return replace(item, status=MediaStatus.SKIPPED, reason=error.reason, data=None)
    except MemoryError:
        reason = "too large for the crawl's memory (crawl.memory_mb)"
        return replace(item, status=MediaStatus.SKIPPED, reason=reason, data=None)
    return replace(item, status=MediaStatus.HASHED, facts=facts, data=None)
