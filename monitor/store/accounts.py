"""Telegram accounts: their health, what they spent, what they must wait for, whom they know."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.models.account import Account, AccountState, Peer
from monitor.store.tables import telegram_accounts, telegram_peers, telegram_waits


def add(db: Connection, name: str, user_id: int, now: datetime) -> None:
    """Take in an account that has logged in, or has logged in again.

    Another user under a name that was known has to find its channels anew.
    """
    before = db.scalar(select(telegram_accounts.c.user_id).where(telegram_accounts.c.name == name))
    values = {
        "user_id": user_id,
        "state": AccountState.OK.value,
        "state_detail": "",
        "added_at": now,
    }
    statement = insert(telegram_accounts).values(
        name=name, day=_day(now), requests=0, names=0, **values
    )
    db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    if before not in (None, user_id):
        for table in (telegram_peers, telegram_waits):
            db.execute(delete(table).where(table.c.account == name))
        db.execute(_at(name).values(requests=0, names=0))


def remove(db: Connection, name: str) -> None:
    """Forget an account and all that it knows."""
    for table in (telegram_peers, telegram_waits):
        db.execute(delete(table).where(table.c.account == name))
    db.execute(delete(telegram_accounts).where(telegram_accounts.c.name == name))


def has_any(db: Connection) -> bool:
    """Tell whether any account was logged in."""
    return db.scalar(select(telegram_accounts.c.name).limit(1)) is not None


def every(db: Connection, now: datetime) -> list[Account]:
    """List the accounts by name, with what they spent today and still wait for."""
    waits: dict[str, dict[str, datetime]] = {}
    pending = select(telegram_waits).where(telegram_waits.c.until > now)
    for row in db.execute(pending.order_by(telegram_waits.c.method)):
        waits.setdefault(row.account, {})[row.method] = row.until
    found = db.execute(select(telegram_accounts).order_by(telegram_accounts.c.name))
    return [_account(row, now, waits.get(row.name, {})) for row in found]


def get(db: Connection, name: str, now: datetime) -> Account | None:
    """Find an account."""
    return next((one for one in every(db, now) if one.name == name), None)


def set_state(db: Connection, name: str, state: AccountState, detail: str) -> None:
    """Record whether an account can read, and why not."""
    db.execute(_at(name).values(state=state.value, state_detail=detail))


def spend(db: Connection, name: str, now: datetime, *, requests: int, names: int = 0) -> None:
    """Count what an account asked of Telegram; each day begins at nothing."""
    day = _day(now)
    is_today = telegram_accounts.c.day == day
    before = db.execute(
        select(telegram_accounts.c.requests, telegram_accounts.c.names).where(
            telegram_accounts.c.name == name, is_today
        )
    ).first() or (0, 0)
    db.execute(
        _at(name).values(
            day=day, requests=before[0] + requests, names=before[1] + names, last_used_at=now
        )
    )


def wait(db: Connection, name: str, method: str, until: datetime) -> None:
    """Record that an account must leave one kind of request until then."""
    statement = insert(telegram_waits).values(account=name, method=method, until=until)
    db.execute(
        statement.on_conflict_do_update(index_elements=["account", "method"], set_={"until": until})
    )


def know(db: Connection, name: str, peers: Iterable[Peer]) -> None:
    """Keep what an account needs to read channels; a name belongs to who has it now."""
    for one in peers:
        if one.username is not None:
            db.execute(
                update(telegram_peers)
                .where(
                    telegram_peers.c.account == name,
                    telegram_peers.c.username == one.username,
                    telegram_peers.c.channel_id != one.channel_id,
                )
                .values(username=None)
            )
        values = {"access_hash": one.access_hash, "username": one.username}
        statement = insert(telegram_peers).values(account=name, channel_id=one.channel_id, **values)
        db.execute(
            statement.on_conflict_do_update(index_elements=["account", "channel_id"], set_=values)
        )


def peer(
    db: Connection, name: str, *, channel_id: int | None = None, username: str | None = None
) -> Peer | None:
    """Find what an account knows of a channel, by its id or by its name."""
    column = telegram_peers.c.channel_id if username is None else telegram_peers.c.username
    wanted = channel_id if username is None else username
    row = db.execute(
        select(telegram_peers).where(telegram_peers.c.account == name, column == wanted)
    ).first()
    return None if row is None else Peer(row.channel_id, row.access_hash, row.username)


def lend(db: Connection, trial: Connection) -> None:
    """Copy all accounts, with what they know and wait for, to a store that is thrown away."""
    for table in (telegram_accounts, telegram_waits, telegram_peers):
        rows = [row._asdict() for row in db.execute(select(table))]
        if rows:
            trial.execute(insert(table), rows)


def take_back(db: Connection, trial: Connection, lent: Iterable[Account], now: datetime) -> None:
    """Count what a trial spent, and keep what it learned.

    Args:
        lent: The accounts as they were.
    """
    after = {one.name: one for one in every(trial, now)}
    for before in lent:
        one = after[before.name]
        requests, names = one.requests - before.requests, one.names - before.names
        spend(db, one.name, now, requests=max(0, requests), names=max(0, names))
        for method, until in one.waits.items():
            wait(db, one.name, method, until)
        if one.state is not before.state:
            set_state(db, one.name, one.state, one.state_detail)
        peers = select(telegram_peers).where(telegram_peers.c.account == one.name)
        know(
            db,
            one.name,
            [Peer(row.channel_id, row.access_hash, row.username) for row in trial.execute(peers)],
        )


def count_peers(db: Connection, name: str) -> int:
    """Count the channels that an account knows."""
    statement = select(func.count()).where(telegram_peers.c.account == name)
    return db.scalar(statement.select_from(telegram_peers)) or 0


def _at(name: str) -> Any:  # noqa: ANN401 - a statement of SQLAlchemy's
    return update(telegram_accounts).where(telegram_accounts.c.name == name)


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _account(row: Row[Any], now: datetime, waits: dict[str, datetime]) -> Account:
    is_today = row.day == _day(now)
    return Account(
        name=row.name,
        user_id=row.user_id,
        state=AccountState(row.state),
        state_detail=row.state_detail,
        added_at=row.added_at,
        last_used_at=row.last_used_at,
        requests=row.requests if is_today else 0,
        names=row.names if is_today else 0,
        waits=waits,
    )
