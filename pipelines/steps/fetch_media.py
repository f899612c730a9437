"""Brings the bytes of a picture, unless its facts are known by what the site tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.models.item import MediaItem
from monitor.models.media import MediaFacts, MediaStatus
from monitor.models.post import MediaKind, MediaRef
from monitor.store import posts
from pipelines.services import Services

# An attachment that is not shown as a picture is fetched only if its name says it is one, or has no
# suffix: what it is, its bytes tell.
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp"),
        *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"),
    }
)
_NOT_READ = {
    MediaKind.VIDEO: "videos are not read yet",
    MediaKind.SOUND: "sound is not read",
    MediaKind.DOCUMENT: "a document, which the page names only",
}


async def fetch_media(item: MediaItem, services: Services) -> MediaItem:
    """Fetch what can be hashed; `data` or `facts` is set, or a status with its reason."""
    ref = item.ref
    if item.status is not None:
        return item
    if ref.kind in _NOT_READ:
        return replace(item, status=MediaStatus.SKIPPED, reason=_NOT_READ[ref.kind])
    if ref.kind is MediaKind.FILE and _suffix(ref.name) not in {"", *PICTURE_SUFFIXES}:
        return replace(item, status=MediaStatus.SKIPPED, reason="not a picture by its name")
    facts = _known(ref, services)
    if facts is not None:
        return replace(item, status=MediaStatus.HASHED, facts=facts, known=True)
    try:
        return replace(item, data=await services.fetch(ref.url))
    except MediaError as error:
        return replace(item, status=MediaStatus.SKIPPED, reason=error.reason)
    except SourceUnavailable as error:
        is_put_off = isinstance(error, NotAsked)
        return replace(item, status=MediaStatus.FAILED, reason=str(error), is_put_off=is_put_off)


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
