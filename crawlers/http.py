"""Fetches by Scrapy's downloader: pages for the walks, bytes for the pipeline."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response, TextResponse

from crawlers.middlewares.address_guard import AddressBlocked
from crawlers.middlewares.politeness import HostIsBusy
from crawlers.walks.fetch import FetchedPage
from monitor.errors import MediaError, SourceUnavailable
from monitor.models.source import SourceState

_PASSING = {
    CannotResolveHostError: "the host name can't be resolved",
    DownloadConnectionRefusedError: "the host refused the connection",
    DownloadTimeoutError: "no answer in time",
    DownloadFailedError: "the connection failed",
    ResponseDataLossError: "the answer was cut off",
}
# What ends a request before or while it is made. ValueError: the address is none, which Scrapy
# finds out anywhere on its way; a post's picture must not end the crawl by that.
_PASSING_REFUSALS = (
    "larger than the limit",
    "too many redirects",
    "the host asked to be left alone for now",
)
_REFUSED = (IgnoreRequest, DownloadCancelledError, UnsupportedURLSchemeError, ValueError)
# Hosts that fail this often in a row are not asked for pictures again by the same crawl.
_MAX_FAILURES = 2


class Downloader:
    """One crawl's fetching; every request takes the way through the guards."""

    def __init__(self, crawler: Crawler, *, max_media_bytes: int) -> None:
        self._crawler = crawler
        self._max_media_bytes = max_media_bytes
        self._failures: Counter[str] = Counter()

    async def page(self, url: str) -> FetchedPage:
        """Fetch a page; see `crawlers.walks.fetch.Fetch`."""
        try:
            response = await self._download(Request(url, dont_filter=True))
        except _REFUSED as error:
            # Too large or led in circles is no closed door: it is to be seen, and tried again.
            why = _why(error)
            state = SourceState.FAILING if why in _PASSING_REFUSALS else SourceState.RESTRICTED
            raise SourceUnavailable(f"not fetched: {why}", url=url, state=state) from error
        if response.status >= 500 or response.status == 429:
            raise SourceUnavailable(f"the server answers {response.status}", url=url)
        if not isinstance(response, TextResponse):
            raise SourceUnavailable("the answer is not a page of text", url=url)
        return FetchedPage(
            url=response.url, status=response.status, text=response.text, requested=url
        )

    async def media(self, url: str) -> bytes:
        """Fetch the bytes of a picture; see `pipelines.services.MediaFetcher`."""
        host = urlsplit(url).netloc
        if self._failures[host] >= _MAX_FAILURES:
            raise SourceUnavailable("its host does not answer", url=url)
        # One more try in this crawl; later crawls try again.
        meta = {"download_maxsize": self._max_media_bytes, "max_retry_times": 1}
        try:
            response = await self._download(Request(url, dont_filter=True, meta=meta))
        except HostIsBusy as error:
            raise SourceUnavailable(_why(error), url=url) from error
        except _REFUSED as error:
            raise MediaError(_why(error)) from error
        except SourceUnavailable:
            self._failures[host] += 1
            raise
        self._failures.pop(host, None)
        if response.status != 200:
            raise SourceUnavailable(f"the server answers {response.status}", url=url)
        return response.body

    async def _download(self, request: Request) -> Response:
        """Download through all middlewares; a passing failure becomes SourceUnavailable."""
        engine = self._crawler.engine
        if engine is None:
            raise RuntimeError("the crawl has not started")
        try:
            return await engine.download_async(request)
        except tuple(_PASSING) as error:
            reason = _PASSING.get(type(error), "the connection failed")
            raise SourceUnavailable(reason, url=request.url) from error
        except OSError as error:
            raise SourceUnavailable("the answer can't be unpacked", url=request.url) from error


def _why(error: Exception) -> str:
    """Say why a request was not made or stopped, in words of ours: never the page's."""
    if isinstance(error, AddressBlocked):
        return str(error)
    if isinstance(error, DownloadCancelledError):
        return "larger than the limit"
    if isinstance(error, HostIsBusy):
        return "the host asked to be left alone for now"
    if isinstance(error, ValueError):
        return "not a web address"
    text = str(error).lower()
    # First: this message quotes the address, which may hold any word.
    if "download_maxsize" in text:
        return "larger than the limit"
    if "robots" in text:
        return "robots.txt forbids it"
    if "redirect" in text:
        return "too many redirects"
    return "not allowed"
