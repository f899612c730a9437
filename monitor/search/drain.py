"""Feeds the search index from the outbox: at least once, so with ids that make twice once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select

from monitor.clock import Clock, utc_now
from monitor.errors import StoreError
from monitor.locks import hold
from monitor.models.match import Moment
from monitor.search.base import SearchDoc, SearchIndex
from monitor.search.sqlite import SqliteIndex
from monitor.settings import Settings
from monitor.store import outbox
from monitor.store.findings import every as every_finding
from monitor.store.findings import get as get_finding
from monitor.store.posts import count as count_posts
from monitor.store.posts import length_s, media_of
from monitor.store.store import Store
from monitor.store.tables import posts, sources

log = structlog.get_logger(__name__)

AT_ONCE = 500


def open_index(settings: Settings) -> SearchIndex:
    """Open the index of the settings.

    Raises:
        StoreError: It can't be opened.
    """
    return SqliteIndex(settings.search_path)


def check(store: Store, settings: Settings) -> int:
    """Hold the index against the store.

    Returns:
        How many posts it has.

    Raises:
        StoreError: It can't be read, or lost posts that it had taken over.
    """
    with store.read() as db:
        stored = count_posts(db)["posts"]
        waiting, _ = outbox.backlog(db)
        aside = len(outbox.dead(db))
    index = open_index(settings)
    try:
        indexed = index.count(outbox.POST)
    finally:
        index.close()
    if indexed + aside + waiting < stored:
        raise StoreError(
            f"the search index has only {indexed} of {stored} posts: haechi index rebuild"
        )
    return indexed


def reset(store: Store, settings: Settings, *, clock: Clock = utc_now) -> None:
    """Remove the index, also a damaged one, and have everything indexed anew."""
    with hold(settings.state_folder, "index", what="another indexing", wait=True):
        for suffix in ("", "-wal", "-shm"):
            path = settings.search_path
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        with store.write() as db:
            outbox.enqueue_all(db, clock())


def drain(
    store: Store,
    settings: Settings,
    *,
    clock: Clock = utc_now,
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take over what waits in the outbox.

    Args:
        progress: Told how many entries were taken over since the last call.
        stop: Asked before each part; what is left waits for the next call.

    Returns:
        How many entries were taken over.

    Raises:
        StoreError: The index can't be written; what waits, waits on.
    """
    with store.read() as db:
        if not outbox.head(db, 1):
            return 0
    taken = 0
    with hold(settings.state_folder, "index", what="another indexing", wait=True):
        index = open_index(settings)
        try:
            while True:
                with store.read() as db:
                    entries = outbox.head(db, AT_ONCE)
                    wanted = dict.fromkeys((kind, doc_id) for _, kind, doc_id in entries)
                    made = {key: _document(db, *key) for key in wanted}
                if not entries or stop():
                    return taken
                _upsert(store, index, [doc for doc in made.values() if doc is not None], clock)
                # A finding that a partner took back.
                index.remove([key for key, doc in made.items() if doc is None])
                with store.write() as db:
                    outbox.done(db, entries[-1][0])
                taken += len(entries)
                progress(len(entries))
        finally:
            index.close()


def _upsert(store: Store, index: SearchIndex, docs: Sequence[SearchDoc], clock: Clock) -> None:
    """Write documents; one that the index can't take is put aside with the reason."""
    try:
        index.upsert(docs)
    except ValueError:
        for doc in docs:
            try:
                index.upsert([doc])
            except ValueError as error:
                with store.write() as db:
                    outbox.bury(db, doc.kind, doc.id, str(error)[:500], clock())
                log.warning("index.dead_letter", kind=doc.kind, doc_id=doc.id)


def _document(db: Connection, kind: str, doc_id: str) -> SearchDoc | None:
    """Make the document of a post or finding from the store, which is the truth."""
    if kind == outbox.FINDING:
        return _finding_document(db, doc_id)
    row = db.execute(
        select(posts, sources.c.address)
        .join(sources, sources.c.id == posts.c.source_id)
        .where(posts.c.id == doc_id)
    ).first()
    return None if row is None else _post_document(db, row)


def _post_document(db: Connection, row: Row[Any]) -> SearchDoc:
    """Make the document of a post; a deleted post stays findable and says so."""
    # The longest, as the index has no lists.
    lengths = [length for one in media_of(db, row.id) if (length := length_s(one)) is not None]
    return SearchDoc(
        kind=outbox.POST,
        id=row.id,
        at=row.posted or row.fetched_at,
        source=row.address,
        text="\n".join(part for part in (row.thread, row.text) if part),
        url=row.url,
        author=row.author,
        extra={
            "board": row.board,
            "thread": row.thread,
            "deleted": int(row.deleted_at is not None),
            "findings": len(every_finding(db, post_id=row.id)),
            "video_s": max(lengths, default=None),
        },
    )


def _finding_document(db: Connection, doc_id: str) -> SearchDoc | None:
    """Make the document of a finding."""
    finding = get_finding(db, doc_id)
    if finding is None:
        return None
    moment = finding.match.moment or Moment()
    return SearchDoc(
        kind=outbox.FINDING,
        id=finding.id,
        at=finding.found_at,
        source=finding.source,
        text=f"{finding.case_id} {finding.match.grade.value} {finding.status.value}",
        url=finding.post_url,
        extra={
            "case": finding.case_id,
            "grade": finding.match.grade.value,
            "method": finding.match.method,
            "distance": finding.match.distance,
            "status": finding.status.value,
            "start_s": moment.start_s,
            "end_s": moment.end_s,
            "length_s": moment.length_s,
            "share": moment.share,
            "clip_start_s": moment.clip_start_s,
            "clip_end_s": moment.clip_end_s,
            "clip_share": moment.clip_share,
        },
    )
