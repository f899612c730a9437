"""Hashes a fetched picture, unless the same bytes were; looks for photos inside it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import structlog

from monitor.errors import MediaError
from monitor.features.extract import POST_AREA, luma
from monitor.features.memory import lack_of_memory_told
from monitor.models.item import MediaItem
from monitor.models.media import MediaStatus
from monitor.registry.facts import facts_of, md5_of
from monitor.registry.look import Look
from monitor.store import posts, seen
from monitor.windows.photo import dump, windows_in
from pipelines.services import Services

log = structlog.get_logger(__name__)


def hash_media(item: MediaItem, services: Services) -> MediaItem:
    """Turn bytes into facts and let go of them; what is no picture says why."""
    data = item.data or b""
    with services.store.read() as db:
        facts = posts.facts_of_sha256(db, hashlib.sha256(data).hexdigest())
        is_kept = facts is not None and seen.has(db, facts.sha256)
    if facts is not None and facts.md5 is None:
        facts = replace(facts, md5=md5_of(data))
    bank = services.registry.bank()
    if facts is not None and not bank.sees_parts and (is_kept or services.seal is None):
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True, data=None)
    try:
        with lack_of_memory_told():
            picture = services.decode(data)
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
    known = facts is not None
    done = replace(item, status=MediaStatus.HASHED, facts=hashed, known=known, data=None)
    try:
        with lack_of_memory_told():
            grey = luma(picture.rgb, POST_AREA)
            if services.seal is not None and not is_kept:
                parts = dump(windows_in(grey))
                done = replace(done, windows=services.seal(parts, hashed.sha256))
            look = Look(hashed, grey)
            # Here, where nothing waits for it; the commit asks again should a case have changed.
            look.matches(bank)
    except MemoryError:
        # Hashes must do.
        log.warning("features.no_memory", hint="crawl.memory_mb")
        return done
    return replace(done, look=look)
