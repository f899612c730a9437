"""One crawl of one source in this process: `python -m crawlers SOURCE_ID RUN_ID`.

Started by `schedules.runner`, which limits its time; it limits its own memory, ends after the
page at hand on SIGTERM or when its parent is gone (standard input closes), and tells its
progress on standard output, one JSON object a page.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LAST_RESORT_S = 60


def main() -> int:
    """Crawl; 0 when the run was recorded, however it ended."""
    parser = argparse.ArgumentParser(prog="python -m crawlers")
    parser.add_argument("source")
    parser.add_argument("run")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    given = parser.parse_args()
    # Before the heavy imports, so that it holds for all of them.
    os.umask(0o077)
    limit = given.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _crawl(given.source, given.run, given.home)


def _crawl(source: str, run: str, home: Path) -> int:
    """Run Scrapy on one source."""
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.settings import Settings as ScrapySettings

    from crawlers.settings import scrapy_settings
    from crawlers.spiders import SPIDERS
    from crawlers.spiders._base import SourceSpider
    from monitor import logs
    from monitor.settings import load
    from monitor.store import sources
    from monitor.store.store import Store

    settings = load(home)
    # By the kernel: whoever limits this process may be gone, and Python may hang where it can't
    # look at a clock, as in loading a library that finds no memory.
    signal.alarm(int(settings.crawl.time_limit_s) + _LAST_RESORT_S)
    store = Store(settings.store_url)
    with store.read() as db:
        found = sources.find(db, source)
    store.close()
    if found is None:
        return 1
    process = AsyncCrawlerProcess(
        ScrapySettings(scrapy_settings(settings)), install_root_handler=False
    )
    # After Scrapy, which has its own idea of logging.
    logs.configure(home)
    crawler = process.create_crawler(SPIDERS[found.kind])
    process.crawl(crawler, source=source, run=run, settings_given=settings, report_progress=True)

    def stop() -> None:
        if isinstance(crawler.spider, SourceSpider):
            crawler.spider.stopping = True

    loop = asyncio.get_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(2, thread_name_prefix="step"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if not sys.stdin.isatty():
        loop.add_reader(sys.stdin, _parent_gone, loop, stop)
    process.start(install_signal_handlers=False)
    return 0


def _parent_gone(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when standard input closes: nobody is there to limit this process any more."""
    if not os.read(sys.stdin.fileno(), 64):
        loop.remove_reader(sys.stdin)
        stop()


if __name__ == "__main__":
    sys.exit(main())
