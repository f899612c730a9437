"""What all spiders share: one source, one walk, each page committed before the next one."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, cast

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider

from crawlers.addresses import AddressRules, rules_for
from crawlers.context import CrawlContext
from crawlers.http import Downloader
from crawlers.pages.browser import Browser
from crawlers.source_run import SourceRun
from monitor.errors import Misuse
from monitor.models.post import Batch, Json
from monitor.models.run import Counts
from monitor.models.source import Source, SourceKind
from monitor.settings import find_home, load
from monitor.store import sources
from pipelines.chain import can_share
from pipelines.scrapy_adapter import PageItem
from pipelines.services import Services

# Pages that are committed together at most, and what they wait for each other.
_MAX_GROUP = 16
_MOMENT_S = 0.05


class SourceSpider(Spider):
    """Crawls one source: `scrapy crawl NAME -a source=ADDRESS`."""

    kind: ClassVar[SourceKind]
    via: ClassVar[str | None] = None

    def __init__(self, source: str = "", run: SourceRun | None = None, **kwargs: Any) -> None:
        """Look the source up.

        Args:
            source: Its address or id; of no account where the run is given.
            run: What the caller prepared; by default all is opened here, from HAECHI_HOME or the
                current folder.
            kwargs: Scrapy's own.
        """
        super().__init__(**kwargs)
        self._owned = None if run is not None else self._own_run(source)
        self.run = run or cast("SourceRun", self._owned)
        self.run.via = self.via
        self.source: Source = self.run.source
        self.config = self.run.context.config

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> SourceSpider:
        """Make the spider with what needs Scrapy's crawler."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        network = spider.config.network
        spider.downloader = Downloader(
            crawler,
            max_media_bytes=network.max_media_bytes,
            max_whole_video_bytes=network.max_whole_video_bytes,
            by_browser=spider.source.browser,
        )
        if spider.source.browser:
            spider.browser = Browser(
                spider.config,
                spider.address_rules,
                spider.start_url,
                str(crawler.settings["USER_AGENT"]),
            )
        spider.services = spider.run.context.services(
            spider.downloader.media, spider.downloader.video
        )
        return spider

    downloader: Downloader
    services: Services
    browser: Browser | None = None

    @property
    def run_id(self) -> str:
        """The run's id, once it is opened."""
        return self.run.id

    @property
    def address_rules(self) -> AddressRules:
        """The addresses that this source's crawl may reach; read by the address guard."""
        return rules_for(self.start_url, self.config.network.allow_private)

    @property
    @abstractmethod
    def start_url(self) -> str:
        """Where the crawl starts."""

    @abstractmethod
    def walk(self, checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
        """Read the source from its checkpoint on, page by page."""

    async def start(self) -> AsyncIterator[Any]:
        """Crawl: pages are committed in the order they are read; record how it ended."""
        with self.run.recorded():
            try:
                async with aclosing(self.run.batches(self.walk)) as batches:
                    async for item in self._groups(batches):
                        yield item
            finally:
                if self.browser is not None:
                    await self.browser.close()
                self.run.cost = self._cost()
        if self._owned is not None:
            self._owned.context.close()
        await self._settled()
        # Scrapy would see only at its next heartbeat, 5 s later, that nothing is left to do.
        raise CloseSpider("finished")

    async def _groups(self, batches: AsyncGenerator[Batch]) -> AsyncGenerator[PageItem]:
        """Give pages to be committed, in order, while further ones are read.

        Those that come within a moment go together: a commit costs as much as a page. Where there
        is a pause between two requests, each is committed by itself.
        """
        clock = asyncio.get_running_loop().time
        reading: asyncio.Future[Batch | None] | None = _next(batches)
        committing: asyncio.Future[Counts] | None = None
        kept: list[Batch] = []
        held: Batch | None = None
        due = 0.0
        trouble: BaseException | None = None
        try:
            while reading or committing or kept or held:
                if held is not None and len(kept) < _MAX_GROUP and can_share(kept, held):
                    due = due if kept else clock() + _MOMENT_S
                    kept.append(held)
                    held, reading = None, _next(batches)
                is_due = reading is None or len(kept) >= _MAX_GROUP or clock() >= due
                if kept and committing is None and is_due:
                    committing = asyncio.get_running_loop().create_future()
                    yield PageItem(kept, committing)
                    kept = []
                    continue
                waited = [one for one in (reading, committing) if one is not None]
                patience_s = None if committing or not kept else max(0.0, due - clock())
                await asyncio.wait(waited, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                if committing is not None and committing.done():
                    if not self.run.took(committing.result()):
                        return
                    committing = None
                if reading is not None and reading.done():
                    trouble = reading.exception()
                    held = None if trouble else reading.result()
                    reading = None
            if trouble is not None:
                # After what was read before it.
                raise trouble
        finally:
            if reading is not None:
                await _ended(reading)

    async def _settled(self) -> None:
        """Wait until Scrapy has put the last page aside: closing before that, it waits for ever."""
        slot = None if self.crawler.engine is None else self.crawler.engine.scraper.slot
        while slot is not None and not slot.is_idle():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)

    def _cost(self) -> Counts:
        """Tell what the crawl cost, as Scrapy counted it."""
        stats = self.crawler.stats
        if stats is None:
            return Counts()
        return Counts(
            requests=int(stats.get_value("downloader/request_count", 0)),
            bytes=int(stats.get_value("downloader/response_bytes", 0))
            + (0 if self.browser is None else self.browser.bytes_passed),
        )

    def _own_run(self, address: str) -> SourceRun:
        """Open what a crawl needs, as nobody else did."""
        context = CrawlContext(load(find_home(None)))
        with context.store.read() as db:
            found = sources.find(db, address)
        if found is None or found.kind is not self.kind:
            raise Misuse(f"no {self.kind} source {address!r}; see `haechi sources list`")
        return SourceRun(context, found)


def _next(batches: AsyncGenerator[Batch]) -> asyncio.Future[Batch | None]:
    return asyncio.ensure_future(anext(batches, None))


async def _ended(reading: asyncio.Future[Batch | None]) -> None:
    """End a reading that nobody waits for any more: it must not go on while its walk is closed."""
    reading.cancel()
    await asyncio.wait([reading])
    if not reading.cancelled():
        reading.exception()
