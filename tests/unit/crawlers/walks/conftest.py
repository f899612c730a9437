"""A forum and a channel in memory, with a count of the pages that were asked for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from crawlers.walks.fetch import FetchedPage
from monitor.errors import SourceUnavailable
from monitor.models.post import Batch, Json, Post

ROOT = "https://forum.example/board/"


class Fake:
    """Answers from memory."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.broken: set[str] = set()
        # Tell versions of pages by their text, as servers of files do.
        self.has_validators = False

    async def __call__(self, url: str, validator: Mapping[str, str] | None = None) -> FetchedPage:
        self.requests.append(url)
        if url in self.broken:
            raise SourceUnavailable("The server does not answer.", url=url)
        final, status, text = self.answer(url)
        tag = {"etag": f'"{hash(text)}"'} if self.has_validators and status == 200 else {}
        if tag and tag == validator:
            return FetchedPage(final, 304, "", url)
        return FetchedPage(final, status, text, url, tag)

    def answer(self, url: str) -> tuple[str, int, str]:
        raise NotImplementedError

    def taken(self) -> list[str]:
        """Requests since the last call."""
        taken, self.requests = self.requests, []
        return taken


@dataclass
class Thread:
    board: int
    posts: dict[int, str]
    sticky: bool = False
    announced: bool = False
    moved: bool = False


@dataclass
class Forum(Fake):
    """Shows three threads and three posts a page, as phpBB does."""

    boards: dict[int, int | None] = field(default_factory=lambda: {1: None})
    threads: dict[int, Thread] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    next_post: int = 100

    def __post_init__(self) -> None:
        super().__init__()

    def add(self, thread: int, *texts: str, board: int = 1, **marks: bool) -> None:
        kept = self.threads.setdefault(thread, Thread(board, {}, **marks))
        for text in texts:
            kept.posts[self.next_post] = text
            self.next_post += 1

    def answer(self, url: str) -> tuple[str, int, str]:
        asked = {name: int(values[0]) for name, values in parse_qs(urlsplit(url).query).items()}
        start = asked.get("start", 0)
        if "viewforum" in url:
            if asked["f"] in self.closed:
                return url, 200, "<body id=phpbb class=section-viewforum><form id=login></form>"
            return url, 200, self._board(asked["f"], start)
        if "viewtopic" in url:
            if asked["t"] not in self.threads:
                return url, 404, "<div id=message>The topic does not exist.</div>"
            return url, 200, self._thread(asked["t"], start)
        top = (board for board, parent in self.boards.items() if parent is None)
        return url, 200, f"<body id=phpbb class=section-index>{self._forums(top)}"

    def _forums(self, boards: object) -> str:
        rows = "".join(
            f"<li class=row><a class=forumtitle href=./viewforum.php?f={board}&sid=ab>B</a></li>"
            for board in boards  # type: ignore[attr-defined]
        )
        return f"<ul class='topiclist forums'>{rows}</ul>"

    def _board(self, board: int, start: int) -> str:
        children = [child for child, parent in self.boards.items() if parent == board]
        own = {id_: thread for id_, thread in self.threads.items() if thread.board == board}
        shown = {id_: thread for id_, thread in self.threads.items() if thread.announced} | own
        newest = sorted(shown, key=lambda id_: -max(shown[id_].posts))
        plain = [id_ for id_ in newest if not (shown[id_].sticky or shown[id_].announced)]
        page = [id_ for id_ in newest if id_ not in plain] + plain[start : start + 3]
        rows = "".join(self._row(id_, shown[id_]) for id_ in page)
        pager = self._pager(f"viewforum.php?f={board}", start, len(plain))
        return (
            f"<body id=phpbb class=section-viewforum>{self._forums(children)}"
            f"<ul class='topiclist topics'>{rows}</ul>{pager}"
        )

    def _row(self, id_: int, thread: Thread) -> str:
        mark = "sticky" * thread.sticky + "global-announce" * thread.announced
        last = max(thread.posts)
        return (
            f"<li class='row {mark}'><dl class='{'topic_moved' * thread.moved}'>"
            f"<dt><a class=topictitle href=./viewtopic.php?f=1&t={id_}&sid=ab>T{id_}</a></dt>"
            f"<dd class=posts>{len(thread.posts) - 1}</dd>"
            f"<dd class=lastpost><a href=./viewtopic.php?p={last}#p{last}>x</a></dd></dl></li>"
        )

    def _thread(self, id_: int, start: int) -> str:
        posts = sorted(self.threads[id_].posts.items())
        if start >= len(posts):
            start = (len(posts) - 1) // 3 * 3
        shown = "".join(
            f"<div class=post id=p{post}><div class=postbody><p class=author>"
            f"<strong>gull</strong></p><div class=content>{text}</div></div></div>"
            for post, text in posts[start : start + 3]
        )
        pager = self._pager(f"viewtopic.php?t={id_}", start, len(posts))
        return (
            "<body id=phpbb class=section-viewtopic><h2 class=topic-title>"
            f"<a href=./viewtopic.php?t={id_}>T{id_}</a></h2>{shown}{pager}"
        )

    @staticmethod
    def _pager(address: str, start: int, total: int) -> str:
        links = "".join(
            f"<a href=./{address}&start={offset}>{offset}</a>" for offset in range(0, total, 3)
        )
        return f"<div class=pagination>{links}</div>"


@dataclass
class Channel(Fake):
    """Shows five messages a page, as t.me/s does."""

    messages: dict[int, str] = field(default_factory=dict)
    albums: dict[int, tuple[int, ...]] = field(default_factory=dict)
    channel_id: int | None = -77
    title: str = "Pier"
    page_override: dict[int | None, tuple[str, int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def answer(self, url: str) -> tuple[str, int, str]:
        asked = parse_qs(urlsplit(url).query)
        before = int(asked["before"][0]) if "before" in asked else None
        if before in self.page_override:
            return self.page_override[before]
        older = [id_ for id_ in sorted(self.messages) if before is None or id_ < before]
        shown = older[-5:]
        pager = ""
        if len(older) > len(shown):
            pager = f'<a class="tme_messages_more" data-before="{shown[0]}"></a>'
        return url, 200, self.page(pager, shown)

    def page(self, pager: str, shown: list[int]) -> str:
        body = "".join(self._message(id_) for id_ in shown)
        return (
            '<div class="tgme_channel_info"><div class="tgme_channel_info_header_title">'
            f'{self.title}</div></div><main class="tgme_main" data-url="/pier">'
            f'<section class="tgme_channel_history">{pager}{body}</section></main>'
        )

    def _message(self, id_: int) -> str:
        members = "".join(
            f'<a class="grouped_media_wrap" href="https://t.me/pier/{member}?single"></a>'
            for member in self.albums.get(id_, ())
        )
        return (
            f'<div class="tgme_widget_message" data-post="pier/{id_}" data-view="{self._view()}">'
            f'{members}<div class="tgme_widget_message_text">{self.messages[id_]}</div></div>'
        )

    def _view(self) -> str:
        packed = b"{}" if self.channel_id is None else f'{{"c":{self.channel_id}}}'.encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


class Archive:
    """Commits batches as the store does: posts and checkpoint together."""

    def __init__(self) -> None:
        self.checkpoint: dict[str, Json] = {}
        self.posts: dict[str, Post] = {}
        self.gone: set[str] = set()
        self.batches: list[Batch] = []

    def commit(self, batch: Batch) -> None:
        self.batches.append(batch)
        for key, value in batch.checkpoint.items():
            if value is None:
                self.checkpoint.pop(key, None)
            else:
                self.checkpoint[key] = value
        if batch.coverage is not None:
            low, high, thread = batch.coverage.low, batch.coverage.high, batch.coverage.thread_id
            seen = {post.native_id for post in batch.posts}
            self.gone |= {
                id_
                for id_, post in self.posts.items()
                if (batch.coverage.is_whole or low <= int(id_) <= high)
                and (thread is None or post.thread_id == thread)
                and id_ not in seen
            }
        for post in batch.posts:
            self.posts[post.native_id] = post
            self.gone.discard(post.native_id)

    def take(self, walk: AsyncIterator[Batch], limit: int | None = None) -> int:
        """Run a walk to its end, or drop it after some batches as a killed process would."""

        async def run() -> int:
            taken = 0
            if limit == 0:
                return 0
            async for batch in walk:
                self.commit(batch)
                taken += 1
                if taken == limit:
                    break
            return taken

        return asyncio.run(run())


@pytest.fixture
def forum() -> Forum:
    return Forum()


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def new_archive() -> Callable[[], Archive]:
    return Archive


@pytest.fixture
def new_forum() -> Callable[[], Forum]:
    return Forum


@pytest.fixture
def new_channel() -> Callable[[], Channel]:
    return Channel
