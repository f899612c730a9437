"""phpBB pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.phpbb import ENGINE
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "phpbb"
ROOT = "https://forum.example/community/"


def page(name: str) -> str:
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def post(content: str, after: str = "") -> str:
    return (
        f"<h2 class=topic-title><a href='./viewtopic.php?t=3'>T</a></h2><div class=post id=p7>"
        f"<div class=postbody><div class=content>{content}</div>{after}</div></div>"
    )


def media_of(content: str) -> tuple[MediaRef, ...]:
    read = ENGINE.posts(post(content), ROOT + "viewtopic.php?t=3")
    return read.posts[0].media


def test_boards_and_sub_boards_are_listed_without_links_to_shops() -> None:
    boards = ENGINE.boards(page("index"), ROOT + "index.php").boards
    assert [(board.id, board.title) for board in boards] == [
        ("4", "Pictures"),
        ("5", "Night & fog"),
        ("6", "Quiet corner"),
    ]
    assert boards[0].url == ROOT + "viewforum.php?f=4"
    assert boards[0].last_post == "p95"


def test_threads_tell_replies_stickies_and_pointers() -> None:
    listed = ENGINE.threads(page("board"), ROOT + "viewforum.php?f=4")
    assert listed.next_url == ROOT + "viewforum.php?f=4&start=25"
    facts = {thread.id: (thread.replies, thread.sticky, thread.moved) for thread in listed.threads}
    assert facts == {
        "2": (0, True, False),
        "9": (4, True, False),
        "31": (1234, False, False),
        "77": (0, False, True),
        "12": (11, False, False),
    }


def test_an_empty_board_is_no_changed_page() -> None:
    html = "<body id=phpbb class='section-viewforum'><div class=panel>No topics</div></body>"
    assert ENGINE.threads(html, ROOT + "viewforum.php?f=4").threads == ()


def test_rows_without_threads_are_a_changed_page() -> None:
    html = "<body class=section-viewforum><ul class=topics><li class=row><a href=/t/1>T</a></li>"
    with pytest.raises(SourceChanged):
        ENGINE.threads(html, ROOT + "viewforum.php?f=4")


def test_a_post_gives_its_own_words_pictures_and_links_only() -> None:
    read = ENGINE.posts(page("thread"), ROOT + "viewtopic.php?f=4&t=31")
    assert (read.thread_id, read.title, read.board) == ("31", "Dawn at the pier", "Pictures")
    assert read.next_url == ROOT + "viewtopic.php?t=31&start=10"
    first, second = read.posts
    assert first.native_id == "81"
    assert first.url == ROOT + "viewtopic.php?p=81#p81"
    assert first.text == "First light,\nthen rain see the forecast and the old ones"
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.author == "gull"
    assert first.links == (
        "https://weather.example/pier?day=1",
        "https://pics.example/full/boat.JPG",
    )
    assert (first.edited, second.edited) == (True, False)
    assert second.text == "멋진 사진"


def test_media_are_taken_at_full_size_with_the_sites_own_id() -> None:
    first = ENGINE.posts(page("thread"), ROOT + "viewtopic.php?f=4&t=31").posts[0]

    def attached(id_: int, kind: MediaKind, name: str | None) -> MediaRef:
        origin = f"phpbb:forum.example/community/:{id_}"
        return MediaRef(f"{ROOT}download/file.php?id={id_}", kind, origin, name)

    assert first.media == (
        attached(301, MediaKind.PHOTO, "pier.jpg"),
        MediaRef("https://pics.example/full/boat.JPG", MediaKind.PHOTO),
        # What is shown, too: nothing says that the picture behind it is the same one.
        MediaRef("https://pics.example/thumb/boat.jpg", MediaKind.PHOTO),
        MediaRef("https://pics.example/alone?id=4", MediaKind.PHOTO),
        attached(302, MediaKind.PHOTO, "fog.png"),
        attached(303, MediaKind.FILE, "chart.pdf"),
        attached(304, MediaKind.VIDEO, None),
    )


def test_a_page_of_phpbb_3_0_is_read_and_its_zoneless_time_is_not_guessed() -> None:
    read = ENGINE.posts(page("thread_3_0"), ROOT + "viewtopic.php?f=4&t=12&start=10")
    assert (read.thread_id, read.title, read.board) == ("12", "Old photos", "Pictures")
    assert read.next_url == ROOT + "viewtopic.php?t=12&start=20"
    assert read.posts[0].author == "tern"
    assert read.posts[0].posted is None
    assert read.posts[0].text == "Scanned today.\n\nscan -x"


def test_the_last_page_has_no_next_one() -> None:
    html = page("thread_3_0")
    assert ENGINE.posts(html, ROOT + "viewtopic.php?f=4&t=12&start=30").next_url is None


def test_another_forums_attachment_is_an_ordinary_picture() -> None:
    url = "https://other.example/download/file.php?id=5"
    assert media_of(f"<img src='{url}'>") == (MediaRef(url, MediaKind.PHOTO),)


def test_a_picture_that_links_to_a_page_is_taken_itself() -> None:
    (ref,) = media_of("<a href='https://pics.example/view/5'><img src='//pics.example/5.jpg'></a>")
    assert ref.url == "https://pics.example/5.jpg"


@pytest.mark.parametrize("src", ["", "javascript:alert(1)", "http://[", "data:image/png;base64,A"])
def test_a_source_that_is_no_address_is_no_picture(src: str) -> None:
    assert media_of(f"<img src='{src}'>") == ()


def test_a_refusal_is_restricted_whatever_its_form() -> None:
    for html in (page("restricted"), "<div id=message><p>You are not authorised</p></div>"):
        with pytest.raises(SourceUnavailable) as caught:
            ENGINE.posts(html, ROOT + "viewtopic.php?t=3")
        assert caught.value.state is SourceState.RESTRICTED


def test_a_post_that_holds_posts_is_read_once() -> None:
    nested = post("outer <div class=post id=p8><div class=content>inner</div></div>")
    read = ENGINE.posts(nested, ROOT + "viewtopic.php?t=3")
    assert [found.native_id for found in read.posts] == ["7"]


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("viewtopic.php?f=4&t=3&start=0&sid=ab&view=unread#unread", "viewtopic.php?t=3"),
        ("viewtopic.php?t=3&start=20&hilit=x", "viewtopic.php?t=3&start=20"),
        ("viewtopic.php?p=9&sid=ab", "viewtopic.php?p=9#p9"),
        ("viewforum.php?sid=ab&f=4&start=25&sk=t", "viewforum.php?f=4&start=25"),
        ("download/file.php?id=5&t=1&mode=view", "download/file.php?id=5"),
        ("index.php?sid=ab", "index.php"),
    ],
)
def test_an_address_has_one_form(address: str, canonical: str) -> None:
    assert ENGINE.canonical(ROOT + address) == ROOT + canonical
