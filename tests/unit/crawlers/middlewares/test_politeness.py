from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawlers.middlewares.politeness import HostIsBusy, Politeness
from crawlers.pace import LONGEST_WAIT_S, Pace
from crawlers.robots import Robots

URL = "https://A.example:8443/x"


def polite(pace: Pace) -> Politeness:
    return Politeness(pace, "Haechi/1.0 (+mailto:team@example.org)")


def wait_after(folder: Path, retry_after: bytes | None, status: int = 429) -> float:
    """The seconds that the next request must wait after an answer."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    answer = Response(URL, status, headers=headers)
    assert polite(Pace(folder, 0.0)).process_response(Request(URL), answer) is answer
    return Pace(folder, 0.0).reserve("a.example:8443")


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_names_seconds_or_a_time_gets_them(tmp_path: Path, status: int) -> None:
    assert wait_after(tmp_path / "a", b"120", status) == pytest.approx(120, abs=2)
    at = formatdate(time.time() + 90, usegmt=True).encode()
    assert wait_after(tmp_path / "b", at, status) == pytest.approx(90, abs=2)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"soon", b"-5", b"1.5", b"0", b"\xff\xfe", b"Mon, 99 Foo 9999 99:99:99 GMT",
     b"Fri, 31 Dec 1999 23:59:59 GMT", b"Fri, 31 Dec 99999999999 23:59:59 GMT", b"," * 9_000],
)  # fmt: skip
def test_anything_else_is_no_pause(tmp_path: Path, header: bytes | None) -> None:
    assert wait_after(tmp_path, header) <= 0


def test_a_pause_without_end_is_a_day(tmp_path: Path) -> None:
    assert wait_after(tmp_path / "a", b"9" * 400) == pytest.approx(86_400, abs=2)
    far = b"Fri, 31 Dec 2999 23:59:59 GMT"
    assert wait_after(tmp_path / "b", far) == pytest.approx(86_400, abs=2)


def test_a_good_answer_asks_for_no_pause(tmp_path: Path) -> None:
    assert wait_after(tmp_path, b"120", status=200) <= 0


def test_a_wait_that_is_too_long_is_left_to_the_next_crawl(tmp_path: Path) -> None:
    pace = Pace(tmp_path, 0.0)
    pace.hold_off("a.example:8443", LONGEST_WAIT_S + 60)
    with pytest.raises(HostIsBusy):
        asyncio.run(polite(pace).process_request(Request(URL)))
    asyncio.run(polite(pace).process_request(Request("https://b.example/")))


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("30", [30, 60]),
        ("1.5", [1.5, 3.5]),
        ("86400", [60, 120]),
        *((nothing, [0, 2]) for nothing in ("0", "-5", "nan", "inf", "soon", "")),
    ],
)
def test_a_crawl_delay_is_kept_where_it_is_the_longer_one_up_to_a_minute(
    tmp_path: Path, asked: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    robots = Robots(f"User-agent: haechi\nCrawl-delay: {asked}\n".encode(), None)
    one = polite(Pace(tmp_path, 2.0))
    one.robots_parsed(robots, Request(URL))
    for _ in range(2):
        asyncio.run(one.process_request(Request(URL)))
    asyncio.run(one.process_request(Request("https://b.example/")))
    assert waited == pytest.approx([*waits, 0], abs=0.1)


def next_wait_s(folder: Path) -> float:
    return Pace(folder, 0.0).reserve("a.example:8443")


def test_a_busy_host_that_names_no_time_is_left_alone_ever_longer(tmp_path: Path) -> None:
    for first, busy in enumerate(([10], [10, 20], [10, 20, 40], [10] * 30)):
        folder = tmp_path / str(first)
        one = Politeness(Pace(folder, 1.0), "Haechi/1.0", 1.0)
        for _ in busy:
            one.process_response(Request(URL), Response(URL, 503))
        assert next_wait_s(folder) == pytest.approx(min(300, 10 * 2 ** (len(busy) - 1)), abs=2)
    one.process_response(Request(URL), Response(URL, 200))
    assert next_wait_s(tmp_path / "3") == pytest.approx(300, abs=2)


@pytest.mark.parametrize(
    ("delay_s", "latency_s", "rest_s"),
    [(1.0, 0.2, 0), (1.0, 4.0, 4), (1.0, 900.0, 60), (5.0, 4.0, 0), (0.0, 4.0, 0)],
)
def test_a_slow_host_rests_for_as_long_as_it_took(
    tmp_path: Path, delay_s: float, latency_s: float, rest_s: float
) -> None:
    one = Politeness(Pace(tmp_path, delay_s), "Haechi/1.0", delay_s)
    request = Request(URL, meta={"download_latency": latency_s})
    one.process_response(request, Response(URL, 200))
    assert max(0.0, next_wait_s(tmp_path)) == pytest.approx(rest_s, abs=0.5)


def test_a_host_that_refuses_for_ever_ends_no_crawl_without_a_pause(tmp_path: Path) -> None:
    one = Politeness(Pace(tmp_path, 0.0), "Haechi", 0.0)
    for _ in range(1_100):
        one.process_response(Request(URL), Response(URL, 503))
    assert next_wait_s(tmp_path) == 0.0
