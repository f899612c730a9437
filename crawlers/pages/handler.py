"""Scrapy's way to the browser: a request that says so is made by it, all others as ever.

So a page read by a browser takes the same way as any: robots.txt, the pace of its host, the guard
of addresses, redirects one by one, further tries.
"""

from __future__ import annotations

from typing import Final

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
)
from scrapy.http import Headers, HtmlResponse, Response
from scrapy.responsetypes import responsetypes

from crawlers.http import BY_BROWSER
from crawlers.middlewares.address_guard import AddressBlocked
from crawlers.pages.browser import BrowserGone, PageFailed
from crawlers.pages.guard import Refusal
from crawlers.spiders._base import SourceSpider
from monitor.errors import SourceUnavailable

_PASSING: Final[dict[str, type[Exception]]] = {
    Refusal.UNKNOWN_HOST: CannotResolveHostError,
    Refusal.UNREACHABLE: DownloadConnectionRefusedError,
    Refusal.TOO_SLOW: DownloadTimeoutError,
    Refusal.TOO_MUCH: DownloadCancelledError,
    "the connection failed": DownloadFailedError,
}


class Pages(HTTP11DownloadHandler):
    """Scrapy's own handler, with the spider's browser beside it."""

    async def download_request(self, request: Request) -> Response:
        """Make a request.

        Raises:
            SourceUnavailable: The browser can't read this page.
            NotConfigured: There is no browser.
        """
        spider = self.crawler.spider
        browser = spider.browser if isinstance(spider, SourceSpider) else None
        if browser is None or not request.meta.get(BY_BROWSER):
            return await super().download_request(request)
        cookies = (request.headers.get("Cookie") or b"").decode("latin-1")
        try:
            captured = await browser.read(request.url, cookies)
        except BrowserGone as gone:
            raise DownloadFailedError("the browser ended") from gone
        except PageFailed as failed:
            raise _told(failed, request.url) from failed
        headers = Headers(captured.headers)
        kind: type[Response] = HtmlResponse
        if not captured.is_rendered:
            kind = responsetypes.from_args(
                headers=headers, url=captured.url, body=captured.body[:1000]
            )
        return kind(
            captured.url,
            status=captured.status,
            headers=headers,
            body=captured.body,
            request=request,
        )


def _told(failed: PageFailed, url: str) -> Exception:
    """Say what happened as the rest of a crawl knows it."""
    if failed.refusal is Refusal.ADDRESS:
        return AddressBlocked("the host's address is not a permitted address")
    kind = _PASSING.get(failed.refusal or failed.reason)
    return kind(failed.reason) if kind else SourceUnavailable(failed.reason, url=url)
