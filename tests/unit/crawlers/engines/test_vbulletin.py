"""vBulletin pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawlers.engines.vbulletin import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "vbulletin"
ROOT = "https://forum.example/club/"
CHANNEL = "https://forum.example/forum/boats/pictures"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def attached(id_: int, kind: MediaKind, name: str) -> MediaRef:
    origin = f"vbulletin:forum.example/club/:attachmentid:{id_}"
    return MediaRef(f"{ROOT}attachment.php?attachmentid={id_}", kind, origin, name)


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        (
            "index_3",
            ROOT + "index.php",
            {"4": ROOT + "forumdisplay.php?f=4", "5": ROOT + "forumdisplay.php?f=5"},
        ),
        (
            "index_4",
            ROOT + "forum.php",
            {
                "1": ROOT + "forumdisplay.php?1-Boats",
                "4": ROOT + "forumdisplay.php?4-Pictures",
                "5": ROOT + "forumdisplay.php?5-Night-amp-fog",
            },
        ),
        (
            "index_5",
            "https://forum.example/forum/",
            {"pictures": CHANNEL, "night-fog": CHANNEL + "/night-fog"},
        ),
    ],
)
def test_boards_and_sub_boards_are_listed(name: str, url: str, expected: dict[str, str]) -> None:
    boards = ENGINE.boards(page(name), url).boards
    assert {board.id: board.url for board in boards} == expected


def test_threads_of_version_3_tell_stickies_pointers_and_their_last_post() -> None:
    listed = ENGINE.threads(page("board_3"), ROOT + "forumdisplay.php?f=4")
    assert listed.next_url == ROOT + "forumdisplay.php?f=4&page=2"
    facts = [(one.id, one.replies, one.last_post, one.sticky, one.moved) for one in listed.threads]
    assert facts == [
        ("9", 4, "p44", True, False),
        ("31", 1234, "p95", False, False),
        ("70", None, "t70", False, True),
    ]
    assert listed.threads[1].url == ROOT + "showthread.php?t=31"


@pytest.mark.parametrize(
    ("name", "url", "next_url"),
    [
        (
            "board_4",
            ROOT + "forumdisplay.php?4-Pictures",
            ROOT + "forumdisplay.php?4-Pictures/page2",
        ),
        ("board_5", CHANNEL, CHANNEL + "/page2"),
    ],
)
def test_threads_of_later_versions_are_read(name: str, url: str, next_url: str) -> None:
    listed = ENGINE.threads(page(name), url)
    assert listed.next_url == next_url
    zoned = "2020-02-05T01:39:00+00:00" if name == "board_5" else "2020-02-05T10:39:00+00:00"
    assert [(one.id, one.replies, one.last_post, one.sticky) for one in listed.threads] == [
        ("9", 4, zoned, True),
        ("31", 1234, "p95", False),
    ]


def test_an_empty_board_is_no_changed_page_and_another_page_is_one() -> None:
    here = ROOT + "forumdisplay.php?f=4"
    assert ENGINE.threads("<table id=threadslist></table>", here).threads == ()
    with pytest.raises(SourceChanged):
        ENGINE.threads("<input name=vb_login_username id=navbar_username>", here)


def test_a_post_of_version_3_gives_its_own_words_in_the_zone_that_the_page_names() -> None:
    read = ENGINE.posts(page("thread_3"), ROOT + "showthread.php?t=31")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == ROOT + "showthread.php?t=31&page=2"
    first, second = read.posts
    assert (first.native_id, first.author) == ("81", "gull")
    assert first.url == ROOT + "showthread.php?p=81#post81"
    assert first.text == "First light,\nthen rain see the forecast"
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)
    assert (first.edited, second.edited) == (True, False)
    # The page does not say which day today is.
    assert (second.author, second.text) == ("visitor", "멋진 사진")
    # "Today": no page of vBulletin names the day.
    assert second.posted is not None
    assert abs(second.posted - datetime.now(UTC)) < timedelta(days=2)
    assert first.media == (
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        attached(301, MediaKind.PHOTO, "pier.jpg"),
        attached(302, MediaKind.FILE, "chart.pdf"),
    )


def test_a_post_of_version_4_is_read_with_its_day_first() -> None:
    read = ENGINE.posts(page("thread_4"), ROOT + "showthread.php?31-Dawn-at-the-pier/page2")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == ROOT + "showthread.php?31-Dawn-at-the-pier/page3"
    (post,) = read.posts
    assert (post.native_id, post.author, post.text) == ("91", "gull", "Low tide")
    assert post.posted == datetime(2026, 2, 28, 18, 5, tzinfo=UTC)
    assert post.edited
    assert post.media == (
        attached(311, MediaKind.PHOTO, "keel.png Views: 9"),
        attached(312, MediaKind.FILE, "mast.heic"),
    )


def test_a_post_of_version_5_is_read() -> None:
    read = ENGINE.posts(page("thread_5"), CHANNEL + "/31-dawn-at-the-pier")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == CHANNEL + "/31-dawn-at-the-pier/page2"
    (post,) = read.posts
    assert (post.native_id, post.author, post.text) == ("31", "gull", "First light")
    assert post.url == CHANNEL + "/31-dawn-at-the-pier?p=31#post31"
    assert post.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert post.edited
    assert [(ref.url, ref.kind, ref.name) for ref in post.media] == [
        ("https://forum.example/filedata/fetch?id=401", MediaKind.PHOTO, "pier.jpg"),
        ("https://forum.example/filedata/fetch?id=402", MediaKind.FILE, "mast.heic"),
    ]


def test_a_photo_does_not_hide_behind_an_attachment_that_it_links_to() -> None:
    decoy = "<a href='attachment.php?attachmentid=9'><img src='https://pics.example/photo'></a>"
    html = f"<table id=post7><td><div id=post_message_7>{decoy}</div></td></table>"
    (post,) = ENGINE.posts(html, ROOT + "showthread.php?t=3").posts
    assert [ref.url for ref in post.media] == [
        ROOT + "attachment.php?attachmentid=9",
        "https://pics.example/photo",
    ]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("showthread.php?s=ab&t=3&page=1", "showthread.php?t=3"),
        ("showthread.php?goto=newpost&t=3", "showthread.php?t=3"),
        ("showthread.php?p=9&s=ab", "showthread.php?p=9#post9"),
        ("showthread.php?3-Dawn&p=9&s=ab#post9", "showthread.php?p=9#post9"),
        ("showthread.php?3-Dawn/page2&s=ab", "showthread.php?3-Dawn/page2"),
        ("threads/3-dawn/page1?s=ab", "threads/3-dawn"),
        ("forumdisplay.php?f=4&order=desc&page=2", "forumdisplay.php?f=4&page=2"),
        ("boats/3-dawn/page2?p=9#post9", "boats/3-dawn/page2"),
        ("index.php?s=ab", "index.php"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical


def test_a_forum_is_in_one_folder_whichever_of_its_pages_is_the_start() -> None:
    for address in ("", "forumdisplay.php?f=4", "threads/3-dawn/page2", "showthread.php?3-Dawn"):
        assert ENGINE.root(ROOT + address) == ROOT
    assert ENGINE.root(CHANNEL + "/31-dawn") == "https://forum.example/forum/"
