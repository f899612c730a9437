"""Pages of imageboards as a person would read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.vichan import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "vichan"
ROOT = "https://forum.example/"
BOARD = ROOT + "pier/"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def test_boards_are_listed_and_a_board_has_none() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url, board.plain) for board in boards] == [
        ("pier", "Pictures of the pier", BOARD + "catalog.json", BOARD),
        ("b", "b", ROOT + "b/catalog.json", ROOT + "b/"),
    ]
    assert ENGINE.boards(page("board"), BOARD).boards == ()


def test_threads_tell_replies_with_those_left_out_and_their_last_post() -> None:
    listed = ENGINE.threads(page("board"), BOARD + "index.html")
    assert listed.next_url == BOARD + "2.html"
    facts = [(one.id, one.url, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("pier.9", BOARD + "res/9.html", 0, "p9", True),
        ("pier.31", BOARD + "res/31.html", 14, "p45", False),
    ]
    assert [one.title for one in listed.threads] == ["How to post", "First light,"]


def test_a_catalog_is_a_list_of_one_page() -> None:
    listed = ENGINE.threads(page("catalog"), BOARD + "catalog.html")
    assert listed.next_url is None
    facts = [(one.id, one.title, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("pier.31", "Dawn", 14, "b1772269500", False),
        ("pier.9", "", 0, "b1580899140", True),
    ]


def test_an_empty_board_is_no_changed_page() -> None:
    assert ENGINE.threads("<form name=postcontrols></form>", BOARD).threads == ()


def test_posts_are_read_with_all_their_files_and_without_small_copies() -> None:
    read = ENGINE.posts(page("thread"), BOARD + "res/31.html")
    assert (read.thread_id, read.title, read.board, read.next_url) == (
        "pier.31",
        "Dawn at the pier",
        "/pier/ - Pictures",
        None,
    )
    first, second = read.posts
    assert (first.native_id, first.author) == ("pier.31", "gull !Ep8pui8Vw2")
    assert first.url == BOARD + "res/31.html#31"
    assert first.text == "First light,\n>then rain see the forecast"
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)
    assert first.media == (
        MediaRef(BOARD + "src/1772269500-0.jpg", MediaKind.PHOTO, name="pier.jpg"),
        MediaRef(BOARD + "src/1772269500-1.webm", MediaKind.VIDEO),
    )
    assert (second.native_id, second.text) == ("pier.32", ">>31\n멋진 사진")
    assert second.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    assert second.media == (
        MediaRef(BOARD + "src/1772270000.PNG", MediaKind.PHOTO, name="fog.png"),
    )


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("mp3", MediaKind.SOUND), ("pdf", MediaKind.FILE), ("AVIF", MediaKind.PHOTO)],
)
def test_a_file_is_of_the_kind_that_its_name_says(suffix: str, kind: MediaKind) -> None:
    html = page("thread").replace(".webm", f".{suffix}")
    assert ENGINE.posts(html, BOARD + "res/31.html").posts[0].media[1].kind is kind


def test_a_page_of_several_threads_is_no_thread() -> None:
    with pytest.raises(SourceChanged):
        ENGINE.posts(page("board"), BOARD + "res/31.html")


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("pier/index.html", "pier/"),
        ("pier/1.html", "pier/"),
        ("pier/2.html?x=1", "pier/2.html"),
        ("pier/res/31.html#q32", "pier/res/31.html"),
        ("pier/res/31+50.html", "pier/res/31.html"),
        ("pier/res/31-dawn.html", "pier/res/31-dawn.html"),
        ("pier/catalog.html#x", "pier/catalog.html"),
        ("pier/catalog.json?x=1", "pier/catalog.json"),
        ("pier/threads.json", "pier/catalog.json"),
        ("sub/pier/res/031.json#32", "sub/pier/res/31.json"),
        ("pier/thread/31/dawn", "pier/thread/31.json"),
        ("boards.json", "boards.json"),
        ("", ""),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical


def test_a_thread_may_be_the_start() -> None:
    assert ENGINE.root(BOARD + "res/31.html") == ROOT
    assert ENGINE.root(BOARD + "index.html") == BOARD


def data(name: str) -> str:
    return (FIXTURES / f"data-{name}.json").read_text(encoding="utf-8")


def test_a_site_tells_its_boards_as_data() -> None:
    boards = ENGINE.boards(data("boards"), ROOT + "boards.json").boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("pier", "Pictures & more", BOARD + "catalog.json"),
        ("b", "Random", ROOT + "b/catalog.json"),
    ]
    assert ENGINE.boards(data("catalog"), BOARD + "catalog.json").boards == ()


def test_a_catalog_as_data_tells_replies_that_did_not_move_their_thread_up() -> None:
    listed = ENGINE.threads(data("catalog"), BOARD + "catalog.json")
    assert listed.next_url is None
    facts = [(one.id, one.title, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("pier.9", "How to post", 0, "m1580899140.0", True),
        ("pier.31", "First light,", 14, "m1772272800.9", False),
        ("pier.28", "Fog & rain", None, "m1772200100.0", False),
    ]
    assert listed.threads[1].url == BOARD + "res/31.json"


def test_a_post_is_the_same_in_data_and_in_a_page() -> None:
    shown = ENGINE.posts(page("thread"), BOARD + "res/31.html")
    told = ENGINE.posts(data("thread"), BOARD + "res/31.json")
    assert (told.thread_id, told.title) == (shown.thread_id, shown.title)
    assert len(told.posts) == 3
    for one, other in zip(shown.posts, told.posts, strict=False):
        for name in ("native_id", "url", "text", "posted", "author", "thread", "links"):
            assert getattr(one, name) == getattr(other, name), name
        assert [media.url for media in one.media] == [media.url for media in other.media]


def test_files_tell_their_md5_and_deleted_ones_are_left_out() -> None:
    first, second, third = ENGINE.posts(data("thread"), BOARD + "res/31.json").posts
    assert first.media == (
        MediaRef(
            BOARD + "src/1772269500-0.jpg",
            MediaKind.PHOTO,
            name="pier.jpg",
            md5="d41d8cd98f00b204e9800998ecf8427e",
        ),
        MediaRef(BOARD + "src/1772269500-1.webm", MediaKind.VIDEO, name="waves.webm"),
    )
    assert second.media[0].md5 is None
    assert third.media == ()


def test_the_page_of_a_thread_may_be_named_by_its_title() -> None:
    told = json.loads(data("thread"))
    told["posts"][0]["semantic_url"] = "dawn-at-the-pier"
    read = ENGINE.posts(json.dumps(told), BOARD + "res/31.json")
    assert read.posts[1].url == BOARD + "res/31-dawn-at-the-pier.html#32"


def test_4chan_has_hosts_for_data_pages_and_files() -> None:
    told = json.loads(data("catalog"))
    told[0]["threads"][1] |= {"now": "02/28/26(Sat)09:05:00", "last_replies": [{"no": 45}]}
    listed = ENGINE.threads(json.dumps(told), "https://a.4cdn.org/pier/catalog.json").threads
    url = "https://a.4cdn.org/pier/thread/31.json"
    assert (listed[1].url, listed[1].last_post) == (url, "m1772272800.9.45")
    post = ENGINE.posts(data("thread"), url).posts[1]
    assert post.url == "https://boards.4chan.org/pier/thread/31#p32"
    assert post.media[0].url == "https://i.4cdn.org/pier/1772270000.PNG"
    elsewhere = ENGINE.posts(data("thread"), BOARD + "thread/31.json").posts[1]
    assert (elsewhere.url, elsewhere.media[0].url) == (
        BOARD + "thread/31#p32",
        BOARD + "src/1772270000.PNG",
    )


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("pier/", "pier/catalog.json"),
        ("pier/3.html", "pier/catalog.json"),
        ("pier/catalog.html", "pier/catalog.json"),
        ("pier/res/31-dawn.html#q32", "pier/res/31.json"),
        ("pier/thread/31/dawn", "pier/thread/31.json"),
    ],
)
def test_a_page_names_where_its_data_is(address: str, entry: str) -> None:
    assert ENGINE.entry(page("board"), ROOT + address) == ROOT + entry


def test_data_stands_for_itself_but_a_list_of_numbers_for_the_catalog() -> None:
    assert ENGINE.entry(page("index"), ROOT) is None
    assert ENGINE.entry(data("catalog"), BOARD + "catalog.json") is None
    assert ENGINE.entry(data("catalog"), BOARD + "threads.json") == BOARD + "catalog.json"


def test_pages_as_4chan_writes_them_are_known_for_their_data() -> None:
    html = "<div class=board><div class=thread id=t31><div class='postContainer opContainer'>"
    assert ENGINE.recognise(html, BOARD) >= 0.5


@pytest.mark.parametrize("text", ["[]", '[{"page": 0, "threads": []}]'])
def test_an_empty_catalog_is_no_changed_page(text: str) -> None:
    assert ENGINE.threads(text, BOARD + "catalog.json").threads == ()
