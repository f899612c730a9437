"""Crawls in this process: `python -m crawlers SOURCE_ID RUN_ID`, or `--group SOURCE_ID...`.

Started by `schedules.runner`, which limits its time; it limits its own memory, ends after the
page at hand on SIGTERM or when its parent is gone (standard input closes), and tells its
progress on standard output, one JSON object a page. A group is read one after the other, over the
same connections; the end of each of its runs is told, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess

    from crawlers.context import CrawlContext
    from crawlers.source_run import SourceRun
    from crawlers.telegram.collector import Collector

_LAST_RESORT_S = 60


def main() -> int:
    """Crawl; 0 when the runs were recorded, however they ended."""
    parser = argparse.ArgumentParser(prog="python -m crawlers")
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--group", action="store_true")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    given = parser.parse_args()
    # Before the heavy imports, so that it holds for all of them.
    os.umask(0o077)
    limit = given.memory_mb << 20
    # The soft one: it binds this process, and the keeper of a browser can take it off for its own.
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if given.group:
        return _crawl([(one, "") for one in given.sources], given.home, anew=given.anew)
    source, run = given.sources
    return _crawl([(source, run)], given.home, anew=given.anew)


def _crawl(wanted: list[tuple[str, str]], home: Path, *, anew: bool) -> int:
    """Run Scrapy's event loop, and the crawls in it.

    Args:
        wanted: Sources by their ids, each with the id of its run, or "" to open one.
        anew: As `CrawlContext` has it.
    """
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.settings import Settings as ScrapySettings

    from crawlers.context import CrawlContext
    from crawlers.settings import scrapy_settings
    from monitor import logs
    from monitor.settings import load

    settings = load(home)
    # By the kernel: whoever limits this process may be gone, and Python may hang where it can't
    # look at a clock, as in loading a library that finds no memory.
    signal.alarm(int(settings.crawl.time_limit_s) + _LAST_RESORT_S)
    context = CrawlContext(settings, report=True, anew=anew)
    process = AsyncCrawlerProcess(
        ScrapySettings(scrapy_settings(settings) | {"LOG_INSTALL_ROOT_HANDLER": False})
    )
    # After Scrapy, which has its own idea of logging.
    logs.configure(home)

    def stop() -> None:
        context.stopping = True

    loop = asyncio.get_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(2, thread_name_prefix="step"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if not sys.stdin.isatty():
        loop.add_reader(sys.stdin, _parent_gone, loop, stop)
    crawling = loop.create_task(_all(wanted, context, process))
    process.start(stop_after_crawl=False, install_signal_handlers=False)
    crawling.result()
    return 0


async def _all(
    wanted: list[tuple[str, str]], context: CrawlContext, process: AsyncCrawlerProcess
) -> None:
    """Crawl one source after the other, then end the process's loop."""
    from twisted.internet import reactor

    from crawlers.source_run import SourceRun
    from crawlers.telegram.collector import Collector
    from monitor.errors import Busy
    from monitor.store import sources

    collector = Collector(context)
    try:
        for source_id, run_id in wanted:
            with context.store.read() as db:
                source = sources.find(db, source_id)
            if source is None or context.stopping:
                continue
            signal.alarm(int(context.config.crawl.time_limit_s) + _LAST_RESORT_S)
            run = SourceRun(context, source, run_id)
            # Whoever crawls it just now does what was wanted here.
            with suppress(Busy):
                await _one(run, collector, process)
            if not run_id and run.id:
                _tell_end(run)
    finally:
        await collector.close()
        context.close()
        running: Any = reactor
        running.callLater(0, running.stop)


async def _one(run: SourceRun, collector: Collector, process: AsyncCrawlerProcess) -> None:
    """Crawl a source: a Telegram channel by an account if there is one, else its web preview."""
    from crawlers.source_run import Elsewhere
    from crawlers.spiders import SPIDERS
    from monitor.models.source import SourceKind, SourceState

    more: dict[str, str] = {}
    if run.source.kind is SourceKind.TELEGRAM:
        name = collector.preview_name(run.source)
        if collector.has_accounts():
            try:
                await collector.crawl(run)
            except Elsewhere as elsewhere:
                refusal = elsewhere
                run.refused(refusal)
            else:
                return
        else:
            why = "Only a Telegram account can read it: log in with `haechi telegram login`."
            refusal = Elsewhere(why, SourceState.PREVIEW_UNAVAILABLE)
        if name is None:
            run.give_up(refusal)
            return
        more["channel"] = name
    await process.crawl(SPIDERS[run.source.kind], source=run.source.id, run=run, **more)


def _tell_end(run: SourceRun) -> None:
    """Tell the process that started this one that a run has ended."""
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({"run": run.id}) + "\n")
        sys.stdout.flush()


def _parent_gone(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when standard input closes: nobody is there to limit this process any more."""
    if not os.read(sys.stdin.fileno(), 64):
        loop.remove_reader(sys.stdin)
        stop()


if __name__ == "__main__":
    sys.exit(main())
