"""Posts and their media: a page's items are written in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from monitor.hashes.pdq import MIN_QUALITY
from monitor.ids import make_id
from monitor.models.item import Change, Item, MediaItem
from monitor.models.media import MediaFacts, MediaStatus, Panel
from monitor.models.post import Coverage, MediaKind, MediaRef, Post
from monitor.models.run import Counts
from monitor.store import channels, seen
from monitor.store.tables import media, media_origins, post_media, posts, sources

_BEFORE_HASH = '"pdq": "'
_HASHES_AFTER = text(
    "SELECT rowid, sha256, coalesce(panels, '') || "
    "CASE WHEN pdq_quality >= :least THEN '\"pdq\": \"' || pdq || '\"' ELSE '' END "
    "FROM media WHERE rowid > :row ORDER BY rowid LIMIT :limit"
)

# A fetch that failed for a passing reason is tried again by later crawls, this often in all.
MAX_MEDIA_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class KnownPost:
    """What is stored of a post that a page shows again."""

    digest: str
    has_media_to_retry: bool
    edited: bool = False
    via: str | None = None


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """What is stored of one of a post's media."""

    attempts: int
    facts: MediaFacts | None


@dataclass(frozen=True, slots=True)
class StoredHashes:
    """The hashes of some stored media.

    Attributes:
        last: The row of the last of them.
        files: Their sha256.
        ends: How many hashes they have up to and with each file.
        digits: All of the hashes, in hex.
    """

    last: int
    files: list[str]
    ends: list[int]
    digits: str


def post_id(source_id: str, native_id: str) -> str:
    """Derive a post's id."""
    return make_id("p", source_id, native_id)


def known(db: Connection, source_id: str, native_ids: Sequence[str]) -> dict[str, KnownPost]:
    """Look up which posts are stored already, by native id."""
    retry = (
        select(post_media.c.post_id)
        .where(post_media.c.post_id == posts.c.id, *_may_be_retried())
        .exists()
    )
    keys = [post_id(source_id, one) for one in native_ids]
    known = posts.c.native_id, posts.c.digest, posts.c.edited, posts.c.via
    statement = select(*known, retry.label("retry")).where(posts.c.id.in_(keys))
    return {
        row.native_id: KnownPost(row.digest, row.retry, row.edited, row.via)
        for row in db.execute(statement)
    }


def media_key(origin_id: str | None, url: str) -> str:
    """Name a file of a post: by the site's own id where it has one, as URLs may carry tokens."""
    return origin_id or url


def stored_media(db: Connection, key: str) -> dict[str, StoredMedia]:
    """Look up what is stored of a post's media, by `media_key`."""
    statement = (
        select(post_media.c.url, post_media.c.origin_id, post_media.c.attempts, media)
        .join(media, media.c.sha256 == post_media.c.sha256, isouter=True)
        .where(post_media.c.post_id == key)
    )
    return {
        media_key(row.origin_id, row.url): StoredMedia(
            row.attempts, None if row.sha256 is None else _facts(row)
        )
        for row in db.execute(statement)
    }


def facts_of_origin(db: Connection, origin_id: str) -> MediaFacts | None:
    """Find the facts of a file by the site's own id of it."""
    statement = (
        select(media)
        .join(media_origins, media_origins.c.sha256 == media.c.sha256)
        .where(media_origins.c.origin_id == origin_id)
    )
    row = db.execute(statement).first()
    return None if row is None else _facts(row)


def facts_of_sha256(db: Connection, sha256: str) -> MediaFacts | None:
    """Find the facts of a file by its digest."""
    row = db.execute(select(media).where(media.c.sha256 == sha256)).first()
    return None if row is None else _facts(row)


def hashes_after(db: Connection, row: int, limit: int) -> StoredHashes:
    """Read what stored media are matched on: the whole, if it has enough texture, and panels.

    Args:
        row: Where the last part ended; 0 at first.
    """
    rows = db.execute(_HASHES_AFTER, {"least": MIN_QUALITY, "row": row, "limit": limit}).all()
    # Not parsed, and all at once: it is read for millions, and nearly all are near nothing.
    texts = [text for _, _, text in rows]
    parts = "".join(texts).split(_BEFORE_HASH)[1:]
    return StoredHashes(
        last=rows[-1][0] if rows else row,
        files=[sha256 for _, sha256, _ in rows],
        ends=list(accumulate(text.count(_BEFORE_HASH) for text in texts)),
        digits="".join(one[:64] for one in parts),
    )


def to_retry(db: Connection, source_id: str, limit: int, *, via: str | None = None) -> list[Post]:
    """List stored posts with media whose fetch failed for a passing reason.

    Args:
        via: Which way is to be tried: another one knows their media by other addresses.
    """
    statement = (
        select(posts)
        .where(posts.c.source_id == source_id, posts.c.deleted_at.is_(None))
        .where(posts.c.via.is_not_distinct_from(via))
        .where(posts.c.id.in_(select(post_media.c.post_id).where(*_may_be_retried())))
        .order_by(posts.c.native_number)
        .limit(limit)
    )
    return [_post(db, row) for row in db.execute(statement)]


def write(db: Connection, items: Sequence[Item], now: datetime) -> tuple[Counts, list[str]]:
    """Write posts and their media.

    Returns:
        What was new, and the ids of the posts whose text or state changed.
    """
    counts = Counts()
    changed: list[str] = []
    for item in items:
        key = post_id(item.source.id, item.post.native_id)
        if item.change is Change.SAME:
            restored = db.execute(
                update(posts)
                .where(posts.c.id == key, posts.c.deleted_at.is_not(None))
                .values(deleted_at=None)
            ).rowcount
            if restored:
                changed.append(key)
        else:
            _write_post(db, key, item, now)
            channels.write(db, key, item)
            changed.append(key)
        counts += _count(item)
        if item.change is not Change.SAME or item.media:
            _write_media(db, key, item.media, now)
    return counts, changed


def mark_gone(
    db: Connection, source_id: str, coverage: Coverage, shown: Iterable[str], now: datetime
) -> list[str]:
    """Mark as deleted the stored posts that a page accounts for and no longer shows.

    Returns:
        Their ids.
    """
    statement = select(posts.c.id, posts.c.native_id).where(
        posts.c.source_id == source_id,
        posts.c.native_number.between(coverage.low, coverage.high),
        posts.c.deleted_at.is_(None),
    )
    if coverage.thread_id is not None:
        statement = statement.where(posts.c.thread_id == coverage.thread_id)
    still_there = set(shown)
    gone = [row.id for row in db.execute(statement) if row.native_id not in still_there]
    for one in gone:
        db.execute(update(posts).where(posts.c.id == one).values(deleted_at=now))
    return gone


def count(db: Connection) -> dict[str, int]:
    """Count what is stored: posts, media, and media that could not be read."""

    def of(status: MediaStatus) -> int:
        statement = select(func.count()).where(post_media.c.status == status.value)
        return db.scalar(statement) or 0

    return {
        "posts": db.scalar(select(func.count()).select_from(posts)) or 0,
        "media": db.scalar(select(func.count()).select_from(media)) or 0,
        "media_failed": of(MediaStatus.FAILED),
        "media_skipped": of(MediaStatus.SKIPPED),
    }


def reasons(db: Connection, limit: int) -> dict[str, int]:
    """Count media that were skipped, by the reason; the commonest first."""
    number = func.count()
    statement = (
        select(post_media.c.reason, number)
        .where(post_media.c.status == MediaStatus.SKIPPED.value)
        .group_by(post_media.c.reason)
        .order_by(number.desc(), post_media.c.reason)
        .limit(limit)
    )
    return {row[0]: row[1] for row in db.execute(statement)}


def count_older(db: Connection, recipe: int) -> int:
    """Count pictures that were hashed by an older recipe than this one."""
    statement = select(func.count()).select_from(media).where(media.c.recipe < recipe)
    return db.scalar(statement) or 0


def iterate(
    db: Connection, source_id: str | None = None
) -> Iterable[tuple[Row[Any], list[Row[Any]]]]:
    """List stored posts with their media rows (with facts), oldest first."""
    statement = select(posts).order_by(posts.c.posted, posts.c.native_number, posts.c.id)
    if source_id is not None:
        statement = statement.where(posts.c.source_id == source_id)
    for row in db.execute(statement):
        yield row, media_of(db, row.id)


def source_address(db: Connection, source_id: str) -> str:
    """Name the source of a post, also one that is no longer watched."""
    return db.scalar(select(sources.c.address).where(sources.c.id == source_id)) or source_id


def media_of(db: Connection, key: str) -> list[Row[Any]]:
    """List the media of a post, with the facts of those that were hashed."""
    statement = (
        select(post_media, media.c.mime, media.c.pdq, media.c.pdq_quality)
        .join(media, media.c.sha256 == post_media.c.sha256, isouter=True)
        .where(post_media.c.post_id == key)
        .order_by(post_media.c.position)
    )
    return list(db.execute(statement))


def _may_be_retried() -> tuple[Any, ...]:
    """Select media whose fetch failed for a passing reason and was not tried too often."""
    return (
        post_media.c.status == MediaStatus.FAILED.value,
        post_media.c.attempts < MAX_MEDIA_ATTEMPTS,
    )


def _write_post(db: Connection, key: str, item: Item, now: datetime) -> None:
    """Insert a post or write its new revision."""
    post = item.post
    values = {
        "native_number": int(post.native_id) if _is_number(post.native_id) else None,
        "url": post.url,
        "board": post.board,
        "thread": post.thread,
        "thread_id": post.thread_id,
        "author": post.author,
        "posted": post.posted,
        "edited": post.edited or item.change is Change.EDITED,
        "fetched_at": now,
        "text": post.text,
        "links": list(post.links),
        "member_ids": list(post.member_ids),
        "forwarded_from": post.forwarded_from,
        "reply_to": post.reply_to,
        "views": post.views,
        "reactions": dict(post.reactions) or None,
        "via": post.via,
        "digest": item.digest,
        "deleted_at": None,
    }
    statement = insert(posts).values(
        id=key, source_id=item.source.id, native_id=post.native_id, revision=1, **values
    )
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={**values, "revision": posts.c.revision + 1}
        )
    )


def _write_media(db: Connection, key: str, items: Sequence[MediaItem], now: datetime) -> None:
    """Write what became of a post's media; a later attempt replaces an earlier one."""
    before = stored_media(db, key)
    db.execute(delete(post_media).where(post_media.c.post_id == key))
    for position, one in enumerate(items):
        earlier = before.get(media_key(one.ref.origin_id, one.ref.url))
        if one.facts is not None:
            db.execute(
                insert(media)
                .values(**asdict(one.facts), first_seen_at=now)
                .on_conflict_do_nothing()
            )
            if one.facts.md5 is not None:
                # Seen before it was taken.
                old = media.c.sha256 == one.facts.sha256, media.c.md5.is_(None)
                db.execute(update(media).where(*old).values(md5=one.facts.md5))
            if one.windows is not None:
                seen.add(db, one.facts.sha256, one.windows, now)
            else:
                seen.again(db, one.facts.sha256, now)
            if one.ref.origin_id is not None:
                db.execute(
                    insert(media_origins)
                    .values(origin_id=one.ref.origin_id, sha256=one.facts.sha256)
                    .on_conflict_do_nothing()
                )
        db.execute(
            insert(post_media).values(
                post_id=key,
                position=position,
                url=one.ref.url,
                kind=one.ref.kind.value,
                origin_id=one.ref.origin_id,
                name=one.ref.name,
                status=(one.status or MediaStatus.FAILED).value,
                reason=one.reason,
                attempts=(0 if earlier is None else earlier.attempts) + 1,
                sha256=None if one.facts is None else one.facts.sha256,
            )
        )


def _count(item: Item) -> Counts:
    """Count what an item brings."""
    states = [one.status for one in item.media]
    hashed = [one for one in item.media if one.facts is not None]
    return Counts(
        posts_new=int(item.change is Change.NEW),
        posts_edited=int(item.change is Change.EDITED),
        media_hashed=sum(not one.known for one in hashed),
        media_known=sum(one.known for one in hashed),
        media_skipped=states.count(MediaStatus.SKIPPED),
        media_failed=states.count(MediaStatus.FAILED),
    )


def _is_number(native_id: str) -> bool:
    """Tell whether a native id is a number that fits the column."""
    return native_id.isascii() and native_id.isdigit() and len(native_id) <= 18


def _post(db: Connection, row: Row[Any]) -> Post:
    """Read a post from its row."""
    return Post(
        native_id=row.native_id,
        url=row.url,
        text=row.text,
        posted=row.posted,
        author=row.author,
        board=row.board,
        thread=row.thread,
        thread_id=row.thread_id,
        edited=row.edited,
        links=tuple(row.links),
        member_ids=tuple(row.member_ids),
        forwarded_from=row.forwarded_from,
        reply_to=row.reply_to,
        views=row.views,
        reactions=row.reactions or {},
        via=row.via,
        media=tuple(
            MediaRef(url=one.url, kind=MediaKind(one.kind), origin_id=one.origin_id, name=one.name)
            for one in media_of(db, row.id)
        ),
    )


def _facts(row: Row[Any]) -> MediaFacts:
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
    )
