"""What all spiders share: one source, one walk, each page committed before the next one."""

from __future__ import annotations

import asyncio
import json
import sys
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog
from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider

from crawlers.addresses import AddressRules, rules_for
from crawlers.http import Downloader
from monitor.alerts.rules import alerting
from monitor.errors import HaechiError, Misuse, NotConfigured, SourceChanged, SourceUnavailable
from monitor.features.sealing import sealer
from monitor.locks import hold, source_lock
from monitor.logs import places_of
from monitor.models.post import Batch, Json
from monitor.models.run import Counts, Outcome
from monitor.models.source import Source, SourceKind, SourceState
from monitor.registry.bank import open_registry
from monitor.sandbox.pictures import open_decoder
from monitor.settings import Settings, find_home, load
from monitor.store import cases, posts, runs, seen, sources
from monitor.store.store import Store
from pipelines.scrapy_adapter import PageItem
from pipelines.services import Services

log = structlog.get_logger(__name__)

# Posts whose media failed for a passing reason, tried again at the end of each crawl.
RETRIED_POSTS = 50

# Of the time limit, for the pictures of one page: so no page can use up a crawl's time and be read
# again for ever. No page is begun without that share being left: what waits is the next crawl's.
_PAGE_SHARE = 1 / 3


def _seal(settings: Settings, store: Store) -> Callable[[bytes, str], bytes] | None:
    """Give what encrypts hashes of the parts of what is seen; None where none are kept."""
    if not settings.matching.look_back_days or not settings.matching.windows:
        return None
    with store.read() as db:
        # A key that was lost is not replaced by a crawl: its copy may come back.
        has_key = cases.is_anything_sealed(db)
    try:
        sealing = sealer(settings, create=not has_key)
    except NotConfigured as error:
        log.warning("features.no_key", reason=str(error))
        return None
    return None if sealing is None else sealing.seal


class SourceSpider(Spider):
    """Crawls one source: `scrapy crawl NAME -a source=ADDRESS`."""

    kind: ClassVar[SourceKind]

    def __init__(
        self,
        source: str = "",
        run: str | None = None,
        settings_given: Settings | None = None,
        report_progress: bool = False,
        **kwargs: Any,
    ) -> None:
        """Open the store and look the source up.

        Args:
            source: Its address or id.
            run: Id of the run that the caller opened; by default one is opened here.
            settings_given: By default those of HAECHI_HOME or the current folder.
            report_progress: Tell standard output of every page.
            kwargs: Scrapy's own.
        """
        super().__init__(**kwargs)
        self.config = settings_given or load(find_home(None))
        self.store = Store(self.config.store_url)
        self.store.check()
        with self.store.read() as db:
            found = sources.find(db, source)
        if found is None or found.kind is not self.kind:
            raise Misuse(f"no {self.kind} source {source!r}; see `haechi sources list`")
        self.source: Source = found
        self.run_id = run or ""
        self.outcome = Outcome.RUNNING
        self.stopping = False
        self._held = ExitStack()
        self.report_progress = report_progress

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> SourceSpider:
        """Make the spider with what needs Scrapy's crawler."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        network = spider.config.network
        spider.downloader = Downloader(crawler, max_media_bytes=network.max_media_bytes)
        # First: it may make the key that the registry opens what is enrolled meanwhile with.
        seal = _seal(spider.config, spider.store)
        spider.services = Services(
            store=spider.store,
            registry=open_registry(spider.store, spider.config),
            fetch=spider.downloader.media,
            decode=spider._held.enter_context(open_decoder(spider.config)),
            alerting=alerting(spider.config),
            seal=seal,
            media_budget_s=spider.config.crawl.time_limit_s * _PAGE_SHARE,
            stopping=lambda: spider.stopping,
        )
        return spider

    downloader: Downloader
    services: Services

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
        """Crawl: each page is committed before the next is asked for; record how it ended."""
        error = ""
        with structlog.contextvars.bound_contextvars(source=self.source.address, run=self.run_id):
            self._open_run()
            total = Counts()
            last_start = self._last_start()
            try:
                async with aclosing(self._batches()) as batches:
                    async for batch in batches:
                        item = PageItem(batch, asyncio.get_running_loop().create_future())
                        yield item
                        total += await item.committed
                        self._tell_progress(total)
                        if self.stopping:
                            break
                        if self.services.clock() > last_start:
                            log.info("crawl.time_spent")
                            break
                self.outcome = Outcome.STOPPED if self.stopping else Outcome.OK
            except SourceChanged as changed:
                self.outcome, error = Outcome.CHANGED, str(changed)
                self._failed(SourceState.CHANGED, error)
            except SourceUnavailable as away:
                self.outcome, error = Outcome.UNAVAILABLE, str(away)
                self._failed(away.state, error)
            except HaechiError as failure:
                self.outcome, error = Outcome.FAILED, str(failure)
                self._failed(SourceState.FAILING, error)
            except Exception as bug:  # noqa: BLE001 - the run must say how it ended, whatever it was
                self.outcome, error = Outcome.FAILED, f"error in Haechi: {type(bug).__name__}"
                log.error("crawl.bug", error=type(bug).__name__, places=places_of(bug))
                self._failed(SourceState.FAILING, error)
            self._close_run(total, error)
        self._held.close()
        await self._settled()
        # Scrapy would see only at its next heartbeat, 5 s later, that nothing is left to do.
        raise CloseSpider("finished")

    async def _settled(self) -> None:
        """Wait until Scrapy has put the last page aside: closing before that, it waits for ever."""
        slot = None if self.crawler.engine is None else self.crawler.engine.scraper.slot
        while slot is not None and not slot.is_idle():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)

    async def _batches(self) -> AsyncGenerator[Batch]:
        """Give the walk, and what failed before once more: after it, as new posts come first."""
        with self.store.read() as db:
            checkpoint = sources.load_checkpoint(db, self.source.id)
            again = posts.to_retry(db, self.source.id, RETRIED_POSTS)
        async with aclosing(self.walk(checkpoint)) as pages:
            async for batch in pages:
                yield batch
        for post in again:
            yield Batch(url=post.url, posts=(post,))

    def _open_run(self) -> None:
        """Open a run, and hold the source, where the caller did not."""
        if not self.run_id:
            lock = hold(
                self.config.state_folder,
                source_lock(self.source.id),
                what=f"another crawl of {self.source.address}",
            )
            self._held.enter_context(lock)
            with self.store.write() as db:
                self.run_id = runs.start(db, self.source.id, self.services.clock())

    def _last_start(self) -> datetime:
        """Tell until when a page may be begun; the run's time began before this process's."""
        with self.store.read() as db:
            run = runs.get(db, self.run_id)
        began = self.services.clock() if run is None else run.started_at
        return began + timedelta(seconds=self.config.crawl.time_limit_s * (1 - _PAGE_SHARE))

    def _failed(self, state: SourceState, detail: str) -> None:
        """Record why the source could not be read."""
        log.warning("crawl.failed", state=state.value, reason=detail)
        with self.store.write() as db:
            sources.failed(db, self.source.id, state, detail)

    def _close_run(self, total: Counts, error: str) -> None:
        """Record how the crawl ended and what it cost."""
        stats = self.crawler.stats
        cost = Counts()
        if stats is not None:
            cost = Counts(
                requests=int(stats.get_value("downloader/request_count", 0)),
                bytes=int(stats.get_value("downloader/response_bytes", 0)),
            )
        now = self.services.clock()
        with self.store.write() as db:
            if self.outcome is Outcome.OK:
                sources.succeeded(db, self.source.id, now, new_posts=total.posts_new)
            runs.add_counts(db, self.run_id, cost)
            runs.end(db, self.run_id, self.outcome, error, now)
            seen.forget(db, now - timedelta(days=self.config.matching.look_back_days))

    def _tell_progress(self, total: Counts) -> None:
        """Tell the process that started this one how far the crawl is."""
        if self.report_progress:
            try:
                sys.stdout.write(json.dumps(asdict(total)) + "\n")
                sys.stdout.flush()
            except BrokenPipeError:
                # Nobody is there any more to limit this process; the page at hand is committed.
                self.report_progress, self.stopping = False, True
