"""Fetches by Scrapy's downloader: pages for the walks, bytes for the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

import structlog
from OpenSSL import SSL
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
from service_identity import CertificateError, VerificationError
from twisted.internet.error import ConnectError

from crawlers.middlewares.address_guard import AddressBlocked
from crawlers.middlewares.politeness import HostIsBusy
from crawlers.ranges import FIRST, Part, asking, part_of
from crawlers.text import text_of_page
from crawlers.walks.fetch import NO_VALIDATOR, NOT_FETCHED, UNCHANGED, FetchedPage
from monitor.errors import HaechiError, MediaError, SourceUnavailable
from monitor.logs import places_of
from monitor.models.source import SourceState
from pipelines.streams import Cut, Parts

log = structlog.get_logger(__name__)

# In the meta of a request that a browser is to make; read by `crawlers.pages.handler`.
BY_BROWSER = "haechi_browser"

_PASSING: dict[type[Exception], str] = {
    CannotResolveHostError: "the host name can't be resolved",
    DownloadConnectionRefusedError: "the host refused the connection",
    DownloadTimeoutError: "no answer in time",
    DownloadFailedError: "the connection failed",
    ConnectError: "the host can't be reached",
    ResponseDataLossError: "the answer was cut off",
}
# The others are answers, if bad ones.
_NO_ANSWER = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    DownloadFailedError,
    ConnectError,
)
_CONDITIONS = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
_TOLD_BY = {"etag": "ETag", "modified": "Last-Modified"}
_MAX_VALIDATOR = 200
_TOO_LARGE = "larger than the limit"
_CIRCLES = "too many redirects"
_LEFT_ALONE = "the host asked to be left alone for now"
# What ends a request before or while it is made. ValueError: the address is none, which Scrapy
# finds out anywhere on its way; a post's picture must not end the crawl by that.
_REFUSED = (IgnoreRequest, DownloadCancelledError, UnsupportedURLSchemeError, ValueError)
# Hosts that fail this often in a row are not asked for pictures again by the same crawl.
_MAX_FAILURES = 2
# Scrapy's word for an answer that was not read to its end.
_STOPPED = "download_stopped"


class Downloader:
    """One crawl's fetching; every request takes the way through the guards."""

    def __init__(
        self,
        crawler: Crawler,
        *,
        max_media_bytes: int,
        max_whole_video_bytes: int,
        by_browser: bool = False,
    ) -> None:
        """Prepare.

        Args:
            max_media_bytes: Larger pictures are refused.
            max_whole_video_bytes: Larger videos are given in parts, or cut.
            by_browser: A browser reads the pages; pictures are fetched as ever.
        """
        self._crawler = crawler
        self._page_meta = {BY_BROWSER: by_browser}
        self._max_media_bytes = max_media_bytes
        self._max_whole_bytes = max_whole_video_bytes
        self._failures: Counter[str] = Counter()

    async def page(self, url: str, validator: Mapping[str, str] = NO_VALIDATOR) -> FetchedPage:
        """Fetch a page; see `crawlers.walks.fetch.Fetch`."""
        headers = {_CONDITIONS[name]: value for name, value in validator.items()}
        try:
            response = await self._download(
                Request(url, dont_filter=True, headers=headers, meta={**self._page_meta})
            )
        except _REFUSED as error:
            # Too large or led in circles is no closed door: it is to be seen, and tried again.
            why = _why(error)
            is_passing = why in (_TOO_LARGE, _CIRCLES, _LEFT_ALONE)
            state = SourceState.FAILING if is_passing else SourceState.RESTRICTED
            raise SourceUnavailable(NOT_FETCHED + why, url=url, state=state) from error
        if response.status >= 500 or response.status == 429:
            raise SourceUnavailable(f"the server answers {response.status}", url=url)
        if response.status == UNCHANGED and validator:
            return FetchedPage(response.url, UNCHANGED, "", requested=url)
        if not isinstance(response, TextResponse):
            raise SourceUnavailable("the answer is not a page of text", url=url)
        try:
            text = text_of_page(response.body, response.text, response.encoding)
        except LookupError as error:
            # The headers name an encoding that is known and is none of texts.
            raise SourceUnavailable("the answer is not a page of text", url=url) from error
        return FetchedPage(response.url, response.status, text, url, _validator(response))

    async def media(self, url: str) -> bytes:
        """Fetch the bytes of a picture; see `pipelines.services.MediaFetcher`."""
        meta = {"download_maxsize": self._max_media_bytes}
        response = await self._file(Request(url, dont_filter=True, meta=meta))
        if response.status != 200:
            raise SourceUnavailable(f"the server answers {response.status}", url=url)
        return response.body

    async def video(self, url: str) -> bytes | Cut | Parts:
        """Fetch what may be a video; see `pipelines.services.VideoFetcher`."""
        most = self._max_whole_bytes
        size = min(FIRST, most)
        response = await self._file(asking(url, 0, size, instead=most))
        if response.status == 200:
            return _beginning(response, most)
        first = part_of(response, 0, size)
        # Where a redirect led to: each part would be led there anew.
        rest = partial(self._part, response.url, first)
        if first.size > most:
            return Parts(first.size, first.data, rest)
        left = first.size - len(first.data)
        return first.data + await rest(len(first.data), left) if left else first.data

    async def _part(self, url: str, first: Part, start: int, size: int) -> bytes:
        """Fetch another part of a file.

        Raises:
            MediaError: As for `media`.
            SourceUnavailable: It can't be had, or the file is another one by now.
        """
        part = part_of(await self._file(asking(url, start, size, instead=0)), start, size)
        if not part.is_of_same_file(first):
            raise SourceUnavailable("it changed while it was read", url=url)
        return part.data

    async def _file(self, request: Request) -> Response:
        """Download for the pipeline; hosts that do not answer are left alone."""
        url = request.url
        host = urlsplit(url).netloc
        if self._failures[host] >= _MAX_FAILURES:
            raise SourceUnavailable("its host does not answer", url=url)
        # One more try in this crawl; later crawls try again.
        request.meta["max_retry_times"] = 1
        try:
            response = await self._download(request)
        except _REFUSED as error:
            why = _why(error)
            if why in (_TOO_LARGE, _CIRCLES):
                self._failures.pop(host, None)
            if why in (_CIRCLES, _LEFT_ALONE):
                raise SourceUnavailable(why, url=url) from error
            raise MediaError(why) from error
        except SourceUnavailable as error:
            if isinstance(error.__cause__, _NO_ANSWER):
                self._failures[host] += 1
            else:
                self._failures.pop(host, None)
            raise
        self._failures.pop(host, None)
        return response

    async def _download(self, request: Request) -> Response:
        """Download through all middlewares; a passing failure becomes SourceUnavailable."""
        engine = self._crawler.engine
        if engine is None:
            raise RuntimeError("the crawl has not started")
        try:
            return await engine.download_async(request)
        except (*_REFUSED, HaechiError):
            raise
        except tuple(_PASSING) as error:
            known = (reason for kind, reason in _PASSING.items() if isinstance(error, kind))
            reason = "its certificate can't be verified" if _is_unproven(error) else next(known)
            raise SourceUnavailable(reason, url=request.url) from error
        except Exception as error:
            # What decoders raise on garbage is an open set, and anybody can post a link to some:
            # it must not end the crawl, now and whenever the post is met again.
            log.warning("download.broken", error=type(error).__name__, places=places_of(error))
            raise SourceUnavailable("the answer can't be unpacked", url=request.url) from error


def _beginning(response: Response, most: int) -> bytes | Cut:
    """Give what a server sent that gives no parts.

    Raises:
        SourceUnavailable: It was not read, as it is packed or says to be a part.
    """
    if len(response.body) > most:
        return Cut(response.body[:most])
    if _STOPPED in response.flags:
        raise SourceUnavailable("the answer is not as it was asked for", url=response.url)
    return response.body


def _validator(response: Response) -> dict[str, str]:
    """Read what a server tells a version of a page by; it is sent back as it was."""
    told = {name: response.headers.get(header, b"") or b"" for name, header in _TOLD_BY.items()}
    return {
        name: value.decode("ascii")
        for name, value in told.items()
        if 0 < len(value) <= _MAX_VALIDATOR and value.isascii() and value.decode().isprintable()
    }


def _is_unproven(error: Exception) -> bool:
    """Tell whether a connection failed because the other side did not prove who it is."""
    reasons = [one.value for one in getattr(error.__cause__, "reasons", ())]
    return any(
        isinstance(one, (VerificationError, CertificateError))
        or (isinstance(one, SSL.Error) and "certificate verify failed" in str(one))
        for one in reasons
    )


def _why(error: Exception) -> str:
    """Say why a request was not made or stopped, in words of ours: never the page's."""
    if isinstance(error, AddressBlocked):
        return str(error)
    if isinstance(error, DownloadCancelledError):
        return _TOO_LARGE
    if isinstance(error, HostIsBusy):
        return _LEFT_ALONE
    if isinstance(error, ValueError):
        return "not a web address"
    text = str(error).lower()
    # First: this message quotes the address, which may hold any word.
    if "download_maxsize" in text:
        return _TOO_LARGE
    if "robots" in text:
        return "robots.txt forbids it"
    if "redirect" in text:
        return _CIRCLES
    return "not allowed"
