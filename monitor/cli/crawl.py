"""`haechi crawl` and `haechi run`: once and now, or on the schedule."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Annotated

import typer

from monitor.cli.deliver import Delivered, deliver
from monitor.cli.home import Home, opened
from monitor.cli.main import INTERRUPTED
from monitor.cli.output import AsJson, complain, count, emit, progress, say, table, when
from monitor.cli.places import find
from monitor.cli.reasons import outcome, reason
from monitor.errors import Busy, Misuse
from monitor.locks import is_held
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source, SourceKind
from monitor.registry.files import keep_up
from monitor.store import accounts, sources


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
    """Crawl a source now, or all of them.

    What is new is fetched and matched; what was found is indexed and mailed.
    """
    if source and every:
        raise Misuse("a source or --all: give one of the two, not both")
    if not source and not every:
        raise Misuse("say which source, or --all")
    with opened(ctx) as home:
        wanted = [find(home, source)] if source else _active(home)
        if not wanted:
            raise Misuse("no sources to crawl: haechi sources add @channel, or resume a paused one")
        done: list[Run] = []
        at_once = True
        with _stoppable() as stop:
            for run in _each(home, wanted, stop):
                done.append(run)  # noqa: PERF402 - what is done counts when a signal ends it
            at_once = any(run.outcome is Outcome.STOPPED and run.error for run in done)
        delivered = Delivered() if stop.is_set() else deliver(home)
        _print(home, done, delivered.sent, as_json=as_json)
    if stop.is_set():
        kept = "all but the page at hand" if at_once else "what was read"
        complain(f"haechi: stopped; {kept} is kept, crawl again to go on")
        raise typer.Exit(INTERRUPTED)
    is_whole = len(done) == len(wanted) and all(run.outcome is Outcome.OK for run in done)
    if code := max(delivered.tell(), 0 if is_whole else 1):
        raise typer.Exit(code)


def run_daemon(ctx: typer.Context) -> None:
    """Crawl on the schedule until Ctrl-C or SIGTERM.

    Crawls at work commit their page first. On a terminal it tells what crawls meet; elsewhere
    standard error gets the log, as JSON.
    """
    from schedules.daemon import Daemon

    for_people = sys.stderr.isatty()
    with opened(ctx, log_to_stderr=not for_people) as home:
        _warn_unready(home)
        if not is_held(home.settings.state_folder, "daemon"):
            watched = len(_active(home))
            complain(f"haechi: watching {count(watched, 'source')}; Ctrl-C stops")
            if not watched:
                complain("haechi: add one while this runs: haechi sources add @channel")
        # Each crawl is a process: what is in files is not read by each of them.
        keep_up(home.store, home.settings.state_folder)
        on_run = partial(_tell, home) if for_people else lambda _: None
        Daemon(home.store, home.settings, on_run=on_run).run()
        complain("haechi: stopped")


def _active(home: Home) -> list[Source]:
    """List the sources that are not paused."""
    with home.store.read() as db:
        return [one for one in sources.every(db) if not one.paused]


def _tell(home: Home, run: Run) -> None:
    """Tell whoever looks on of a run that met something, or did not reach its end."""
    with home.store.read() as db:
        source = sources.find(db, run.source_id)
    if source is None:
        return
    counts = run.counts
    parts = [
        count(number, thing)
        for number, thing in (
            (counts.posts_new, "new post"),
            (counts.posts_edited, "edited post"),
            (counts.posts_deleted, "deleted post"),
            (counts.findings, "finding"),
        )
        if number
    ]
    if run.outcome is not Outcome.OK:
        parts.insert(0, ": ".join(filter(None, (run.outcome, reason(run, source, home.settings)))))
    if parts:
        complain(f"{when(run.ended_at)}  {source.address}: {', '.join(parts)}")


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Have the first Ctrl-C set the event that is given, and the second one end the block."""
    stop = threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, usual)
        # Not by `complain`: the signal may have come amid a line.
        os.write(2, b"\nhaechi: stopping after this page; Ctrl-C again stops at once\n")

    # Nobody at the terminal is meant where Ctrl-C is ignored.
    if callable(usual):
        signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop
    except KeyboardInterrupt:
        stop.set()
    finally:
        signal.signal(signal.SIGINT, usual)


def _one(home: Home, source: Source, stop: threading.Event) -> Run | None:
    """Crawl one source with a bar; a source that is busy is one line, and the others go on."""
    from crawlers.settings import scrapy_settings
    from schedules import runner

    scrapy_settings(home.settings)  # a missing contact is told here, not by the crawl's process
    with progress(f"crawling {source.address}") as bar:
        task = bar.task_ids[0]

        def show(counts: Counts) -> None:
            bar.update(
                task,
                description=f"crawling {source.address}: {count(counts.pages, 'page')}, "
                f"{count(counts.posts_new, 'new post')}, {count(counts.media_hashed, 'picture')}",
            )

        try:
            run = runner.crawl(
                source, home.store, home.settings, progress=show, stop=stop, anew=True
            )
        except Busy as busy:
            complain(f"haechi: {busy}")
            return None
    if run.outcome not in (Outcome.OK, Outcome.STOPPED):
        why = reason(run, source, home.settings) or run.outcome
        complain(f"haechi: {source.address}: {why}")
    return run


def _each(home: Home, wanted: list[Source], stop: threading.Event) -> Iterator[Run]:
    """Crawl the sources; those that accounts read, together."""
    together = _read_together(home, wanted)
    for one in wanted:
        if stop.is_set():
            return
        if one not in together and (run := _one(home, one, stop)) is not None:
            yield run
    if together and not stop.is_set():
        yield from _group(home, together, stop)


def _read_together(home: Home, wanted: list[Source]) -> list[Source]:
    """List the Telegram sources that are read over the same connections; none where it is one."""
    with home.store.read() as db:
        has_accounts = accounts.has_any(db)
    found = [one for one in wanted if has_accounts and one.kind is SourceKind.TELEGRAM]
    return found if len(found) > 1 else []


def _group(home: Home, group: list[Source], stop: threading.Event) -> list[Run]:
    """Crawl Telegram sources one after the other in one process."""
    from crawlers.settings import scrapy_settings
    from schedules import runner

    scrapy_settings(home.settings)
    names = {one.id: one for one in group}
    done: list[Run] = []
    with progress("crawling Telegram", total=len(group)) as bar:
        task = bar.task_ids[0]

        def ended(run: Run) -> None:
            done.append(run)
            bar.update(task, advance=1)

        runner.crawl_group(group, home.store, home.settings, ended=ended, stop=stop)
    for run in done:
        if run.outcome not in (Outcome.OK, Outcome.STOPPED):
            source = names[run.source_id]
            complain(f"haechi: {source.address}: {reason(run, source, home.settings)}")
    read = {run.source_id for run in done}
    for one in group:
        if one.id not in read and not stop.is_set():
            complain(f"haechi: {one.address}: not reached: another process crawls it just now")
    return done


def _print(home: Home, done: list[Run], sent: int, *, as_json: bool) -> None:
    """Print what the runs gave."""
    with home.store.read() as db:
        names = {one.id: one.address for one in sources.every(db)}
    if as_json:
        for run in done:
            emit({"source": names.get(run.source_id), "run": run})
        return
    table(
        ("source", "outcome", "pages", "new", "edited", "gone", "pictures", "skipped", "findings"),
        [
            (
                names.get(run.source_id),
                outcome(run),
                run.counts.pages,
                run.counts.posts_new,
                run.counts.posts_edited,
                run.counts.posts_deleted,
                run.counts.media_hashed,
                run.counts.media_skipped,
                run.counts.findings,
            )
            for run in done
        ],
        empty="nothing was crawled",
    )
    say(f"{count(sent, 'alert')} mailed")


def _warn_unready(home: Home) -> None:
    """Tell before a long run what will not work."""
    from crawlers.settings import scrapy_settings

    scrapy_settings(home.settings)
    if not home.settings.recipients:
        complain("haechi: nobody gets alerts: set mail.to in haechi.toml")
