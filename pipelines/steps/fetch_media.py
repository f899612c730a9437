"""Brings a picture or a video, unless its facts are known by what the site tells of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.models.item import MediaItem
from monitor.models.media import MediaFacts, MediaStatus
from monitor.models.post import MediaKind, MediaRef
from monitor.store import posts
from pipelines.services import Services
from pipelines.streams import Cut, Parts, RemoteStream

# An attachment that is not shown is fetched only if its name says it is one of these, or has no
# suffix: what it is, its bytes tell.
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp"),
        *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"),
    }
)
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".webm", ".mkv", ".ogv", ".gifv"),
        *(".avi", ".wmv", ".asf", ".flv", ".f4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    }
)
_NOT_READ = {
    MediaKind.SOUND: "sound is not read",
    MediaKind.DOCUMENT: "a document, which the page names only",
}


async def fetch_media(
    item: MediaItem, services: Services, *, deadline: float = math.inf
) -> MediaItem:
    """Fetch what can be hashed.

    Args:
        deadline: By `time.monotonic`; nothing is read of a stream after it.

    Returns:
        With `data`, a `stream` or `facts`, or with a status and its reason.
    """
    ref = item.ref
    if item.status is not None:
        return item
    if ref.kind in _NOT_READ:
        return replace(item, status=MediaStatus.SKIPPED, reason=_NOT_READ[ref.kind])
    is_picture = _suffix(ref.name) in PICTURE_SUFFIXES
    if ref.kind is MediaKind.FILE and not is_picture and not _may_be_video(ref):
        reason = "neither a picture nor a video by its name"
        return replace(item, status=MediaStatus.SKIPPED, reason=reason)
    facts = _known(ref, services)
    if facts is not None:
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True)
    try:
        if not _may_be_video(ref):
            return replace(item, data=await services.fetch(ref.url))
        return _with(item, await services.fetch_video(ref.url), services, deadline)
    except MediaError as error:
        return replace(item, status=MediaStatus.SKIPPED, reason=error.reason)
    except SourceUnavailable as error:
        is_put_off = isinstance(error, NotAsked)
        return replace(item, status=MediaStatus.FAILED, reason=str(error), is_put_off=is_put_off)


def _with(
    item: MediaItem, found: bytes | Cut | Parts, services: Services, deadline: float
) -> MediaItem:
    """Add what was fetched of what may be a video."""
    if isinstance(found, Parts):
        stream = RemoteStream(
            found,
            budget=services.max_video_bytes,
            url=item.ref.url,
            deadline=deadline,
            stopping=services.stopping,
        )
        return replace(item, stream=stream)
    if isinstance(found, Cut):
        return replace(item, data=found.data, is_cut=True)
    return replace(item, data=found)


def _may_be_video(ref: MediaRef) -> bool:
    """Tell whether a file may be a video; it may be a picture all the same."""
    suffixes = {_suffix(ref.name), _suffix(urlsplit(ref.url).path)}
    match ref.kind:
        case MediaKind.VIDEO | MediaKind.STICKER:
            return True
        case MediaKind.FILE:
            return not _suffix(ref.name) or not VIDEO_SUFFIXES.isdisjoint(suffixes)
        case MediaKind.PHOTO:
            # Behind a small picture, which is all that some pages show of a video.
            return not VIDEO_SUFFIXES.isdisjoint(suffixes)
        case _:
            return False


def _known(ref: MediaRef, services: Services) -> MediaFacts | None:
    """Look a file up by the site's own id of it, or by the digest that the site tells."""
    if ref.origin_id is None and ref.md5 is None:
        return None
    with services.store.read() as db:
        facts = None if ref.origin_id is None else posts.facts_of_origin(db, ref.origin_id)
        if facts is None and ref.md5 is not None:
            facts = posts.facts_of_md5(db, ref.md5)
    return facts


def _suffix(name: str | None) -> str:
    """Give the suffix of a file name, in lower case."""
    return PurePosixPath(name or "").suffix.lower()
