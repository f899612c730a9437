"""Discourse's data as a person would read the pages made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawlers.engines._base import PageKind
from crawlers.engines.discourse import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "discourse"
ROOT = "https://forum.example/"
UPLOADS = ROOT + "uploads/default/original/1X/"
HOME = """<html><head><meta name="generator" content="Discourse 3.4.1 - https://www.discourse.org">
<meta id="data-discourse-setup" data-base-uri="{base}"></head><body><div id="main-outlet"></div>"""


def page(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text(encoding="utf-8")


def changed(name: str, *path: str, value: object) -> str:
    data: Any = json.loads(page(name))
    within = data
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = value
    return json.dumps(data)


def test_all_categories_are_boards_and_one_list_has_the_threads_of_all() -> None:
    listed = ENGINE.boards(page("site"), ROOT + "site.json")
    assert [(board.id, board.title, board.url) for board in listed.boards] == [
        ("4", "Pictures", ROOT + "c/pictures/4/l/latest.json"),
        ("7", "Fog & rain", ROOT + "c/pictures/fog-and-rain/7/l/latest.json"),
        ("1", "Uncategorized", ROOT + "c/uncategorized/1/l/latest.json"),
        ("9", "부두", ROOT + "c/9-category/9/l/latest.json"),
    ]
    assert listed.whole is not None
    assert listed.whole.url == ROOT + "latest.json"
    assert ENGINE.boards(page("latest"), ROOT + "latest.json").boards == ()


def test_categories_with_others_in_them_are_read_from_the_list_of_categories_too() -> None:
    nested = {"category_list": {"categories": [{"id": 4, "slug": "a", "subcategory_list": []}]}}
    nested["category_list"]["categories"][0]["subcategory_list"] = [
        {"id": 7, "slug": "b", "parent_category_id": 4}
    ]
    boards = ENGINE.boards(json.dumps(nested), ROOT + "categories.json").boards
    assert [board.url for board in boards] == [
        ROOT + "c/a/4/l/latest.json",
        ROOT + "c/a/b/7/l/latest.json",
    ]


def test_topics_tell_replies_their_last_post_and_what_is_pinned() -> None:
    listed = ENGINE.threads(page("latest"), ROOT + "latest.json")
    assert listed.next_url == ROOT + "latest.json?page=1"
    facts = [(one.id, one.url, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("9", ROOT + "t/9.json", 0, "n1 2020-02-05T18:05:40.000Z", True),
        ("31", ROOT + "t/31.json", 22, "n24 2026-03-01T10:00:00.000Z", False),
    ]


def test_a_list_ends_where_it_tells_of_no_more() -> None:
    html = changed("latest", "topic_list", "more_topics_url", value=None)
    assert ENGINE.threads(html, ROOT + "latest.json?page=4").next_url is None
    more = ENGINE.threads(page("latest"), ROOT + "c/a/4/l/latest.json?page=4")
    assert more.next_url == ROOT + "c/a/4/l/latest.json?page=5"


def test_posts_are_read_without_what_moderators_did_or_hid() -> None:
    read = ENGINE.posts(page("topic"), ROOT + "t/31.json")
    assert (read.thread_id, read.title) == ("31", "Dawn at the pier")
    assert [post.native_id for post in read.posts] == ["310", "315"]
    first, second = read.posts
    assert first.url == ROOT + "t/31/1"
    assert first.text == "First light, seen here\n\nnotes.pdf (3 KB)"
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.author, first.edited) == ("gull", True)
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert (second.text, second.edited) == ("Dawn\n\nDusk\n\n멋진 사진", False)


def test_pictures_are_taken_at_full_size_and_behind_decoys() -> None:
    first = ENGINE.posts(page("topic"), ROOT + "t/31.json").posts[0]
    assert first.media == (
        MediaRef(UPLOADS + "0c5f6d2ab19e47d0a3b8c1d2e3f405162738495a.jpeg", MediaKind.PHOTO),
        MediaRef(UPLOADS + "photo.jpg", MediaKind.PHOTO),
        MediaRef("https://decoy.example/flower.png", MediaKind.PHOTO),
        MediaRef(UPLOADS + "waves.mp4", MediaKind.VIDEO),
        MediaRef(UPLOADS + "notes.pdf", MediaKind.FILE, name="notes.pdf"),
    )


def test_a_thread_goes_on_until_the_last_post_of_all_was_shown() -> None:
    assert ENGINE.posts(page("topic"), ROOT + "t/31.json").next_url == ROOT + "t/31.json?page=2"
    assert ENGINE.posts(page("topic-page-2"), ROOT + "t/31.json?page=2").next_url is None
    shortened = changed("topic", "post_stream", "stream", value=None)
    assert ENGINE.posts(shortened, ROOT + "t/31.json").next_url is None
    data = json.loads(shortened)
    data["post_stream"] |= {"isMegaTopic": True, "lastId": 99_999}
    assert ENGINE.posts(json.dumps(data), ROOT + "t/31.json?page=3").next_url == (
        ROOT + "t/31.json?page=4"
    )


def test_a_forum_may_be_in_a_folder() -> None:
    url = "https://site.example/forum/t/31.json"
    assert ENGINE.posts(page("topic"), url).posts[0].url == "https://site.example/forum/t/31/1"
    assert ENGINE.root(url) == "https://site.example/forum/"
    boards = ENGINE.boards(page("site"), "https://site.example/forum/site.json").boards
    assert boards[0].url == "https://site.example/forum/c/pictures/4/l/latest.json"


@pytest.mark.parametrize(
    ("base", "address", "entry"),
    [
        ("", "", "site.json"),
        ("", "categories", "site.json"),
        ("", "latest", "latest.json"),
        ("/forum", "forum", "forum/site.json"),
        ("/forum", "forum/t/dawn/31/4", "forum/t/31.json"),
        ("", "tag/rain", "site.json"),
    ],
)
def test_a_page_names_where_its_data_is(base: str, address: str, entry: str) -> None:
    html = HOME.replace("{base}", base)
    assert ENGINE.recognise(html, ROOT + address) >= 0.5
    assert ENGINE.entry(html, ROOT + address) == ROOT + entry


def test_data_names_nothing_else_to_read() -> None:
    assert ENGINE.entry(page("latest"), ROOT + "latest.json") is None
    assert ENGINE.kind(page("site"), ROOT + "site.json") is PageKind.BOARDS


def test_a_page_that_was_to_be_data_is_a_changed_page() -> None:
    for read in (ENGINE.boards, ENGINE.threads, ENGINE.posts):
        with pytest.raises(SourceChanged):
            read(HOME, ROOT + "latest.json")


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("t/dawn-at-the-pier/31", "t/31.json"),
        ("t/dawn-at-the-pier/31/14?u=gull", "t/31.json"),
        ("t/31/14", "t/31.json"),
        ("t/dawn/31.json?page=3#x", "t/31.json?page=3"),
        ("t/dawn", "t/dawn"),
        ("c/pictures/4", "c/pictures/4/l/latest.json"),
        (
            "c/pictures/fog-and-rain/7/none/l/top?page=2",
            "c/pictures/fog-and-rain/7/l/latest.json?page=2",
        ),
        ("latest?order=views", "latest.json"),
        ("categories", "site.json"),
        ("", ""),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
