from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.tl import types

from crawlers.telegram.message import Page
from crawlers.walks.telegram_history import PAGE, walk
from monitor.errors import SourceUnavailable
from monitor.models.post import Batch, Json, Post

START = datetime(2026, 1, 1, tzinfo=UTC)
CHANNEL = types.Channel(
    id=101,
    title="News",
    photo=types.ChatPhotoEmpty(),
    date=START,
    access_hash=1,
    username="news_one",
)


def message(number: int, album: int | None = None, text: str = "") -> types.Message:
    when = START + timedelta(minutes=number)
    peer = types.PeerChannel(CHANNEL.id)
    return types.Message(number, peer, when, text or f"소식 {number}", grouped_id=album)


@dataclass
class Server:
    """Gives pages as Telegram does."""

    messages: dict[int, types.Message] = field(default_factory=dict)
    asked: list[tuple[int | None, int | None]] = field(default_factory=list)
    withheld: set[int] = field(default_factory=set)
    highest: int = 0

    def post(self, count: int = 1, album: int | None = None) -> None:
        # The number of a message that was deleted is never given again.
        first = max(self.highest, *self.messages, 0) + 1
        self.highest = first + count - 1
        for number in range(first, first + count):
            self.messages[number] = message(number, album)

    async def page(self, *, above: int | None = None, below: int | None = None) -> Page:
        self.asked.append((above, below))
        numbers = sorted(self.messages)
        if above is not None:
            shown = [number for number in numbers if number > above][:PAGE]
        else:
            shown = [number for number in numbers if below is None or number < below][-PAGE:]
        shown = [number for number in shown if number not in self.withheld]
        messages = [self.messages[number] for number in shown]
        return Page(CHANNEL, messages, {101: CHANNEL}, {}, len(shown) == len(numbers))


class Reader:
    """Keeps what batches give as the store does."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.posts: dict[int, Post] = {}
        self.checkpoint: dict[str, Json] = {}
        self.repeated = 0

    def crawl(self, *, pages: int | None = None, **limits: Any) -> list[Batch]:
        """Crawl; `pages`: the process is killed when so many have been committed."""

        async def go() -> list[Batch]:
            given = {"depth": 10**6, "max_pages": 10**3} | limits
            batches = []
            async for batch in walk(self.server, dict(self.checkpoint), **given):
                if pages is not None and len(batches) >= pages:
                    break
                self._commit(batch)
                batches.append(batch)
            return batches

        return asyncio.run(go())

    def members(self) -> list[int]:
        """List the numbers of all messages that are stored."""
        posts = self.posts.values()
        return sorted(int(one) for post in posts for one in (post.native_id, *post.member_ids))

    def _commit(self, batch: Batch) -> None:
        shown = {int(post.native_id): post for post in batch.posts}
        if batch.coverage is not None:
            covered = range(batch.coverage.low, batch.coverage.high + 1)
            for number in [one for one in self.posts if one in covered and one not in shown]:
                del self.posts[number]
        self.posts |= shown
        self.checkpoint |= batch.checkpoint


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_first_crawl_reads_newest_first_and_down_to_the_first_message(server: Server) -> None:
    server.post(250)
    reader = Reader(server)
    batches = reader.crawl()
    firsts = [int(batch.posts[0].native_id) for batch in batches]
    assert firsts == [151, 51, 1]
    assert reader.members() == list(range(1, 251))
    assert reader.checkpoint["spans"] == [[1, 250]]


def test_an_idle_channel_is_one_page(server: Server) -> None:
    server.post(250)
    reader = Reader(server)
    reader.crawl()
    server.asked.clear()
    reader.crawl()
    assert server.asked == [(None, None)]


def test_what_is_new_is_read_upwards_from_where_the_last_crawl_ended(server: Server) -> None:
    server.post(100)
    reader = Reader(server)
    reader.crawl()
    server.post(400)
    server.asked.clear()
    batches = reader.crawl()
    assert server.asked[0] == (None, None)
    ups = [above for above, _ in server.asked[1:]]
    assert ups == sorted(ups, key=lambda one: one or 0)
    assert all(above is not None for above in ups)
    assert reader.members() == list(range(1, 501))
    # The newest first: it is what somebody can still do something about.
    assert int(batches[0].posts[-1].native_id) == 500


def test_the_depth_of_a_first_crawl_counts_from_the_newest_message(server: Server) -> None:
    server.post(1_000)
    reader = Reader(server)
    reader.crawl(depth=150)
    assert reader.members() == list(range(801, 1_001))
    server.asked.clear()
    reader.crawl(depth=10**6)
    assert server.asked == [(None, None)]


def test_nothing_is_read_that_is_older_than_the_day(server: Server) -> None:
    server.post(3_000)
    reader = Reader(server)
    reader.crawl(since=date(2026, 1, 3))
    # A day has 1,440 of them; the page with the day's first one is the last.
    assert 2_780 <= reader.members()[0] <= 2_880
    assert reader.members()[-1] == 3_000


def test_a_page_of_which_something_is_withheld_is_not_the_end(server: Server) -> None:
    server.post(500)
    server.withheld = {450, 320, 77}
    reader = Reader(server)
    reader.crawl()
    there = [number for number in range(1, 501) if number not in server.withheld]
    assert reader.members() == there
    reader.crawl()
    assert reader.members() == there
    server.post(300)
    server.withheld |= {530, 600, 790}
    reader.crawl()
    assert reader.members() == [one for one in range(1, 801) if one not in server.withheld]


def test_an_album_that_others_write_into_is_whole(server: Server) -> None:
    server.post(198)
    server.messages[198] = message(198, album=5)
    server.messages[199] = message(199)
    server.messages[200] = message(200, album=5)
    server.messages |= {number: message(number) for number in range(201, 299)}
    reader = Reader(server)
    reader.crawl()
    assert reader.posts[198].member_ids == ("200",)
    assert 200 not in reader.posts


def test_a_message_that_can_t_be_read_is_left_out(server: Server) -> None:
    server.post(3)
    server.messages[2].reactions = "?"
    reader = Reader(server)
    reader.crawl()
    assert reader.members() == [1, 3]


def test_an_empty_channel_is_read_without_posts(server: Server) -> None:
    reader = Reader(server)
    [batch] = reader.crawl()
    assert batch.posts == ()
    server.post(3)
    reader.crawl()
    assert reader.members() == [1, 2, 3]


def test_a_channel_that_had_messages_and_shows_none_is_no_idle_one(server: Server) -> None:
    server.post(3)
    reader = Reader(server)
    reader.crawl()
    server.messages.clear()
    with pytest.raises(SourceUnavailable, match="no messages any more"):
        reader.crawl()


def test_newest_messages_that_were_deleted_are_noticed(server: Server) -> None:
    server.post(150)
    reader = Reader(server)
    reader.crawl()
    for number in range(140, 151):
        del server.messages[number]
    reader.crawl()
    assert reader.members() == list(range(1, 140))


def test_a_checkpoint_of_the_web_preview_is_gone_on_from(server: Server) -> None:
    server.post(300)
    reader = Reader(server)
    channel = {"name": "news_one", "title": "News", "id": -101, "subscribers": None}
    reader.checkpoint = {"spans": [[120, 280]], "floor": 100, "channel": channel}
    reader.crawl()
    numbers = [above if above is not None else below for above, below in server.asked]
    assert numbers[0] is None
    assert reader.checkpoint["spans"] == [[20, 300]]


@st.composite
def _events(draw: st.DrawFn) -> Sequence[tuple[str, int]]:
    kinds = st.sampled_from(["post", "album", "delete", "crawl", "cut", "short"])
    return draw(st.lists(st.tuples(kinds, st.integers(1, 260)), min_size=1, max_size=14))


@settings(max_examples=400, deadline=None)
@given(_events())
def test_whatever_happens_between_crawls_and_wherever_they_are_cut_nothing_is_missed(
    events: Sequence[tuple[str, int]],
) -> None:
    server, reader, album = Server(), Reader(Server()), 0
    reader.server = server
    server.post(5)
    for kind, number in events:
        if kind == "post":
            server.post(number)
        elif kind == "album":
            album += 1
            server.post(1 + number % 10, album)
        elif kind == "delete" and len(server.messages) > 1:
            server.messages.pop(sorted(server.messages)[-(number % len(server.messages)) - 1])
        elif kind == "crawl":
            reader.crawl()
        elif kind == "cut":
            reader.crawl(pages=number % 4)
        elif kind == "short":
            reader.crawl(max_pages=1 + number % 3)
    reader.crawl()
    reader.crawl()
    there = sorted(server.messages)
    stored = reader.members()
    assert len(stored) == len(set(stored)), "a message is in two posts"
    missed = sorted(set(there) - set(stored))
    assert missed == []
    # Deletions far below are not looked for; what is stored and near the top is there.
    newest = there[-PAGE // 2 :]
    assert [one for one in stored if one >= newest[0]] == newest
    firsts = [one[0] for one in _albums(server.messages) if one[0] >= newest[0]]
    assert {int(post.native_id) for post in reader.posts.values()} >= set(firsts)


def _albums(messages: Mapping[int, types.Message]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for number in sorted(messages):
        if messages[number].grouped_id:
            groups.setdefault(messages[number].grouped_id, []).append(number)
    return list(groups.values())
