from __future__ import annotations

import asyncio
import zlib
from typing import Any, cast

import pytest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import HtmlResponse, Response
from twisted.internet.error import ConnectError, NoRouteError

from crawlers.http import Downloader
from crawlers.middlewares.politeness import HostIsBusy
from monitor.errors import MediaError, SourceUnavailable
from monitor.models.source import SourceState
from pipelines.streams import Cut, Parts

URL = "https://cdn.example/a.jpg"


class Engine:
    """Answers downloads from memory: a response, a status, or an error to raise."""

    def __init__(self, *answers: Response | Exception | int) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def download_async(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Response(request.url, answer, body=b"x") if isinstance(answer, int) else answer


def downloader(engine: Engine) -> Downloader:
    crawler = type("Stand", (), {"engine": engine})()
    return Downloader(cast("Crawler", crawler), max_media_bytes=1_000, max_whole_video_bytes=40)


def media(engine: Engine, *urls: str) -> list[Any]:
    """What becomes of each: bytes, or the error."""
    one = downloader(engine)

    async def fetch() -> list[Any]:
        return [
            found[0]
            for url in urls or (URL,)
            for found in [await asyncio.gather(one.media(url), return_exceptions=True)]
        ]

    return asyncio.run(fetch())


@pytest.mark.parametrize(
    "status", [201, 204, 206, 304, 400, 401, 403, 404, 410, 429, 451, 500, 503]
)
def test_a_picture_that_its_server_does_not_give_is_tried_again_another_day(status: int) -> None:
    (error,) = media(Engine(status))
    assert isinstance(error, SourceUnavailable)
    assert str(error) == f"the server answers {status}"


def test_a_picture_that_may_not_be_had_is_not_tried_again() -> None:
    for refusal in (
        IgnoreRequest("Forbidden by robots.txt"),
        DownloadCancelledError("x"),
        ValueError("x"),
    ):
        (error,) = media(Engine(refusal))
        assert isinstance(error, MediaError)


def test_a_picture_of_a_host_that_wants_to_be_left_alone_is_tried_again_another_day() -> None:
    (error,) = media(Engine(HostIsBusy("x")))
    assert isinstance(error, SourceUnavailable)
    assert "left alone" in str(error)


def test_a_picture_is_fetched_within_its_limit_and_with_one_more_try() -> None:
    engine = Engine(200)
    assert media(engine) == [b"x"]
    (request,) = engine.asked
    assert request.meta["download_maxsize"] == 1_000
    assert request.meta["max_retry_times"] == 1


def test_a_host_that_fails_twice_is_not_asked_again_in_this_crawl() -> None:
    engine = Engine(DownloadConnectionRefusedError("x"))
    errors = media(engine, *[URL] * 5)
    assert len(engine.asked) == 2
    assert {type(error) for error in errors} == {SourceUnavailable}
    assert [str(error) for error in errors[2:]] == ["its host does not answer"] * 3


def test_other_hosts_are_asked_all_the_same() -> None:
    engine = Engine(DownloadTimeoutError("x"), DownloadTimeoutError("x"), 200)
    found = media(engine, URL, URL, URL, "https://other.example/a.jpg")
    assert len(engine.asked) == 3
    assert found[3] == b"x"


@pytest.mark.parametrize(
    "answer",
    [
        *(200, 404, 503),
        DownloadCancelledError("larger"),
        IgnoreRequest("exceeded DOWNLOAD_MAXSIZE"),
        IgnoreRequest("max redirections reached"),
        ResponseDataLossError("cut"),
        OSError("Not a gzipped file"),
        zlib.error("invalid block type"),
    ],
    ids=str,
)
def test_an_answer_of_any_kind_forgives_a_failure(answer: int | Exception) -> None:
    down = DownloadTimeoutError("x")
    engine = Engine(down, answer, down, answer, down, answer)
    media(engine, *[URL] * 6)
    assert len(engine.asked) == 6


@pytest.mark.parametrize("error", [NoRouteError("x"), ConnectError("x")], ids=repr)
def test_a_host_that_no_way_leads_to_is_one_that_does_not_answer(error: Exception) -> None:
    engine = Engine(error)
    errors = media(engine, *[URL] * 3)
    assert [str(one) for one in errors] == [*["the host can't be reached"] * 2, *errors[2].args]
    assert len(engine.asked) == 2
    assert all(isinstance(one, SourceUnavailable) for one in errors)


def test_a_circle_of_redirects_is_tried_again_another_day() -> None:
    (error,) = media(Engine(IgnoreRequest("max redirections reached")))
    assert isinstance(error, SourceUnavailable)


@pytest.mark.parametrize(
    "error", [zlib.error("x"), EOFError("x"), MemoryError(), KeyError("x")], ids=repr
)
def test_what_a_decoder_raises_does_not_end_a_crawl(error: Exception) -> None:
    (told,) = media(Engine(error))
    assert isinstance(told, SourceUnavailable)
    with pytest.raises(SourceUnavailable):
        asyncio.run(downloader(Engine(error)).page(URL))


@pytest.mark.parametrize(
    ("refusal", "state", "why"),
    [
        (DownloadCancelledError("x"), SourceState.FAILING, "larger than the limit"),
        (IgnoreRequest("max redirections reached"), SourceState.FAILING, "too many redirects"),
        (HostIsBusy("x"), SourceState.FAILING, "left alone for now"),
        (IgnoreRequest("Forbidden by robots.txt"), SourceState.RESTRICTED, "robots.txt"),
        (IgnoreRequest("x"), SourceState.RESTRICTED, "not allowed"),
    ],
)
def test_a_page_that_is_not_fetched_leaves_a_state_that_says_whether_it_may_be_another_day(
    refusal: Exception, state: SourceState, why: str
) -> None:
    with pytest.raises(SourceUnavailable, match=why) as caught:
        asyncio.run(downloader(Engine(refusal)).page(URL))
    assert caught.value.state is state


def test_a_page_is_given_with_its_status_and_where_it_was_found() -> None:
    there = HtmlResponse("https://a.example/b", status=404, body=b"gone", encoding="utf-8")
    page = asyncio.run(downloader(Engine(there)).page("https://a.example/"))
    assert (page.url, page.status, page.text) == ("https://a.example/b", 404, "gone")
    assert page.requested == "https://a.example/"


def part(told: str, body: bytes, **more: Any) -> Response:
    return Response(more.pop("url", URL), 206, headers={"Content-Range": told, **more}, body=body)


def video(engine: Engine) -> Any:
    return asyncio.run(downloader(engine).video(URL))


def test_a_small_video_is_had_by_its_first_part() -> None:
    engine = Engine(part("bytes 0-2/3", b"abc"))
    assert video(engine) == b"abc"
    (request,) = engine.asked
    assert request.headers["Range"] == b"bytes=0-39"
    assert request.meta["max_retry_times"] == 1


def test_a_larger_one_by_two_parts_the_second_from_where_the_first_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crawlers.http.FIRST", 30)
    engine = Engine(
        part("bytes 0-29/40", b"a" * 30, url="https://other.example/a"),
        part("bytes 30-39/40", b"b" * 10),
    )
    assert video(engine) == b"a" * 30 + b"b" * 10
    assert engine.asked[1].headers["Range"] == b"bytes=30-39"
    assert engine.asked[1].url == "https://other.example/a"


def test_a_large_one_is_given_in_parts() -> None:
    engine = Engine(part("bytes 0-39/41", b"a" * 40), part("bytes 40-40/41", b"b"))
    found = video(engine)
    assert isinstance(found, Parts)
    assert (found.size, found.head) == (41, b"a" * 40)
    assert asyncio.run(found.read(40, 1)) == b"b"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (part("bytes 40-40/41", b"b", ETag="2"), "changed"),
        (part("bytes 40-40/42", b"b"), "changed"),
        (part("bytes 40-41/42", b"bb"), "another part"),
        (part("bytes 39-39/41", b"b"), "another part"),
        (part("bytes 40-40/41", b""), "another part"),
        (200, "answers 200"),
        (416, "answers 416"),
        (DownloadTimeoutError("x"), "no answer in time"),
    ],
    ids=str,
)
def test_what_changed_or_does_not_fit_is_tried_again_another_day(
    second: Response | int | Exception, why: str
) -> None:
    found = video(Engine(part("bytes 0-39/41", b"a" * 40, ETag="1"), second))
    with pytest.raises(SourceUnavailable, match=why):
        asyncio.run(found.read(40, 1))


def test_a_server_that_gives_no_parts_gives_a_small_file_and_the_beginning_of_a_large_one() -> None:
    assert video(Engine(Response(URL, body=b"a" * 40))) == b"a" * 40
    assert video(Engine(Response(URL, body=b"a" * 50, flags=["download_stopped"]))) == Cut(
        b"a" * 40
    )


def test_an_answer_that_was_not_read_is_no_empty_file() -> None:
    with pytest.raises(SourceUnavailable, match="not as it was asked for"):
        video(Engine(Response(URL, flags=["download_stopped"])))


@pytest.mark.parametrize("status", [204, 404, 416, 503])
def test_a_video_that_its_server_does_not_give_is_tried_again_another_day(status: int) -> None:
    with pytest.raises(SourceUnavailable, match=f"answers {status}"):
        video(Engine(status))


def test_a_video_that_may_not_be_had_is_not_tried_again() -> None:
    with pytest.raises(MediaError, match=r"robots\.txt"):
        video(Engine(IgnoreRequest("Forbidden by robots.txt")))
