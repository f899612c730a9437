"""XenForo pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.xenforo import ENGINE
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "xenforo"
ROOT = "https://forum.example/club/"
THREAD = ROOT + "threads/dawn-at-the-pier.31/"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def attached(slug: str, id_: int, kind: MediaKind, name: str) -> MediaRef:
    url = f"{ROOT}attachments/{slug}.{id_}/"
    return MediaRef(url, kind, f"xenforo:forum.example/club/:{id_}", name)


def test_boards_and_sub_boards_are_listed_without_links_to_shops() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("4", "Pictures", ROOT + "forums/pictures.4/"),
        ("5", "Night & fog", ROOT + "forums/night-fog.5/"),
        ("quiet", "Quiet corner", ROOT + "forums/quiet/"),
    ]
    below = ENGINE.boards(page("board"), ROOT + "forums/pictures.4/").boards
    assert [board.id for board in below] == ["5"]


def test_threads_tell_replies_stickies_and_pointers() -> None:
    listed = ENGINE.threads(page("board"), ROOT + "forums/pictures.4/")
    assert listed.next_url == ROOT + "forums/pictures.4/page-2"
    facts = [(one.id, one.replies, one.last_post, one.sticky, one.moved) for one in listed.threads]
    assert facts == [
        ("9", 4, "2020-02-05T10:39:00+00:00", True, False),
        ("31", 1234, "2026-03-01T09:30:00+00:00", False, False),
        ("70", None, "2026-02-01T00:00:00+00:00", False, True),
    ]
    assert (listed.threads[0].title, listed.threads[1].url) == ("How to post", THREAD)


def test_version_1_and_addresses_without_rewriting_are_read() -> None:
    here = ROOT + "index.php?forums/pictures.4/"
    listed = ENGINE.threads(page("board_1"), here)
    assert listed.next_url == here + "page-2"
    assert [(one.id, one.url, one.replies, one.last_post) for one in listed.threads] == [
        ("9", ROOT + "index.php?threads/how-to-post.9/", 4, "2020-02-05T10:39:00+00:00"),
        ("12", ROOT + "index.php?threads/old-photos.12/", 11, "2026-03-01T09:30:00+00:00"),
    ]


def test_an_empty_board_is_no_changed_page() -> None:
    html = "<html id=XF data-template=forum_view><div class=structItemContainer></div></html>"
    assert ENGINE.threads(html, ROOT + "forums/pictures.4/").threads == ()


def test_rows_without_threads_are_a_changed_page() -> None:
    html = "<html id=XF data-template=forum_view><div class='structItem structItem--thread'></div>"
    with pytest.raises(SourceChanged):
        ENGINE.threads(html, ROOT + "forums/pictures.4/")


def test_a_post_gives_its_own_words_and_links_only() -> None:
    read = ENGINE.posts(page("thread"), THREAD + "page-2")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == THREAD + "page-3"
    first, second = read.posts
    assert (first.native_id, first.author, first.url) == ("81", "gull", ROOT + "posts/81/")
    assert first.text.startswith("First light,\nthen rain see the forecast")
    assert "Old words" not in first.text
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1", "https://news.example/tides")
    assert (first.edited, second.edited) == (True, False)
    assert (second.author, second.text) == ("제비", "멋진 사진")
    assert second.posted == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_media_are_taken_at_full_size_and_not_from_a_proxy() -> None:
    assert ENGINE.posts(page("thread"), THREAD + "page-2").posts[0].media == (
        MediaRef("https://pics.example/boat.jpg", MediaKind.PHOTO),
        attached("pier-webp", 301, MediaKind.PHOTO, "pier.webp"),
        attached("fog-png", 302, MediaKind.PHOTO, "fog.png"),
        MediaRef(ROOT + "data/video/0/304-0123.mp4", MediaKind.VIDEO),
        attached("mast-jpg", 303, MediaKind.PHOTO, "mast.jpg"),
        attached("chart-pdf", 305, MediaKind.FILE, "chart.pdf"),
    )


def test_a_post_of_version_1_is_read_in_the_zone_in_which_today_began() -> None:
    read = ENGINE.posts(page("thread_1"), ROOT + "threads/old-photos.12/")
    assert (read.title, read.board) == ("Old photos", "Pictures")
    assert read.next_url == ROOT + "threads/old-photos.12/page-2"
    (post,) = read.posts
    assert (post.native_id, post.author, post.text) == ("44", "tern", "Scanned today.")
    assert post.posted == datetime(2009, 1, 5, 1, 13, tzinfo=UTC)
    assert post.edited
    assert post.media == (
        attached("mast-jpg", 201, MediaKind.PHOTO, "mast.jpg"),
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        attached("keel-png", 202, MediaKind.PHOTO, "keel.png"),
    )


def test_an_error_of_version_1_is_a_refusal_and_its_login_bar_is_none() -> None:
    bar = "<html id=XenForo><form id=login><input type=password name=password></form>"
    with pytest.raises(SourceChanged):
        ENGINE.posts(bar, THREAD)
    with pytest.raises(SourceUnavailable) as caught:
        ENGINE.posts(bar + "<div class=errorOverlay>No permission</div>", THREAD)
    assert caught.value.state is SourceState.RESTRICTED


def test_a_forum_is_in_one_folder_whichever_of_its_pages_is_the_start() -> None:
    for address in ("", "forums/pictures.4/page-2", "index.php?threads/a.3/", "threads/a.3/"):
        assert ENGINE.root(ROOT + address) == ROOT


@pytest.mark.parametrize("source", ["//pics.example/photo", "/club/data/attachments/0/8-1"])
def test_a_photo_does_not_hide_behind_an_attachment_that_it_links_to(source: str) -> None:
    decoy = f"<a href='/club/attachments/a-jpg.9/'><img src='{source}'></a>"
    body = f"<div class=message-body><div class=bbWrapper>{decoy}</div></div>"
    html = f"<article class=message data-content=post-7>{body}</article>"
    (post,) = ENGINE.posts(html, THREAD).posts
    assert [ref.url.rpartition("/")[2] for ref in post.media] == ["", source.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("threads/dawn.31/page-1", "threads/dawn.31/"),
        ("threads/dawn.31/page-2#post-9", "threads/dawn.31/page-2"),
        ("threads/dawn.31/unread", "threads/dawn.31/"),
        ("threads/dawn.31/post-9", "threads/dawn.31/"),
        ("threads/31", "threads/31/"),
        ("index.php?threads/dawn.31/page-2&sid=ab", "index.php?threads/dawn.31/page-2"),
        ("forums/pictures.4/?order=post_date", "forums/pictures.4/"),
        ("attachments/pier-jpg.301/?hash=ab", "attachments/pier-jpg.301/"),
        ("whats-new/#top", "whats-new/"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
