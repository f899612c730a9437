"""Who changed what, when: appended to in the transaction of the change itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from monitor.store.tables import audit


def record(db: Connection, *, actor: str, action: str, subject: str, now: datetime) -> None:
    """Append one entry; neither names of people nor hashes belong into it."""
    db.execute(insert(audit).values(at=now, actor=actor, action=action, subject=subject))


def version(db: Connection) -> int:
    """Tell a number that grows with every change of cases and fingerprints."""
    return db.scalar(select(func.max(audit.c.seq))) or 0
