"""One request at a time and a pause between two, for each host."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawlers.pace import LONGEST_WAIT_S, Pace

_BUSY = frozenset({429, 503})
# A robots.txt that asks for more would keep a source, or a picture in a post, from ever being read.
LONGEST_CRAWL_DELAY_S = 60.0
LONGEST_REST_S = 60.0
# Times the pause between two requests, after the first refusal without a word for how long.
_FIRST_BACKOFF = 10
# Beyond any wait, and still a float.
_MOST_DOUBLINGS = 30


class HostIsBusy(IgnoreRequest):
    """The host asked to be left alone for longer than a crawl waits."""


class Politeness:
    """Waits for the host's next free time before each request, also before robots.txt.

    A host that takes longer to answer than the pause between two requests is left alone for as
    long as it took; one that is too busy, for as long as it says, or ever longer.
    """

    def __init__(self, pace: Pace, user_agent: str, delay_s: float = 0.0) -> None:
        self._pace = pace
        self._user_agent = user_agent
        self._delay_s = delay_s
        self._delays_s: dict[str, float] = {}
        self._latencies_s: dict[str, float] = {}
        self._refusals: Counter[str] = Counter()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Politeness:
        """Take folder, pause and name from the settings."""
        settings = crawler.settings
        pace = Pace(settings["HAECHI_PACE_FOLDER"], settings["HAECHI_DELAY_S"])
        made = cls(pace, settings["USER_AGENT"], settings["HAECHI_DELAY_S"])
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
        """Heed a host that says it is asked too often, or shows it."""
        host = _host(request.url)
        if response.status in _BUSY:
            self._refusals[host] += 1
            doublings = min(self._refusals[host] - 1, _MOST_DOUBLINGS)
            growing_s = self._delay_s * _FIRST_BACKOFF * 2**doublings
            asked_s = _seconds(response.headers.get("Retry-After", b"") or b"")
            pause_s = asked_s if asked_s > 0 else min(growing_s, LONGEST_WAIT_S)
        else:
            self._refusals.pop(host, None)
            pause_s = self._rest_s(host, request.meta.get("download_latency", 0.0))
        if pause_s > 0:
            self._pace.hold_off(host, pause_s)
        return response

    def _rest_s(self, host: str, latency_s: float) -> float:
        """Give how long a slow host rests: as long as it took to answer, on average."""
        mean_s = (self._latencies_s.get(host, latency_s) + latency_s) / 2
        self._latencies_s[host] = mean_s
        is_slow = 0 < self._delay_s < mean_s
        return min(mean_s, LONGEST_REST_S) if is_slow else 0.0


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
