"""Fingerprints that suddenly match much that is unlike: held back until a person has looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from monitor.hashes.pdq import MIN_QUALITY, THRESHOLD
from monitor.models.case import Held
from monitor.models.finding import FindingStatus
from monitor.store import audit
from monitor.store.tables import cases, findings, fingerprints, media, quarantine


@dataclass(frozen=True, slots=True)
class Rule:
    """When a fingerprint is held back.

    Attributes:
        unlike: It matched more pictures than this of which no two are near copies ...
        within: ... in this time. What a person confirmed does not count.
    """

    unlike: int = 20
    within: timedelta = timedelta(days=1)


def is_held(db: Connection, fingerprint_id: str) -> bool:
    """Tell whether findings of a fingerprint are held back."""
    statement = select(quarantine.c.fingerprint_id).where(
        quarantine.c.fingerprint_id == fingerprint_id, quarantine.c.released_at.is_(None)
    )
    return db.scalar(statement) is not None


def is_too_much(
    db: Connection, fingerprint_id: str, sha256: str, rule: Rule, now: datetime
) -> bool:
    """Tell whether a fingerprint matches too much, now that it matches this picture, too."""
    released = db.scalar(
        select(quarantine.c.released_at).where(quarantine.c.fingerprint_id == fingerprint_id)
    )
    since = now - rule.within if released is None else max(released, now - rule.within)
    counted = (
        select(findings.c.media_sha256)
        .where(findings.c.fingerprint_id == fingerprint_id, findings.c.found_at > since)
        .where(findings.c.status != FindingStatus.CONFIRMED.value)
    )
    statement = select(media.c.pdq, media.c.pdq_quality).where(
        or_(media.c.sha256.in_(counted), media.c.sha256 == sha256)
    )
    return _unlike([(row.pdq, row.pdq_quality) for row in db.execute(statement)], rule.unlike)


def hold(db: Connection, fingerprint_id: str, case_id: str, now: datetime) -> None:
    """Hold a fingerprint back; one that was released before is held again."""
    db.execute(delete(quarantine).where(quarantine.c.fingerprint_id == fingerprint_id))
    db.execute(insert(quarantine).values(fingerprint_id=fingerprint_id, case_id=case_id, since=now))
    audit.record(db, actor="haechi", action="quarantined", subject=fingerprint_id, now=now)


def release(db: Connection, fingerprint_id: str, *, actor: str, now: datetime) -> bool:
    """Let a fingerprint's findings alert again; what it matched before does not count any more.

    Returns:
        Whether it was held.
    """
    released = db.execute(
        update(quarantine)
        .where(quarantine.c.fingerprint_id == fingerprint_id, quarantine.c.released_at.is_(None))
        .values(released_at=now)
    )
    if released.rowcount:
        audit.record(db, actor=actor, action="released", subject=fingerprint_id, now=now)
    return bool(released.rowcount)


def every(db: Connection, case_id: str | None = None) -> list[Held]:
    """List the fingerprints that are held back, the longest held first."""
    later = and_(
        findings.c.fingerprint_id == quarantine.c.fingerprint_id,
        findings.c.found_at >= quarantine.c.since,
    )
    statement = (
        select(quarantine, func.count(findings.c.id).label("findings"))
        .join(fingerprints, fingerprints.c.id == quarantine.c.fingerprint_id)
        .join(cases, cases.c.id == quarantine.c.case_id)
        .join(findings, later, isouter=True)
        .where(quarantine.c.released_at.is_(None))
        .group_by(quarantine.c.fingerprint_id)
        .order_by(quarantine.c.since, quarantine.c.fingerprint_id)
    )
    if case_id is not None:
        statement = statement.where(quarantine.c.case_id == case_id)
    return [
        Held(row.fingerprint_id, row.case_id, row.since, row.findings)
        for row in db.execute(statement)
    ]


def _unlike(pictures: list[tuple[str, int]], most: int) -> bool:
    """Tell whether there are more than so many pictures of which no two are near copies."""
    apart = np.empty((0, 4), np.uint64)
    count = 0
    for digest, quality in pictures:
        if quality >= MIN_QUALITY:
            words = np.frombuffer(bytes.fromhex(digest), np.uint64)
            if (np.bitwise_count(apart ^ words).sum(axis=1) <= THRESHOLD).any():
                continue
            apart = np.vstack([apart, words])
        count += 1
        if count > most:
            return True
    return False
