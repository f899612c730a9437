"""What is particular to forums that no engine knows; `pages.toml` has the addresses."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines import recognise
from crawlers.engines._base import PageKind
from crawlers.engines.generic import ENGINE
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind
from monitor.models.source import GENERIC, SourceState

FOLDER = Path(__file__).parents[3] / "fixtures" / "engines" / "generic"
PAGES = tomllib.loads((FOLDER / "pages.toml").read_text(encoding="utf-8"))
SITE = "https://forum.example"
# No page of contract tests: nothing on it tells it from any other web page.
EMPTY_BOARD = (FOLDER / "empty_board.html").read_text(encoding="utf-8")


def page(name: str) -> tuple[str, str]:
    return (FOLDER / f"{name}.html").read_text(encoding="utf-8"), PAGES[name]["url"]


def test_any_other_engine_would_be_surer() -> None:
    found = recognise(*page("thread"))
    assert found is not None
    assert found[0] == GENERIC
    assert found[1] < 0.5


def test_boards_are_told_by_their_rows_not_by_the_menu() -> None:
    boards = ENGINE.boards(*page("index")).boards
    assert [(board.id, board.title) for board in boards] == [
        ("forum.4", "Pictures"),
        ("forum.5", "자유"),
        ("forum.6", "Quiet corner"),
    ]
    assert [board.last_post for board in boards] == [
        "2026-03-01T09:30:00+00:00",
        "2009-01-05T12:00:00+00:00",
        None,
    ]


def test_a_thread_is_told_by_replies_and_its_last_post_never_by_views() -> None:
    read = ENGINE.threads(*page("board"))
    assert [(thread.id, thread.replies, thread.sticky) for thread in read.threads] == [
        ("topic.9", 0, True),
        ("topic.31", 1234, False),
        ("topic.14", 2, False),
    ]
    assert [thread.last_post[:10] for thread in read.threads] == [
        "2026-02-05",
        "2026-03-01",
        "2026-02-28",
    ]
    assert read.next_url == f"{SITE}/forum/pictures-4/?page=2"


def test_a_title_that_has_a_time_in_it_is_a_title() -> None:
    assert ENGINE.threads(*page("board")).threads[2].title == "오늘의 등대 12:30"


def test_a_morning_in_korean_is_no_time_ago() -> None:
    html, url = page("board_of_tables")
    html = html.replace("2026-03-01", "2026년 3월 1일 9:30 오전").replace("2026-02-28", "3일 전")
    morning, ago = ENGINE.threads(html, url).threads[1:]
    assert (morning.last_post, ago.last_post) == ("2026-03-01T00:30:00+00:00", "not told")


def test_columns_without_names_for_machines_are_told_by_their_heads() -> None:
    read = ENGINE.threads(*page("board_of_tables"))
    assert [(thread.title, thread.replies) for thread in read.threads] == [
        ("이용 안내", None),
        ("새벽 부두", 3),
        ("등대", None),
    ]
    assert [thread.sticky for thread in read.threads] == [True, False, False]
    assert read.next_url == f"{SITE}/bbs/list.asp?code=free&page=2"


def test_a_post_has_no_quote_signature_or_smiley() -> None:
    read = ENGINE.posts(*page("thread"))
    assert (read.thread_id, read.title, read.board) == ("topic.31", "Dawn at the pier", "Pictures")
    assert read.next_url == f"{SITE}/topic/31/dawn-at-the-pier/?page=3"
    first, second = read.posts
    assert first.text == "First light,\nthen rain see the forecast"
    assert (first.author, first.posted) == ("gull", datetime(2026, 2, 28, 9, tzinfo=UTC))
    assert (first.edited, second.edited) == (True, True)
    assert second.text == "멋진 사진"
    assert [(media.url, media.kind, media.name) for media in first.media] == [
        ("https://pics.example/full/boat.jpg", MediaKind.PHOTO, None),
        ("https://pics.example/thumb/boat.jpg", MediaKind.PHOTO, None),
        (f"{SITE}/media/tide.mp4", MediaKind.VIDEO, None),
        (f"{SITE}/attachment/33/", MediaKind.FILE, "fog.webp"),
        (f"{SITE}/media/up/mast.png", MediaKind.PHOTO, None),
        (f"{SITE}/attachment/34/", MediaKind.FILE, "chart.pdf"),
    ]


def test_a_link_to_a_video_is_one() -> None:
    html, url = page("thread")
    shown, linked = '<video src="/media/tide.mp4"></video>', '<a href="/media/tide.mp4">Watch!</a>'
    assert shown in html
    first = ENGINE.posts(html.replace(shown, linked), url).posts[0]
    assert first.media == ENGINE.posts(html, url).posts[0].media


def test_a_post_is_not_of_the_time_at_which_its_writer_joined() -> None:
    posted = [post.posted for post in ENGINE.posts(*page("thread")).posts]
    assert posted == [
        datetime(2026, 2, 28, 9, 0, tzinfo=UTC),
        datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    ]


def test_a_board_that_nobody_has_written_in_is_empty_not_changed() -> None:
    url = f"{SITE}/forum/6-quiet-corner"
    assert ENGINE.boards(EMPTY_BOARD, url).boards == ()
    assert ENGINE.threads(EMPTY_BOARD, url).threads == ()


def test_a_front_page_that_lists_nothing_is_a_changed_one() -> None:
    with pytest.raises(SourceChanged):
        ENGINE.boards(EMPTY_BOARD.replace("/forum/4-pictures", "/faq"), f"{SITE}/")


def test_other_forms_of_the_thread_and_empty_forms_for_scripts_are_no_posts() -> None:
    html = """<html><head><title>Old pier</title></head><body><h1>Old pier</h1>
    <ul><li><a href="/question/5/old-pier/?sort=oldest">oldest</a></li>
    <li><a href="/question/5/old-pier/?sort=newest">newest</a></li></ul>
    <div id="post-5" class="post"><a class="portrait avatar" href="/users/1/"><b class="badge">7</b>
    <img src="/m/no.png"></a><a href="/users/1/">gull</a>
    <time datetime="2026-03-01T10:00:00Z">March 1</time><p>Where is it now, please?</p>
    <a href="/question/5/old-pier/?answer=5">link</a><a href="/questions/close/5">close</a></div>
    <div id="post-6" class="post"><a href="/users/2/">tern</a>
    <time datetime="2026-03-02T10:00:00Z">March 2</time><p>It was moved last year.</p>
    <a href="/question/5/old-pier/?answer=6">link</a><a href="/questions/close/6">close</a></div>
    <div id="post-0" class="post" data-post-id="0"><a href="/users/0/">you</a><p>more</p></div>
    </body></html>"""
    read = ENGINE.posts(html, f"{SITE}/question/5/old-pier/")
    assert [post.author for post in read.posts] == ["gull", "tern"]


def test_an_id_is_the_sites_own_where_there_is_one_beside_the_position() -> None:
    assert [post.native_id for post in ENGINE.posts(*page("thread")).posts] == ["81", "85"]


def test_an_anchor_may_count_the_posts_of_one_thread_only() -> None:
    ids = [post.native_id for post in ENGINE.posts(*page("marked")).posts]
    assert ids == ["t.31.post_1", "t.31.post_2"]


def test_posts_in_tables_have_the_anchors_before_them() -> None:
    read = ENGINE.posts(*page("thread_of_tables"))
    assert [post.native_id.rpartition(".")[2] for post in read.posts] == ["44", "47", "52"]
    assert [post.author for post in read.posts] == ["tern", "gull", "tern"]
    assert [post.posted.hour for post in read.posts if post.posted] == [10, 12, 21]
    assert [post.text for post in read.posts][:2] == [
        "Scanned today.",
        "Lovely. Is that the old pier?",
    ]
    assert [media.url for media in read.posts[0].media] == [f"{SITE}/club/scan.jpg"]
    assert read.next_url == f"{SITE}/club/read.cgi?topic=12&start=10"


def test_an_article_with_comments_is_a_thread() -> None:
    read = ENGINE.posts(*page("article"))
    assert [(post.native_id, post.author, post.text) for post in read.posts] == [
        ("free.31", "갈매기", "첫 빛, 그리고 비."),
        ("free.31.cmt_32", "제비", "멋진 사진"),
        ("free.31.cmt_40", "손님", "동감"),
    ]
    # As the page is Korean.
    assert read.posts[0].posted == datetime(2026, 2, 28, 21, 5, tzinfo=UTC)
    assert [media.url for post in read.posts for media in post.media] == [
        f"{SITE}/upload/2026/dawn.png",
        f"{SITE}/upload/2026/reply.jpg",
    ]


def test_dates_written_in_korean_are_of_korea() -> None:
    html, url = page("thread")
    html = html.replace("Feb. 28, 2026, 9 a.m.", "2026년 2월 28일 9:00 오전")
    first = ENGINE.posts(html, url).posts[0]
    assert first.posted == datetime(2026, 2, 28, 0, tzinfo=UTC)


def test_what_is_marked_for_search_engines_is_read_by_the_marks() -> None:
    read = ENGINE.posts(*page("marked"))
    assert [(post.author, post.text) for post in read.posts] == [
        ("gull", "First light."),
        ("tern", "Lovely"),
    ]
    assert read.posts[0].media[0].url == f"{SITE}/uploads/original/1X/boat.jpeg"
    assert read.posts[1].media == ()
    assert (read.board, read.next_url) == ("Pictures", f"{SITE}/t/dawn-at-the-pier/31?page=2")


def test_a_thread_of_one_post_is_a_thread() -> None:
    html, url = page("lone")
    assert ENGINE.kind(html, url) is PageKind.POSTS
    assert [post.native_id for post in ENGINE.posts(html, url).posts] == ["44"]


def test_a_thread_keeps_its_name_when_the_server_corrects_the_title_in_its_address() -> None:
    html, url = page("thread")
    short = f"{SITE}/topic/31/"
    assert ENGINE.posts(html, url).thread_id == ENGINE.posts(html, short).thread_id == "topic.31"


def test_boards_that_each_count_their_threads_do_not_share_names() -> None:
    html, _ = page("article")
    names = {ENGINE.posts(html, f"{SITE}/{board}/31").thread_id for board in ("free", "humor")}
    assert names == {"free.31", "humor.31"}


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("/topic/31/?post=81#c21", "/topic/31/"),
        ("/topic/31/?page=1&PHPSESSID=0123", "/topic/31/"),
        ("/topic/31/;jsessionid=0123?page=2", "/topic/31/?page=2"),
        ("/view.php?f=4&t=31&utm_source=x&start=20", "/view.php?t=31&start=20"),
        ("/board.php?bo_table=free&wr_id=31&page=1", "/board.php?bo_table=free&wr_id=31"),
        ("/index.php?/topic/31-dawn/", "/index.php?/topic/31-dawn/"),
    ],
)
def test_an_address_has_no_visit_and_no_jump_in_it(url: str, plain: str) -> None:
    assert ENGINE.canonical(SITE + url) == SITE + plain


def test_what_may_be_read_is_not_only_the_board_that_the_crawl_begins_at() -> None:
    assert ENGINE.root(f"{SITE}/community/forum/pictures-4/?page=2") == f"{SITE}/community/"
    assert ENGINE.root(f"{SITE}/bbs/list.asp?code=free") == f"{SITE}/bbs/"


def test_a_login_form_in_place_of_posts_is_a_refusal() -> None:
    html, url = page("login")
    with pytest.raises(SourceUnavailable) as caught:
        ENGINE.boards(html, url)
    assert caught.value.state is SourceState.RESTRICTED
