"""Reads a forum board by board: what is new first, then what lies further back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import structlog

from crawlers.engines._base import BoardRef, ForumEngine, PageKind, ThreadRef
from crawlers.urls import is_same_site, is_under
from crawlers.walks.board import Board
from crawlers.walks.fetch import Fetch, FetchedPage
from crawlers.walks.thread import (
    check_status,
    key_of,
    part,
    read_thread,
    restricted,
    signal_of,
    without_pages,
)
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch, Json
from monitor.models.source import SourceState

log = structlog.get_logger(__name__)

# One broken thread must not stop a crawl; this many in a row are a broken forum, or parser.
_MAX_FAILURES = 3


class _BudgetSpent(Exception):
    """`max_pages` were read."""


async def walk(
    start_url: str,
    engine: ForumEngine,
    checkpoint: Mapping[str, Json],
    fetch: Fetch,
    *,
    depth: int,
    max_pages: int,
) -> AsyncIterator[Batch]:
    """Read a forum, a board or a thread from its checkpoint on.

    First the newest threads of every board, until a page of the list has none that changed; then,
    board by board, the older ones that no walk has read yet. A thread is changed when its last
    post or its count of replies is; it is read again from its last known page on. The
    checkpoint's keys: `board:<id>` (see `Board`) and `thread:<id>`: `signal` of the finished
    thread, else null; `next` page to read, else null; `last` page read; `pass` that read it;
    `gone` when it was deleted.

    Args:
        start_url: A board index, a board or a thread. Nothing outside its forum's folder is read.
        engine: The one that recognises the page.
        checkpoint: As committed with the batches of earlier walks.
        fetch: Called for one page at a time.
        depth: List pages of each board to go back.
        max_pages: Pages to read at most; the next walk goes on from there.

    Yields:
        One batch a thread page; batches without posts only move the checkpoint.

    Raises:
        SourceUnavailable: The start page, a whole board or several threads in a row can't be read;
            at once, or after what else there was to read.
        SourceChanged: Likewise, for pages that are not as the engine knows them.
    """
    crawl = _Crawl(engine, checkpoint, fetch, depth, max_pages)
    try:
        async for batch in crawl.run(start_url):
            yield batch
    except _BudgetSpent:
        log.info("forum.budget_spent", max_pages=max_pages)
    crawl.raise_trouble(start_url)


class _Crawl:
    """One walk: its budget, and the checkpoint as far as it was handed out."""

    def __init__(
        self,
        engine: ForumEngine,
        checkpoint: Mapping[str, Json],
        fetch: Fetch,
        depth: int,
        max_pages: int,
    ) -> None:
        self.engine = engine
        self.saved = dict(checkpoint)
        self.fetch = fetch
        self.depth = depth
        self.pages_left = max_pages
        self.root = ""
        self.start: FetchedPage | None = None
        self.boards: list[Board] = []
        self.opened: set[str] = set()
        self.failures = 0
        self.board_trouble: SourceUnavailable | SourceChanged | None = None
        self.thread_trouble: SourceUnavailable | SourceChanged | None = None

    async def run(self, start_url: str) -> AsyncIterator[Batch]:
        page = await self._open(start_url)
        kind = self.engine.kind(page.text, page.url)
        if kind is PageKind.POSTS:
            async for batch in self._lone_thread(page):
                yield batch
            return
        if kind is PageKind.THREADS:
            ref = BoardRef("start", self.engine.canonical(page.url), "")
            self.boards = [Board.load(ref, self.saved)]
        else:
            self._add_boards(page)
            if not self.boards:
                raise SourceChanged(f"{self.engine.name}: no boards on the index.", url=page.url)
        for board in self.boards:  # It grows: boards show their sub-boards.
            async for batch in self._newest(board):
                yield batch
        for board in self.boards:
            async for batch in self._older(board):
                yield batch
        # Last: threads that never can be read must not keep the others from being read.
        async for batch in self._unfinished():
            yield batch

    async def _open(self, start_url: str) -> FetchedPage:
        page = await self._get(start_url)
        check_status(page)
        if not is_same_site(page.url, start_url):
            raise SourceUnavailable(
                "The address leads to another site now: add the new address instead.",
                url=start_url,
                state=SourceState.GONE,
            )
        self.root = self.engine.root(page.url)
        self.start = page
        return page

    def raise_trouble(self, url: str) -> None:
        """Report at the end what was stepped over, where it says something of the whole."""
        if self.board_trouble is not None:
            raise self.board_trouble
        if self.boards and all(board.is_closed for board in self.boards):
            raise restricted(url)
        threads = (state for key, state in self.saved.items() if key.startswith("thread:"))
        if self.thread_trouble is not None and not any(part(state, "last") for state in threads):
            raise self.thread_trouble

    async def _newest(self, board: Board) -> AsyncIterator[Batch]:
        """Read a board from its top down to what earlier walks have read."""
        url, number, is_known_ground, is_news = board.ref.url, 1, False, False
        while True:
            listed = await self._list(board, url)
            if listed is None:
                return
            threads, next_url = listed
            changed = [thread for thread in threads if self._is_changed(thread)]
            ids = {thread.id for thread in changed}
            plain = {thread.id for thread in threads if not thread.sticky}
            settled = {id_ for id_ in plain - ids if self._is_settled(id_, board)}
            is_quiet = bool(settled) and plain.isdisjoint(ids)
            if number > self.depth and is_known_ground:
                # Below a known thread without change, unknown ones are old: beyond the depth.
                changed = [thread for thread in changed if key_of(thread.id) in self.saved]
                is_quiet = not changed
            is_known_ground = is_known_ground or bool(settled)
            is_news = is_news or settled != plain or bool(changed)
            async for batch in self._threads(changed, board, board.passes + 1):
                yield batch
            if url == board.back or next_url is None:
                board.ahead = next_url
                board.back = board.back if next_url is not None else None
                break
            if is_quiet:
                break
            url, number = next_url, number + 1
        board.passes += is_news
        for batch in self._moved(url, board):
            yield batch

    async def _older(self, board: Board) -> AsyncIterator[Batch]:
        """Read a board from where it was left, down to its end or the depth."""
        url, number = board.back, board.page
        if board.ahead is not None:
            url, number = board.ahead, board.page + 1
        while url is not None and not board.is_closed and number <= self.depth:
            listed = await self._list(board, url)
            if listed is None:
                return
            threads, next_url = listed
            board.back, board.page = url, number
            # Also for a page without news: else a board longer than the budget never ends.
            for batch in self._moved(url, board):
                yield batch
            changed = [thread for thread in threads if self._is_changed(thread)]
            async for batch in self._threads(changed, board, board.passes):
                yield batch
            url, number = next_url, number + 1
        if not board.is_closed:
            board.back = None
            for batch in self._moved(board.ref.url, board):
                yield batch

    async def _unfinished(self) -> AsyncIterator[Batch]:
        """Go on with threads that earlier walks left half read or could not read."""
        for key, state in list(self.saved.items()):
            thread_id, url = key.removeprefix("thread:"), part(state, "next")
            if thread_id == key or thread_id in self.opened or not isinstance(url, str):
                continue
            thread = ThreadRef(thread_id, url, "", None, "")
            async for batch in self._threads([thread], None, 0):
                yield batch

    async def _lone_thread(self, page: FetchedPage) -> AsyncIterator[Batch]:
        """Read the thread that the start address names; it has no list to tell of changes."""
        content = self.engine.posts(page.text, page.url)
        url = self.engine.canonical(page.url)
        thread = ThreadRef(content.thread_id, url, content.title, None, "")
        state = self.saved.get(key_of(thread.id))
        async for batch in read_thread(
            thread, state, self.engine, self._get, self.root, lowest=None
        ):
            yield batch

    async def _threads(
        self, threads: list[ThreadRef], board: Board | None, pass_: int
    ) -> AsyncIterator[Batch]:
        for thread in threads:
            self.opened.add(thread.id)
            state = self.saved.get(key_of(thread.id))
            try:
                async for batch in read_thread(thread, state, self.engine, self._get, self.root):
                    yield self._with_board(batch, board, pass_)
                self.failures = 0
            except (SourceUnavailable, SourceChanged) as problem:
                left = without_pages(thread)
                if not _is_closed(problem):
                    self._count_failure("thread.failed", thread.id, problem)
                    self.thread_trouble = self.thread_trouble or problem
                    state = self.saved.get(key_of(thread.id))
                    again = part(state, "next") or part(state, "last") or thread.url
                    left = {"signal": None, "next": again, "last": part(state, "last")}
                else:
                    log.warning("thread.restricted", thread_id=thread.id)
                batch = Batch(problem.url, checkpoint={key_of(thread.id): left})
                yield self._with_board(batch, board, pass_)

    async def _list(self, board: Board, url: str) -> tuple[list[ThreadRef], str | None] | None:
        """Read one page of a board; None when there is nothing to read of it in this walk."""
        try:
            page = await self._get(url)
            check_status(page)
            if not is_under(page.url, self.root):
                raise restricted(url)
            self._add_boards(page)
            listed = self.engine.threads(page.text, page.url)
        except (SourceUnavailable, SourceChanged) as problem:
            board.is_closed = True
            if _is_closed(problem):
                log.warning("board.restricted", board_id=board.ref.id)
            else:
                self._count_failure("board.failed", board.ref.id, problem)
                self.board_trouble = self.board_trouble or problem
            return None
        threads = [
            thread
            for thread in listed.threads
            if not thread.moved and is_under(thread.url, self.root)
        ]
        next_url = listed.next_url
        return threads, next_url if next_url and is_under(next_url, self.root) else None

    def _count_failure(
        self, event: str, id_: str, problem: SourceUnavailable | SourceChanged
    ) -> None:
        log.warning(event, id=id_, error=type(problem).__name__)
        self.failures += 1
        if self.failures == _MAX_FAILURES:
            raise problem

    def _is_changed(self, thread: ThreadRef) -> bool:
        """Compare with the checkpoint; an announcement of all boards is opened once a walk."""
        state = self.saved.get(key_of(thread.id))
        return thread.id not in self.opened and part(state, "signal") != signal_of(thread)

    def _is_settled(self, thread_id: str, board: Board) -> bool:
        pass_ = part(self.saved.get(key_of(thread_id)), "pass")
        return isinstance(pass_, int) and pass_ <= board.passes

    def _add_boards(self, page: FetchedPage) -> None:
        known = {board.ref.id for board in self.boards}
        for ref in self.engine.boards(page.text, page.url).boards:
            if ref.id not in known and is_under(ref.url, self.root):
                self.boards.append(Board.load(ref, self.saved))

    async def _get(self, url: str) -> FetchedPage:
        start, self.start = self.start, None
        if start is not None and self.engine.canonical(start.url) == url:
            return start
        if self.pages_left <= 0:
            raise _BudgetSpent
        self.pages_left -= 1
        return await self.fetch(url)

    def _with_board(self, batch: Batch, board: Board | None, pass_: int = 0) -> Batch:
        """Commit with a batch where its board stands."""
        updates: dict[str, Json] = {
            key: state | {"pass": pass_} if isinstance(state, dict) else state
            for key, state in batch.checkpoint.items()
        }
        if board is not None and self.saved.get(board.key()) != board.dump():
            updates[board.key()] = board.dump()
        self.saved.update(updates)
        return replace(batch, checkpoint=updates)

    def _moved(self, url: str, board: Board) -> list[Batch]:
        batch = self._with_board(Batch(url), board)
        return [batch] if batch.checkpoint else []


def _is_closed(problem: SourceUnavailable | SourceChanged) -> bool:
    closed = {SourceState.RESTRICTED, SourceState.GONE}
    return isinstance(problem, SourceUnavailable) and problem.state in closed
