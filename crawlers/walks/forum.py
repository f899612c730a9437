"""Reads a forum board by board: what is new first, then what lies further back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from math import ceil

import structlog

from crawlers.engines._base import ForumEngine, PageKind, ThreadRef
from crawlers.walks.board import Board
from crawlers.walks.fetch import Fetch, FetchedPage, kept_validator
from crawlers.walks.opening import START, open_forum
from crawlers.walks.reading import MAX_TOLD, BudgetSpent, Limits, Reading
from crawlers.walks.shape import read_page
from crawlers.walks.thread import first_of, key_of, part, read_thread, restricted, signal_of
from monitor.models.post import Batch, Json

log = structlog.get_logger(__name__)

# Pages of unchanged threads that one walk reads again at most.
MAX_REREAD = 50


async def walk(
    start_url: str,
    engine: ForumEngine,
    checkpoint: Mapping[str, Json],
    fetch: Fetch,
    limits: Limits,
    *,
    boards: Collection[str] = (),
    now_s: float = 0.0,
    tell: Callable[[str], None] = lambda note: None,
) -> AsyncIterator[Batch]:
    """Read a forum, a board or a thread from its checkpoint on.

    First the newest threads of every board, until a page of the list has none that changed; then,
    board by board, the older ones that no walk has read yet; then some that did not change, for
    edits. A thread is changed when its last post or its count of replies is; it is read again from
    its last known page on. The checkpoint's keys: those of `opening`, `board:<id>` (see `Board`)
    and `thread:<id>`: `signal` of the finished thread, else null; `next` page to read, else null;
    `last` page read, `first` where it is another; `pass` that read it; `read`, when it was read
    from its beginning, and the `validator` of that page; `gone` when it was deleted.

    Args:
        start_url: A board index, a board or a thread. Nothing outside its forum's folder is read.
        engine: The one that recognises the page.
        checkpoint: As committed with the batches of earlier walks.
        fetch: Called for one page at a time.
        boards: Ids of those to read, with the sub-boards that their pages show; empty: all.
        now_s: Seconds since the epoch.
        tell: Takes one sentence for the operator on what a limit kept from being read.

    Yields:
        One batch a thread page; batches without posts only move the checkpoint.

    Raises:
        SourceUnavailable: The start page, a whole board or several threads in a row can't be read;
            at once, or after what else there was to read.
        SourceChanged: Likewise, for pages that are not as the engine knows them.
    """
    crawl = _Walk(engine, checkpoint, fetch, limits, now_s, tell)
    try:
        async for batch in crawl.run(start_url, boards):
            yield batch
    except BudgetSpent:
        log.info("forum.budget_spent", max_pages=limits.max_pages)
        tell(f"{limits.max_pages} pages were read (crawl.max_pages): the next crawl goes on.")
    crawl.raise_trouble(start_url)


class _Walk(Reading):
    """One walk."""

    async def run(self, start_url: str, chosen: Collection[str]) -> AsyncIterator[Batch]:
        opening = await open_forum(
            start_url, self.engine, self.saved, self._get, chosen=chosen, now_s=self.now_s
        )
        page, self.root, self.left_out = opening.page, opening.root, opening.left_out
        if opening.checkpoint:
            self.saved.update(opening.checkpoint)
            yield Batch(page.url, checkpoint=opening.checkpoint)
        if opening.kind is None:
            return
        self.start = page
        if opening.kind is PageKind.POSTS:
            async for batch in self._lone_thread(page):
                yield batch
            return
        self.boards = [Board.load(ref, self.saved) for ref in opening.boards]
        async for batch in self._boards():
            yield batch

    async def _boards(self) -> AsyncIterator[Batch]:
        """Read all boards: what is new in any of them first, then what is older."""
        for board in self.boards:  # It grows: boards show their sub-boards.
            async for batch in self._newest(board):
                yield batch
        for board in self.boards:
            async for batch in self._older(board):
                yield batch
        # Last: threads that never can be read must not keep the others from being read.
        async for batch in self._unfinished():
            yield batch
        async for batch in self._again():
            yield batch

    def raise_trouble(self, url: str) -> None:
        """Report at the end what was stepped over, where it says something of the whole."""
        for (what, why), number in self.closed.most_common(MAX_TOLD):
            self.tell(f"{number} {what}{'' if number == 1 else 's'}: {why}")
        if self.board_trouble is not None:
            raise self.board_trouble
        if self.boards and all(board.is_closed for board in self.boards):
            raise restricted(url)
        threads = (state for key, state in self.saved.items() if key.startswith("thread:"))
        if self.thread_trouble is not None and not any(part(state, "last") for state in threads):
            raise self.thread_trouble

    async def _newest(self, board: Board) -> AsyncIterator[Batch]:
        """Read a board from its top down to what earlier walks have read."""
        await self._find_plain(board)
        url, number, is_known_ground, is_news = board.ref.url, 1, False, False
        validator: Json = None
        while True:
            listed = await self._list(board, url)
            if listed is None:
                return
            threads, next_url = listed.threads, listed.next_url
            validator = listed.validator if number == 1 else validator
            changed = [thread for thread in threads if self._is_changed(thread)]
            ids = {thread.id for thread in changed}
            plain = {thread.id for thread in threads if not thread.sticky}
            settled = {id_ for id_ in plain - ids if self._is_settled(id_, board)}
            is_quiet = bool(settled) and plain.isdisjoint(ids)
            if number > self.limits.depth and is_known_ground:
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
        board.validator = validator if board.back is None and not self.failures else None
        for batch in self._moved(url, board):
            yield batch

    async def _older(self, board: Board) -> AsyncIterator[Batch]:
        """Read a board from where it was left, down to its end or the depth."""
        url, number = board.back, board.page
        if board.ahead is not None:
            url, number = board.ahead, board.page + 1
        while url is not None and not board.is_closed and number <= self.limits.depth:
            listed = await self._list(board, url)
            if listed is None:
                return
            threads, next_url = listed.threads, listed.next_url
            board.back, board.page = url, number
            # Also for a page without news: else a board longer than the budget never ends.
            for batch in self._moved(url, board):
                yield batch
            changed = [thread for thread in threads if self._is_changed(thread)]
            async for batch in self._threads(changed, board, board.passes):
                yield batch
            url, number = next_url, number + 1
        if not board.is_closed:
            if url is not None and board.back is not None:
                self.tell(
                    f"A board goes back further than {self.limits.depth} pages (crawl.depth)."
                )
            board.back = None
            for batch in self._moved(board.ref.url, board):
                yield batch

    async def _unfinished(self) -> AsyncIterator[Batch]:
        """Go on with threads that earlier walks left half read or could not read."""
        for key, state in list(self.saved.items()):
            thread_id, url = key.removeprefix("thread:"), part(state, "next")
            if thread_id == key or thread_id in self.opened or not isinstance(url, str):
                continue
            # Not where it goes on: that page would account for all that is before it.
            thread = ThreadRef(thread_id, first_of(state) or url, "", None, "")
            async for batch in self._threads([thread], None, 0):
                yield batch

    async def _again(self) -> AsyncIterator[Batch]:
        """Read some threads again that did not change, those first that were not for longest."""
        known = [
            (key.removeprefix("thread:"), state)
            for key, state in self.saved.items()
            if key.startswith("thread:")
            and isinstance(part(state, "signal"), str)
            and first_of(state) is not None
        ]
        share = min(MAX_REREAD, ceil(len(known) * self.limits.reread_percent / 100))
        least = self.pages_left - share
        for thread_id, state in sorted(known, key=lambda one: _number(part(one[1], "read"))):
            if self.pages_left <= max(0, least):
                return
            if thread_id in self.opened:
                continue
            thread = ThreadRef(thread_id, first_of(state) or "", "", None, "")
            async for batch in self._threads([thread], None, _number(part(state, "pass")), state):
                yield batch

    async def _lone_thread(self, page: FetchedPage) -> AsyncIterator[Batch]:
        """Read the thread that the start address names; it has no list to tell of changes."""
        content = read_page(self.engine.posts, page)
        url = self.engine.canonical(page.url)
        thread = ThreadRef(content.thread_id, url, content.title, None, "")
        state = self.saved.get(key_of(thread.id))
        async for batch in read_thread(
            thread, state, self.engine, self._get, self.root, now_s=self.now_s, lowest=None
        ):
            yield batch
        if page.validator and content.next_url is None:
            yield Batch(page.url, checkpoint={START: kept_validator(page, self.now_s)})

    def _is_changed(self, thread: ThreadRef) -> bool:
        """Compare with the checkpoint; an announcement of all boards is opened once a walk."""
        state = self.saved.get(key_of(thread.id))
        return thread.id not in self.opened and part(state, "signal") != signal_of(thread)

    def _is_settled(self, thread_id: str, board: Board) -> bool:
        pass_ = part(self.saved.get(key_of(thread_id)), "pass")
        return isinstance(pass_, int) and pass_ <= board.passes


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
