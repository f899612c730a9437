from __future__ import annotations

import time

import pytest

from crawlers.robots import MAX_BYTES, Robots

AGENT = "Haechi/1.0 (+mailto:team@example.org)"
URL = "https://a.example/private/a.jpg"


def allows(text: str | bytes) -> bool:
    return Robots(text.encode() if isinstance(text, str) else text, None).allowed(URL, AGENT)


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /private",
        "User-agent: Haechi\nDisallow: /private",
        "useragent HAECHI/1.0 # us\nDisallow: /private",
        "User-agent: a\nUser-agent: haechi\nUser-agent: b\nDisallow: /private",
        "User-agent: a\nUser-agent: b\n\n# words\nUser-agent: *\nDisallow: /private",
        "User-agent: a\nAllow: /\n\nUser-agent: haechi\nDisallow: /private",
        "\ufeffUser-agent: *\r\nDisallow: /private\r\n",
        "User-agent: *\nDisallow: /*/*.jpg$",
    ],
)
def test_what_is_meant_for_us_is_obeyed(text: str) -> None:
    assert not allows(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User-agent: a\nDisallow: /",
        "User-agent: a\nUser-agent: b\nDisallow: /\n\nUser-agent: *\nDisallow: /other",
        "User-agent: *\nDisallow: /\n\nUser-agent: haechi\nAllow: /",
        b"\xff\xfe\x00" * 900,
    ],
)
def test_what_is_meant_for_others_is_not(text: str | bytes) -> None:
    assert allows(text)


def test_thousands_of_agents_with_thousands_of_rules_are_read_in_no_time() -> None:
    agents = "".join(f"User-agent: {number:x}\n" for number in range(10_000))
    hostile = (agents + "User-agent: haechi\n" + "Disallow: /private\n" * 100_000).encode()
    started = time.process_time()
    assert not allows(hostile)
    assert time.process_time() - started < 5
    assert len(hostile) > MAX_BYTES
