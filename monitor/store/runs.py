"""The run history: every crawl, also those that were missed or killed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from monitor.ids import make_id
from monitor.models.run import Counts, Outcome, Run
from monitor.store.tables import runs

_COUNTS: Final = select(runs.c.counts).where(runs.c.id == bindparam("run"))
_SET_COUNTS: Final = update(runs).where(runs.c.id == bindparam("run"))


def start(db: Connection, source_id: str, now: datetime, outcome: Outcome = Outcome.RUNNING) -> str:
    """Open a run, or record one that was missed.

    Returns:
        Its id.
    """
    run_id = make_id("r", source_id, now.isoformat())
    db.execute(
        insert(runs).values(
            id=run_id,
            source_id=source_id,
            started_at=now,
            ended_at=None if outcome is Outcome.RUNNING else now,
            outcome=outcome.value,
            counts=asdict(Counts()),
            error="",
            note="",
        )
    )
    return run_id


def add_counts(db: Connection, run_id: str, more: Counts) -> None:
    """Add what one committed page gave."""
    row = db.execute(_COUNTS, {"run": run_id}).first()
    if row is not None:
        total = Counts(**row.counts) + more
        db.execute(_SET_COUNTS, {"run": run_id, "counts": asdict(total)})


def end(
    db: Connection,
    run_id: str,
    outcome: Outcome,
    error: str,
    now: datetime,
    *,
    via: str | None = None,
    note: str = "",
) -> None:
    """Close a run.

    Args:
        via: By which way it read last.
        note: What was left out, and why.
    """
    db.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(ended_at=now, outcome=outcome.value, error=error, via=via, note=note)
    )


def get(db: Connection, run_id: str) -> Run | None:
    """Find a run."""
    row = db.execute(select(runs).where(runs.c.id == run_id)).first()
    return None if row is None else _run(row)


def latest(db: Connection, limit: int, source_id: str | None = None) -> list[Run]:
    """List the latest runs, newest first."""
    statement = select(runs).order_by(runs.c.started_at.desc()).limit(limit)
    if source_id is not None:
        statement = statement.where(runs.c.source_id == source_id)
    return [_run(row) for row in db.execute(statement)]


def last_starts(db: Connection) -> dict[str, datetime]:
    """Tell when each source was last crawled."""
    statement = select(runs.c.source_id, func.max(runs.c.started_at)).group_by(runs.c.source_id)
    return {row[0]: row[1] for row in db.execute(statement)}


def open_runs(db: Connection) -> list[Run]:
    """List the runs that were opened and not closed: running, or cut off by a crash."""
    statement = select(runs).where(runs.c.outcome == Outcome.RUNNING.value)
    return [_run(row) for row in db.execute(statement)]


def _run(row: Row[Any]) -> Run:
    """Read a run from its row."""
    return Run(
        id=row.id,
        source_id=row.source_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=Outcome(row.outcome),
        counts=Counts(**row.counts),
        error=row.error,
        via=row.via,
        note=row.note,
    )
