"""Rhymix and XpressEngine pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.rhymix import ENGINE
from monitor.errors import SourceUnavailable
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "rhymix"
ROOT = "https://forum.example/"
PICS = ROOT + "index.php?mid=pics"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def test_boards_are_those_whose_documents_are_shown_not_all_of_the_menu() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("free", "자유게시판", ROOT + "free"),
        ("pics", "사진", ROOT + "pics"),
    ]


def test_a_menu_is_taken_where_no_documents_are_shown() -> None:
    html = "<nav><a href='/free'>자유</a><a href='/index.php?act=dispMemberLoginForm'>x</a></nav>"
    assert [board.id for board in ENGINE.boards(html, ROOT).boards] == ["free"]


def test_a_board_has_no_boards_though_the_menu_is_on_its_page() -> None:
    assert ENGINE.boards(page("board"), ROOT + "free").boards == ()


def test_a_list_tells_notices_and_counts_of_comments() -> None:
    listed = ENGINE.threads(page("board"), ROOT + "free")
    # What is called next leads to the last page.
    assert listed.next_url == ROOT + "index.php?mid=free&page=2"
    facts = [(one.id, one.title, one.replies, one.sticky) for one in listed.threads]
    assert facts == [
        ("2", "이용 안내", 0, True),
        ("31", "새벽 부두", 3, False),
        ("9", "등대", 0, False),
    ]
    assert listed.threads[1].url == ROOT + "free/31"


def test_a_list_of_sketchbook_is_read() -> None:
    listed = ENGINE.threads(page("board_sketchbook"), PICS + "&page=2")
    assert listed.next_url == PICS + "&page=3"
    assert [(one.id, one.title, one.replies, one.sticky) for one in listed.threads] == [
        ("41", "안개", 7, False),
        ("40", "규칙", 0, True),
    ]
    assert listed.threads[0].url == PICS + "&document_srl=41"


def test_an_empty_board_is_no_changed_page() -> None:
    html = "<div class=board_list><table><tbody><tr><td>없음</td></tr></tbody></table></div>"
    assert ENGINE.threads(html, ROOT + "free").threads == ()


def test_a_document_and_its_comments_are_read_with_korean_time() -> None:
    read = ENGINE.posts(page("thread"), ROOT + "free/31?page=2")
    assert (read.thread_id, read.title, read.board) == ("31", "새벽 부두", "자유게시판")
    assert [(post.native_id, post.author, post.text) for post in read.posts] == [
        ("31", "갈매기", "첫 빛,\n그리고 비. 예보"),
        ("comment_32", "제비", "멋진 사진"),
        ("comment_40", "손님", "동감"),
    ]
    first, second, _ = read.posts
    assert (first.url, second.url) == (ROOT + "free/31", ROOT + "free/31#comment_32")
    assert first.posted == datetime(2026, 2, 28, 21, 5, tzinfo=UTC)
    assert second.posted == datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
    assert first.links == ("https://weather.example/pier?day=1",)


def test_comments_are_paged_from_the_first_page_to_the_last_which_is_shown_at_first() -> None:
    html = page("thread")
    assert ENGINE.posts(html, ROOT + "free/31").next_url == ROOT + "free/31?cpage=1"
    assert ENGINE.posts(html, ROOT + "free/31?cpage=2").next_url is None


def test_media_are_taken_at_full_size_and_furniture_is_not() -> None:
    first, second, _ = ENGINE.posts(page("thread"), ROOT + "free/31").posts
    file = "index.php?module=file&act=procFileDownload&file_srl=77&sid=0123abcd&module_srl=5"
    assert first.media == (
        MediaRef(ROOT + "files/attach/images/123/031/dawn.jpg", MediaKind.PHOTO),
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        MediaRef(ROOT + "files/attach/images/123/031/tide.mp4", MediaKind.VIDEO),
        MediaRef(ROOT + file, MediaKind.FILE, "rhymix:forum.example/:77", "fog.heic"),
    )
    assert [ref.url for ref in second.media] == [
        "https://pics.example/full.jpg",
        "https://pics.example/reply.jpg",
    ]


def test_a_page_of_sketchbook_is_read() -> None:
    read = ENGINE.posts(page("thread_sketchbook"), PICS + "&document_srl=41")
    assert (read.title, read.board) == ("안개", "pics")
    assert [(post.author, post.posted) for post in read.posts] == [
        ("갈매기", datetime(2026, 2, 28, 9, 5, tzinfo=UTC)),
        ("제비", datetime(2026, 2, 28, 10, 0, tzinfo=UTC)),
    ]
    assert [ref.url for ref in read.posts[0].media] == [
        ROOT + "files/attach/images/5/041/fog_full.png",
        ROOT + "files/attach/images/5/041/fog.png",
    ]


def test_a_secret_document_is_restricted() -> None:
    html = "<div class=board><form><input type=password name=password></form></div>"
    with pytest.raises(SourceUnavailable) as caught:
        ENGINE.posts(html, ROOT + "free/33")
    assert caught.value.state is SourceState.RESTRICTED


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("free/31?page=2#comment_5", "free/31"),
        ("free/31/comment/5", "free/31"),
        ("free/page/2", "free?page=2"),
        ("free?page=1&sort_index=title", "free"),
        ("31", "31"),
        ("?document_srl=31&mid=free&page=2", "index.php?mid=free&document_srl=31"),
        ("index.php?page=3&mid=free&PHPSESSID=ab", "index.php?mid=free&page=3"),
        ("free/31?cpage=2", "free/31?cpage=2"),
        ("index.php?act=x&mid=free&PHPSESSID=ab", "index.php?act=x&mid=free"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical


def test_a_site_is_in_one_folder_whichever_of_its_pages_is_the_start() -> None:
    for address in ("xe/", "xe/free", "xe/free/31", "xe/index.php?mid=free"):
        assert ENGINE.root(ROOT + address) == ROOT + "xe/"
