"""Fetches videos as a crawl does: `python -m tests.integration.reading HOME FILES`.

FILES is JSON, `[[URL, [[START, SIZE], ...]], ...]`; what became of each is printed as JSON, one
object a line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess

from crawlers.addresses import AddressRules, rules_for
from crawlers.http import Downloader
from crawlers.settings import scrapy_settings
from monitor.errors import HaechiError
from monitor.settings import Settings, load
from pipelines.streams import Cut, Parts, RemoteStream

File = tuple[str, list[tuple[int, int]]]


class Reader(Spider):
    """Fetches one file after the other, and reads what is given in parts."""

    name = "reader"

    def __init__(
        self, config: Settings, files: list[File], rules: AddressRules, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.files = files
        self.address_rules = rules

    async def start(self) -> AsyncIterator[Any]:
        """Fetch all of them; nothing is left for Scrapy."""
        network = self.config.network
        downloader = Downloader(
            self.crawler,
            max_media_bytes=network.max_media_bytes,
            max_whole_video_bytes=network.max_whole_video_bytes,
        )
        for url, parts in self.files:
            told: dict[str, Any] = {"url": url, "parts": []}
            try:
                await self._read(downloader, url, parts, told)
            except HaechiError as error:
                told |= {"error": type(error).__name__, "why": str(error)}
            told["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            sys.stdout.write(json.dumps(told) + "\n")
        for nothing in ():
            yield nothing

    async def _read(
        self, downloader: Downloader, url: str, parts: list[tuple[int, int]], told: dict[str, Any]
    ) -> None:
        found = await downloader.video(url)
        if not isinstance(found, Parts):
            data = found.data if isinstance(found, Cut) else found
            told |= {"kind": "cut" if isinstance(found, Cut) else "whole", "sha256": _digest(data)}
            return
        told |= {"kind": "parts", "size": found.size}
        stream = RemoteStream(
            found,
            budget=self.config.network.max_video_bytes,
            url=url,
            deadline=time.monotonic() + 60,
            stopping=lambda: False,
        )
        for start, size in parts:
            told["parts"].append(_digest(await asyncio.to_thread(stream.read_at, start, size)))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Print what became of the files."""
    config = load(Path(sys.argv[1]))
    files: list[File] = json.loads(sys.argv[2])
    rules = rules_for(files[0][0], config.network.allow_private)
    process = AsyncCrawlerProcess({**scrapy_settings(config), "ITEM_PIPELINES": {}})
    process.crawl(Reader, config, files, rules)
    process.start()


if __name__ == "__main__":
    main()
