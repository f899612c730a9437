from __future__ import annotations

import time
from pathlib import Path

import pytest

from crawlers.pages.shell import needs_browser

FIXTURES = Path(__file__).parents[3] / "fixtures"
HEAD = "<!DOCTYPE html><html><head><title>A forum</title>{}</head><body>{}</body></html>"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        # As the common build tools make them.
        ('<script type="module" src="/assets/index-4f3a.js"></script>', '<div id="app"></div>'),
        (
            '<script defer src="/static/js/main.87ab.js"></script>',
            "<noscript>You need to enable JavaScript to run this app.</noscript>"
            '<div id="root"></div>',
        ),
        ("", '<app-root></app-root><script src="main.js" type="module"></script>'),
        ("", '<div id="__next"></div><script src="/_next/static/chunks/main.js"></script>'),
        ("", '<div id="__nuxt"><!----></div><script src="/_nuxt/entry.js"></script>'),
        (
            '<script src="/bundle.js"></script>',
            "<noscript>이용하려면 JavaScript를 활성화해야 합니다.</noscript><main></main>",
        ),
        ('<script src="/a.js"></script>', '<div id="app"><p>Loading…</p></div>'),
        ('<script src="/a.js"></script>', f"<div id=app></div><script>{'x=1;' * 900}</script>"),
    ],
)
def test_a_shell_needs_a_browser(head: str, body: str) -> None:
    assert needs_browser(HEAD.format(head, body))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<p>A page without any script.</p>",
        '<div id="app"></div>',
        '<p>Nothing here.</p><script src="/menu.js"></script>',
        f'<div id="app">{"<p>What a server wrote. </p>" * 20}</div><script src="/a.js"></script>',
        '<div id="root">' + "<a href='/b'>Board</a>" * 9 + '</div><script src="/a.js"></script>',
        "<noscript>Pictures are larger with JavaScript: enable it.</noscript><p>Posts</p>",
    ],
)
def test_a_page_that_says_something_or_loads_nothing_needs_none(body: str) -> None:
    assert not needs_browser(HEAD.format("", body))


def test_no_page_of_the_forums_that_are_known_needs_one() -> None:
    pages = sorted(FIXTURES.glob("engines/*/*.html")) + sorted(FIXTURES.glob("telegram/*.html"))
    assert pages
    assert [str(one) for one in pages if needs_browser(one.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "unit",
    ["<div id=app>", "<noscript>", "<a ", "enable ", "<script src=a>", "<noscript>javascript "],
)
def test_time_grows_with_the_length_only(unit: str) -> None:
    page = "<body><script src=a></script>" + unit * 100_000
    began = time.perf_counter()
    needs_browser(page)
    assert time.perf_counter() - began < 5
