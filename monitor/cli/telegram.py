"""`haechi telegram`: the accounts that read channels, their health and what they may still ask."""

from __future__ import annotations

import asyncio
import getpass
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from monitor.cli.groups import ListingGroup
from monitor.cli.home import Home, actor, opened
from monitor.cli.output import AsJson, ask, complain, count, emit, say, table, when
from monitor.clock import utc_now
from monitor.errors import HaechiError, Misuse
from monitor.models.account import Account, AccountState
from monitor.store import accounts, audit, cases, sources

Name = Annotated[str, typer.Argument(help="Your word for the account.")]
_MAIN = "main"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        cls=ListingGroup, help="Log accounts in that read Telegram, list them, log them out."
    )
    group.command("list")(list_accounts)
    group.command("login")(login)
    group.command("logout")(logout)
    group.command("sensitive")(sensitive)
    app.add_typer(group, name="telegram")


def list_accounts(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the accounts, what they asked today, and what they wait for; the default."""
    with opened(ctx) as home:
        now = utc_now()
        limits = home.settings.telegram
        with home.store.read() as db:
            found = accounts.every(db, now)
            known = {one.name: accounts.count_peers(db, one.name) for one in found}
    if as_json:
        for one in found:
            emit({"account": one, "channels": known[one.name]})
        return
    table(
        ("account", "state", "requests today", "names today", "knows", "waits", "last used"),
        [
            (
                one.name,
                one.state,
                f"{one.requests} of {limits.requests_a_day}",
                f"{one.names} of {limits.names_a_day}",
                count(known[one.name], "channel"),
                ", ".join(f"{what} until {when(until)}" for what, until in one.waits.items()),
                one.last_used_at,
            )
            for one in found
        ],
        empty="no account: channels are read by their web preview; haechi telegram login",
    )
    for one in found:
        if one.state_detail:
            say(one.state_detail)


def login(
    ctx: typer.Context,
    name: Name = _MAIN,
    phone: Annotated[str, typer.Option(help="With its country: +821012345678.")] = "",
) -> None:
    """Log an account in, by its phone number, the code that Telegram sends, and its password.

    The log-in is kept encrypted, for this user only. It can read whatever the account can: keep an
    account for this work alone.
    """
    from crawlers.telegram import session as sessions
    from crawlers.telegram.login import log_in

    sessions.check_name(name)
    with opened(ctx) as home:
        with home.store.read() as db:
            known = accounts.get(db, name, utc_now())
            create_key = not cases.is_anything_sealed(db)
        if known is not None and known.state is AccountState.OK and _can_open(home, name):
            raise Misuse(
                f"the account {name} is logged in: give another name, or first "
                f"haechi telegram logout {name}"
            )
        user_id = _run(log_in(home.settings, name, phone, _ask, create_key=create_key))
        with home.store.write() as db:
            accounts.add(db, name, user_id, utc_now())
            sources.forget_views(db, name)
            _note(db, "telegram.login", name)
        say(f"logged in as {name} (user {user_id}); channels are read by it from now on")


def logout(
    ctx: typer.Context,
    name: Name,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where Telegram can't be told.")
    ] = False,
) -> None:
    """End an account's log-in, and forget it with all that it knows."""
    from crawlers.telegram import session as sessions
    from crawlers.telegram.login import log_out

    with opened(ctx) as home:
        _known(home, name)
        try:
            _run(log_out(home.settings, name))
        except HaechiError as error:
            if not anyway:
                raise Misuse(
                    f"{error}; to forget the account here all the same: --anyway"
                ) from error
            complain(
                f"haechi: Telegram was not told ({error}): end the log-in under Devices in an "
                "official app"
            )
        sessions.remove(home.settings, name)
        with home.store.write() as db:
            accounts.remove(db, name)
            sources.forget_views(db, name)
            _note(db, "telegram.logout", name)
        say(f"logged out {name}")


def sensitive(ctx: typer.Context, name: Name = _MAIN) -> None:
    """Let an account see channels that are marked 18+; Telegram hides them else."""
    from crawlers.telegram.login import allow_sensitive

    with opened(ctx) as home:
        _known(home, name)
        _run(allow_sensitive(home.settings, name))
        with home.store.write() as db:
            sources.forget_views(db, name)
            _note(db, "telegram.sensitive", name)
        say(f"{name} sees channels that are marked 18+ from now on")


def _note(db: Connection, action: str, name: str) -> None:
    """Record who did it."""
    audit.record(db, actor=actor(), action=action, subject=name, now=utc_now())


def _known(home: Home, name: str) -> Account:
    """Find an account.

    Raises:
        Misuse: There is none of that name.
    """
    with home.store.read() as db:
        found = accounts.get(db, name, utc_now())
    if found is None:
        raise Misuse(f"no Telegram account {name!r}; see `haechi telegram`")
    return found


def _can_open(home: Home, name: str) -> bool:
    """Tell whether an account's log-in is there and can be opened."""
    from crawlers.telegram import session as sessions

    try:
        sessions.load(home.settings, name)
    except HaechiError:
        return False
    return True


async def _ask(question: str, is_hidden: bool) -> str:
    """Ask the operator; Ctrl-C ends it at once, which the event loop would wait with."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if is_hidden and sys.stdin.isatty():
            return getpass.getpass(f"{question} ")
        return ask(question)
    finally:
        signal.signal(signal.SIGINT, usual)


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever the work gives
    """Run one piece of work with Telegram."""
    return asyncio.run(work)
