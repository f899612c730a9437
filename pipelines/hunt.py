"""Looks for enrolled photos in everything already crawled: a new case is matched backwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.alerts.rules import alerting
from monitor.clock import Clock, utc_now
from monitor.models.match import Match
from monitor.models.media import MediaFacts
from monitor.registry.bank import Bank, build
from monitor.registry.matcher import best_of_each_case, match
from monitor.settings import Settings
from monitor.store import cases, findings, outbox, posts
from monitor.store.store import Store
from monitor.store.tables import media, post_media
from monitor.store.tables import posts as posts_table

Progress = Callable[[int, int], None]
AT_ONCE = 500


def hunt(
    store: Store,
    settings: Settings,
    *,
    case_id: str | None = None,
    progress: Progress = lambda _done, _total: None,
    clock: Clock = utc_now,
) -> tuple[int, int]:
    """Match all stored media; what is found is written and alerted as if it came by a crawl.

    Args:
        case_id: Only this case; None: all.
        progress: Told how many media of how many were looked at.

    Returns:
        How many media were looked at, and how many findings are new.
    """
    told = alerting(settings)
    with store.read() as db:
        # Hashes only: local features need the pixels, which are not stored.
        bank = build(cases.active_fingerprints(db))
        todo = list(db.scalars(select(media.c.sha256).order_by(media.c.first_seen_at)))
    new = 0
    for start in range(0, len(todo), AT_ONCE):
        part = todo[start : start + AT_ONCE]
        # Matched without holding the store: crawls must go on meanwhile. A case that is withdrawn
        # in between is refused when its finding is written.
        with store.read() as db:
            facts = [one for key in part if (one := posts.facts_of_sha256(db, key))]
        hits = [(one.sha256, found) for one in facts if (found := _matches(bank, one, case_id))]
        if hits:
            with store.write() as db:
                new += sum(_write(db, sha256, found, told, clock()) for sha256, found in hits)
        progress(start + len(part), len(todo))
    return len(todo), new


def _matches(bank: Bank, facts: MediaFacts, case_id: str | None) -> list[Match]:
    """Match one file, for all cases or one."""
    found = best_of_each_case(match(bank, facts))
    return [one for one in found if case_id in (None, one.case_id)]


def _write(
    db: Connection, sha256: str, found: list[Match], told: findings.Alerting, now: datetime
) -> int:
    """Write the findings of one file in every post that has it; says how many are new."""
    statement = (
        select(posts_table.c.id, posts_table.c.source_id)
        .join(post_media, post_media.c.post_id == posts_table.c.id)
        .where(post_media.c.sha256 == sha256)
        .distinct()
    )
    new = 0
    for row in db.execute(statement).all():
        added = findings.add(
            db, source_id=row.source_id, post_id=row.id, matches=found, alerting=told, now=now
        )
        outbox.enqueue(db, outbox.FINDING, added, now)
        outbox.enqueue(db, outbox.POST, [row.id] if added else [], now)
        new += len(added)
    return new
