"""What the search index must still take over, and what it refused for good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from monitor.store.bulk import GIVEN
from monitor.store.tables import UtcDateTime, dead_letters, findings, index_outbox, posts

POST = "post"
FINDING = "finding"
_ENQUEUE: Final = insert(index_outbox).from_select(
    ["doc_id", "kind", "enqueued_at"],
    GIVEN.add_columns(bindparam("kind"), bindparam("now", type_=UtcDateTime)),
)


def enqueue(db: Connection, kind: str, doc_ids: Iterable[str], now: datetime) -> None:
    """Have documents indexed anew, in the transaction that changed them."""
    given = list(doc_ids)
    if given:
        db.execute(_ENQUEUE, {"given": given, "kind": kind, "now": now})


def head(db: Connection, limit: int) -> list[tuple[int, str, str]]:
    """List the oldest entries: number, kind, document id."""
    statement = (
        select(index_outbox.c.seq, index_outbox.c.kind, index_outbox.c.doc_id)
        .order_by(index_outbox.c.seq)
        .limit(limit)
    )
    return [(row.seq, row.kind, row.doc_id) for row in db.execute(statement)]


def done(db: Connection, up_to: int) -> None:
    """Forget the entries up to a number: the index has them."""
    db.execute(delete(index_outbox).where(index_outbox.c.seq <= up_to))


def backlog(db: Connection) -> tuple[int, datetime | None]:
    """Tell how many entries wait, and since when the oldest does."""
    row = db.execute(select(func.count(), func.min(index_outbox.c.enqueued_at))).one()
    return int(row[0]), row[1]


def enqueue_all(db: Connection, now: datetime) -> int:
    """Have everything indexed anew, as `haechi index rebuild` asks.

    Returns:
        How many documents.
    """
    db.execute(delete(index_outbox))
    db.execute(delete(dead_letters))
    post_ids = list(db.scalars(select(posts.c.id)))
    finding_ids = list(db.scalars(select(findings.c.id)))
    enqueue(db, POST, post_ids, now)
    enqueue(db, FINDING, finding_ids, now)
    return len(post_ids) + len(finding_ids)


def bury(db: Connection, kind: str, doc_id: str, reason: str, now: datetime) -> None:
    """Put aside a document that the index can't take, with the reason."""
    statement = insert(dead_letters).values(kind=kind, doc_id=doc_id, reason=reason, at=now)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "doc_id"], set_={"reason": reason, "at": now}
        )
    )


def dead(db: Connection) -> list[tuple[str, str, str]]:
    """List what was put aside: kind, document id, reason."""
    statement = select(dead_letters.c.kind, dead_letters.c.doc_id, dead_letters.c.reason)
    return [(row.kind, row.doc_id, row.reason) for row in db.execute(statement)]


def dig_up(db: Connection, now: datetime) -> int:
    """Put what was put aside back into the queue.

    Returns:
        How many documents.
    """
    rows = dead(db)
    for kind, doc_id, _ in rows:
        enqueue(db, kind, [doc_id], now)
    db.execute(delete(dead_letters))
    return len(rows)
