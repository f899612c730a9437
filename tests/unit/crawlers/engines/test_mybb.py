"""MyBB pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.mybb import ENGINE
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "mybb"
ROOT = "https://forum.example/club/"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def test_boards_and_sub_boards_are_listed() -> None:
    boards = ENGINE.boards(page("index"), ROOT + "index.php").boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("4", "Pictures", ROOT + "forumdisplay.php?fid=4"),
        ("5", "Night & fog", ROOT + "forumdisplay.php?fid=5"),
        ("6", "Quiet corner", ROOT + "forumdisplay.php?fid=6"),
    ]
    below = ENGINE.boards(page("board"), ROOT + "forumdisplay.php?fid=4").boards
    assert [board.id for board in below] == ["5"]


def test_threads_tell_replies_stickies_pointers_and_a_time_that_does_not_change() -> None:
    listed = ENGINE.threads(page("board"), ROOT + "forumdisplay.php?fid=4")
    assert listed.next_url == ROOT + "forumdisplay.php?fid=4&page=2"
    facts = [(one.id, one.replies, one.last_post, one.sticky, one.moved) for one in listed.threads]
    assert facts == [
        ("9", 8, "2020-02-05T10:39:00+00:00", True, False),
        ("31", 1234, "2026-03-01T23:15:00+00:00", False, False),
        ("70", None, "2026-03-02T09:10:00+00:00", False, True),
    ]


def test_a_board_with_short_addresses_is_read() -> None:
    listed = ENGINE.threads(page("board_short"), ROOT + "forum-4-page-2.html")
    assert listed.next_url == ROOT + "forum-4-page-3.html"
    assert [(one.id, one.url, one.replies) for one in listed.threads] == [
        ("12", ROOT + "thread-12.html", 11)
    ]


def test_an_empty_board_is_no_changed_page() -> None:
    html = "<td class=tcat><a href='forumdisplay.php?fid=4&sortby=subject'>Thread</a></td>"
    assert ENGINE.threads(html, ROOT + "forumdisplay.php?fid=4").threads == ()


def test_rows_without_threads_are_a_changed_page() -> None:
    html = "<table><tr class=inline_row><td><a href='/t/1'>T</a></td></tr></table>"
    with pytest.raises(SourceChanged):
        ENGINE.threads(html, ROOT + "forumdisplay.php?fid=4")


def test_a_board_behind_a_password_is_restricted() -> None:
    html = "<form method=post><input type=password name=pwverify></form>"
    with pytest.raises(SourceUnavailable) as caught:
        ENGINE.threads(html, ROOT + "forumdisplay.php?fid=4")
    assert caught.value.state is SourceState.RESTRICTED


def test_a_post_gives_its_own_words_pictures_and_links_only() -> None:
    read = ENGINE.posts(page("thread"), ROOT + "showthread.php?tid=31")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == ROOT + "showthread.php?tid=31&page=2"
    first, second = read.posts
    assert (first.native_id, first.author) == ("81", "gull")
    assert first.url == ROOT + "showthread.php?tid=31&pid=81#pid81"
    assert first.text == "First light,\nthen rain see the forecast\n\nscan -x"
    assert first.posted == datetime(2026, 2, 28, 18, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.edited, second.edited) == (True, False)
    assert (second.author, second.text) == ("visitor", "멋진 사진")
    assert second.posted == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def test_media_are_taken_at_full_size_with_the_sites_own_id() -> None:
    first = ENGINE.posts(page("thread"), ROOT + "showthread.php?tid=31").posts[0]

    def attached(id_: int, kind: MediaKind, name: str) -> MediaRef:
        origin = f"mybb:forum.example/club/:{id_}"
        return MediaRef(f"{ROOT}attachment.php?aid={id_}", kind, origin, name)

    assert first.media == (
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        attached(33, MediaKind.FILE, "chart.pdf"),
        attached(32, MediaKind.PHOTO, "pier.webp"),
        attached(34, MediaKind.PHOTO, "fog.png"),
        attached(35, MediaKind.FILE, "mast.heic"),
    )


def test_a_photo_does_not_hide_behind_an_attachment_that_it_links_to() -> None:
    decoy = "<a href='attachment.php?aid=9'><img src='https://pics.example/photo'></a>"
    html = f"<div class=post id=post_7><div class=post_body>{decoy}</div></div>"
    (post,) = ENGINE.posts(html, ROOT + "showthread.php?tid=3").posts
    assert [ref.url for ref in post.media] == [
        ROOT + "attachment.php?aid=9",
        "https://pics.example/photo",
    ]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("showthread.php?tid=3&page=1&pid=9&mode=linear#pid9", "showthread.php?tid=3"),
        ("showthread.php?page=2&tid=3&highlight=x", "showthread.php?tid=3&page=2"),
        ("showthread.php?pid=9&sid=ab", "showthread.php?pid=9#pid9"),
        ("forumdisplay.php?sid=ab&fid=4&sortby=subject", "forumdisplay.php?fid=4"),
        ("attachment.php?aid=5&x=1", "attachment.php?aid=5"),
        ("thread-3-post-9.html#pid9", "thread-3.html"),
        ("thread-3-page-1.html", "thread-3.html"),
        ("thread-3-page-2.html?highlight=x", "thread-3-page-2.html"),
        ("index.php?sid=ab", "index.php"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
