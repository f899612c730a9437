"""Scrapy alone, fetching pages: `python -m monitor.bench._bare HOME WAY ADDRESSES_FILE`.

Ways: "fetch" asks for all of them, "follow" for one, and for what it links to, as `scrapy bench`
does; both with the settings of a crawl but for the pipeline. "eager" asks for all of them with
Scrapy's own settings, where nothing is polite.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response, TextResponse
from scrapy.linkextractors import LinkExtractor

from crawlers.addresses import AddressRules, rules_for
from crawlers.settings import scrapy_settings
from monitor.settings import load


class Bare(Spider):
    """Asks for pages, and reads nothing of them but links."""

    name = "bare"

    def __init__(
        self, addresses: list[str], rules: AddressRules, *, follows: bool, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.addresses = addresses[:1] if follows else addresses
        self.address_rules = rules
        self.links = LinkExtractor(allow=r"/view(?:forum|topic)") if follows else None

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the first ones."""
        for address in self.addresses:
            yield Request(address, dont_filter=True)

    def parse(self, response: Response) -> Iterator[Request]:
        """Follow the links."""
        if self.links is not None and isinstance(response, TextResponse):
            for link in self.links.extract_links(response):
                yield Request(link.url)


def main() -> None:
    """Print pages and seconds."""
    home, way, file = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    settings = load(home)
    addresses = file.read_text(encoding="utf-8").split("\n")
    rules = rules_for(addresses[0], settings.network.allow_private)
    given: dict[str, Any] = {"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False}
    if way != "eager":
        given = {**scrapy_settings(settings), "ITEM_PIPELINES": {}}
    process = AsyncCrawlerProcess(given)
    crawler = process.create_crawler(Bare)
    process.crawl(crawler, addresses=addresses, rules=rules, follows=way == "follow")
    began = time.perf_counter()
    process.start()
    fetched = crawler.stats.get_value("response_received_count", 0) if crawler.stats else 0
    sys.stdout.write(f"{fetched} {time.perf_counter() - began:.3f}\n")


if __name__ == "__main__":
    main()
