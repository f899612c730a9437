"""Whatever text a page is, a parser gives a result or one of two errors, and soon."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers import urls
from crawlers.engines import ENGINES, recognise
from crawlers.engines._base import ForumEngine
from crawlers.telegram import preview
from monitor.errors import SourceChanged, SourceUnavailable

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
URL = "https://forum.example/board/viewtopic.php?t=3"
ROUNDS = settings(max_examples=60, deadline=2_000)

DATA = sorted(FIXTURES.glob("engines/*/*.json")) + sorted(FIXTURES.glob("engines/*/*.xml"))
PAGES = sorted(FIXTURES.glob("engines/*/*.html")) + sorted(FIXTURES.glob("telegram/*.html")) + DATA
SAMPLES = [path.read_text(encoding="utf-8") for path in PAGES]
TOKENS = [
    "<div class='post' id='p1'>",
    "<div class=content>",
    "</div>",
    "<li class=row>",
    "<base href='",
    "<a class=topictitle href='./viewtopic.php?t=",
    "<img src='",
    "http://[",
    "'>",
    "\x00",
    "\ud800",
    "<div class=tgme_widget_message data-post='a/1' data-view='",
    "<a class=tgme_widget_message_date><time datetime='0001-01-01",
    "T00:00:00+14:00'>",
    "<i class=tgme_widget_message_video_thumb style=\"background-image:url('",
    "<!--",
    "]]>",
    "&#x110000;",
    "<svg><a",
    "<script id=flarum-json-payload>{}</script>",
    '<script>var RELATIVE_PATH = "//elsewhere.example"</script>',
    "<meta id=data-discourse-setup data-base-uri='//elsewhere.example'>",
]


RECORDS = [text for path, text in zip(PAGES, SAMPLES, strict=True) if path.suffix == ".json"]
ANY_VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from(
            [2**62, 10**30, 1e300, float("nan"), -1, "../..", "//[", "\ud800", "1" * 99]
        ),
        st.text(alphabet=st.characters()),
        st.sampled_from(TOKENS),
    ),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(), values)),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real page with a piece cut out, or with something hostile in its place."""
    page = draw(st.sampled_from(SAMPLES))
    cut = sorted(draw(st.tuples(*[st.integers(0, len(page))] * 2)))
    return page[: cut[0]] + draw(st.sampled_from(["", *TOKENS])) + page[cut[1] :]


ANY_TEXT = st.one_of(
    st.text(alphabet=st.characters()),
    st.lists(st.sampled_from(TOKENS), max_size=40).map("".join),
    damaged(),
)


each_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))


def read_all(engine: ForumEngine, html: str, url: str) -> None:
    assert 0.0 <= engine.recognise(html, url) <= 1.0
    engine.kind(html, url)
    entry = engine.entry(html, url)
    assert entry is None or (engine.canonical(entry) == entry and urls.is_same_site(entry, url))
    for read in (engine.boards, engine.threads, engine.posts):
        with contextlib.suppress(SourceChanged, SourceUnavailable):
            read(html, url)


@each_engine
@ROUNDS
@given(html=ANY_TEXT)
def test_an_engine_gives_a_result_or_a_named_error(engine: ForumEngine, html: str) -> None:
    read_all(engine, html, URL)


@st.composite
def altered(draw: st.DrawFn) -> str:
    """Data of a forum with something else in the place of one of its values."""
    data = json.loads(draw(st.sampled_from(RECORDS)))
    within, key = {"": data}, ""
    while isinstance(within[key], dict | list) and within[key] and draw(st.integers(0, 9)):
        within = within[key]
        keys = list(within) if isinstance(within, dict) else list(range(len(within)))
        key = draw(st.sampled_from(keys))
    within[key] = draw(ANY_VALUE)
    return json.dumps(data)


@each_engine
@ROUNDS
@given(text=altered())
def test_a_value_in_data_may_be_anything(engine: ForumEngine, text: str) -> None:
    read_all(engine, text, URL)


@each_engine
@pytest.mark.parametrize("text", ["[" * 200_000, '{"posts":' * 50_000, f"[{'9' * 200_000}]"])
def test_data_that_is_too_deep_or_large_is_no_data(engine: ForumEngine, text: str) -> None:
    started = time.monotonic()
    read_all(engine, text, URL)
    assert time.monotonic() - started < 15


@ROUNDS
@given(html=ANY_TEXT)
def test_recognition_never_fails(html: str) -> None:
    found = recognise(html, URL)
    assert found is None or found[0] in ENGINES


@ROUNDS
@given(html=ANY_TEXT)
def test_the_preview_gives_a_page_or_a_named_error(html: str) -> None:
    with contextlib.suppress(SourceChanged):
        page = preview.read(html, "https://t.me/s/pier")
        assert list(page.ids) == sorted(set(page.ids))


@each_engine
@ROUNDS
@given(url=st.one_of(st.text(), st.text().map(lambda text: f"{URL}&{text}")))
def test_an_address_made_canonical_twice_is_the_same(engine: ForumEngine, url: str) -> None:
    once = engine.canonical(url)
    assert engine.canonical(once) == once


@ROUNDS
@given(href=st.text())
def test_a_resolved_link_is_resolved(href: str) -> None:
    url = urls.absolute(URL, href)
    assert url is None or urls.absolute(URL, url) == url


@each_engine
@pytest.mark.parametrize(
    "piece",
    [
        "<div class='post' id='p1'><div class=content>",
        "<blockquote><a href='./viewtopic.php?t=1'><img src=a.jpg>",
        "<div class=post id=p{n}><div class=content><a href='https://a.example/{n}'>x</a></div></div>",
        "<li class=row><a class=topictitle href='./viewtopic.php?t={n}'>x</a>",
        "<div class=tgme_widget_message data-post='a/{n}'><div class=tgme_widget_message_text>",
        "<a class=tgme_widget_message_photo_wrap style='background-image:url(  '></a>",
        "<li class=row><a class=forumtitle href='./viewforum.php?f={n}'>x</a>",
        "<a class=forumtitle href='./viewforum.php?f={n}'>x</a>",
    ],
)
def test_a_large_hostile_page_takes_seconds_at_most(engine: ForumEngine, piece: str) -> None:
    pieces = (piece.replace("{n}", str(number)) for number in range(5_000))
    html = "<ul class=topiclist><li class=row>" + "".join(pieces)
    started = time.monotonic()
    read_all(engine, html, URL)
    with contextlib.suppress(SourceChanged):
        preview.read(html, "https://t.me/s/a")
    assert time.monotonic() - started < 15


def own_pages(name: str) -> list[str]:
    folder = FIXTURES / "engines" / name
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.[hjx]*"))]


@each_engine
def test_a_page_whose_elements_never_end_takes_seconds_at_most(engine: ForumEngine) -> None:
    for page in own_pages(engine.name):
        # Every element is within all before it, but for those of raw text, which would swallow it.
        html = re.sub(r"</(?!script|style|title|textarea)[a-z0-9]{1,20}>", "", page)
        html *= 200_000 // len(html)
        started = time.monotonic()
        read_all(engine, html, URL)
        assert time.monotonic() - started < 15
