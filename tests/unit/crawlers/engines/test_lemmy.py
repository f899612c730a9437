"""Lemmy's data as a person would read the pages made of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawlers.engines._base import PageKind, ThreadList
from crawlers.engines.lemmy import ENGINE
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "lemmy"
ROOT = "https://forum.example/"
API = ROOT + "api/v3/"
LOCAL = API + "post/list?limit=50&type_=Local&sort=NewComments"
ONE = API + "post/list?limit=50&type_=All&sort=NewComments&"
COMMUNITIES = API + "community/list?limit=50&type_=Local"
COMMENTS = API + "comment/list?limit=50&type_=All&sort=Old&post_id=31"
HOME = "<script>window.isoData = {'site_res': 1}</script><div id=app class=lemmy-site></div>"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text(encoding="utf-8")


def opening(**post: Any) -> str:
    data = json.loads(page("post"))
    data["post_view"]["post"] |= {"body": "", "thumbnail_url": None} | post
    return json.dumps(data)


def test_communities_are_boards_and_one_list_has_the_threads_of_all() -> None:
    listed = ENGINE.boards(page("communities"), COMMUNITIES)
    assert [(board.id, board.title, board.url) for board in listed.boards] == [
        ("4", "Pictures", ONE + "community_id=4"),
        ("7", "안개", ONE + "community_id=7"),
    ]
    assert listed.next_url is None
    assert listed.whole is not None
    assert listed.whole.url == LOCAL
    assert ENGINE.boards(page("posts"), LOCAL).boards == ()


def test_a_full_page_of_communities_has_one_after_it() -> None:
    data = json.loads(page("communities"))
    data["communities"] *= 17
    assert ENGINE.boards(json.dumps(data), COMMUNITIES).next_url == COMMUNITIES + "&page=2"


def test_posts_are_threads_with_the_time_of_their_newest_comment() -> None:
    listed = ENGINE.threads(page("posts"), LOCAL)
    assert listed.next_url == LOCAL + "&page_cursor=P1f"
    facts = [(one.id, one.title, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("9", "How to post", 0, "c2020-02-05T18:05:40", True),
        ("31", "Dawn at the pier", 2, "c2026-03-01T10:00:00.5Z", False),
    ]
    assert listed.threads[1].url == API + "post?id=31"


def test_lists_end_at_an_empty_page_and_at_the_same_cursor() -> None:
    assert ENGINE.threads(page("posts"), LOCAL + "&page_cursor=P1f").next_url is None
    empty = '{"posts": [], "next_page": "P2"}'
    assert ENGINE.threads(empty, LOCAL) == ThreadList(())
    assert ENGINE.boards(empty, LOCAL).boards == ()


def test_old_versions_number_their_pages() -> None:
    data = json.loads(page("posts"))
    del data["next_page"]
    assert ENGINE.threads(json.dumps(data), LOCAL).next_url is None
    data["posts"] *= 17
    assert ENGINE.threads(json.dumps(data), LOCAL + "&page=3").next_url == LOCAL + "&page=4"


def test_a_thread_begins_with_its_post_and_goes_on_with_comments() -> None:
    read = ENGINE.posts(page("post"), API + "post?id=31")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == COMMENTS
    post = read.posts[0]
    assert (post.native_id, post.url, post.author) == ("p31", ROOT + "post/31", "gull")
    assert post.text == "First light, see the forecast\n\n<b>bold</b>"
    assert post.posted == datetime(2026, 2, 28, 9, 5, 0, 123456, tzinfo=UTC)
    assert post.edited
    assert post.media == (
        MediaRef(ROOT + "pictrs/image/a1.jpeg", MediaKind.PHOTO),
        MediaRef(ROOT + "pictrs/image/b2.png", MediaKind.PHOTO),
        MediaRef("https://files.example/more.webp", MediaKind.PHOTO),
    )
    assert "https://weather.example/pier?day=1" in post.links


def test_comments_are_posts_of_the_thread_without_deleted_ones() -> None:
    read = ENGINE.posts(page("comments"), COMMENTS)
    assert (read.thread_id, read.title, read.next_url) == ("31", "Dawn at the pier", None)
    first, second = read.posts
    assert (first.native_id, first.url, first.author) == ("55", ROOT + "comment/55", "crab")
    assert (first.text, first.edited) == ("멋진 사진", False)
    assert first.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    assert first.media == (MediaRef("https://files.example/dusk.jpg", MediaKind.PHOTO),)
    assert (second.native_id, second.text, second.edited) == ("57", "Thanks", True)


def test_a_full_page_of_comments_has_one_after_it_and_an_empty_one_has_not() -> None:
    data = json.loads(page("comments"))
    data["comments"] *= 17
    assert ENGINE.posts(json.dumps(data), COMMENTS).next_url == COMMENTS + "&page=2"
    empty = ENGINE.posts('{"comments": []}', COMMENTS + "&page=2")
    assert (empty.thread_id, empty.posts, empty.next_url) == ("31", (), None)


def test_a_deleted_post_leaves_its_comments() -> None:
    read = ENGINE.posts(opening(removed=True), API + "post?id=31")
    assert (read.posts, read.next_url) == ((), COMMENTS)


@pytest.mark.parametrize(
    ("post", "media"),
    [
        (
            {"url": "https://a.example/x.JPG"},
            (MediaRef("https://a.example/x.JPG", MediaKind.PHOTO),),
        ),
        (
            {"url": "https://a.example/x.mp4"},
            (MediaRef("https://a.example/x.mp4", MediaKind.VIDEO),),
        ),
        (
            {"url": "https://a.example/x", "url_content_type": "image/webp"},
            (MediaRef("https://a.example/x", MediaKind.PHOTO),),
        ),
        (
            {"url": API + "image_proxy?url=https%3A%2F%2Fa.example%2Fx.png"},
            (MediaRef(API + "image_proxy?url=https%3A%2F%2Fa.example%2Fx.png", MediaKind.PHOTO),),
        ),
        (
            {
                "url": "https://news.example/",
                "thumbnail_url": ROOT + "pictrs/image/c3.jpeg?thumbnail=256",
            },
            (MediaRef(ROOT + "pictrs/image/c3.jpeg", MediaKind.LINK_PREVIEW),),
        ),
        ({"url": API + "image_proxy?url=http://["}, ()),
        ({"url": None}, ()),
    ],
)
def test_what_a_post_links_to_is_shown_by_what_it_is(
    post: dict[str, Any], media: tuple[MediaRef, ...]
) -> None:
    read = ENGINE.posts(opening(**post), API + "post?id=31").posts[0]
    assert read.media == media
    is_away = post["url"] is not None and not post["url"].startswith(ROOT)
    assert read.links == ((post["url"],) if is_away else ())


@pytest.mark.parametrize("piece", ["[", "![", "**a *b "])
def test_hostile_markdown_takes_seconds_at_most(piece: str) -> None:
    data = json.loads(page("post"))
    data["post_view"]["post"]["body"] = piece * 1_000_000
    started = time.monotonic()
    ENGINE.posts(json.dumps(data), API + "post?id=31")
    assert time.monotonic() - started < 15


def test_no_more_comments_are_read_than_a_page_has() -> None:
    data = json.loads(page("comments"))
    one = json.dumps(data["comments"][0])
    data["comments"] = [json.loads(one.replace("55", str(100 + id_))) for id_ in range(60)]
    assert len(ENGINE.posts(json.dumps(data), COMMENTS).posts) == 50


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("", COMMUNITIES),
        ("communities?listingType=All", COMMUNITIES),
        ("c/pictures", ONE + "community_name=pictures"),
        ("c/fog@other.example", ONE + "community_name=fog%40other.example"),
        ("post/31/55", API + "post?id=31"),
        ("comment/55", COMMUNITIES),
    ],
)
def test_a_page_names_where_its_data_is(address: str, entry: str) -> None:
    assert ENGINE.recognise(HOME, ROOT + address) >= 0.5
    assert ENGINE.entry(HOME, ROOT + address) == entry
    assert ENGINE.canonical(entry) == entry


def test_data_names_nothing_else_to_read() -> None:
    assert ENGINE.entry(page("posts"), LOCAL) is None
    assert ENGINE.kind('{"posts": []}', LOCAL) is PageKind.THREADS


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        (ROOT + "post/31#comments", API + "post?id=31"),
        (API + "post/list?page=2&community_id=4&sort=Hot", ONE + "community_id=4&page=2"),
        (API + "comment/list?post_id=31&max_depth=8", COMMENTS),
        (LOCAL + "&page_cursor=../x", LOCAL),
        (ROOT, ROOT),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(address) == canonical
