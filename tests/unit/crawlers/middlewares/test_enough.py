from __future__ import annotations

import pytest
from scrapy import Request
from scrapy.exceptions import StopDownload
from scrapy.http import Headers

from crawlers.middlewares.enough import ENOUGH, Enough

PART = {"Content-Range": "bytes 0-9/100"}


def taken(request: Request, headers: dict[str, str], size: int) -> int:
    """How many bytes of a body come in, byte by byte, before the download is ended."""
    enough = Enough()
    count = 0
    try:
        enough.headers_received(Headers(headers), request)
        while count < size:
            count += 1
            enough.bytes_received(b"x", request)
    except StopDownload as stop:
        # Ended with a failure, what came would be lost.
        if stop.fail:
            raise
    return count


def marked(part: int, instead: int) -> Request:
    return Request("https://a.example/", meta={ENOUGH: (part, instead)})


@pytest.mark.parametrize(
    ("headers", "size", "got"),
    [
        (PART, 10, 10),
        (PART, 50, 11),
        ({}, 20, 20),
        ({}, 50, 21),
        ({"Content-Encoding": "gzip"}, 5, 0),
        ({**PART, "Content-Encoding": "gzip"}, 5, 0),
        ({**PART, "Content-Encoding": "Identity"}, 5, 5),
    ],
)
def test_no_more_is_taken_than_tells_that_there_is_more(
    headers: dict[str, str], size: int, got: int
) -> None:
    assert taken(marked(10, 20), headers, size) == got


def test_nothing_is_taken_in_the_place_of_a_part_where_it_is_of_no_use() -> None:
    assert taken(marked(10, 0), {}, 5) == 0
    assert taken(marked(10, 0), PART, 5) == 5


def test_other_requests_are_left_alone() -> None:
    assert taken(Request("https://a.example/"), {"Content-Encoding": "gzip"}, 500) == 500


def test_each_request_of_a_chain_of_redirects_is_counted_anew() -> None:
    request = marked(10, 20)
    assert taken(request, {}, 15) == 15
    assert taken(request.replace(url="https://b.example/"), {}, 15) == 15
