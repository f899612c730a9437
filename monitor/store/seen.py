"""Hashes of the parts of pictures that crawls saw, encrypted, for a while: for photos to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from monitor.store.tables import seen_windows

_AT_ONCE: Final = 500


def add(db: Connection, sha256: str, sealed: bytes, now: datetime) -> None:
    """Keep what is sealed of a picture; what is there stays."""
    values = {"sha256": sha256, "sealed": sealed, "seen_at": now}
    db.execute(insert(seen_windows).values(values).on_conflict_do_nothing())


def since(db: Connection, start: datetime) -> list[str]:
    """List the pictures that were first seen from an instant on, the newest first."""
    statement = (
        select(seen_windows.c.sha256)
        .where(seen_windows.c.seen_at >= start)
        .order_by(seen_windows.c.seen_at.desc())
    )
    return list(db.scalars(statement))


def sealed_of(db: Connection, files: list[str]) -> Iterator[tuple[str, bytes]]:
    """Read what is sealed of pictures."""
    for start in range(0, len(files), _AT_ONCE):
        statement = select(seen_windows.c.sha256, seen_windows.c.sealed).where(
            seen_windows.c.sha256.in_(files[start : start + _AT_ONCE])
        )
        yield from ((row.sha256, row.sealed) for row in db.execute(statement))


def forget(db: Connection, before: datetime) -> None:
    """Delete what was seen before an instant."""
    db.execute(delete(seen_windows).where(seen_windows.c.seen_at < before))
