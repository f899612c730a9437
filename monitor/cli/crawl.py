"""`haechi crawl` and `haechi run`: once and now, or on the schedule."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.deliver import deliver
from monitor.cli.home import Home, opened
from monitor.cli.output import complain, emit, progress, say, table
from monitor.cli.sources import AsJson, find
from monitor.errors import Busy, Misuse
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source
from monitor.store import sources


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("crawl")(crawl)
    app.command("run")(run_daemon)


def crawl(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="Address or id of a watched source.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All sources that are not paused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Crawl now: fetch what is new, match it, index and mail what was found."""
    if bool(source) == every:
        raise Misuse("say which source, or --all")
    with opened(ctx) as home:
        wanted = [find(home, source)] if source else _active(home)
        if not wanted:
            raise Misuse("no sources to crawl: haechi sources add @channel")
        done = [run for one in wanted if (run := _one(home, one)) is not None]
        _, sent = deliver(home)
        _print(home, done, sent, as_json=as_json)
    if len(done) < len(wanted) or any(run.outcome is not Outcome.OK for run in done):
        raise typer.Exit(1)


def run_daemon(ctx: typer.Context) -> None:
    """Run on the schedule until SIGTERM or Ctrl-C; crawls at work commit their page first."""
    from schedules.daemon import Daemon

    with opened(ctx, log_to_stderr=True) as home:
        _warn_unready(home)
        Daemon(home.store, home.settings).run()


def _active(home: Home) -> list[Source]:
    """List the sources that are not paused."""
    with home.store.read() as db:
        return [one for one in sources.every(db) if not one.paused]


def _one(home: Home, source: Source) -> Run | None:
    """Crawl one source with a bar; a source that is busy is one line, and the others go on."""
    from crawlers.settings import scrapy_settings
    from schedules import runner

    scrapy_settings(home.settings)  # a missing contact is told here, not by the crawl's process
    with progress(f"crawling {source.address}") as bar:
        task = bar.task_ids[0]

        def show(counts: Counts) -> None:
            bar.update(
                task,
                description=f"crawling {source.address}: {counts.pages} pages, "
                f"{counts.posts_new} new posts, {counts.media_hashed} pictures",
            )

        try:
            run = runner.crawl(source, home.store, home.settings, progress=show)
        except Busy as busy:
            complain(f"haechi: {busy}")
            return None
    if run.outcome is not Outcome.OK:
        complain(f"haechi: {source.address}: {run.error or run.outcome}")
    return run


def _print(home: Home, done: list[Run], sent: int, *, as_json: bool) -> None:
    """Print what the runs gave."""
    with home.store.read() as db:
        names = {one.id: one.address for one in sources.every(db)}
    if as_json:
        for run in done:
            emit({"source": names.get(run.source_id), "run": run})
        return
    table(
        ("source", "outcome", "pages", "new", "edited", "gone", "pictures", "findings"),
        [
            (
                names.get(run.source_id),
                run.outcome,
                run.counts.pages,
                run.counts.posts_new,
                run.counts.posts_edited,
                run.counts.posts_deleted,
                run.counts.media_hashed,
                run.counts.findings,
            )
            for run in done
        ],
        empty="nothing was crawled",
    )
    say(f"{sent} alerts mailed")


def _warn_unready(home: Home) -> None:
    """Tell before a long run what will not work."""
    from crawlers.settings import scrapy_settings

    scrapy_settings(home.settings)
    if not home.settings.recipients:
        complain("haechi: nobody gets alerts: set mail.to in haechi.toml")
