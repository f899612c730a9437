"""What engines share in reading a page."""

from __future__ import annotations

import pytest

from crawlers.engines._page import MAX_MEDIA, Page, gather, is_picture, is_video
from crawlers.urls import number, with_query
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import SourceState

HERE = "https://forum.example/club/list.php?b=4&page=2"


def page(html: str) -> Page:
    return Page(html, HERE, lambda url: url.partition("#")[0])


def place(url: str) -> tuple[str, int] | None:
    board = number(url, "b")
    return None if board is None else (str(board), number(url, "page") or 1)


def test_the_next_page_is_the_nearest_further_one_of_the_same_board() -> None:
    addresses = [
        "list.php?b=4&page=9",
        "list.php?b=4&page=3#x",
        "list.php?b=4",
        "list.php?b=5&page=3",
        "https://elsewhere.example/club/list.php?b=4&page=3",
        "javascript:next()",
    ]
    shown = page("".join(f"<a href='{one}'>x</a>" for one in addresses))
    assert shown.next_url(shown.tree.css("a"), place) == with_query(HERE, {"b": "4", "page": "3"})
    assert page("").next_url([], place) is None


def test_a_picture_that_is_loaded_late_is_the_one_that_will_be_shown() -> None:
    shown = page("<img src='/blank.gif' data-original='/photo.jpg'>")
    assert shown.source(shown.tree.css("img")[0]) == "https://forum.example/photo.jpg"


@pytest.mark.parametrize(
    ("link", "urls"),
    [
        ("//pics.example/full.JPG", ["//pics.example/full.JPG", "//pics.example/small"]),
        ("//pics.example/view/5", ["//pics.example/small"]),
        ("", ["//pics.example/small"]),
    ],
)
def test_a_picture_is_taken_at_both_sizes_where_it_links_to_one(link: str, urls: list[str]) -> None:
    shown = page(f"<a href='{link}'><b><img src='//pics.example/small'></b></a>")
    assert shown.sizes(shown.tree.css("img")[0]) == tuple(f"https:{url}" for url in urls)


def test_links_are_those_to_other_sites_each_once_and_not_in_quotes() -> None:
    shown = page(
        "<p><a href='https://a.example/'>1</a><a href='https://a.example/'>2</a>"
        "<a href='/own'>3</a><blockquote><a href='https://b.example/'>4</a></blockquote></p>"
    )
    assert shown.links_out(shown.tree.css("p")[0], "blockquote") == ("https://a.example/",)


def test_a_video_is_the_file_that_it_plays() -> None:
    shown = page("<video><source data-src='/late.mp4'></video><video></video>")
    first, second = shown.tree.css("video")
    assert shown.video(first) == "https://forum.example/late.mp4"
    assert shown.video(second) is None


def test_a_page_without_what_it_should_show_is_refused_or_changed() -> None:
    with pytest.raises(SourceUnavailable) as caught:
        page("<form id=login></form>").fail("x", "nothing", "#login")
    assert caught.value.state is SourceState.RESTRICTED
    with pytest.raises(SourceChanged):
        page("").fail("x", "nothing", "#login")


def test_media_are_kept_once_and_not_without_end() -> None:
    one = MediaRef("https://a.example/1", MediaKind.PHOTO, name="first")
    again = MediaRef("https://a.example/1", MediaKind.FILE)
    assert gather([one, again]) == (one,)
    many = (MediaRef(f"https://a.example/{n}", MediaKind.PHOTO) for n in range(10**9))
    assert len(gather(many)) == MAX_MEDIA


def test_a_picture_or_video_is_told_by_its_path_and_not_by_what_is_asked_of_it() -> None:
    assert is_picture("https://a.example/x.jpeg?size=1")
    assert not is_picture("https://a.example/view.php?x=.jpeg")
    assert is_video("https://a.example/x.MP4?size=1")
    assert not is_video("https://a.example/view.php?x=.mp4")
