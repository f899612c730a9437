"""Posts and their media: a page's items are written in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, Row, and_, bindparam, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from monitor.hashes.pdq import MIN_QUALITY
from monitor.ids import make_id
from monitor.models.frames import HEAD_BYTES, duration_s
from monitor.models.item import Change, Item
from monitor.models.media import MediaFacts, MediaStatus
from monitor.models.post import Coverage, MediaKind, MediaRef, Post
from monitor.models.run import Counts
from monitor.store import channels, posted_media
from monitor.store.bulk import GIVEN
from monitor.store.posted_media import facts_in
from monitor.store.tables import media, media_origins, post_media, posts, sources

_BEFORE_HASH = '"pdq": "'
_HASHES_AFTER = text(
    "SELECT rowid, sha256, coalesce(panels, '') || "
    "CASE WHEN pdq_quality >= :least THEN '\"pdq\": \"' || pdq || '\"' ELSE '' END "
    "FROM media WHERE rowid > :row ORDER BY rowid LIMIT :limit"
)

# A fetch that failed for a passing reason is tried again by later crawls, this often in all.
MAX_MEDIA_ATTEMPTS = 5
_MAY_BE_RETRIED: Final = (
    post_media.c.status == MediaStatus.FAILED.value,
    post_media.c.attempts < MAX_MEDIA_ATTEMPTS,
)

# Said for every page: made once, as making them takes SQLAlchemy longer than the database runs.
_KNOWN: Final = (
    # Asked whether one exists, SQLite goes through all media that failed, for each post.
    select(
        *(posts.c.id, posts.c.digest, posts.c.edited, posts.c.via),
        func.max(and_(*_MAY_BE_RETRIED)).label("retry"),
        func.max(post_media.c.kind == MediaKind.DOCUMENT.value).label("named"),
    )
    .join(post_media, post_media.c.post_id == posts.c.id, isouter=True)
    .where(posts.c.id.in_(GIVEN))
    .group_by(posts.c.id)
)
_DELETED: Final = select(posts.c.id).where(posts.c.id.in_(GIVEN), posts.c.deleted_at.is_not(None))
_PRESENT: Final = select(posts.c.id, posts.c.native_id).where(
    posts.c.source_id == bindparam("source"), posts.c.deleted_at.is_(None)
)
_IN_RANGE: Final = posts.c.native_number.between(bindparam("low"), bindparam("high"))
_INSERT: Final = insert(posts)
_INSERT_OR_REVISE: Final = _INSERT.on_conflict_do_update(
    index_elements=["id"],
    set_={
        "revision": posts.c.revision + 1,
        **{
            one.name: _INSERT.excluded[one.name]
            for one in posts.c
            if one.name not in ("id", "source_id", "native_id", "revision")
        },
    },
)
_MARK: Final = update(posts).where(posts.c.id == bindparam("key"))


@dataclass(frozen=True, slots=True)
class KnownPost:
    """What is stored of a post that a page shows again.

    Attributes:
        has_media_named_only: Its page named a file and did not give it; another way may.
    """

    digest: str
    has_media_to_retry: bool
    edited: bool = False
    via: str | None = None
    has_media_named_only: bool = False


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


@dataclass(frozen=True, slots=True)
class Told:
    """How much the pages of a source told: posts that are there, and of how many they told what."""

    posts: int
    authors: int
    times: int
    boards: int


def post_id(source_id: str, native_id: str) -> str:
    """Derive a post's id."""
    return make_id("p", source_id, native_id)


def known(db: Connection, keys: Sequence[str]) -> dict[str, KnownPost]:
    """Look up which posts are stored already, by their ids."""
    rows = db.execute(_KNOWN, {"given": keys})
    return {
        row.id: KnownPost(row.digest, bool(row.retry), row.edited, row.via, bool(row.named))
        for row in rows
    }


def facts_of_origin(db: Connection, origin_id: str) -> MediaFacts | None:
    """Find the facts of a file by the site's own id of it."""
    statement = (
        select(media)
        .join(media_origins, media_origins.c.sha256 == media.c.sha256)
        .where(media_origins.c.origin_id == origin_id)
    )
    row = db.execute(statement).first()
    return None if row is None else facts_in(row)


def facts_of_sha256(db: Connection, sha256: str) -> MediaFacts | None:
    """Find the facts of a file by its digest."""
    row = db.execute(select(media).where(media.c.sha256 == sha256)).first()
    return None if row is None else facts_in(row)


def facts_of_md5(db: Connection, md5: str) -> MediaFacts | None:
    """Find the facts of a file by the digest that imageboards tell; of those that were fetched."""
    row = db.execute(select(media).where(media.c.md5 == md5).limit(1)).first()
    return None if row is None else facts_in(row)


def videos(db: Connection) -> list[str]:
    """List the stored files that are videos, by their sha256."""
    return list(db.scalars(select(media.c.sha256).where(media.c.frames.is_not(None))))


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
        .where(posts.c.id.in_(select(post_media.c.post_id).where(*_MAY_BE_RETRIED)))
        .order_by(posts.c.native_number)
        .limit(limit)
    )
    return [_post(db, row) for row in db.execute(statement)]


def write(db: Connection, items: Sequence[Item], now: datetime) -> tuple[Counts, list[str]]:
    """Write posts and their media.

    Returns:
        What was new, and the ids of the posts whose text or state changed.
    """
    given = [(post_id(item.source.id, item.post.native_id), item) for item in items]
    back = _restore(db, [key for key, item in given if item.change is Change.SAME])
    written = [(key, item) for key, item in given if item.change is not Change.SAME]
    if written:
        db.execute(_INSERT_OR_REVISE, [_row(key, item, now) for key, item in written])
        channels.write(db, written)
    # Of a post that is the same, only what was tried again.
    looked_at = [one for one in given if one[1].change is not Change.SAME or one[1].media]
    posted_media.write(db, [(key, item.media) for key, item in looked_at], now)
    changed = (key for key, item in given if item.change is not Change.SAME or key in back)
    # A page may show a post twice.
    return _count(items), list(dict.fromkeys(changed))


def mark_gone(
    db: Connection, source_id: str, coverage: Coverage, shown: Iterable[str], now: datetime
) -> list[str]:
    """Mark as deleted the stored posts that a page accounts for and no longer shows.

    Returns:
        Their ids.
    """
    statement = _PRESENT
    values: dict[str, str | int] = {"source": source_id}
    if coverage.thread_id is not None:
        statement = statement.where(posts.c.thread_id == coverage.thread_id)
    if coverage.thread_id is None or not coverage.is_whole:
        statement = statement.where(_IN_RANGE)
        values |= {"low": coverage.low, "high": coverage.high}
    rows = db.execute(statement, values)
    still_there = set(shown)
    gone = [row.id for row in rows if row.native_id not in still_there]
    _mark(db, gone, now)
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


def told(db: Connection, source_id: str) -> Told:
    """Count what the stored posts of a source have."""
    statement = select(
        func.count(posts.c.id),
        func.count(posts.c.author),
        func.count(posts.c.posted),
        func.count(posts.c.board),
    ).where(posts.c.source_id == source_id)
    in_all, authors, times, boards = db.execute(statement).one()
    return Told(in_all, authors, times, boards)


def source_address(db: Connection, source_id: str) -> str:
    """Name the source of a post, also one that is no longer watched."""
    return db.scalar(select(sources.c.address).where(sources.c.id == source_id)) or source_id


def media_of(db: Connection, key: str) -> list[Row[Any]]:
    """List the media of a post, with the facts of those that were hashed.

    Of a video there is the beginning of what `monitor.models.frames.dump` wrote, as `frames_head`.
    """
    head = func.substr(media.c.frames, 1, HEAD_BYTES, type_=LargeBinary)
    facts = (media.c.mime, media.c.pdq, media.c.pdq_quality, media.c.partial)
    statement = (
        select(post_media, *facts, head.label("frames_head"))
        .join(media, media.c.sha256 == post_media.c.sha256, isouter=True)
        .where(post_media.c.post_id == key)
        .order_by(post_media.c.position)
    )
    return list(db.execute(statement))


def length_s(row: Row[Any]) -> float | None:
    """Say how long the video of a row of `media_of` is; None: it is none."""
    return None if row.frames_head is None else duration_s(row.frames_head)


def _restore(db: Connection, keys: Sequence[str]) -> set[str]:
    """Take back that posts were deleted; gives those that were."""
    back = set(db.scalars(_DELETED, {"given": keys})) if keys else set()
    _mark(db, back, None)
    return back


def _mark(db: Connection, keys: Iterable[str], deleted_at: datetime | None) -> None:
    """Mark posts as deleted, or as there."""
    rows = [{"key": key, "deleted_at": deleted_at} for key in keys]
    if rows:
        db.execute(_MARK, rows)


def _row(key: str, item: Item, now: datetime) -> dict[str, Any]:
    """Make the row of a post, or of its new revision."""
    post = item.post
    return {
        "id": key,
        "source_id": item.source.id,
        "native_id": post.native_id,
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
        "links": post.links,
        "member_ids": post.member_ids,
        "forwarded_from": post.forwarded_from,
        "reply_to": post.reply_to,
        "views": post.views,
        "reactions": dict(post.reactions) or None,
        "via": post.via,
        "revision": 1,
        "digest": item.digest,
        "deleted_at": None,
    }


def _count(items: Sequence[Item]) -> Counts:
    """Count what a page's items bring."""
    changes = [item.change for item in items]
    media = [one for item in items for one in item.media]
    hashed = [one for one in media if one.facts is not None]
    states = [one.status for one in media]
    return Counts(
        posts_new=changes.count(Change.NEW),
        posts_edited=changes.count(Change.EDITED),
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
