"""Who changed what, when: appended to in the transaction of the change itself."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, select

from monitor.store.tables import audit

_LATEST: Final = select(func.max(audit.c.seq))


def record(db: Connection, *, actor: str, action: str, subject: str, now: datetime) -> None:
    """Append one entry; neither names of people nor hashes belong into it."""
    db.execute(insert(audit).values(at=now, actor=actor, action=action, subject=subject))


def version(db: Connection) -> int:
    """Tell a number that grows with every change of cases and fingerprints."""
    return db.scalar(_LATEST) or 0


def mark(db: Connection, version: int) -> str | None:
    """Tell the changes up to a version from those of any other store.

    Returns:
        None: It has not come to that version. One that was restored from a backup has not, or came
        to it by other changes.
    """
    row = db.execute(select(audit).where(audit.c.seq == version)).one_or_none()
    if row is None:
        return None
    # No two stores have the same change at the same microsecond.
    known = (row.at.isoformat(timespec="microseconds"), row.actor, row.action, row.subject)
    return hashlib.sha256("\n".join(known).encode()).hexdigest()
