"""The order in which a channel's preview is read, and what survives being cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from crawlers.walks.telegram_preview import walk
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch
from monitor.models.source import SourceState

BASE = "https://t.me"
EMPTY = (
    '<section class="tgme_channel_history"><div class="tme_no_messages_found">No posts found</div>'
)


def crawl(archive: Any, channel: Any, **options: int) -> AsyncIterator[Batch]:
    limits = {"depth": 1_000, "max_pages": 100} | options
    return walk("pier", BASE, archive.checkpoint, channel, **limits)


def fill(channel: Any, *ids: int) -> None:
    channel.messages |= {id_: f"message {id_}" for id_ in ids}


def test_the_first_crawl_reads_every_page_once(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    archive.take(crawl(archive, channel))
    assert sorted(map(int, archive.posts)) == list(range(1, 18))
    assert len(channel.taken()) == 4
    assert archive.checkpoint["spans"] == [[1, 17]]


def test_an_unchanged_channel_costs_one_page(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    archive.take(crawl(archive, channel))
    channel.taken()
    archive.take(crawl(archive, channel))
    assert channel.taken() == [f"{BASE}/s/pier"]
    assert not archive.gone


def test_the_first_crawl_goes_back_as_far_as_the_depth(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 101))
    archive.take(crawl(archive, channel, depth=12))
    assert len(channel.taken()) == 3
    archive.take(crawl(archive, channel, depth=12))
    assert len(channel.taken()) == 1


def test_three_pages_of_news_are_all_read(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 31))
    archive.take(crawl(archive, channel, depth=10))
    fill(channel, *range(31, 44))
    channel.taken()
    archive.take(crawl(archive, channel, depth=10))
    assert set(range(21, 44)) <= set(map(int, archive.posts))
    assert len(channel.taken()) == 3


def no_posts_before(channel: Any, id_: int) -> None:
    """Have the channel say what t.me says when asked for posts older than the oldest."""
    channel.page_override[id_] = (f"{BASE}/s/pier?before={id_}", 200, EMPTY)


def test_gaps_in_the_ids_are_no_holes(archive: Any, channel: Any) -> None:
    fill(channel, 3, 4, 90, 91, 92, 400, 401, 5_000)
    no_posts_before(channel, 3)
    archive.take(crawl(archive, channel, depth=10_000))
    assert len(archive.posts) == 8
    assert archive.checkpoint["spans"] == [[1, 5_000]]
    channel.taken()
    archive.take(crawl(archive, channel))
    assert len(channel.taken()) == 1


def test_edits_and_deletions_on_the_newest_page_are_noticed(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    archive.take(crawl(archive, channel))
    channel.messages[16] = "other words"
    del channel.messages[15], channel.messages[17]
    archive.take(crawl(archive, channel))
    assert archive.posts["16"].text == "other words"
    assert archive.gone == {"15"}


def test_the_deletion_of_the_newest_post_is_noticed_once_something_newer_is_there(
    archive: Any, channel: Any
) -> None:
    fill(channel, *range(1, 18))
    archive.take(crawl(archive, channel))
    del channel.messages[17]
    archive.take(crawl(archive, channel))
    assert archive.gone == set()
    fill(channel, 18)
    archive.take(crawl(archive, channel))
    assert archive.gone == {"17"}


def test_a_page_from_a_cache_deletes_nothing_that_is_newer(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 16))
    stale = channel.answer(f"{BASE}/s/pier")
    fill(channel, 16, 17)
    archive.take(crawl(archive, channel))
    channel.page_override[None] = stale
    archive.take(crawl(archive, channel))
    assert archive.gone == set()
    assert archive.checkpoint["spans"] == [[1, 17]]


def test_a_channel_from_its_first_post_on_costs_no_request_for_older_ones(
    archive: Any, channel: Any
) -> None:
    fill(channel, 1, 2, 3)
    archive.take(crawl(archive, channel))
    assert channel.taken() == [f"{BASE}/s/pier"]
    assert archive.checkpoint["spans"] == [[1, 3]]


def test_the_oldest_post_is_believed_when_there_are_none_before_it(
    archive: Any, channel: Any
) -> None:
    fill(channel, 5, 6)
    no_posts_before(channel, 5)
    archive.take(crawl(archive, channel))
    assert channel.taken() == [f"{BASE}/s/pier", f"{BASE}/s/pier?before=5"]
    assert archive.checkpoint["spans"] == [[1, 6]]
    archive.take(crawl(archive, channel))
    assert channel.taken() == [f"{BASE}/s/pier"]


def test_a_link_that_is_missing_though_there_are_older_posts_is_a_changed_page(
    archive: Any, channel: Any
) -> None:
    fill(channel, *range(1, 18))
    channel.page_override[None] = (f"{BASE}/s/pier", 200, channel.page("", [13, 14, 15, 16, 17]))
    with pytest.raises(SourceChanged, match="link to older posts is missing"):
        archive.take(crawl(archive, channel))
    # What was seen is kept, and what was not is no hole that nobody knows of.
    assert archive.checkpoint["spans"] == [[13, 17]]
    channel.page_override.clear()
    archive.take(crawl(archive, channel))
    assert len(archive.posts) == 17


def test_a_deletion_between_two_pages_is_noticed(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    archive.take(crawl(archive, channel))
    del channel.messages[12]
    archive.take(crawl(archive, channel, overlap_pages=2))
    assert archive.gone == {"12"}


def test_more_pages_are_read_again_on_demand(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 31))
    archive.take(crawl(archive, channel))
    channel.taken()
    archive.take(crawl(archive, channel, overlap_pages=3))
    assert len(channel.taken()) == 3


def test_an_albums_members_are_accounted_for(archive: Any, channel: Any) -> None:
    fill(channel, 1, 2, 10)
    channel.albums[10] = (10, 11, 12, 13)
    archive.take(crawl(archive, channel))
    assert archive.posts["10"].member_ids == ("11", "12", "13")
    assert archive.checkpoint["spans"] == [[1, 13]]


@pytest.mark.parametrize("kills", [(1,), (2,), (3,), (1, 1), (2, 1, 1)])
def test_a_killed_crawl_leaves_no_hole(archive: Any, channel: Any, kills: tuple[int, ...]) -> None:
    fill(channel, *range(1, 28))
    for number, batches in enumerate(kills):
        archive.take(crawl(archive, channel), limit=batches)
        fill(channel, *range(28 + 7 * number, 35 + 7 * number))
    archive.take(crawl(archive, channel))
    assert set(map(int, archive.posts)) == set(channel.messages)
    older = [url for url in channel.taken() if "before" in url]
    assert len(archive.checkpoint["spans"]) == 1
    assert len(older) <= 12


def test_the_page_limit_ends_a_crawl_and_the_next_goes_on(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 51))
    for _ in range(5):
        archive.take(crawl(archive, channel, max_pages=3))
    assert len(archive.posts) == 50


def test_no_posts_found_on_an_older_page_is_not_the_end(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    channel.page_override[13] = (f"{BASE}/s/pier?before=13", 200, EMPTY)
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, channel))
    assert archive.checkpoint["spans"] == [[13, 17]]
    channel.page_override.clear()
    archive.take(crawl(archive, channel))
    assert len(archive.posts) == 17


def test_a_server_that_ignores_the_cursor_is_noticed(archive: Any, channel: Any) -> None:
    fill(channel, *range(1, 18))
    channel.page_override[13] = channel.answer(f"{BASE}/s/pier")
    with pytest.raises(SourceChanged):
        archive.take(crawl(archive, channel))


@pytest.mark.parametrize(
    ("page", "state"),
    [
        ("<div class=tgme_page_title>Pier</div>", SourceState.PREVIEW_UNAVAILABLE),
        (
            "<div class=tgme_page_title>P</div><div class=tgme_page_extra>16 members, 2 online",
            SourceState.PREVIEW_UNAVAILABLE,
        ),
        ("<div class=tgme_page_icon><i class=tgme_icon_user></i>", SourceState.GONE),
        (EMPTY, SourceState.FAILING),
    ],
)
def test_a_landing_page_tells_why_there_is_no_preview(
    archive: Any, channel: Any, page: str, state: SourceState
) -> None:
    channel.page_override[None] = (f"{BASE}/pier", 200, page)
    with pytest.raises(SourceUnavailable) as caught:
        archive.take(crawl(archive, channel))
    assert caught.value.state is state
    assert "\n" not in str(caught.value)


def test_a_page_that_is_not_under_s_is_no_preview(archive: Any, channel: Any) -> None:
    fill(channel, 1)
    channel.page_override[None] = (f"{BASE}/pier", 200, channel.page("", [1]))
    with pytest.raises(SourceUnavailable):
        archive.take(crawl(archive, channel))


def test_a_missing_page_is_a_missing_channel(archive: Any, channel: Any) -> None:
    channel.page_override[None] = (f"{BASE}/s/pier", 404, "")
    with pytest.raises(SourceUnavailable) as caught:
        archive.take(crawl(archive, channel))
    assert caught.value.state is SourceState.GONE


def test_a_channel_that_lost_its_messages_is_a_changed_page(archive: Any, channel: Any) -> None:
    fill(channel, 1, 2)
    archive.take(crawl(archive, channel))
    channel.messages.clear()
    with pytest.raises(SourceChanged):
        archive.take(crawl(archive, channel))


def test_a_new_channel_may_be_empty(archive: Any, channel: Any) -> None:
    archive.take(crawl(archive, channel))
    assert archive.posts == {}


def test_a_name_that_another_channel_took_over_is_refused(archive: Any, channel: Any) -> None:
    fill(channel, 1, 2)
    archive.take(crawl(archive, channel))
    channel.channel_id = -78
    with pytest.raises(SourceUnavailable, match="Another channel has taken this name") as caught:
        archive.take(crawl(archive, channel))
    assert caught.value.state is SourceState.GONE


@pytest.mark.parametrize(
    ("ids", "title"), [(range(1, 4), "Pier"), (range(390, 400), "Harbour")], ids=["far", "title"]
)
def test_a_name_that_was_taken_over_is_noticed_where_no_page_tells_the_channels_id(
    archive: Any, channel: Any, ids: range, title: str
) -> None:
    channel.channel_id = None
    fill(channel, *range(380, 411))
    archive.take(crawl(archive, channel, depth=20))
    channel.messages.clear()
    fill(channel, *ids)
    channel.title = title
    with pytest.raises(SourceUnavailable, match="Another channel has taken this name"):
        archive.take(crawl(archive, channel))
    assert archive.gone == set()


@pytest.mark.parametrize(
    ("channel_id", "title", "ids"),
    [
        (-77, "Harbour", range(1, 4)),
        (None, "Pier", range(380, 400)),
        (None, "Harbour", range(380, 412)),
    ],
    ids=["emptied", "some deleted", "renamed"],
)
def test_a_channel_that_was_renamed_or_emptied_is_still_the_same(
    archive: Any, channel: Any, channel_id: int | None, title: str, ids: range
) -> None:
    channel.channel_id = channel_id
    fill(channel, *range(380, 411))
    archive.take(crawl(archive, channel, depth=20))
    channel.messages.clear()
    fill(channel, *ids)
    channel.title = title
    archive.take(crawl(archive, channel))
    assert archive.checkpoint["channel"]["title"] == title


def test_a_name_that_was_taken_over_and_is_added_anew_is_read_from_its_first_post(
    archive: Any, channel: Any
) -> None:
    fill(channel, *range(380, 411))
    archive.take(crawl(archive, channel, depth=20))
    channel.messages.clear()
    channel.channel_id = -78
    fill(channel, *range(1, 30))
    # What adding a removed source does.
    del archive.checkpoint["channel"]
    archive.take(crawl(archive, channel))
    assert set(map(str, range(1, 30))) <= set(archive.posts)
    assert archive.checkpoint["spans"] == [[1, 29]]


def test_every_place_to_be_killed_is_survived(
    new_archive: Callable[[], Any], new_channel: Callable[[], Any]
) -> None:
    for kill in range(1, 7):
        archive, channel = new_archive(), new_channel()
        fill(channel, *range(1, 28))
        archive.take(crawl(archive, channel), limit=kill)
        archive.take(crawl(archive, channel))
        assert len(archive.posts) == 27
        # The newest page twice, every other one once.
        assert len(channel.taken()) == 6 + 1
