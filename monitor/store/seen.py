"""Hashes of the parts of pictures that crawls saw, encrypted, for a while: for photos to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.store.tables import seen_windows

_AT_ONCE: Final = 500


def add(db: Connection, sha256: str, sealed: bytes, now: datetime) -> None:
    """Keep what is sealed of a picture that is seen now."""
    values = {"sha256": sha256, "sealed": sealed, "seen_at": now}
    db.execute(
        insert(seen_windows)
        .values(values)
        .on_conflict_do_update(index_elements=["sha256"], set_={"seen_at": now})
    )


def again(db: Connection, sha256: str, now: datetime) -> None:
    """Note that a picture is seen again, if anything is kept of it."""
    db.execute(update(seen_windows).where(seen_windows.c.sha256 == sha256).values(seen_at=now))


def has(db: Connection, sha256: str) -> bool:
    """Tell whether anything is kept of a picture."""
    statement = select(seen_windows.c.sha256).where(seen_windows.c.sha256 == sha256)
    return db.scalar(statement) is not None


def since(db: Connection, start: datetime) -> list[str]:
    """List the pictures that were seen from an instant on, the newest first."""
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
