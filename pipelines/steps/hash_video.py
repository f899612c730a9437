"""Looks through a fetched video, unless the same was; looks for photos and videos inside it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import structlog

from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.features.memory import lack_of_memory_told
from monitor.models.item import MediaItem
from monitor.models.media import MediaStatus
from monitor.registry.facts import FileFacts, video_facts
from monitor.registry.look import VideoLook
from monitor.registry.moments import joined
from monitor.store import posts
from monitor.streams import Stream
from monitor.videos.watch import Watched
from monitor.windows.photo import dump, windows_in
from pipelines.services import Services

log = structlog.get_logger(__name__)

NO_MEMORY: Final = "too large for the crawl's memory (crawl.memory_mb)"
_IN_PART: Final = "looked through in part"
# Of a file that is not had as a whole, its size and this much of both ends name it.
_END_BYTES: Final = 64 << 10


def hash_video(
    item: MediaItem, stream: Stream, file: FileFacts | None, services: Services
) -> MediaItem:
    """Turn a video into facts.

    Args:
        file: What names it; None: it is not had as a whole.
    """
    item = replace(item, data=None, stream=None)
    try:
        file = file or _named(stream)
        with services.store.read() as db:
            facts = posts.facts_of_sha256(db, file.sha256)
        if facts is not None:
            return replace(item, status=MediaStatus.HASHED, facts=facts, known=True)
        with lack_of_memory_told():
            seen = services.watch(stream)
            facts = video_facts(seen, file)
    except MediaError as error:
        return replace(item, status=MediaStatus.SKIPPED, reason=error.reason)
    except SourceUnavailable as error:
        is_put_off = isinstance(error, NotAsked)
        return replace(item, status=MediaStatus.FAILED, reason=str(error), is_put_off=is_put_off)
    except MemoryError:
        return replace(item, status=MediaStatus.SKIPPED, reason=NO_MEMORY)
    reason = _IN_PART if seen.is_cut_short else ""
    done = replace(item, status=MediaStatus.HASHED, reason=reason, facts=facts)
    try:
        with lack_of_memory_told():
            if services.seal is not None:
                done = replace(done, windows=services.seal(_parts(seen), facts.sha256))
            look = VideoLook(facts, seen.stills)
            look.matches(services.registry.bank())
    except MemoryError:
        # Hashes must do.
        log.warning("features.no_memory", hint="crawl.memory_mb")
        return done
    return replace(done, look=look)


def _parts(seen: Watched) -> bytes:
    """Take what is kept of a video's pictures for photos to come."""
    return joined((one.ms, dump(windows_in(one.grey))) for one in seen.stills if one.is_main)


def _named(stream: Stream) -> FileFacts:
    """Name a file that is not had as a whole: by its size and its ends, which is no digest of it.

    Raises:
        MediaError: They can't be had.
        SourceUnavailable: They can't be had now.
    """
    digest = hashlib.sha256(b"haechi: a file in parts\0" + stream.size.to_bytes(8))
    digest.update(stream.read_at(0, _END_BYTES))
    digest.update(stream.read_at(max(0, stream.size - _END_BYTES), _END_BYTES))
    return FileFacts(digest.hexdigest(), stream.size, None, partial=True)
