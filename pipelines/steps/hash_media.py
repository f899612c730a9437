"""Hashes a fetched picture, unless the same bytes were; looks for photos inside it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import structlog

from monitor.errors import MediaError
from monitor.features.extract import POST_AREA, luma
from monitor.models.item import MediaItem
from monitor.models.media import MediaFacts, MediaStatus
from monitor.pictures import Picture, decode
from monitor.registry.bank import Bank
from monitor.registry.facts import facts_of
from monitor.registry.look import Look
from monitor.store import posts
from monitor.windows.photo import dump, windows_in
from pipelines.services import Services

log = structlog.get_logger(__name__)


def hash_media(item: MediaItem, services: Services) -> MediaItem:
    """Turn bytes into facts and let go of them; what is no picture says why."""
    data = item.data or b""
    with services.store.read() as db:
        facts = posts.facts_of_sha256(db, hashlib.sha256(data).hexdigest())
    bank = services.registry.bank()
    if facts is not None and not bank.sees_parts:
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True, data=None)
    try:
        picture = decode(data, services.limits)
        hashed = facts or facts_of(picture)
    except MediaError as error:
        if data.lstrip()[:1] == b"<":
            # A challenge, an error or a login page in its place: another day it may be there.
            reason = "the server answers with a page"
            return replace(item, status=MediaStatus.FAILED, reason=reason, data=None)
        return replace(item, status=MediaStatus.SKIPPED, reason=error.reason, data=None)
    except MemoryError:
        reason = "too large for the crawl's memory (crawl.memory_mb)"
        return replace(item, status=MediaStatus.SKIPPED, reason=reason, data=None)
    done = replace(
        item, status=MediaStatus.HASHED, facts=hashed, known=facts is not None, data=None
    )
    if facts is None and services.seal is not None:
        parts = windows_in(luma(picture.rgb, POST_AREA))
        done = replace(done, windows=services.seal(dump(parts), hashed.sha256))
    return replace(done, look=_look(picture, hashed, bank)) if bank.sees_parts else done


def _look(picture: Picture, facts: MediaFacts, bank: Bank) -> Look | None:
    """Look for photos inside a picture; None where the memory for it is lacking: hashes must do."""
    try:
        look = Look(facts, picture.rgb)
        # Here, where nothing waits for it; the commit asks again should a case have changed.
        look.matches(bank)
    except MemoryError:
        log.warning("features.no_memory", hint="crawl.memory_mb")
        return None
    return look
