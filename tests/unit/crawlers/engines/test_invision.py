"""Invision pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.invision import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "invision"
ROOT = "https://forum.example/club/"
TOPIC = ROOT + "topic/31-dawn-at-the-pier/"
ORIGIN = "invision:forum.example/club/:"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def test_boards_are_listed_as_rows_below_others_and_in_a_grid() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("1", "Boats", ROOT + "forum/1-boats/"),
        ("4", "Pictures", ROOT + "forum/4-pictures/"),
        ("5", "Night & fog", ROOT + "forum/5-night/"),
        ("6", "Quiet corner", ROOT + "forum/6-quiet/"),
    ]
    below = ENGINE.boards(page("board"), ROOT + "forum/4-pictures/").boards
    assert [board.id for board in below] == ["5"]


def test_topics_tell_replies_pins_and_their_last_post() -> None:
    listed = ENGINE.threads(page("board"), ROOT + "forum/4-pictures/")
    assert listed.next_url == ROOT + "forum/4-pictures/page/2/"
    facts = [(one.id, one.url, one.replies, one.last_post, one.sticky) for one in listed.threads]
    assert facts == [
        ("9", ROOT + "topic/9-how-to-post/", 4, "2020-02-05T10:39:00+00:00", True),
        ("31", TOPIC, 1234, "2026-03-01T09:30:00+00:00", False),
    ]


def test_version_5_and_addresses_without_rewriting_are_read() -> None:
    listed = ENGINE.threads(page("board_5"), ROOT + "index.php?/forum/4-pictures/")
    assert listed.next_url == ROOT + "index.php?/forum/4-pictures/page/2/"
    (only,) = listed.threads
    assert (only.id, only.replies, only.sticky) == ("31", None, True)
    assert only.url == ROOT + "index.php?/topic/31-dawn-at-the-pier/"


def test_an_empty_board_is_no_changed_page_and_rows_without_topics_are_one() -> None:
    here = ROOT + "forum/4-pictures/"
    assert ENGINE.threads("<body data-pageController=forums>None yet", here).threads == ()
    with pytest.raises(SourceChanged):
        ENGINE.threads("<body data-pageController=forums><li data-rowid=3>x</li>", here)


def test_a_post_gives_its_own_words_and_links_only() -> None:
    read = ENGINE.posts(page("thread"), TOPIC + "page/2/")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == TOPIC + "page/3/"
    # A recommended post is repeated on every page.
    first, second = read.posts
    assert (first.native_id, first.author) == ("81", "gull")
    assert first.url == TOPIC + "?do=findComment&comment=81#comment-81"
    assert first.text.startswith("First light,\nthen rain see the forecast")
    assert "Old words" not in first.text
    assert "Edited" not in first.text
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.edited, second.edited) == (True, False)
    assert (second.author, second.text) == ("visitor", "멋진 사진")


def test_media_are_taken_at_full_size_though_they_are_loaded_late() -> None:
    uploads = ROOT + "uploads/monthly_2026_02/"
    file = ROOT + "applications/core/interface/file/attachment.php?id=305&key=0123"
    assert ENGINE.posts(page("thread"), TOPIC + "page/2/").posts[0].media == (
        MediaRef(uploads + "pier.jpg.0123.jpg", MediaKind.PHOTO, ORIGIN + "301", "pier.jpg"),
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        MediaRef(uploads + "tide.mp4.0123.mp4", MediaKind.VIDEO),
        MediaRef(file, MediaKind.FILE, ORIGIN + "305", "chart.pdf"),
    )


def test_a_post_of_version_5_is_read() -> None:
    read = ENGINE.posts(page("thread_5"), TOPIC)
    assert (read.title, read.board, read.next_url) == (
        "Dawn at the pier",
        "Pictures",
        TOPIC + "?page=2",
    )
    (post,) = read.posts
    assert (post.author, post.text) == ("gull", "First light")
    assert post.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert post.media == (MediaRef(ROOT + "uploads/fog.png", MediaKind.PHOTO, ORIGIN + "302"),)


def test_a_forum_is_in_one_folder_whichever_of_its_pages_is_the_start() -> None:
    for address in ("", "forum/4-pictures/page/2/", "index.php?/topic/3-a/", "topic/3-a/"):
        assert ENGINE.root(ROOT + address) == ROOT


def test_a_photo_hides_neither_behind_a_link_nor_behind_a_known_id() -> None:
    decoy = (
        "<a class=ipsAttachLink data-fileid=9 href='/club/uploads/a.jpg.01.jpg'>"
        "<img src='https://pics.example/photo' data-fileid=9></a>"
        "<img src='https://pics.example/other' data-fileid=9>"
    )
    html = f"<article id=elComment_7><div data-role=commentContent>{decoy}</div></article>"
    (post,) = ENGINE.posts(html, TOPIC).posts
    assert post.media == (
        MediaRef(ROOT + "uploads/a.jpg.01.jpg", MediaKind.PHOTO, ORIGIN + "9"),
        MediaRef("https://pics.example/photo", MediaKind.PHOTO),
        MediaRef("https://pics.example/other", MediaKind.PHOTO),
    )


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("topic/31-dawn/page/1/", "topic/31-dawn/"),
        ("topic/31-dawn/?do=findComment&comment=9#comment-9", "topic/31-dawn/"),
        ("topic/31-dawn/page/2/?tab=comments#elControls", "topic/31-dawn/page/2/"),
        ("topic/31-dawn/?page=2", "topic/31-dawn/?page=2"),
        ("index.php?/topic/31-dawn/&page=2", "index.php?/topic/31-dawn/page/2/"),
        ("forum/4-pictures/?sortby=title", "forum/4-pictures/"),
        ("discover/?csrfKey=ab&x=1#top", "discover/?x=1"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
