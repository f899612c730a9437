"""Pages of galleries as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.dcinside import ENGINE
from monitor.models.post import MediaKind, MediaRef

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "dcinside"
ROOT = "https://forum.example/"
LIST = ROOT + "mgallery/board/lists/?id=pier"
VIEW = ROOT + "mgallery/board/view/?id=pier"
FILES = "https://image.pier.example/download.php?no="


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def test_galleries_of_one_name_and_several_kinds_are_told_apart() -> None:
    boards = ENGINE.boards(page("index"), ROOT).boards
    assert [(board.id, board.title, board.url) for board in boards] == [
        ("other", "다른 갤러리", ROOT + "board/lists/?id=other"),
        ("mgallery.pier", "부두", LIST),
        ("mini.pier", "작은 부두", ROOT + "mini/board/lists/?id=pier"),
    ]
    assert ENGINE.boards(page("gallery"), LIST).boards == ()


def test_a_list_tells_notices_and_leaves_advertisements_out() -> None:
    listed = ENGINE.threads(page("gallery"), ROOT + "mgallery/board/lists?id=pier")
    assert listed.next_url == LIST + "&page=2"
    facts = [(one.id, one.url, one.title, one.sticky) for one in listed.threads]
    assert facts == [
        ("mgallery.pier.2", VIEW + "&no=2", "이용 안내", True),
        ("mgallery.pier.31", VIEW + "&no=31", "새벽 부두", False),
    ]


def test_a_new_comment_does_not_change_what_a_list_tells_of_a_post() -> None:
    html = page("gallery")
    more = html.replace("[3/1]", "[4/1]")
    assert ENGINE.threads(more, LIST) == ENGINE.threads(html, LIST)


def test_an_empty_gallery_is_no_changed_page() -> None:
    assert ENGINE.threads("<table class=gall_list></table>", LIST).threads == ()


def test_a_post_is_read_with_korean_time_and_its_writer_as_the_site_names_them() -> None:
    read = ENGINE.posts(page("post"), VIEW + "&no=31&page=1")
    assert (read.thread_id, read.title, read.board) == (
        "mgallery.pier.31",
        "새벽 부두",
        "부두 갤러리",
    )
    (post,) = read.posts
    assert (post.native_id, post.url) == ("mgallery.pier.31", VIEW + "&no=31")
    assert post.author == "갈매기(192.0)"
    assert post.posted == datetime(2026, 2, 28, 21, 5, 9, tzinfo=UTC)
    assert post.text == "첫 빛,\n\n그리고 비. 예보"
    assert post.links == ("https://weather.example/pier?day=1",)


def test_pictures_are_the_attachments_that_they_were_made_from() -> None:
    assert ENGINE.posts(page("post"), VIEW + "&no=31").posts[0].media == (
        MediaRef(FILES + "24a&f_no=1", MediaKind.PHOTO, name="pier.jpg"),
        MediaRef(FILES + "24b&f_no=2", MediaKind.PHOTO, name="fog.webp"),
        MediaRef("https://img1.pier.example/viewmovie.php?no=24c", MediaKind.VIDEO),
    )


def test_a_picture_of_another_site_does_not_hide_behind_an_attachment() -> None:
    for source in ("//evil.example/viewimage.php", "//img1.pier.example/other.php"):
        html = page("post").replace(
            "https://img1.pier.example/viewimage.php?id=2b&amp;no=24a", source
        )
        assert len(ENGINE.posts(html, VIEW + "&no=31").posts[0].media) == 4


def test_where_attachments_and_pictures_are_not_as_many_all_are_taken() -> None:
    html = page("post").replace('data-fileno="902"', "")
    kinds = [ref.kind for ref in ENGINE.posts(html, VIEW + "&no=31").posts[0].media]
    photo, file = MediaKind.PHOTO, MediaKind.FILE
    assert kinds == [file, file, photo, photo, MediaKind.VIDEO]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("mgallery/board/lists?id=pier&page=1&exception_mode=recommend", LIST),
        ("mgallery/board/lists/?page=2&id=pier&s_type=x", LIST + "&page=2"),
        ("mgallery/board/view/?id=pier&no=31&t=cv&page=1#focus_cmt", VIEW + "&no=31"),
        ("board/comment/?id=pier&no=31#x", ROOT + "board/comment/?id=pier&no=31"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == canonical


def test_a_gallery_is_not_confined_to_the_folder_of_its_list() -> None:
    assert ENGINE.root(LIST) == ENGINE.root(VIEW + "&no=3") == ENGINE.root(ROOT) == ROOT
