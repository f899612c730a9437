"""Parts of files as HTTP gives them, of which no server's word is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from scrapy import Request
from scrapy.http import Response

from crawlers.middlewares.enough import ENOUGH
from monitor.errors import SourceUnavailable

# What is asked for of a file of which nothing is known: most videos on forums are not much larger.
FIRST: Final = 1 << 20
# Source: RFC 9110, section 14.4; a size of "*" is refused, as nothing can be told of such a file.
_RANGE: Final = re.compile(
    rb"\s*bytes\s+([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})\s*", re.IGNORECASE
)
_VERSION: Final = ("ETag", "Last-Modified")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file.

    Attributes:
        size: Bytes of the whole file.
        version: What its server tells a version of it by.
    """

    size: int
    version: tuple[bytes | None, ...]
    data: bytes = field(repr=False)

    def is_of_same_file(self, other: Part) -> bool:
        """Tell whether two parts go together."""
        told = zip(self.version, other.version, strict=True)
        return self.size == other.size and all(a == b for a, b in told if a and b)


def asking(url: str, start: int, size: int, *, instead: int) -> Request:
    """Make the request for a part.

    Args:
        instead: Bytes that are taken of what comes in its place.
    """
    # Parts are those of what is sent: packed, they would be of something else.
    headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
    meta = {ENOUGH: (size, instead), "download_maxsize": 0}
    return Request(url, dont_filter=True, headers=headers, meta=meta)


def part_of(response: Response, start: int, size: int) -> Part:
    """Read the answer to a request for a part.

    Raises:
        SourceUnavailable: It is not that part.
    """
    if response.status != 206:
        raise SourceUnavailable(f"the server answers {response.status}", url=response.url)
    told = _RANGE.fullmatch(response.headers.get("Content-Range") or b"")
    first, last, whole = map(int, told.groups()) if told else (0, 0, 0)
    is_asked = first == start <= last == min(start + size, whole) - 1
    if told is None or not is_asked or len(response.body) != last - first + 1:
        raise SourceUnavailable(
            "the server gives another part than was asked for", url=response.url
        )
    version = tuple(response.headers.get(name) for name in _VERSION)
    return Part(whole, version, response.body)
