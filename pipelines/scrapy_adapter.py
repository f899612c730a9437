"""Runs the chain as a Scrapy item pipeline, and tells the spider how it went."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

from scrapy.crawler import Crawler

from monitor.models.post import Batch
from monitor.models.run import Counts
from monitor.models.source import Source
from pipelines.chain import process
from pipelines.services import Services


@dataclass
class PageItem:
    """A page on its way through Scrapy.

    Attributes:
        committed: Set when the page is in the store, or to why it is not: the spider waits for
            it, so a page is never asked for before the one before it is safe.
    """

    batch: Batch
    committed: asyncio.Future[Counts]


class Chained(Protocol):
    """What the adapter needs of a spider."""

    source: Source
    run_id: str
    services: Services


class ChainPipeline:
    """The thin adapter between Scrapy and the chain."""

    def __init__(self, spider: Chained) -> None:
        self._spider = spider

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ChainPipeline:
        """Take services from the spider, which knows its source."""
        return cls(cast("Chained", crawler.spider))

    async def process_item(self, item: PageItem) -> PageItem:
        """Take a page through the chain; an error goes to the spider, which ends the crawl."""
        spider = self._spider
        try:
            counts = await process(item.batch, spider.source, spider.run_id, spider.services)
        except Exception as error:  # noqa: BLE001 - handed on, not swallowed
            item.committed.set_exception(error)
        else:
            item.committed.set_result(counts)
        return item
