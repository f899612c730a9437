"""The order in which a forum is read, what is read again, and what survives being cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from crawlers.engines import ENGINES
from crawlers.engines._base import ForumEngine
from crawlers.walks.fetch import FetchedPage
from crawlers.walks.forum import walk
from crawlers.walks.reading import Limits
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch
from monitor.models.source import SourceState

ROOT = "https://forum.example/board/"
PHPBB = ENGINES["phpbb"]


def crawl(
    archive: Any, forum: Any, start: str = ROOT, engine: ForumEngine = PHPBB, **options: Any
) -> AsyncIterator[Batch]:
    limits = {"depth": 100, "max_pages": 1_000, "reread_percent": 0}
    given = Limits(**{name: options.pop(name, limits[name]) for name in limits})
    return walk(start, engine, archive.checkpoint, forum, given, **options)


def fill(forum: Any, threads: int = 8, posts: int = 4, board: int = 1) -> None:
    for number in range(threads):
        forum.add(100 * board + number, *("text" for _ in range(posts)), board=board)


def present(forum: Any) -> set[str]:
    return {str(post) for thread in forum.threads.values() for post in thread.posts}


def thread_pages(urls: list[str]) -> list[str]:
    return [url.removeprefix(ROOT) for url in urls if "viewtopic" in url]


def test_the_first_crawl_reads_every_page_once(archive: Any, forum: Any) -> None:
    fill(forum)
    archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)
    taken = forum.taken()
    assert len(taken) == len(set(taken)) == 1 + 3 + 8 * 2
    assert not archive.gone


def test_an_unchanged_forum_costs_the_index_and_one_page_a_board(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None, 3: 2}
    for board in forum.boards:
        fill(forum, board=board)
    archive.take(crawl(archive, forum))
    forum.taken()
    batches = archive.take(crawl(archive, forum))
    assert len(forum.taken()) == 1 + 3
    assert batches == 0


def test_a_new_post_reads_the_last_known_page_on(archive: Any, forum: Any) -> None:
    fill(forum, posts=7)
    archive.take(crawl(archive, forum))
    forum.taken()
    forum.add(100, "new", "newer", "newest")
    archive.take(crawl(archive, forum))
    assert thread_pages(forum.taken()) == [
        "viewtopic.php?t=100&start=6",
        "viewtopic.php?t=100&start=9",
    ]
    assert set(archive.posts) == present(forum)
    assert not archive.gone


def test_a_new_thread_is_read_from_its_first_page(archive: Any, forum: Any) -> None:
    fill(forum)
    archive.take(crawl(archive, forum))
    forum.taken()
    forum.add(500, *"abcd")
    archive.take(crawl(archive, forum))
    assert thread_pages(forum.taken()) == ["viewtopic.php?t=500", "viewtopic.php?t=500&start=3"]


def test_an_edit_on_a_page_that_is_read_again_is_noticed(archive: Any, forum: Any) -> None:
    forum.add(1, "one", "two")
    archive.take(crawl(archive, forum))
    forum.threads[1].posts[100] = "changed"
    forum.add(1, "three")
    archive.take(crawl(archive, forum))
    assert archive.posts["100"].text == "changed"


def test_a_deleted_post_is_noticed(archive: Any, forum: Any) -> None:
    forum.add(1, *"abcde")
    archive.take(crawl(archive, forum))
    del forum.threads[1].posts[104]
    archive.take(crawl(archive, forum))
    assert archive.gone == {"104"}


def test_a_last_page_that_vanished_with_its_only_post_is_noticed(archive: Any, forum: Any) -> None:
    forum.add(1, *"abcd")
    archive.take(crawl(archive, forum))
    del forum.threads[1].posts[103]
    archive.take(crawl(archive, forum))
    assert archive.gone == {"103"}


def test_a_deleted_thread_marks_its_posts_gone_once(archive: Any, forum: Any) -> None:
    fill(forum, threads=2, posts=2)
    archive.take(crawl(archive, forum))
    forum.add(100, "bump")
    listing = forum._board(1, 0)
    del forum.threads[100]
    forum._board = lambda board, start: listing
    archive.take(crawl(archive, forum))
    assert archive.gone == {"100", "101"}
    forum.taken()
    archive.take(crawl(archive, forum))
    assert thread_pages(forum.taken()) == []


def test_stickies_do_not_hide_what_is_below_and_do_not_stop_a_board(
    archive: Any, forum: Any
) -> None:
    fill(forum)
    forum.add(900, "rules", sticky=True)
    archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)
    forum.taken()
    forum.add(900, "more rules")
    archive.take(crawl(archive, forum))
    assert len(forum.taken()) == 1 + 1 + 1


def test_an_announcement_on_all_boards_is_read_once(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None}
    fill(forum)
    fill(forum, board=2)
    forum.add(900, "to all", announced=True)
    archive.take(crawl(archive, forum))
    assert thread_pages(forum.taken()).count("viewtopic.php?t=900") == 1


def test_a_moved_threads_pointer_is_not_followed(archive: Any, forum: Any) -> None:
    fill(forum, threads=1)
    forum.add(900, "elsewhere", moved=True)
    archive.take(crawl(archive, forum))
    assert "viewtopic.php?t=900" not in thread_pages(forum.taken())


def test_sub_boards_are_found_on_their_parents_page(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: 1, 3: 2}
    fill(forum, threads=1, board=3)
    archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)
    lists = [url for url in forum.taken() if "viewforum" in url]
    assert len(lists) == len(set(lists)) == 3


def test_a_closed_board_is_stepped_over_with_one_word(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None}
    forum.closed = {1}
    fill(forum, board=2)
    with capture_logs() as logs:
        archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)
    events = [entry for entry in logs if entry["event"] == "board.restricted"]
    assert [entry["board_id"] for entry in events] == ["1"]


def test_a_forum_whose_boards_are_all_closed_is_restricted(archive: Any, forum: Any) -> None:
    forum.closed = {1}
    with pytest.raises(SourceUnavailable) as caught:
        archive.take(crawl(archive, forum))
    assert caught.value.state is SourceState.RESTRICTED


def test_a_single_board_may_be_the_start(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None}
    fill(forum)
    fill(forum, board=2)
    start = f"{ROOT}viewforum.php?f=2"
    archive.take(crawl(archive, forum, start))
    assert {post.thread_id for post in archive.posts.values()} == {str(200 + n) for n in range(8)}
    forum.taken()
    archive.take(crawl(archive, forum, start))
    assert len(forum.taken()) == 1


def test_a_board_may_be_the_start_whose_threads_are_in_other_folders(
    archive: Any, forum: Any
) -> None:
    fill(forum, threads=2)
    inside = replace(PHPBB, root=lambda url: "https://forum.example/board/none/")
    first = f"{ROOT}viewforum.php?f=1"
    with pytest.raises(SourceUnavailable):
        archive.take(walk(first, inside, archive.checkpoint, forum, Limits(9, 99)))
    whole = replace(PHPBB, root=lambda url: "https://forum.example/")
    archive.take(walk(first, whole, archive.checkpoint, forum, Limits(9, 99)))
    assert set(archive.posts) == present(forum)


def test_a_single_thread_may_be_the_start(archive: Any, forum: Any) -> None:
    fill(forum, posts=7)
    start = f"{ROOT}viewtopic.php?t=103"
    archive.take(crawl(archive, forum, start))
    assert len(archive.posts) == 7
    assert len(forum.taken()) == 3
    forum.add(103, "new")
    archive.take(crawl(archive, forum, start))
    assert len(archive.posts) == 8
    assert len(forum.taken()) == 2


def test_an_index_without_boards_is_a_changed_page(archive: Any, forum: Any) -> None:
    forum.boards = {}
    with pytest.raises(SourceChanged):
        archive.take(crawl(archive, forum))


def test_a_redirect_to_another_site_is_refused(archive: Any, forum: Any) -> None:
    forum.answer = lambda url: ("https://casino.example/", 200, "<body id=phpbb>")
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, forum))


def test_links_that_leave_the_forum_are_not_followed(archive: Any, forum: Any) -> None:
    fill(forum, threads=1)
    index = forum._forums
    forum._forums = lambda boards: (
        index(boards)
        + (
            "<li class=row><a class=forumtitle href=https://other.example/viewforum.php?f=8>x</a></li>"
            "<li class=row><a class=forumtitle href=/admin/viewforum.php?f=9>x</a></li>"
        )
    )
    archive.take(crawl(archive, forum))
    assert all(url.startswith(ROOT) for url in forum.taken())


def test_one_broken_thread_does_not_stop_a_crawl_and_is_tried_again(
    archive: Any, forum: Any
) -> None:
    fill(forum)
    forum.broken = {f"{ROOT}viewtopic.php?t=104&start=3"}
    archive.take(crawl(archive, forum))
    missing = present(forum) - set(archive.posts)
    assert len(missing) == 1
    forum.broken.clear()
    forum.taken()
    archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)
    assert thread_pages(forum.taken()) == ["viewtopic.php?t=104&start=3"]


def test_three_broken_threads_in_a_row_end_a_crawl(archive: Any, forum: Any) -> None:
    fill(forum)
    forum.broken = {f"{ROOT}viewtopic.php?t={100 + number}" for number in range(8)}
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, forum))
    assert len(thread_pages(forum.taken())) == 3


def test_a_forum_of_which_nothing_could_be_read_is_not_fine(archive: Any, forum: Any) -> None:
    fill(forum, threads=1)
    forum.broken = {f"{ROOT}viewtopic.php?t=100"}
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, forum))


def test_a_broken_board_is_reported_after_the_others_were_read(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None}
    fill(forum, board=2)
    forum.broken = {f"{ROOT}viewforum.php?f=1"}
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, forum))
    assert set(archive.posts) == present(forum)


def test_new_threads_of_every_board_come_before_old_ones_of_any(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None}
    fill(forum, posts=1)
    fill(forum, posts=1, board=2)
    archive.take(crawl(archive, forum))
    lists = [url.removeprefix(ROOT) for url in forum.taken() if "viewforum" in url]
    assert lists[:3] == ["viewforum.php?f=1", "viewforum.php?f=2", "viewforum.php?f=1&start=3"]


def test_the_depth_bounds_how_far_back_a_board_is_read(archive: Any, forum: Any) -> None:
    fill(forum, threads=30, posts=1)
    archive.take(crawl(archive, forum, depth=2))
    assert len(archive.posts) == 6
    for number in range(4):
        forum.add(500 + number, "new")
    forum.taken()
    archive.take(crawl(archive, forum, depth=2))
    assert len(archive.posts) == 10
    assert len(thread_pages(forum.taken())) == 4


@pytest.mark.parametrize("max_pages", [5, 7, 12])
def test_the_page_limit_ends_a_crawl_and_later_ones_finish_it(
    archive: Any, forum: Any, max_pages: int
) -> None:
    forum.boards = {1: None, 2: None}
    fill(forum, threads=12)
    fill(forum, threads=12, board=2)
    for _ in range(60):
        archive.take(crawl(archive, forum, max_pages=max_pages))
        assert len(forum.taken()) <= max_pages
    assert set(archive.posts) == present(forum)


def test_every_place_to_be_killed_is_survived(
    new_archive: Callable[[], Any], new_forum: Callable[[], Any]
) -> None:
    whole, kill = False, 0
    while not whole:
        kill += 1
        archive, forum = new_archive(), new_forum()
        forum.boards = {1: None, 2: None}
        fill(forum, threads=7, posts=5)
        fill(forum, threads=4, posts=2, board=2)
        whole = archive.take(crawl(archive, forum), limit=kill) < kill
        before = thread_pages(forum.taken())
        archive.take(crawl(archive, forum))
        after = thread_pages(forum.taken())
        assert set(archive.posts) == present(forum)
        assert not archive.gone
        assert not set(before) & set(after)
    assert kill > 15


def test_news_that_span_pages_survive_every_kill(
    new_archive: Callable[[], Any], new_forum: Callable[[], Any]
) -> None:
    for kill, first in ((kill, first) for kill in range(1, 14) for first in (5, None)):
        archive, forum = new_archive(), new_forum()
        fill(forum, threads=12, posts=1)
        archive.take(crawl(archive, forum), limit=first)
        for number in range(9):
            forum.add(500 + number, "new")
        archive.take(crawl(archive, forum), limit=kill)
        archive.take(crawl(archive, forum))
        assert set(archive.posts) == present(forum)


def test_news_between_two_kills_hide_nothing(
    new_archive: Callable[[], Any], new_forum: Callable[[], Any]
) -> None:
    for kill in range(1, 10):
        archive, forum = new_archive(), new_forum()
        fill(forum, threads=12, posts=1)
        archive.take(crawl(archive, forum))
        for number in range(9):
            forum.add(500 + number, "new")
        archive.take(crawl(archive, forum), limit=kill)
        forum.add(508, "bumped")
        for number in range(kill):
            forum.add(600 + number, "newer")
        archive.take(crawl(archive, forum))
        assert set(archive.posts) == present(forum)
        forum.taken()
        archive.take(crawl(archive, forum))
        assert len(forum.taken()) == 2


def test_a_deleted_comment_is_noticed_where_ids_are_of_a_board_only(archive: Any) -> None:
    address = "https://forum.example/bbs/board.php?bo_table=free"
    texts = {"c_32": "one", "c_40": "an answer", "c_35": "two"}

    async def fetch(url: str) -> FetchedPage:
        comments = "".join(
            f"<article id={id_}><div class=cmt_contents>{text}</div></article>"
            for id_, text in texts.items()
        )
        view = f"<article id=bo_v><div id=bo_v_con>x</div><section id=bo_vc>{comments}</section>"
        row = f"<tr><td class=bo_tit><a href='{address}&wr_id=31'>T</a><b class=cnt_cmt>"
        listed = f"<div id=bo_list><table>{row}{len(texts)}</b></table></div>"
        return FetchedPage(url, 200, view if "wr_id" in url else listed, url)

    def walk_it() -> AsyncIterator[Batch]:
        gnuboard = ENGINES["gnuboard5"]
        return walk(address, gnuboard, archive.checkpoint, fetch, Limits(9, 99))

    archive.take(walk_it())
    assert set(archive.posts) == {"free.31", "free.32", "free.40", "free.35"}
    assert not archive.gone
    del texts["c_40"]
    archive.take(walk_it())
    assert archive.gone == {"free.40"}


def test_an_unchanged_board_of_files_is_not_even_sent(archive: Any, forum: Any) -> None:
    forum.has_validators = True
    forum.boards = {1: None, 2: None}
    fill(forum)
    fill(forum, board=2)
    # The second one has nothing older left, and keeps what the versions are told by.
    archive.take(crawl(archive, forum, now_s=1e9))
    archive.take(crawl(archive, forum, now_s=1e9 + 10))
    forum.taken()
    batches = archive.take(crawl(archive, forum, now_s=1e9 + 60))
    assert len(forum.taken()) == 1 + 2
    assert batches == 0
    forum.add(203, "new")
    archive.take(crawl(archive, forum, now_s=1e9 + 120))
    assert set(archive.posts) == present(forum)


def test_a_server_that_calls_all_unchanged_is_not_believed_for_ever(
    archive: Any, forum: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    forum.has_validators = True
    fill(forum, threads=2)
    archive.take(crawl(archive, forum, now_s=1e9))
    real = forum.answer
    before = real(f"{ROOT}viewforum.php?f=1")
    forum.add(101, "new")
    asked = forum.__call__

    async def stale(url: str, validator: dict[str, str] | None = None) -> FetchedPage:
        if "viewforum" in url and validator:
            return FetchedPage(before[0], 304, "", url)
        page: FetchedPage = await asked(url, validator)
        return page

    for hours, is_seen in ((1, False), (7, True)):
        limits = Limits(100, 1_000)
        late = 1e9 + hours * 3_600
        archive.take(walk(ROOT, PHPBB, archive.checkpoint, stale, limits, now_s=late))
        assert (set(archive.posts) == present(forum)) is is_seen


def test_a_board_with_a_thread_that_could_not_be_read_is_asked_for_again(
    archive: Any, forum: Any
) -> None:
    forum.has_validators = True
    fill(forum, threads=2, posts=1)
    broken = f"{ROOT}viewtopic.php?t=101"
    forum.broken = {broken}
    archive.take(crawl(archive, forum, now_s=1e9))
    forum.broken = set()
    forum.taken()
    archive.take(crawl(archive, forum, now_s=1e9 + 60))
    assert broken in forum.taken()
    assert set(archive.posts) == present(forum)


def test_an_edit_that_moves_nothing_is_noticed_after_some_crawls(archive: Any, forum: Any) -> None:
    fill(forum, threads=10, posts=7)
    archive.take(crawl(archive, forum, now_s=1e9))
    oldest = min(forum.threads[100].posts)
    forum.threads[100].posts[oldest] = "another text"
    del forum.threads[103].posts[max(forum.threads[103].posts) - 5]
    for number in range(1, 11):
        archive.take(crawl(archive, forum, now_s=1e9 + number, reread_percent=10))
    assert archive.posts[str(oldest)].text == "another text"
    assert archive.gone == set(archive.posts) - present(forum)
    assert len(archive.gone) == 1
    forum.taken()
    # As before: nothing of it makes a thread look changed.
    archive.take(crawl(archive, forum, now_s=2e9))
    assert len(forum.taken()) == 2


def test_reading_again_takes_a_share_of_what_is_known(archive: Any, forum: Any) -> None:
    fill(forum, threads=40, posts=1)
    archive.take(crawl(archive, forum, now_s=1e9))
    seen: set[str] = set()
    for number in range(1, 5):
        forum.taken()
        archive.take(crawl(archive, forum, now_s=1e9 + number, reread_percent=5))
        pages = thread_pages(forum.taken())
        assert len(pages) == 2
        assert seen.isdisjoint(pages)
        seen.update(pages)


def test_a_thread_of_one_page_is_read_again_only_if_it_changed(archive: Any, forum: Any) -> None:
    forum.has_validators = True
    fill(forum, threads=3, posts=1)
    archive.take(crawl(archive, forum, now_s=1e9))
    stored = dict(archive.posts)
    for number in range(1, 7):
        archive.take(crawl(archive, forum, now_s=1e9 + number, reread_percent=40))
    assert all(archive.posts[one] is stored[one] for one in stored)
    forum.threads[100].posts[100] = "edited"
    for number in range(7, 10):
        archive.take(crawl(archive, forum, now_s=1e9 + number, reread_percent=40))
    assert archive.posts["100"].text == "edited"


def test_a_thread_without_an_end_leaves_time_for_the_others(archive: Any, forum: Any) -> None:
    fill(forum, threads=3, posts=2)
    forum.add(199, *("text" for _ in range(600)))
    told: list[str] = []
    archive.take(crawl(archive, forum, max_pages=100, tell=told.append))
    others = {str(post) for id_ in (100, 101, 102) for post in forum.threads[id_].posts}
    assert others <= set(archive.posts)
    assert told == ["A thread has very many pages: the next crawl goes on."]
    for _ in range(20):
        archive.take(crawl(archive, forum, max_pages=100))
    assert set(archive.posts) == present(forum)


def test_a_board_that_had_threads_and_shows_none_is_a_changed_page(
    archive: Any, forum: Any
) -> None:
    fill(forum)
    archive.take(crawl(archive, forum))
    before = dict(archive.checkpoint)
    forum.threads.clear()
    with pytest.raises(SourceChanged, match="shows none") as caught:
        archive.take(crawl(archive, forum))
    assert "ul.topiclist.topics" in caught.value.shape
    assert archive.checkpoint == before


def test_only_chosen_boards_are_read_with_their_sub_boards(archive: Any, forum: Any) -> None:
    forum.boards = {1: None, 2: None, 3: 2}
    for board in forum.boards:
        fill(forum, threads=2, board=board)
    archive.take(crawl(archive, forum, boards=("2",)))
    assert {post.thread for post in archive.posts.values()} == {"T200", "T201", "T300", "T301"}
    assert archive.checkpoint["boards"] == [["1", "B"], ["2", "B"]]
    with pytest.raises(SourceChanged, match="none of the chosen boards"):
        archive.take(crawl(archive, forum, boards=("9",)))


def test_what_a_limit_kept_from_being_read_is_said(archive: Any, forum: Any) -> None:
    fill(forum, threads=9, posts=1)
    told: list[str] = []
    archive.take(crawl(archive, forum, max_pages=5, tell=told.append))
    assert told == ["5 pages were read (crawl.max_pages): the next crawl goes on."]
    told.clear()
    archive.take(crawl(archive, forum, depth=2, tell=told.append))
    assert told == ["A board goes back further than 2 pages (crawl.depth)."]


def test_a_thread_that_is_gone_on_with_keeps_its_earlier_posts(archive: Any, forum: Any) -> None:
    forum.add(1, *"abcdefg")
    archive.take(crawl(archive, forum, max_pages=4))
    # By now its board lists it further down than is looked.
    fill(forum, threads=6, posts=1)
    archive.take(crawl(archive, forum, depth=1))
    assert not archive.gone
    assert {str(post) for post in forum.threads[1].posts} <= set(archive.posts)


def test_a_thread_that_failed_as_it_was_read_again_keeps_its_earlier_posts(
    archive: Any, forum: Any
) -> None:
    forum.add(1, *"abcdefg")
    archive.take(crawl(archive, forum))
    forum.broken.add(f"{ROOT}viewtopic.php?t=1&start=3")
    fill(forum, threads=6, posts=1)
    archive.take(crawl(archive, forum, reread_percent=100))
    forum.broken.clear()
    for number in range(200, 206):
        forum.add(number, "text")
    archive.take(crawl(archive, forum, depth=1))
    archive.take(crawl(archive, forum, depth=1, reread_percent=100))
    assert not archive.gone
