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
    return Downloader(cast("Crawler", crawler), max_media_bytes=1_000)


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
