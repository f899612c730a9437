"""Flarum's data as a person would read the pages made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawlers.engines._base import PageKind
from crawlers.engines.flarum import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "flarum"
ROOT = "https://forum.example/"
API = ROOT + "api/"
ALL = API + "discussions?sort=-lastPostedAt&page%5Blimit%5D=50"
THREAD = (
    API + "posts?filter%5Bdiscussion%5D=31&include=user%2Cdiscussion&sort=number&page%5Blimit%5D=50"
)


def page(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text(encoding="utf-8")


def home(api: str = "https://forum.example/api", *, tags: bool = True) -> str:
    resources: list[dict[str, Any]] = [{"type": "forums", "id": "1", "attributes": {"apiUrl": api}}]
    if tags:
        resources[0]["attributes"]["minPrimaryTags"] = 1
    told = json.dumps({"resources": resources, "locale": "ko"})
    return (
        "<html><body><div id=flarum-loading></div>"
        f"<script id=flarum-json-payload type=application/json>{told}</script>"
    )


def test_tags_are_boards_and_one_list_has_the_threads_of_all() -> None:
    listed = ENGINE.boards(page("tags"), API + "tags")
    by_tag = API + "discussions?filter%5Btag%5D={}&sort=-lastPostedAt&page%5Blimit%5D=50"
    assert [(board.id, board.title, board.url) for board in listed.boards] == [
        ("4", "Pictures", by_tag.format("pictures")),
        ("7", "Fog & rain", by_tag.format("fog-rain")),
        ("9", "부두", by_tag.format("%EB%B6%80%EB%91%90")),
    ]
    assert listed.whole is not None
    assert listed.whole.url == ALL
    assert ENGINE.boards(page("discussions"), ALL).boards == ()


def test_tags_that_the_list_of_all_lacks_are_read_by_their_own() -> None:
    tags = page("tags").replace('"isHidden": false', '"isHidden": true', 1)
    listed = ENGINE.boards(tags, API + "tags")
    assert len(listed.boards) == 3
    assert listed.whole is None


def test_discussions_tell_replies_their_last_post_and_what_is_sticky() -> None:
    listed = ENGINE.threads(page("discussions"), ALL)
    assert listed.next_url == ALL + "&page%5Boffset%5D=3"
    facts = [(one.id, one.title, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("9", "How to post", 0, "n1 2020-02-05T18:05:40+00:00", True),
        ("31", "Dawn at the pier", 22, "n25 2026-03-01T10:00:00+00:00", False),
    ]
    assert listed.threads[1].url == THREAD


def test_the_next_page_is_of_the_same_list_wherever_the_data_says_it_is() -> None:
    data = json.loads(page("discussions"))
    data["links"]["next"] = "https://elsewhere.example/"
    tag = API + "discussions?filter%5Btag%5D=rain&sort=-lastPostedAt&page%5Blimit%5D=50"
    read = ENGINE.threads(json.dumps(data), tag + "&page%5Boffset%5D=50")
    assert read.next_url == tag + "&page%5Boffset%5D=53"
    del data["links"]["next"]
    assert ENGINE.threads(json.dumps(data), tag).next_url is None


def test_posts_are_read_without_events_and_hidden_ones() -> None:
    read = ENGINE.posts(page("posts"), THREAD)
    assert (read.thread_id, read.title) == ("31", "Dawn at the pier")
    assert read.next_url == THREAD + "&page%5Boffset%5D=4"
    first, second = read.posts
    assert (first.native_id, first.url, first.author) == ("310", ROOT + "d/31/1", "Gull")
    assert first.text == "First light, see the forecast\n\nnotes.pdf"
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.edited, second.edited) == (True, False)
    assert (second.native_id, second.author, second.text) == ("313", "crab", "멋진 사진")
    assert second.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    files = ROOT + "assets/files/"
    assert first.media == (
        MediaRef(files + "2026-02-28/pier.jpg", MediaKind.PHOTO),
        MediaRef(files + "photo.png", MediaKind.PHOTO),
        MediaRef("https://decoy.example/flower.gif", MediaKind.PHOTO),
        MediaRef(files + "2026-02-28/notes.pdf", MediaKind.FILE, name="notes.pdf"),
    )


def test_a_page_of_nothing_but_events_has_no_posts_and_goes_on() -> None:
    data = json.loads(page("posts"))
    data["data"] = data["data"][1:2]
    read = ENGINE.posts(json.dumps(data), THREAD + "&page%5Boffset%5D=50")
    assert (read.thread_id, read.posts) == ("31", ())
    assert read.next_url == THREAD + "&page%5Boffset%5D=51"


def test_an_empty_list_is_known_by_its_address() -> None:
    empty = '{"links": {}, "data": []}'
    assert ENGINE.threads(empty, ALL).threads == ()
    assert ENGINE.boards(empty, ALL).boards == ()
    assert ENGINE.kind(empty, ALL) is PageKind.THREADS
    with pytest.raises(SourceChanged):
        ENGINE.threads(empty, API + "tags")


@pytest.mark.parametrize(
    ("html", "address", "entry"),
    [
        (home(), "", API + "tags"),
        (home(), "tags", API + "tags"),
        (home(tags=False), "", ALL),
        (home(tags=False), "all?sort=newest", ALL),
        (home(), "d/31-dawn/14", THREAD),
        (home(ROOT + "forum/api"), "forum", ROOT + "forum/api/tags"),
        (home("https://elsewhere.example/api"), "", API + "tags"),
        (home("//["), "", API + "tags"),
        (
            home("https://forum.example//elsewhere.example/api"),
            "",
            ROOT + "/elsewhere.example/api/tags",
        ),
    ],
)
def test_a_page_names_where_its_data_is_on_its_own_site(
    html: str, address: str, entry: str
) -> None:
    assert ENGINE.recognise(html, ROOT + address) >= 0.5
    assert ENGINE.entry(html, ROOT + address) == entry


def test_data_names_nothing_else_to_read() -> None:
    assert ENGINE.entry(page("tags"), API + "tags") is None


def test_a_forum_may_be_in_a_folder() -> None:
    url = THREAD.replace("example/", "example/forum/")
    assert ENGINE.root(url) == ROOT + "forum/"
    assert ENGINE.posts(page("posts"), url).posts[0].url == ROOT + "forum/d/31/1"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        (ROOT + "d/31-dawn-at-the-pier/14#x", THREAD),
        (ROOT + "d/31", THREAD),
        (THREAD + "&page%5Boffset%5D=50", THREAD + "&page%5Boffset%5D=50"),
        (THREAD + "&page%5Boffset%5D=0", THREAD),
        (API + "discussions?page[limit]=5", ALL),
        (
            ROOT + "t/%EB%B6%80%EB%91%90",
            ALL.replace("?", "?filter%5Btag%5D=%EB%B6%80%EB%91%90&"),
        ),
        (ROOT + "all", ROOT + "all"),
        (ROOT, ROOT),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(address) == canonical
