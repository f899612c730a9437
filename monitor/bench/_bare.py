"""Scrapy alone, fetching pages: `python -m monitor.bench._bare HOME AT_ONCE ADDRESSES_FILE`.

With the settings of a crawl but for the pipeline; or with Scrapy's own, where nothing is polite.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess

from crawlers.addresses import AddressRules, rules_for
from crawlers.settings import scrapy_settings
from monitor.settings import load


class Bare(Spider):
    """Asks for pages and does nothing with them."""

    name = "bare"

    def __init__(self, addresses: list[str], rules: AddressRules, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.addresses = addresses
        self.address_rules = rules
        self.fetched = 0

    async def start(self) -> AsyncIterator[Request]:
        """Ask for all of them."""
        for address in self.addresses:
            yield Request(address, dont_filter=True)

    def parse(self, _: Any) -> None:  # noqa: ANN401 - a response, which nobody looks at
        """Count."""
        self.fetched += 1


def main() -> None:
    """Print pages and seconds."""
    home, at_once, file = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    settings = load(home)
    addresses = file.read_text(encoding="utf-8").split("\n")
    rules = rules_for(addresses[0], settings.network.allow_private)
    given: dict[str, Any] = {"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False}
    if at_once == 1:
        given = {**scrapy_settings(settings), "ITEM_PIPELINES": {}}
    else:
        given["CONCURRENT_REQUESTS_PER_DOMAIN"] = at_once
        given["DOWNLOAD_DELAY"] = 0
    process = AsyncCrawlerProcess(given)
    crawler = process.create_crawler(Bare)
    process.crawl(crawler, addresses=addresses, rules=rules)
    began = time.perf_counter()
    process.start()
    fetched = crawler.stats.get_value("response_received_count", 0) if crawler.stats else 0
    sys.stdout.write(f"{fetched} {time.perf_counter() - began:.3f}\n")


if __name__ == "__main__":
    main()
