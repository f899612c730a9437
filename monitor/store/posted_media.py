"""What became of posts' media; written with the posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.sqlite import insert

from monitor.models.item import MediaItem
from monitor.models.media import MediaFacts, MediaStatus, Panel
from monitor.store import seen
from monitor.store.bulk import GIVEN
from monitor.store.tables import media, media_origins, post_media

_STORED: Final = (
    select(
        post_media.c.post_id, post_media.c.url, post_media.c.origin_id, post_media.c.attempts, media
    )
    .join(media, media.c.sha256 == post_media.c.sha256, isouter=True)
    .where(post_media.c.post_id.in_(GIVEN))
)
_INSERT_FILE: Final = insert(media)
# The MD5 of a file that was seen before it was taken.
_INSERT_OR_COMPLETE_FILE: Final = _INSERT_FILE.on_conflict_do_update(
    index_elements=["sha256"],
    set_={"md5": _INSERT_FILE.excluded.md5},
    where=media.c.md5.is_(None),
)
_INSERT_ORIGIN: Final = insert(media_origins).on_conflict_do_nothing()
_DELETE: Final = delete(post_media).where(post_media.c.post_id.in_(GIVEN))
_INSERT: Final = insert(post_media)


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """What is stored of one of a post's media."""

    attempts: int
    facts: MediaFacts | None


def media_key(origin_id: str | None, url: str) -> str:
    """Name a file of a post: by the site's own id where it has one, as URLs may carry tokens."""
    return origin_id or url


def stored(db: Connection, keys: Sequence[str]) -> dict[str, dict[str, StoredMedia]]:
    """Look up what is stored of posts' media, by the post's id and `media_key`."""
    found: dict[str, dict[str, StoredMedia]] = {}
    if not keys:
        return found
    for row in db.execute(_STORED, {"given": keys}):
        found.setdefault(row.post_id, {})[media_key(row.origin_id, row.url)] = StoredMedia(
            row.attempts, None if row.sha256 is None else facts_in(row)
        )
    return found


def write(db: Connection, given: Sequence[tuple[str, Sequence[MediaItem]]], now: datetime) -> None:
    """Write what became of posts' media; a later attempt replaces an earlier one."""
    before = stored(db, [key for key, _ in given])
    _write_files(db, [one for _, items in given for one in items], now)
    # A page may show a post twice.
    rows = {key: _rows(key, items, before.get(key, {})) for key, items in given}
    if before:
        db.execute(_DELETE, {"given": list(before)})
    if any(rows.values()):
        db.execute(_INSERT, [row for some in rows.values() for row in some])


def facts_in(row: Row[Any]) -> MediaFacts:
    """Read a file's facts from its row."""
    return MediaFacts(
        sha256=row.sha256,
        mime=row.mime,
        size=row.size,
        width=row.width,
        height=row.height,
        pdq=row.pdq,
        pdq_quality=row.pdq_quality,
        phash=row.phash,
        recipe=row.recipe,
        panels=tuple(
            Panel(tuple(one["region"]), one["pdq"], one["quality"]) for one in row.panels or ()
        ),
        md5=row.md5,
        frames=row.frames,
        partial=row.partial,
    )


def _rows(
    key: str, items: Sequence[MediaItem], before: Mapping[str, StoredMedia]
) -> list[dict[str, Any]]:
    """Make the rows of a post's media."""
    rows = []
    for position, one in enumerate(items):
        earlier = before.get(media_key(one.ref.origin_id, one.ref.url))
        rows.append(
            {
                "post_id": key,
                "position": position,
                "url": one.ref.url,
                "kind": one.ref.kind.value,
                "origin_id": one.ref.origin_id,
                "name": one.ref.name,
                "status": (one.status or MediaStatus.FAILED).value,
                "reason": one.reason,
                "attempts": (0 if earlier is None else earlier.attempts) + (not one.is_put_off),
                "sha256": None if one.facts is None else one.facts.sha256,
            }
        )
    return rows


def _write_files(db: Connection, items: Sequence[MediaItem], now: datetime) -> None:
    """Write the facts of what was hashed, unless they are known."""
    hashed = [(one, one.facts) for one in items if one.facts is not None]
    if not hashed:
        return
    files = [{**asdict(facts), "first_seen_at": now} for _, facts in hashed]
    db.execute(_INSERT_OR_COMPLETE_FILE, files)
    for one, facts in hashed:
        if one.windows is not None:
            seen.add(db, facts.sha256, one.windows, now)
        else:
            seen.again(db, facts.sha256, now)
    origins = [
        {"origin_id": one.ref.origin_id, "sha256": facts.sha256}
        for one, facts in hashed
        if one.ref.origin_id is not None
    ]
    if origins:
        db.execute(_INSERT_ORIGIN, origins)
