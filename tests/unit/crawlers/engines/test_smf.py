"""SMF pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.smf import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "smf"
ROOT = "https://forum.example/club/"
SCRIPT = ROOT + "index.php"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def attached(asked: str, id_: int, kind: MediaKind, name: str | None) -> MediaRef:
    url = f"{SCRIPT}?action=dlattach;{asked}attach={id_};image"
    return MediaRef(url, kind, f"smf:forum.example/club/:{id_}", name)


def test_boards_and_child_boards_are_listed() -> None:
    boards = ENGINE.boards(page("index"), SCRIPT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("4", "Pictures", SCRIPT + "?board=4.0"),
        ("5", "Night & fog", SCRIPT + "?board=5.0"),
        ("6", "Quiet corner", SCRIPT + "?board=6.0"),
    ]
    assert ENGINE.boards(page("board"), SCRIPT + "?board=4.0").boards == ()


def test_threads_tell_replies_stickies_pointers_and_their_last_post() -> None:
    listed = ENGINE.threads(page("board"), SCRIPT + "?board=4.0")
    assert listed.next_url == SCRIPT + "?board=4.20"
    facts = [(one.id, one.replies, one.last_post, one.sticky, one.moved) for one in listed.threads]
    assert facts == [
        ("9", 4, "m44", True, False),
        ("31", 1234, "m95", False, False),
        ("77", None, "2026-01-05T01:13:00+00:00", False, True),
    ]
    assert listed.threads[1].url == SCRIPT + "?topic=31.0"


def test_a_board_of_2_0_with_short_addresses_is_read() -> None:
    listed = ENGINE.threads(page("board_2_0"), SCRIPT + "/board,4.20.html")
    assert listed.next_url == SCRIPT + "/board,4.40.html"
    assert [(one.id, one.url, one.replies, one.sticky) for one in listed.threads] == [
        ("9", SCRIPT + "/topic,9.0.html", 4, True),
        ("12", SCRIPT + "/topic,12.0.html", 11, False),
    ]


def test_an_empty_board_is_no_changed_page_and_another_page_is_one() -> None:
    here = SCRIPT + "?board=4.0"
    assert ENGINE.threads("<div id=messageindex>No topics</div>", here).threads == ()
    with pytest.raises(SourceChanged):
        ENGINE.threads("<form id=guest_form action='?action=login2'></form>", here)


def test_a_post_gives_its_own_words_in_the_zone_that_the_pages_clock_tells() -> None:
    read = ENGINE.posts(page("thread"), SCRIPT + "?topic=31.15")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == SCRIPT + "?topic=31.30"
    first, second = read.posts
    assert (first.native_id, first.author) == ("81", "gull")
    assert first.url == SCRIPT + "?topic=31.msg81#msg81"
    assert first.text == "First light,\nthen rain see the forecast"
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.edited, second.edited) == (True, False)
    assert (second.author, second.text) == ("visitor", "멋진 사진")
    assert second.posted == datetime(2026, 3, 1, 14, 15, tzinfo=UTC)


def test_media_are_taken_at_full_size_and_not_from_a_proxy() -> None:
    assert ENGINE.posts(page("thread"), SCRIPT + "?topic=31.15").posts[0].media == (
        MediaRef("https://pics.example/alone.jpg", MediaKind.PHOTO),
        attached("", 301, MediaKind.PHOTO, "pier.jpg"),
        attached("", 303, MediaKind.PHOTO, "fog.png"),
        attached("", 304, MediaKind.FILE, "chart.pdf"),
    )


def test_a_post_of_2_0_is_read() -> None:
    read = ENGINE.posts(page("thread_2_0"), SCRIPT + "?PHPSESSID=ab&topic=12.0")
    assert (read.title, read.board) == ("Old photos", "Pictures")
    (post,) = read.posts
    assert (post.native_id, post.author, post.text) == ("44", "tern", "Scanned today.")
    assert post.posted == datetime(2009, 1, 5, 10, 13, tzinfo=UTC)
    assert post.edited
    assert post.media == (attached("topic=12.0;", 201, MediaKind.PHOTO, None),)


def test_a_photo_does_not_hide_behind_an_attachment_that_it_links_to() -> None:
    decoy = "<a href='?action=dlattach;attach=9'><img src='https://pics.example/photo'></a>"
    html = f"<div class=post_wrapper><div class=inner id=msg_7>{decoy}</div></div>"
    (post,) = ENGINE.posts(html, SCRIPT + "?topic=3.0").posts
    assert [ref.url for ref in post.media] == [
        SCRIPT + "?action=dlattach;attach=9;image",
        "https://pics.example/photo",
    ]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("?PHPSESSID=ab&topic=31.0", "?topic=31.0"),
        ("?topic=31.msg81#msg81", "?topic=31.0"),
        ("?topic=31.new;topicseen#new", "?topic=31.0"),
        ("?topic=31", "?topic=31.0"),
        ("?board=4.20;sort=subject", "?board=4.20"),
        ("/topic,31.15.html?PHPSESSID=ab", "/topic,31.15.html"),
        ("?action=dlattach;topic=31.0;attach=3", "?action=dlattach;topic=31.0;attach=3"),
        ("?PHPSESSID=ab", ""),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(SCRIPT + address) == SCRIPT + canonical
