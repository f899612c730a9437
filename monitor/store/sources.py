"""Watched sources: their rows, states and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.ids import make_id
from monitor.models.post import Json
from monitor.models.source import Source, SourceKind, SourceState, SourceView
from monitor.store.tables import checkpoints, source_views, sources

_INSERT_KEY: Final = insert(checkpoints)
_SET_KEY: Final = _INSERT_KEY.on_conflict_do_update(
    index_elements=["source_id", "key"], set_={"value": _INSERT_KEY.excluded.value}
)
_REMOVE_KEY: Final = delete(checkpoints).where(
    checkpoints.c.source_id == bindparam("source"), checkpoints.c.key == bindparam("name")
)


def source_id(address: str) -> str:
    """Derive a source's id from its canonical address."""
    return make_id("s", address)


def add(
    db: Connection,
    *,
    kind: SourceKind,
    address: str,
    engine: str | None,
    interval_s: int,
    now: datetime,
) -> Source:
    """Watch a source, or change how often; one that was removed is watched from its checkpoint."""
    was_removed = db.scalar(select(sources.c.removed).where(sources.c.id == source_id(address)))
    statement = insert(sources).values(
        id=source_id(address),
        kind=kind.value,
        address=address,
        engine=engine,
        interval_s=interval_s,
        paused=False,
        state=SourceState.NEW.value,
        state_detail="",
        added_at=now,
        failures=0,
        removed=False,
        browser=False,
    )
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"removed": False, "engine": engine, "interval_s": interval_s},
        )
    )
    if was_removed:
        change(db, source_id(address), paused=False, state=SourceState.NEW.value, failures=0)
        change(db, source_id(address), boards=None, cookies=None, browser=False)
        # Whoever has the channel's name now: it was added anew on purpose.
        save_checkpoint(db, source_id(address), {"channel": None})
    found = find(db, address)
    if found is None:
        raise LookupError(address)
    return found


def find(db: Connection, name: str) -> Source | None:
    """Find a watched source by its address or id."""
    row = db.execute(
        select(sources).where(
            or_(sources.c.id == name, sources.c.address == name), sources.c.removed.is_(False)
        )
    ).first()
    return None if row is None else _source(row)


def every(db: Connection) -> list[Source]:
    """List the watched sources by address."""
    statement = select(sources).where(sources.c.removed.is_(False)).order_by(sources.c.address)
    return [_source(row) for row in db.execute(statement)]


def change(
    db: Connection, name: str, **values: bool | int | str | list[str] | datetime | None
) -> None:
    """Set columns of a source."""
    db.execute(update(sources).where(sources.c.id == name).values(**values))


def succeeded(
    db: Connection,
    name: str,
    now: datetime,
    *,
    new_posts: int,
    state: SourceState = SourceState.OK,
    detail: str = "",
) -> None:
    """Record a crawl that reached its end, and what the operator is to know all the same."""
    values: dict[str, Any] = {
        "state": state.value,
        "state_detail": detail,
        "last_success_at": now,
        "failures": 0,
    }
    if new_posts:
        values["last_new_at"] = now
    db.execute(update(sources).where(sources.c.id == name).values(values))


def reached(db: Connection, name: str, now: datetime, *, new_posts: int) -> None:
    """Record a crawl that was stopped after some pages: of a new source, it shows that it works."""
    if new_posts:
        change(db, name, last_new_at=now)
    db.execute(
        update(sources)
        .where(sources.c.id == name, sources.c.state == SourceState.NEW.value)
        .values(state=SourceState.OK.value)
    )


def failed(db: Connection, name: str, state: SourceState, detail: str) -> None:
    """Record a crawl that did not reach its end, and why."""
    db.execute(
        update(sources)
        .where(sources.c.id == name)
        .values(state=state.value, state_detail=detail, failures=sources.c.failures + 1)
    )


def saw(
    db: Connection, name: str, via: str, state: SourceState, detail: str, now: datetime
) -> None:
    """Record what one way of reading a source met there."""
    values = {"state": state.value, "detail": detail, "at": now}
    statement = insert(source_views).values(source_id=name, via=via, **values)
    db.execute(statement.on_conflict_do_update(index_elements=["source_id", "via"], set_=values))


def views(db: Connection, name: str) -> list[SourceView]:
    """List what each way of reading a source met there last."""
    statement = select(source_views).where(source_views.c.source_id == name)
    return [
        SourceView(row.via, SourceState(row.state), row.detail, row.at)
        for row in db.execute(statement.order_by(source_views.c.via))
    ]


def forget_views(db: Connection, via: str) -> None:
    """Forget what one way met everywhere: something about it has changed."""
    db.execute(delete(source_views).where(source_views.c.via == via))


def load_checkpoint(db: Connection, name: str) -> dict[str, Json]:
    """Read where a source's crawl resumes."""
    statement = select(checkpoints.c.key, checkpoints.c.value).where(
        checkpoints.c.source_id == name
    )
    return {row.key: row.value for row in db.execute(statement)}


def boards(db: Connection, name: str) -> dict[str, str]:
    """Give the titles of a forum's boards by their ids, as its index lists them."""
    statement = select(checkpoints.c.value).where(
        checkpoints.c.source_id == name, checkpoints.c.key == "boards"
    )
    found: dict[str, str] = {}
    for pair in db.scalar(statement) or ():
        match pair:
            case [str(id_), str(title)]:
                found[id_] = title
    return found


def save_checkpoint(db: Connection, name: str, values: Mapping[str, Json]) -> None:
    """Set keys of a checkpoint; None removes a key."""
    for key, value in values.items():
        if value is None:
            db.execute(_REMOVE_KEY, {"source": name, "name": key})
        else:
            db.execute(_SET_KEY, {"source_id": name, "key": key, "value": value})


def _source(row: Row[Any]) -> Source:
    """Read a source from its row."""
    return Source(
        id=row.id,
        kind=SourceKind(row.kind),
        address=row.address,
        engine=row.engine,
        interval_s=row.interval_s,
        paused=row.paused,
        state=SourceState(row.state),
        state_detail=row.state_detail,
        added_at=row.added_at,
        last_success_at=row.last_success_at,
        last_new_at=row.last_new_at,
        failures=row.failures,
        boards=tuple(row.boards or ()),
        cookies=row.cookies,
        browser=row.browser,
    )
