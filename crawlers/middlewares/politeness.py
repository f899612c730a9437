"""One request at a time and a pause between two, for each host."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from crawlers.pace import Pace

_BUSY = frozenset({429, 503})


class HostIsBusy(IgnoreRequest):
    """The host asked to be left alone for longer than a crawl waits."""


class Politeness:
    """Waits for the host's next free time before each request, also before robots.txt."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Politeness:
        """Take folder and pause from the settings."""
        return cls(Pace(crawler.settings["HAECHI_PACE_FOLDER"], crawler.settings["HAECHI_DELAY_S"]))

    async def process_request(self, request: Request) -> None:
        """Wait.

        Raises:
            HostIsBusy: The wait is one for the next crawl.
        """
        wait_s = self._pace.reserve(_host(request.url))
        if self._pace.is_too_long(wait_s):
            raise HostIsBusy("the host asked to be left alone")
        await asyncio.sleep(max(0.0, wait_s))

    def process_response(self, request: Request, response: Response) -> Response:
        """Heed a host that says it is asked too often."""
        if response.status in _BUSY:
            asked_s = _seconds(response.headers.get("Retry-After", b"") or b"")
            if asked_s > 0:
                self._pace.hold_off(_host(request.url), asked_s)
        return response


def _seconds(retry_after: bytes) -> float:
    """Read a Retry-After header: seconds or a date; 0 for anything else."""
    if retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return parsedate_to_datetime(retry_after.decode("ascii")).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0


def _host(url: str) -> str:
    """Name the host that a URL asks."""
    return urlsplit(url).netloc.lower()
