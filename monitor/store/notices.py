"""Health alerts on their way out; written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.ids import make_id
from monitor.models.finding import AlertState
from monitor.models.notice import Notice, NoticeKind
from monitor.store.findings import Alerting
from monitor.store.tables import notices, sources

_WAITING = (AlertState.PENDING.value, AlertState.SENDING.value)


def add(
    db: Connection,
    source_id: str,
    kind: NoticeKind,
    text: str,
    alerting: Alerting,
    now: datetime,
) -> None:
    """Have everyone who gets alerts told."""
    for channel, recipient in alerting.recipients:
        key = make_id("n", source_id, kind.value, channel, recipient, now.isoformat())
        statement = insert(notices).values(
            id=key,
            kind=kind.value,
            source_id=source_id,
            text=text,
            channel=channel,
            recipient=recipient,
            state=AlertState.PENDING.value,
            attempts=0,
            refusals=0,
            created_at=now,
            next_try_at=now,
            message_id=f"<{key}@{alerting.domain}>",
            error="",
        )
        db.execute(statement.on_conflict_do_nothing())


def due(db: Connection, now: datetime, limit: int, *, channels: Sequence[str]) -> list[Notice]:
    """List those to send now by these channels, oldest first."""
    statement = (
        select(notices, sources.c.address)
        .join(sources, sources.c.id == notices.c.source_id)
        .where(
            notices.c.state.in_(_WAITING),
            notices.c.next_try_at <= now,
            notices.c.channel.in_(channels),
        )
        .order_by(notices.c.created_at, notices.c.id)
        .limit(limit)
    )
    return [_notice(row) for row in db.execute(statement)]


def last_kind(db: Connection, source_id: str) -> NoticeKind | None:
    """Tell what was said of a source last, sent or not."""
    newest = notices.c.created_at.desc()
    statement = select(notices.c.kind).where(notices.c.source_id == source_id).order_by(newest)
    told = db.execute(statement.limit(1)).scalar()
    return None if told is None else NoticeKind(told)


def set_state(db: Connection, notice_id: str, state: AlertState, **values: Any) -> None:
    """Move one on."""
    db.execute(update(notices).where(notices.c.id == notice_id).values(state=state.value, **values))


def count(db: Connection) -> dict[str, int]:
    """Count them by their state."""
    statement = select(notices.c.state, func.count()).group_by(notices.c.state)
    return {row[0]: row[1] for row in db.execute(statement)}


def retry(db: Connection, now: datetime) -> int:
    """Have each that waits or was given up sent now.

    Returns:
        How many.
    """
    left = (AlertState.PENDING.value, AlertState.FAILED.value)
    values = {"state": AlertState.PENDING.value, "next_try_at": now, "attempts": 0, "refusals": 0}
    return db.execute(update(notices).where(notices.c.state.in_(left)).values(values)).rowcount


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        kind=NoticeKind(row.kind),
        source_id=row.source_id,
        source=row.address,
        text=row.text,
        channel=row.channel,
        recipient=row.recipient,
        state=AlertState(row.state),
        attempts=row.attempts,
        refusals=row.refusals,
        created_at=row.created_at,
        message_id=row.message_id,
        error=row.error,
    )
