"""`haechi sources`: what is watched, how often, and how it does."""

from __future__ import annotations

import typer

from monitor.cli.groups import ListingGroup
from monitor.cli.home import opened
from monitor.cli.look import engine_of, untold
from monitor.cli.output import AsJson, emit, say, table
from monitor.cli.places import Address, find, interval
from monitor.cli.reasons import outcome
from monitor.cli.watch import add, try_source
from monitor.models.source import Source, SourceKind
from monitor.store import posts, runs, sources
from schedules import runner


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=ListingGroup, help="Add, test, list and pause watched places.")
    group.command("add")(add)
    group.command("list")(list_sources)
    group.command("show")(show)
    group.command("test")(try_source)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("remove")(remove)
    app.add_typer(group, name="sources")


def list_sources(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the watched sources; the default."""
    with opened(ctx) as home, home.store.read() as db:
        found = sources.every(db)
    if as_json:
        for one in found:
            emit(one)
        return
    table(
        ("source", "kind", "engine", "every", "state", "last success", "last new post"),
        [
            (
                one.address,
                one.kind,
                one.engine,
                interval(one.interval_s),
                "paused" if one.paused else one.state,
                one.last_success_at,
                one.last_new_at,
            )
            for one in found
        ],
        empty="no sources yet: haechi sources add @channel",
    )


def show(ctx: typer.Context, address: Address, as_json: AsJson = False) -> None:
    """Show one source and its latest runs."""
    with opened(ctx) as home:
        source = find(home, address)
        with home.store.read() as db:
            latest = [runner.as_it_is(one, home.settings) for one in runs.latest(db, 10, source.id)]
            views = sources.views(db, source.id)
            channel = sources.load_checkpoint(db, source.id).get("channel")
            told = posts.told(db, source.id)
            boards = sources.boards(db, source.id)
    if as_json:
        about = {"source": source, "channel": channel, "views": views, "told": told}
        emit({**about, "boards": boards, "runs": latest})
        return
    is_forum = source.kind is SourceKind.FORUM
    engine = f", engine {engine_of(source) or 'not known yet'}" if is_forum else ""
    every = interval(source.interval_s)
    say(f"{source.address} ({source.id}), {source.kind}{engine}, every {every}")
    state = "paused" if source.paused else source.state
    say(": ".join(filter(None, ("state", state, source.state_detail))))
    if is_forum and (lack := untold(told)):
        say(lack)
    for line in _choices(source, boards):
        say(line)
    if isinstance(channel, dict):
        facts = (f"{name} {channel[name]}" for name in channel if channel[name] is not None)
        say(f"channel: {', '.join(facts)}")
    if views:
        table(
            ("read by", "state", "when", "what it met"),
            [(one.via, one.state, one.at, one.detail) for one in views],
            empty="",
        )
    table(
        (
            "started",
            "by",
            "outcome",
            "pages",
            "new",
            "edited",
            "gone",
            "media",
            "findings",
            "error or note",
        ),
        [
            (
                run.started_at,
                run.via,
                outcome(run),
                run.counts.pages,
                run.counts.posts_new,
                run.counts.posts_edited,
                run.counts.posts_deleted,
                run.counts.media_hashed,
                run.counts.findings,
                run.error or run.note,
            )
            for run in latest
        ],
        empty="never crawled yet",
    )


def _choices(source: Source, boards: dict[str, str]) -> list[str]:
    """Say what an operator chose of how a forum is read."""
    lines = []
    if source.boards:
        chosen = ", ".join(boards.get(one) or one for one in source.boards)
        lines.append(f"boards: {chosen} ({len(source.boards)} of {len(boards)})")
    if source.cookies is not None:
        lines.append(f"read with the cookies in {source.cookies}")
    if source.browser:
        lines.append("read by a browser")
    return lines


def pause(ctx: typer.Context, address: Address) -> None:
    """Stop crawling a source for now.

    What is stored stays.
    """
    _change(ctx, address, "paused", paused=True)


def resume(ctx: typer.Context, address: Address) -> None:
    """Crawl a paused source again."""
    _change(ctx, address, "resumed", paused=False)


def remove(ctx: typer.Context, address: Address) -> None:
    """Stop watching a source.

    What is stored stays, and adding it again resumes there.
    """
    _change(ctx, address, "removed", removed=True)


def _change(ctx: typer.Context, address: str, done: str, **values: bool) -> None:
    """Set a column of a source."""
    with opened(ctx) as home:
        source = find(home, address)
        with home.store.write() as db:
            sources.change(db, source.id, **values)
        say(f"{done} {source.address}")
