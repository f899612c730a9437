"""`haechi index`: the search index, made from the store."""

from __future__ import annotations

import typer

from monitor.cli.home import Home, opened
from monitor.cli.output import AsJson, count, emit, progress, say
from monitor.clock import utc_now
from monitor.search import drain as index
from monitor.store import outbox


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Drain, rebuild and look at the search index.", no_args_is_help=True)
    group.command("drain")(drain)
    group.command("rebuild")(rebuild)
    group.command("status")(status)
    app.add_typer(group, name="index")


def drain(
    ctx: typer.Context,
    dead: bool = typer.Option(False, "--dead", help="Also try again what was put aside."),
) -> None:
    """Take over what waits to be indexed."""
    with opened(ctx) as home:
        if dead:
            with home.store.write() as db:
                outbox.dig_up(db, utc_now())
        _drain(home)


def rebuild(ctx: typer.Context) -> None:
    """Make the index anew from the store."""
    with opened(ctx) as home:
        index.reset(home.store, home.settings)
        _drain(home)


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say what the index holds, what waits and what was put aside."""
    with opened(ctx) as home:
        opened_index = index.open_index(home.settings)
        try:
            posts, found = opened_index.count(outbox.POST), opened_index.count(outbox.FINDING)
        finally:
            opened_index.close()
        with home.store.read() as db:
            waiting, since = outbox.backlog(db)
            dead = outbox.dead(db)
    if as_json:
        emit(
            {
                "posts": posts,
                "findings": found,
                "waiting": waiting,
                "waiting_since": since,
                "dead": [{"kind": one[0], "id": one[1], "reason": one[2]} for one in dead],
            }
        )
        return
    say(f"indexed: {count(posts, 'post')}, {count(found, 'finding')}")
    say(f"waiting: {count(waiting, 'change')}")
    for kind, doc_id, reason in dead:
        say(f"put aside: {kind} {doc_id}: {reason}")


def _drain(home: Home) -> None:
    """Drain with a bar."""
    with home.store.read() as db:
        waiting, _ = outbox.backlog(db)
    with progress("indexing", waiting) as bar:
        taken = index.drain(
            home.store, home.settings, progress=lambda n: bar.advance(bar.task_ids[0], n)
        )
    say(f"{count(taken, 'change')} indexed")
