"""Runs the chain as a Scrapy item pipeline, and tells the spider how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    """Pages on their way through Scrapy.

    Attributes:
        committed: Set when the pages are in the store, or to why they are not: the spider waits
            for it before it hands out others.
    """

    batches: Sequence[Batch]
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
        """Take pages through the chain; an error goes to the spider, which ends the crawl."""
        spider = self._spider
        try:
            counts = await process(item.batches, spider.source, spider.run_id, spider.services)
        except Exception as error:  # noqa: BLE001 - handed on, not swallowed
            item.committed.set_exception(error)
        else:
            item.committed.set_result(counts)
        return item
