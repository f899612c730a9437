"""Ends a download as soon as enough of it is there: some servers give all of a file or nothing."""

from __future__ import annotations

from typing import Final

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers

# In the meta of a request: the most bytes of a part, and of anything else in its place.
ENOUGH: Final = "haechi_enough"
_LEFT: Final = "haechi_left"
_AS_IT_IS: Final = (b"", b"identity")


class Enough:
    """What is kept is a little more than enough, so that it can be told from all there is.

    For requests that bear the mark, in place of Scrapy's limit, which keeps nothing of what is too
    large. Nothing is kept of what comes packed: nobody asked for that, and it would be unpacked
    without a limit.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Enough:
        """Listen to what downloads bring."""
        made = cls()
        crawler.signals.connect(made.headers_received, signals.headers_received)
        crawler.signals.connect(made.bytes_received, signals.bytes_received)
        return made

    def headers_received(self, headers: Headers, request: Request) -> None:
        """Choose the limit by what begins to come.

        Raises:
            StopDownload: Nothing of it is of use.
        """
        if ENOUGH not in request.meta:
            return
        of_part, of_other = request.meta[ENOUGH]
        most = of_part if "Content-Range" in headers else of_other
        if most == 0 or (headers.get("Content-Encoding") or b"").lower() not in _AS_IT_IS:
            raise StopDownload(fail=False)
        # A redirect's request has the count of the one before it.
        request.meta[_LEFT] = most

    def bytes_received(self, data: bytes, request: Request) -> None:
        """Count.

        Raises:
            StopDownload: It is more than enough.
        """
        if ENOUGH not in request.meta:
            return
        request.meta[_LEFT] -= len(data)
        if request.meta[_LEFT] < 0:
            raise StopDownload(fail=False)
