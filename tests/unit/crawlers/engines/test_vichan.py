"""Pages of imageboards as a person would read them."""

from __future__ import annotations

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
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("pier", "Pictures of the pier", BOARD),
        ("b", "b", ROOT + "b/"),
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
        ("", ""),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical


def test_a_thread_may_be_the_start() -> None:
    assert ENGINE.root(BOARD + "res/31.html") == ROOT
    assert ENGINE.root(BOARD + "index.html") == BOARD
