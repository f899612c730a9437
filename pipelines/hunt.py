"""Looks for enrolled photos in everything already crawled: a new case is matched backwards."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from monitor.alerts.rules import alerting
from monitor.clock import Clock, utc_now
from monitor.registry.bank import Registry
from monitor.registry.matcher import best_of_each_case, match
from monitor.settings import Settings
from monitor.store import findings, outbox, posts
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
    registry = Registry(store)
    told = alerting(settings)
    with store.read() as db:
        todo = list(db.scalars(select(media.c.sha256).order_by(media.c.first_seen_at)))
    new = 0
    for start in range(0, len(todo), AT_ONCE):
        part = todo[start : start + AT_ONCE]
        with store.write() as db:
            bank = registry.bank()
            added: list[str] = []
            for sha256 in part:
                facts = posts.facts_of_sha256(db, sha256)
                found = [] if facts is None else best_of_each_case(match(bank, facts))
                found = [one for one in found if case_id in (None, one.case_id)]
                if not found:
                    continue
                statement = (
                    select(posts_table.c.id, posts_table.c.source_id)
                    .join(post_media, post_media.c.post_id == posts_table.c.id)
                    .where(post_media.c.sha256 == sha256)
                )
                for row in db.execute(statement).all():
                    added += findings.add(
                        db,
                        source_id=row.source_id,
                        post_id=row.id,
                        matches=found,
                        alerting=told,
                        now=clock(),
                    )
                    outbox.enqueue(db, outbox.POST, [row.id], clock())
            outbox.enqueue(db, outbox.FINDING, added, clock())
        new += len(added)
        progress(start + len(part), len(todo))
    return len(todo), new
