"""Gnuboard pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.gnuboard5 import ENGINE
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "gnuboard5"
ROOT = "https://forum.example/"
BOARD = ROOT + "bbs/board.php?bo_table=free"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def media_of(content: str) -> list[str]:
    html = f"<article id=bo_v><div id=bo_v_con>{content}</div></article>"
    read = ENGINE.posts(html, BOARD + "&wr_id=3")
    return [ref.url for ref in read.posts[0].media]


def test_boards_are_those_of_the_menu_and_of_the_boxes_of_new_posts() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("free", "자유게시판", BOARD),
        ("gallery", "사진", ROOT + "gallery"),
        ("notice", "공지사항", ROOT + "bbs/board.php?bo_table=notice"),
    ]


def test_a_board_has_no_boards_though_the_menu_is_on_its_page() -> None:
    assert ENGINE.boards(page("board"), BOARD).boards == ()


def test_a_list_tells_notices_and_counts_of_comments() -> None:
    listed = ENGINE.threads(page("board"), BOARD + "&page=2")
    assert listed.next_url == BOARD + "&page=3"
    facts = [(one.id, one.title, one.replies, one.sticky) for one in listed.threads]
    assert facts == [
        ("free.2", "이용 안내", 0, True),
        ("free.31", "새벽 부두", 3, False),
        ("free.9", "Re: 등대", 0, False),
    ]
    assert listed.threads[1].url == BOARD + "&wr_id=31"


def test_a_gallery_with_short_addresses_is_read() -> None:
    (only,) = ENGINE.threads(page("gallery"), ROOT + "gallery").threads
    assert (only.id, only.url, only.title, only.replies) == (
        "gallery.7",
        ROOT + "gallery/7",
        "안개",
        2,
    )


def test_an_empty_board_is_no_changed_page() -> None:
    html = "<div id=bo_list><table><tbody><tr><td class=empty_table>없음</td></tr></table></div>"
    assert ENGINE.threads(html, BOARD).threads == ()


def test_a_post_and_its_comments_are_read_with_korean_time() -> None:
    read = ENGINE.posts(page("thread"), BOARD + "&wr_id=31&page=2")
    assert (read.thread_id, read.title, read.board) == ("free.31", "새벽 부두", "자유게시판")
    assert [(post.native_id, post.author) for post in read.posts] == [
        ("free.31", "갈매기"),
        ("free.32", "제비"),
        ("free.40", "손님"),
        ("free.35", "선장"),
    ]
    first, second = read.posts[:2]
    assert first.url == BOARD + "&wr_id=31"
    assert first.text == "첫 빛,\n그리고 비. 예보 등대"
    assert first.posted == datetime(2026, 2, 28, 21, 5, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1", "https://tides.example/today")
    assert second.url == BOARD + "&wr_id=31#c_32"
    assert second.text == "멋진 사진"
    assert second.posted == datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
    assert [ref.url for ref in second.media] == [
        "https://pics.example/full.jpg",
        "https://pics.example/reply.jpg",
    ]


def test_pictures_are_taken_at_full_size_and_furniture_is_not() -> None:
    first = ENGINE.posts(page("thread"), BOARD + "&wr_id=31").posts[0]
    nonce = "&wr_id=31&no=2&nonce=0123abcd|1795422681|83"
    assert first.media == (
        MediaRef(ROOT + "data/file/free/abc_123.jpeg", MediaKind.PHOTO),
        MediaRef(ROOT + "data/file/free/small.png", MediaKind.PHOTO),
        MediaRef(ROOT + "data/editor/2603/dawn.png", MediaKind.PHOTO),
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        MediaRef("https://pics.example/tide.mp4", MediaKind.VIDEO),
        MediaRef(
            ROOT + "bbs/download.php?bo_table=free" + nonce,
            MediaKind.FILE,
            "gnuboard5:forum.example:free.31:2:20260301060500",
            "fog.heic",
        ),
    )


def test_a_large_picture_that_is_another_one_does_not_hide_what_is_shown() -> None:
    link = "<a href='/bbs/view_image.php?bo_table=free&fn={}'><img src='{}'></a>"
    shown = "/data/file/free/thumb-other_835x626.jpg"
    assert media_of(link.format("abc.jpg", shown)) == [
        ROOT + "data/file/free/abc.jpg",
        ROOT + shown[1:],
    ]
    elsewhere = "https://evil.example/data/file/free/abc.jpg"
    assert media_of(link.format("abc.jpg", elsewhere))[1] == elsewhere
    assert media_of(link.format("../../secret", shown)) == [ROOT + shown[1:]]


def test_a_page_of_an_older_skin_is_read() -> None:
    read = ENGINE.posts(page("thread_older_skin"), BOARD + "&wr_id=9")
    assert [(post.author, post.text, post.posted) for post in read.posts] == [
        ("선장", "옛 사진", datetime(2016, 1, 2, 14, 30, tzinfo=UTC)),
        ("제비", "좋아요", datetime(2016, 1, 2, 23, 0, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("bbs/board.php?bo_table=free&page=1&sca=&PHPSESSID=ab", "bbs/board.php?bo_table=free"),
        ("bbs/board.php?page=3&bo_table=free", "bbs/board.php?bo_table=free&page=3"),
        ("bbs/board.php?bo_table=free&wr_id=3&page=2&device=mobile#c_4", None),
        ("free/3?page=2", "free/3"),
        ("free?page=2&sfl=x", "free?page=2"),
        ("content/company?x=1", "content/company?x=1"),
        ("bbs/new.php?PHPSESSID=ab", "bbs/new.php"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str | None) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + (
        canonical or "bbs/board.php?bo_table=free&wr_id=3"
    )
