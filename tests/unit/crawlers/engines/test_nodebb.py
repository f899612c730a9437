"""NodeBB's data as a person would read the pages made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines._base import PageKind
from crawlers.engines.nodebb import ENGINE
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "nodebb"
ROOT = "https://forum.example/"
API = ROOT + "api/"
HOME = """<html><head><script>var RELATIVE_PATH = "{folder}";</script>
<script src="/assets/nodebb.min.js"></script></head><body class="page-home">
<ul><li component="categories/category"></li></ul></body></html>"""


def page(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text(encoding="utf-8")


def test_categories_and_those_in_them_are_boards_but_links_are_not() -> None:
    boards = ENGINE.boards(page("categories"), API + "categories").boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("4", "Pictures", API + "category/4/pictures"),
        ("5", "Fog & rain", API + "category/5/fog-rain"),
        ("8", "Mist", API + "category/8/mist"),
        ("7", "부두", API + "category/7/%EB%B6%80%EB%91%90"),
    ]


def test_a_category_shows_those_in_it_and_a_topic_none() -> None:
    boards = ENGINE.boards(page("category"), API + "category/4/pictures").boards
    assert [board.id for board in boards] == ["5"]
    assert ENGINE.boards(page("topic"), API + "topic/31").boards == ()


def test_topics_tell_replies_their_last_post_and_what_is_pinned() -> None:
    listed = ENGINE.threads(page("category"), API + "category/4/pictures")
    assert listed.next_url == API + "category/4/pictures?page=2"
    facts = [(one.id, one.title, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("9", "How to post", 0, "t1580925940000 p0", True),
        ("31", "Dawn & dusk at the pier", 22, "t1772359200000 p345", False),
        ("33", "멋진 사진", 1, "t1772359000000 p0", False),
    ]
    assert listed.threads[1].url == API + "topic/31/dawn-dusk-at-the-pier"


def test_the_last_page_has_none_after_it() -> None:
    last = page("category").replace('"active": true', '"active": false')
    assert ENGINE.threads(last, API + "category/4/pictures").next_url is None
    # Whatever the data says, pages do not go round in a circle.
    assert ENGINE.threads(page("category"), API + "category/4/pictures?page=2").next_url is None


def test_posts_are_read_without_deleted_ones_and_signatures() -> None:
    read = ENGINE.posts(page("topic"), API + "topic/31/dawn-dusk-at-the-pier")
    assert (read.thread_id, read.title, read.board) == (
        "31",
        "Dawn & dusk at the pier",
        "Pictures & more",
    )
    assert read.next_url == API + "topic/31/dawn-dusk-at-the-pier?page=2"
    first, second, third = read.posts
    assert (first.native_id, first.url, first.author) == ("310", ROOT + "post/310", "gull")
    assert first.text == "First light, see the forecast\n\nmore notes.pdf"
    assert first.links == ("https://weather.example/pier?day=1",)
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert (first.edited, second.edited) == (True, False)
    assert (second.native_id, second.text) == ("312", "멋진 사진")
    assert second.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    assert third.url == ROOT + "post/https%3A%2F%2Fother.example%2Fnotes%2F7"
    assert third.native_id.startswith("u")


def test_pictures_are_taken_at_full_size_and_those_behind_marks_for_quotes_too() -> None:
    first = ENGINE.posts(page("topic"), API + "topic/31").posts[0]
    files = ROOT + "assets/uploads/files/"
    assert first.media == (
        MediaRef(files + "1772269500-pier.jpg", MediaKind.PHOTO),
        MediaRef(files + "1772269500-pier-resized.jpg", MediaKind.PHOTO),
        MediaRef(files + "quoted.png", MediaKind.PHOTO),
        MediaRef(files + "1772269501-more.jpg", MediaKind.PHOTO, name="more"),
        MediaRef(files + "1772269502-notes.pdf", MediaKind.FILE, name="notes.pdf"),
    )


@pytest.mark.parametrize(
    ("folder", "address", "entry"),
    [
        ("", "", "api/categories"),
        ("", "recent", "api/categories"),
        ("", "topic/31/dawn/14", "api/topic/31/dawn"),
        ("/forum", "forum", "forum/api/categories"),
        ("/forum", "forum/category/4/pictures?page=2", "forum/api/category/4/pictures?page=2"),
    ],
)
def test_a_page_names_where_its_data_is(folder: str, address: str, entry: str) -> None:
    html = HOME.replace("{folder}", folder)
    assert ENGINE.recognise(html, ROOT + address) >= 0.5
    assert ENGINE.entry(html, ROOT + address) == ROOT + entry


def test_data_names_nothing_else_to_read() -> None:
    assert ENGINE.entry(page("categories"), API + "categories") is None
    assert ENGINE.kind(page("category"), API + "category/4") is PageKind.THREADS


def test_a_forum_may_be_in_a_folder() -> None:
    url = "https://site.example/forum/api/topic/31"
    assert ENGINE.root(url) == "https://site.example/forum/"
    assert ENGINE.posts(page("topic"), url).posts[0].url == "https://site.example/forum/post/310"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("topic/31/dawn?lang=ko#4", "api/topic/31/dawn"),
        ("api/topic/31/dawn/14?page=1", "api/topic/31/dawn"),
        ("topic/031?page=3", "api/topic/31?page=3"),
        ("category/4/pictures/20", "api/category/4/pictures"),
        ("categories", "api/categories"),
        ("topic/new", "topic/new"),
        ("", ""),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
