"""Cases and their fingerprints; a withdrawal is in force with its commit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.ids import make_id
from monitor.models.case import Case, CaseStatus, Fingerprint
from monitor.models.finding import AlertState
from monitor.store import audit
from monitor.store.tables import alerts, cases, fingerprints


def new_fingerprint_id() -> str:
    """Make a fingerprint's id: random, as it outlives the fingerprint in mails and findings."""
    return f"f{secrets.token_hex(10)}"


def enrol(
    db: Connection, case_id: str, given: Iterable[Fingerprint], *, actor: str, now: datetime
) -> int:
    """Add fingerprints to a case, which is opened when it is new.

    Returns:
        How many were not there before.

    Raises:
        ValueError: The case was withdrawn.
    """
    db.execute(
        insert(cases)
        .values(id=case_id, status=CaseStatus.ACTIVE.value, opened_at=now)
        .on_conflict_do_nothing()
    )
    if not is_active(db, case_id):
        raise ValueError(f"case {case_id} was withdrawn; enrol under a new case id")
    added = 0
    for one in given:
        statement = insert(fingerprints).values(
            id=one.id,
            case_id=case_id,
            # The same photo in the same case is enrolled once.
            content=make_id("c", case_id, one.pdq[0], one.sha256 or ""),
            sha256=one.sha256,
            pdq=list(one.pdq),
            quality=one.quality,
            phash=one.phash,
            recipe=one.recipe,
            created_at=one.created_at,
        )
        added += db.execute(statement.on_conflict_do_nothing()).rowcount
    audit.record(db, actor=actor, action=f"enrolled {added}", subject=case_id, now=now)
    return added


def withdraw(db: Connection, case_id: str, *, actor: str, now: datetime) -> int:
    """Withdraw a case: its fingerprints are deleted, waiting alerts cancelled.

    Returns:
        How many fingerprints were deleted.
    """
    db.execute(
        update(cases)
        .where(cases.c.id == case_id)
        .values(status=CaseStatus.WITHDRAWN.value, withdrawn_at=now)
    )
    gone = db.execute(delete(fingerprints).where(fingerprints.c.case_id == case_id)).rowcount
    waiting = (AlertState.PENDING.value, AlertState.FAILED.value)
    db.execute(
        update(alerts)
        .where(alerts.c.case_id == case_id, alerts.c.state.in_(waiting))
        .values(state=AlertState.CANCELLED.value, error="the case was withdrawn")
    )
    audit.record(db, actor=actor, action=f"withdrew {gone}", subject=case_id, now=now)
    return gone


def is_active(db: Connection, case_id: str) -> bool:
    """Tell whether a case exists and is watched for."""
    return db.scalar(select(cases.c.status).where(cases.c.id == case_id)) == CaseStatus.ACTIVE


def active_ids(db: Connection) -> set[str]:
    """List the ids of the cases that are watched for."""
    return set(db.scalars(select(cases.c.id).where(cases.c.status == CaseStatus.ACTIVE.value)))


def every(db: Connection) -> list[Case]:
    """List all cases by id."""
    statement = (
        select(cases, func.count(fingerprints.c.id).label("n"))
        .join(fingerprints, fingerprints.c.case_id == cases.c.id, isouter=True)
        .group_by(cases.c.id)
        .order_by(cases.c.id)
    )
    return [
        Case(
            id=row.id,
            status=CaseStatus(row.status),
            opened_at=row.opened_at,
            withdrawn_at=row.withdrawn_at,
            fingerprints=row.n,
        )
        for row in db.execute(statement)
    ]


def active_fingerprints(db: Connection, case_id: str | None = None) -> list[Fingerprint]:
    """List the fingerprints of active cases, or of one of them."""
    statement = (
        select(fingerprints)
        .join(cases, fingerprints.c.case_id == cases.c.id)
        .where(cases.c.status == CaseStatus.ACTIVE.value)
        .order_by(fingerprints.c.id)
    )
    if case_id is not None:
        statement = statement.where(fingerprints.c.case_id == case_id)
    return [_fingerprint(row) for row in db.execute(statement)]


def _fingerprint(row: Row[Any]) -> Fingerprint:
    """Read a fingerprint from its row."""
    return Fingerprint(
        id=row.id,
        case_id=row.case_id,
        sha256=row.sha256,
        pdq=tuple(row.pdq),
        quality=row.quality,
        phash=row.phash,
        recipe=row.recipe,
        created_at=row.created_at,
    )
