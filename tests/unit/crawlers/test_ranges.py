from __future__ import annotations

import pytest
from scrapy.http import Response

from crawlers.ranges import asking, part_of
from monitor.errors import SourceUnavailable

URL = "https://cdn.example/a.mp4"


def answer(told: str | None, body: bytes, status: int = 206, **headers: str) -> Response:
    sent = {**({} if told is None else {"Content-Range": told}), **headers}
    return Response(URL, status, headers=sent, body=body)


def test_a_part_is_asked_for_unpacked() -> None:
    request = asking(URL, 100, 50, instead=0)
    assert request.headers["Range"] == b"bytes=100-149"
    assert request.headers["Accept-Encoding"] == b"identity"


@pytest.mark.parametrize(
    ("told", "size"), [("bytes 4-7/100", 4), ("bytes 4-7/8", 4), (" BYTES  4-7/8 ", 9)]
)
def test_a_part_is_taken_as_its_server_tells_it(told: str, size: int) -> None:
    part = part_of(answer(told, b"abcd"), 4, size)
    assert part.data == b"abcd"
    assert part.size in {8, 100}


@pytest.mark.parametrize(
    ("told", "body"),
    [
        (None, b"abcd"),
        ("", b"abcd"),
        ("bytes 4-7/*", b"abcd"),
        ("bytes */100", b"abcd"),
        ("bytes 4-7", b"abcd"),
        ("items 4-7/100", b"abcd"),
        ("bytes 0-3/100", b"abcd"),
        ("bytes 5-8/100", b"abcd"),
        ("bytes 4-6/100", b"abc"),
        ("bytes 4-8/100", b"abcde"),
        ("bytes 4-7/7", b"abcd"),
        ("bytes 4-7/0", b"abcd"),
        ("bytes 4-3/4", b""),
        ("bytes 4--1/0", b""),
        ("bytes 4-7/100", b"abc"),
        ("bytes 4-7/100", b"abcde"),
        ("bytes 4-7/100", b""),
        (f"bytes 4-7/{'9' * 5_000}", b"abcd"),
        ("bytes 4-7/1e3", b"abcd"),
        ("bytes 4-7/١٠٠", b"abcd"),
    ],
)
def test_another_part_than_was_asked_for_is_refused(told: str | None, body: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="another part"):
        part_of(answer(told, body), 4, 4)


@pytest.mark.parametrize("status", [200, 204, 304, 403, 416, 500])
def test_another_status_is_told(status: int) -> None:
    with pytest.raises(SourceUnavailable, match=f"answers {status}"):
        part_of(answer("bytes 4-7/100", b"abcd", status), 4, 4)


def test_parts_go_together_when_size_and_version_do_as_far_as_they_are_told() -> None:
    first = part_of(answer("bytes 0-1/4", b"ab", ETag="1", **{"Last-Modified": "x"}), 0, 2)

    def goes(told: str, **headers: str) -> bool:
        return part_of(answer(told, b"cd", **headers), 2, 2).is_of_same_file(first)

    assert goes("bytes 2-3/4", ETag="1")
    assert goes("bytes 2-3/4")
    assert not goes("bytes 2-3/5")
    assert not goes("bytes 2-3/4", ETag="2")
    assert not goes("bytes 2-3/4", ETag="1", **{"Last-Modified": "y"})
