"""Hashes a fetched picture, unless the same bytes were; looks for photos inside it."""

from __future__ import annotations

from dataclasses import replace

import structlog

from monitor.errors import MediaError
from monitor.features.extract import POST_AREA, luma
from monitor.features.memory import lack_of_memory_told
from monitor.models.item import MediaItem
from monitor.models.media import MediaFacts, MediaStatus
from monitor.pictures import NOT_A_PICTURE, Picture
from monitor.registry.facts import facts_of, file_facts
from monitor.registry.look import Look
from monitor.store import posts, seen
from monitor.streams import Held
from monitor.videos.animation import is_animated
from monitor.windows.photo import dump, windows_in
from pipelines.services import Services
from pipelines.steps.hash_video import NO_MEMORY, hash_video

log = structlog.get_logger(__name__)


def hash_media(item: MediaItem, services: Services) -> MediaItem:
    """Turn bytes into facts and let go of them; what is no picture and no video says why."""
    if item.stream is not None:
        return hash_video(item, item.stream, None, services)
    data = item.data or b""
    file = file_facts(data, is_cut=item.is_cut)
    with services.store.read() as db:
        facts = posts.facts_of_sha256(db, file.sha256)
        is_kept = facts is not None and seen.has(db, facts.sha256)
    if facts is not None and facts.md5 is None:
        facts = replace(facts, md5=file.md5)
    if facts is not None and _needs_no_look(facts, services, is_kept=is_kept):
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True, data=None)
    try:
        with lack_of_memory_told():
            picture = services.decode(data)
            if not is_animated(picture):
                hashed = facts or _facts_of(picture, is_cut=item.is_cut)
                done = replace(item, facts=hashed, known=facts is not None, data=None)
                done = replace(done, status=MediaStatus.HASHED)
                return _looked_through(done, hashed, picture, services, is_kept=is_kept)
    except MediaError as error:
        if error.reason != NOT_A_PICTURE:
            return _refused(item, data, error.reason)
    except MemoryError:
        return replace(item, status=MediaStatus.SKIPPED, reason=NO_MEMORY, data=None)
    done = hash_video(item, Held(data), file, services)
    return _refused(item, data, done.reason) if done.status is MediaStatus.SKIPPED else done


def _needs_no_look(facts: MediaFacts, services: Services, *, is_kept: bool) -> bool:
    """Tell whether what is known of a file will do: its pixels would show nothing new."""
    if facts.frames is not None:
        # Looked through with all that was enrolled then; what came later looked for it.
        return True
    return not services.registry.bank().sees_parts and (is_kept or services.seal is None)


def _facts_of(picture: Picture, *, is_cut: bool) -> MediaFacts:
    """Hash a picture; of a file that was cut off, the digests are not those of the file."""
    facts = facts_of(picture)
    return replace(facts, md5=None, partial=True) if is_cut else facts


def _refused(item: MediaItem, data: bytes, reason: str) -> MediaItem:
    """Say of bytes that they are of no use."""
    if data.lstrip()[:1] == b"<":
        # A challenge, an error or a login page in its place: another day it may be there.
        reason = "the server answers with a page"
        return replace(item, status=MediaStatus.FAILED, reason=reason, data=None)
    if item.is_cut:
        reason = "larger than the limit"
    return replace(item, status=MediaStatus.SKIPPED, reason=reason, data=None)


def _looked_through(
    done: MediaItem, hashed: MediaFacts, picture: Picture, services: Services, *, is_kept: bool
) -> MediaItem:
    """Add what is seen in a picture."""
    try:
        with lack_of_memory_told():
            grey = luma(picture.rgb, POST_AREA)
            if services.seal is not None and not is_kept:
                parts = dump(windows_in(grey))
                done = replace(done, windows=services.seal(parts, hashed.sha256))
            look = Look(hashed, grey)
            # Here, where nothing waits for it; the commit asks again should a case have changed.
            look.matches(services.registry.bank())
    except MemoryError:
        # Hashes must do.
        log.warning("features.no_memory", hint="crawl.memory_mb")
        return done
    return replace(done, look=look)
