"""One request at a time and a pause between two, for each host."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawlers.pace import Pace

_BUSY = frozenset({429, 503})
# A robots.txt that asks for more would keep a source, or a picture in a post, from ever being read.
LONGEST_CRAWL_DELAY_S = 60.0


class HostIsBusy(IgnoreRequest):
    """The host asked to be left alone for longer than a crawl waits."""


class Politeness:
    """Waits for the host's next free time before each request, also before robots.txt."""

    def __init__(self, pace: Pace, user_agent: str) -> None:
        self._pace = pace
        self._user_agent = user_agent
        self._delays_s: dict[str, float] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Politeness:
        """Take folder, pause and name from the settings."""
        settings = crawler.settings
        pace = Pace(settings["HAECHI_PACE_FOLDER"], settings["HAECHI_DELAY_S"])
        made = cls(pace, settings["USER_AGENT"])
        crawler.signals.connect(made.robots_parsed, signals.robots_parsed)
        return made

    def robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        """Heed the Crawl-delay of a host, from its robots.txt on."""
        asked_s = robotparser.crawl_delay(self._user_agent)
        # Anything can be written there.
        if asked_s is not None and asked_s > 0:
            host, delay_s = _host(request.url), min(asked_s, LONGEST_CRAWL_DELAY_S)
            self._delays_s[host] = delay_s
            self._pace.hold_off(host, delay_s)

    async def process_request(self, request: Request) -> None:
        """Wait.

        Raises:
            HostIsBusy: The wait is one for the next crawl.
        """
        host = _host(request.url)
        wait_s = self._pace.reserve(host, self._delays_s.get(host, 0.0))
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
