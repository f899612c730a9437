"""Looks for enrolled photos in everything already crawled: a new case is matched backwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Connection, func, select

from monitor.alerts.rules import alerting
from monitor.clock import Clock, utc_now
from monitor.models.match import Match
from monitor.models.media import MediaFacts
from monitor.registry.bank import Bank, Registry, build
from monitor.registry.files import folder_of
from monitor.registry.matcher import best_of_each_case, match
from monitor.registry.prints import words_of
from monitor.settings import Settings
from monitor.store import cases, findings, outbox, posts
from monitor.store.store import Store
from monitor.store.tables import media, post_media
from monitor.store.tables import posts as posts_table

Progress = Callable[[int, int], None]
# Media matched at a time.
AT_ONCE: Final = 20_000


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
    bank = _bank(store, settings, case_id)
    with store.read() as db:
        total = db.scalar(select(func.count()).select_from(media)) or 0
        files = cases.seen_files(db) | set(posts.videos(db))
    row = done = new = 0
    while True:
        # Matched without holding the store: crawls must go on meanwhile. A case that is withdrawn
        # in between is refused when its finding is written.
        with store.read() as db:
            part = posts.hashes_after(db, row, AT_ONCE)
        if not part.files:
            return done, new
        near = _near(bank, part) | files.intersection(part.files)
        with store.read() as db:
            facts = [one for key in sorted(near) if (one := posts.facts_of_sha256(db, key))]
        hits = [(one.sha256, found) for one in facts if (found := _matches(bank, one, case_id))]
        if hits:
            with store.write() as db:
                new += sum(
                    write_historic(db, sha256, found, told, clock()) for sha256, found in hits
                )
        row = part.last
        done += len(part.files)
        progress(done, max(done, total))


def _bank(store: Store, settings: Settings, case_id: str | None) -> Bank:
    """Lay out what is looked for: hashes only, as local features need the pixels."""
    if case_id is None:
        return Registry(
            store, folder=folder_of(settings.state_folder), windows=False, local=False
        ).bank()
    with store.read() as db:
        return build(cases.active_fingerprints(db, case_id))


def _near(bank: Bank, part: posts.StoredHashes) -> set[str]:
    """List the files of which a hash is near one of the bank's."""
    hashes = words_of([part.digits])
    # Those of inverted colours too; which of them are of whole pictures, the match itself asks.
    queries = np.concatenate([hashes, ~hashes])
    stills = [one.query for one in bank.clips.search(queries)]
    near = np.concatenate([bank.nearest.search(queries)[:, 0], np.array(stills, np.intp)])
    found = near % max(len(hashes), 1)
    which = np.searchsorted(part.ends, found, side="right")
    return {part.files[one] for one in which.tolist()}


def _matches(bank: Bank, facts: MediaFacts, case_id: str | None) -> list[Match]:
    """Match one file, for all cases or one."""
    found = best_of_each_case(match(bank, facts))
    return [one for one in found if case_id in (None, one.case_id)]


def write_historic(
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
            db,
            source_id=row.source_id,
            post_id=row.id,
            matches=found,
            alerting=told,
            now=now,
            historic=True,
        )
        outbox.enqueue(db, outbox.FINDING, added, now)
        outbox.enqueue(db, outbox.POST, [row.id] if added else [], now)
        new += len(added)
    return new
