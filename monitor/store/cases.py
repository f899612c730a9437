"""Cases and their fingerprints; a withdrawal is in force with its commit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.ids import make_id
from monitor.models.case import Case, CaseStatus, Fingerprint
from monitor.models.finding import AlertState
from monitor.store import audit
from monitor.store.tables import alerts, cases, fingerprints, local_features, quarantine, windows


def new_fingerprint_id() -> str:
    """Make a fingerprint's id: random, as it outlives the fingerprint in mails and findings."""
    return f"f{secrets.token_hex(10)}"


def content_key(one: Fingerprint) -> str:
    """Name a photo within its case: enrolled again it is the same."""
    return make_id("c", one.case_id, one.pdq[0], one.sha256 or "")


def enrol(
    db: Connection,
    case_id: str,
    given: Iterable[Fingerprint],
    *,
    actor: str,
    now: datetime,
    anew: bool = False,
) -> int:
    """Add fingerprints to a case, which is opened when it is new.

    Args:
        anew: The hashes of a photo that is there already are replaced: it was cropped otherwise.

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
            content=content_key(one),
            sha256=one.sha256,
            pdq=list(one.pdq),
            quality=one.quality,
            phash=one.phash,
            recipe=one.recipe,
            created_at=one.created_at,
        )
        is_new = db.execute(statement.on_conflict_do_nothing()).rowcount
        added += is_new
        if anew and not is_new:
            db.execute(
                update(fingerprints)
                .where(fingerprints.c.content == content_key(one))
                .values(pdq=list(one.pdq), quality=one.quality)
            )
        if one.features is not None:
            _keep(db, local_features, content_key(one), one.features)
        if one.windows is not None:
            _keep(db, windows, content_key(one), one.windows)
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
    _drop(db, local_features, case_id)
    _drop(db, windows, case_id)
    db.execute(delete(quarantine).where(quarantine.c.case_id == case_id))
    gone = db.execute(delete(fingerprints).where(fingerprints.c.case_id == case_id)).rowcount
    waiting = (AlertState.PENDING.value, AlertState.FAILED.value)
    db.execute(
        update(alerts)
        .where(alerts.c.case_id == case_id, alerts.c.state.in_(waiting))
        .values(state=AlertState.CANCELLED.value, error="the case was withdrawn")
    )
    audit.record(db, actor=actor, action=f"withdrew {gone}", subject=case_id, now=now)
    return gone


def give_consent(db: Connection, case_id: str, *, actor: str, now: datetime) -> None:
    """Record that the photos' owner agreed to local features; the first record stays."""
    given = db.execute(
        update(cases)
        .where(cases.c.id == case_id, cases.c.consent_at.is_(None))
        .values(consent_at=now, consent_by=actor)
    )
    if given.rowcount:
        audit.record(db, actor=actor, action="local features agreed", subject=case_id, now=now)


def revoke_consent(db: Connection, case_id: str, *, actor: str, now: datetime) -> int:
    """Delete a case's local features and the consent to them; its hashes stay.

    Returns:
        How many photos had features.
    """
    db.execute(update(cases).where(cases.c.id == case_id).values(consent_at=None, consent_by=None))
    gone = _drop(db, local_features, case_id)
    audit.record(db, actor=actor, action=f"local features ended {gone}", subject=case_id, now=now)
    return gone


def has_consent(db: Connection, case_id: str) -> bool:
    """Tell whether local features may be made for a case."""
    return db.scalar(select(cases.c.consent_at).where(cases.c.id == case_id)) is not None


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
            has_consent=row.consent_at is not None,
        )
        for row in db.execute(statement)
    ]


def active_fingerprints(db: Connection, case_id: str | None = None) -> list[Fingerprint]:
    """List the fingerprints of active cases, or of one of them."""
    statement = (
        select(
            fingerprints,
            local_features.c.sealed.label("features"),
            windows.c.sealed.label("windows"),
        )
        .join(cases, fingerprints.c.case_id == cases.c.id)
        .join(local_features, local_features.c.fingerprint_id == fingerprints.c.id, isouter=True)
        .join(windows, windows.c.fingerprint_id == fingerprints.c.id, isouter=True)
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
        windows=row.windows,
        features=row.features,
    )


def _keep(db: Connection, table: Table, content: str, sealed: bytes) -> None:
    """Keep what is sealed of a photo; also of one that was enrolled without it before."""
    fingerprint_id = db.scalar(select(fingerprints.c.id).where(fingerprints.c.content == content))
    statement = insert(table).values(fingerprint_id=fingerprint_id, sealed=sealed)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["fingerprint_id"], set_={"sealed": statement.excluded.sealed}
        )
    )


def _drop(db: Connection, table: Table, case_id: str) -> int:
    """Delete what is sealed of a case's photos."""
    ours = select(fingerprints.c.id).where(fingerprints.c.case_id == case_id)
    statement = delete(table).where(table.c.fingerprint_id.in_(ours))
    return db.execute(statement).rowcount
