"""One request at a time and a pause between two, for each host."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawlers.pace import Pace

_BUSY = frozenset({429, 503})


class Politeness:
    """Waits for the host's next free time before each request, also before robots.txt."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Politeness:
        """Take folder and pause from the settings."""
        return cls(Pace(crawler.settings["HAECHI_PACE_FOLDER"], crawler.settings["HAECHI_DELAY_S"]))

    async def process_request(self, request: Request) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, self._pace.reserve(_host(request.url))))

    def process_response(self, request: Request, response: Response) -> Response:
        """Heed a host that says it is asked too often."""
        if response.status in _BUSY:
            asked = response.headers.get("Retry-After", b"") or b""
            if asked.isdigit() and len(asked) < 6:
                self._pace.hold_off(_host(request.url), float(asked))
        return response


def _host(url: str) -> str:
    """Name the host that a URL asks."""
    return urlsplit(url).netloc.lower()
