"""Reads the pages of a forum for a walk: its budget, its failures, what it has handed out."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from crawlers.engines._base import ForumEngine, ThreadList, ThreadRef
from crawlers.urls import is_under
from crawlers.walks.board import Board
from crawlers.walks.fetch import UNCHANGED, Fetch, FetchedPage, kept_validator, validator_in
from crawlers.walks.opening import MAX_BOARDS
from crawlers.walks.shape import changed_page, read_page
from crawlers.walks.thread import (
    check_status,
    key_of,
    part,
    read_thread,
    restricted,
    without_pages,
)
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch, Json
from monitor.models.source import SourceState

log = structlog.get_logger(__name__)

# Of a walk's pages, one in this many is for one thread, or so many if that is more.
_PAGE_SHARE = 5
_LEAST_PAGES = 20
# One broken thread must not stop a crawl; this many in a row are a broken forum, or parser.
_MAX_FAILURES = 3
# The rest of what failed is in the log.
MAX_TOLD = 5


class BudgetSpent(Exception):
    """`max_pages` were read."""


class _Unchanged(Exception):
    """The server says that a page is as it was read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a board's list.

    Attributes:
        validator: As `kept_validator` gives it; None where the page must be asked for each time.
    """

    threads: list[ThreadRef]
    next_url: str | None
    validator: Json


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one walk goes.

    Attributes:
        depth: List pages of each board to go back.
        max_pages: Pages to read at most; the next walk goes on from there.
        reread_percent: Of the threads that nothing says to have changed, read again: an edit or a
            deletion moves no thread up its list.
    """

    depth: int
    max_pages: int
    reread_percent: int = 0


class Reading:
    """What the parts of one walk share: budget, boards, troubles, the checkpoint as handed out."""

    def __init__(
        self,
        engine: ForumEngine,
        checkpoint: Mapping[str, Json],
        fetch: Fetch,
        limits: Limits,
        now_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self.engine = engine
        self.saved = dict(checkpoint)
        self.fetch = fetch
        self.limits = limits
        self.now_s = now_s
        self.tell = tell
        self.pages_left = limits.max_pages
        self.root = ""
        self.start: FetchedPage | None = None
        self.boards: list[Board] = []
        self.left_out: frozenset[str] = frozenset()
        self.opened: set[str] = set()
        self.failures = 0
        self.failures_told = 0
        self.closed: Counter[tuple[str, str]] = Counter()
        self.board_trouble: SourceUnavailable | SourceChanged | None = None
        self.thread_trouble: SourceUnavailable | SourceChanged | None = None

    async def _threads(
        self, threads: list[ThreadRef], board: Board | None, pass_: int, known: Json = None
    ) -> AsyncIterator[Batch]:
        """Read threads one after the other.

        Args:
            known: The state of the one thread that is only looked at again.
        """
        for thread in threads:
            self.opened.add(thread.id)
            state = self.saved.get(key_of(thread.id)) if known is None else None
            signal = part(known, "signal")
            get = self._get if known is None else self._getter(part(known, "validator"))
            # One that never ends must not keep the others from being read.
            pages = max(_LEAST_PAGES, self.limits.max_pages // _PAGE_SHARE)
            reading = read_thread(
                thread,
                state,
                self.engine,
                get,
                self.root,
                now_s=self.now_s,
                signal=signal if isinstance(signal, str) else None,
            )
            try:
                async with aclosing(reading) as batches:
                    async for batch in batches:
                        yield self._with_board(batch, board, pass_)
                        pages -= 1
                        if pages <= 0 and self._is_half_read(thread.id):
                            log.info("thread.left", thread_id=thread.id)
                            self.tell("A thread has very many pages: the next crawl goes on.")
                            break
                self.failures = 0
            except _Unchanged:
                state = dict(known) if isinstance(known, dict) else {}
                batch = Batch(thread.url, checkpoint={key_of(thread.id): state | self._now()})
                yield self._with_board(batch, board, pass_)
            except (SourceUnavailable, SourceChanged) as problem:
                left = without_pages(thread)
                if not _is_closed(problem):
                    self._count_failure("thread.failed", thread.id, problem)
                    self.thread_trouble = self.thread_trouble or problem
                    state = self.saved.get(key_of(thread.id))
                    again = part(state, "next") or part(state, "last") or thread.url
                    left = {"signal": None, "next": again, "last": part(state, "last")}
                    begun = {name: part(state, name) for name in ("first", "read")}
                    left |= {name: value for name, value in begun.items() if value is not None}
                else:
                    log.warning("thread.restricted", thread_id=thread.id)
                    self.closed["thread", str(problem)] += 1
                batch = Batch(problem.url, checkpoint={key_of(thread.id): left})
                yield self._with_board(batch, board, pass_)

    def _is_half_read(self, thread_id: str) -> bool:
        return isinstance(part(self.saved.get(key_of(thread_id)), "next"), str)

    def _now(self) -> dict[str, Json]:
        return {"read": int(self.now_s)}

    async def _find_plain(self, board: Board) -> None:
        """See whether the data of a board is there, where its page would do."""
        if board.ref.plain is None or board.is_plain:
            return
        url = board.ref.url
        try:
            page = await self._get(url, self._fresh(board))
        except SourceUnavailable as problem:
            # Robots.txt may forbid the data only; anything else `_list` meets itself, and counts.
            if _is_closed(problem):
                board.use_plain()
                board.validator = None
            return
        if page.status in {404, 410}:
            board.use_plain()
            # It is that of the data.
            board.validator = None
        else:
            self.start = page

    def _fresh(self, board: Board) -> dict[str, str]:
        """Give by what the server may tell that a board is as it was, all of it being read."""
        return validator_in(board.validator, self.now_s) if board.back is None else {}

    async def _list(self, board: Board, url: str) -> Listed | None:
        """Read one page of a board; None when there is nothing to read of it in this walk."""
        is_first = url == board.ref.url
        try:
            page = await self._get(url, self._fresh(board) if is_first else {})
            if page.status == UNCHANGED:
                return None
            check_status(page)
            if not is_under(page.url, self.root):
                raise restricted(url)
            has_more = self._add_boards(page)
            listed = self._threads_of(board, page, is_first=is_first)
        except (SourceUnavailable, SourceChanged) as problem:
            board.is_closed = True
            if _is_closed(problem):
                log.warning("board.restricted", board_id=board.ref.id)
                self.closed["board", str(problem)] += 1
            else:
                self._count_failure("board.failed", board.ref.id, problem)
                self.board_trouble = self.board_trouble or problem
            return None
        board.had_threads = board.had_threads or bool(listed.threads)
        threads = [
            thread
            for thread in listed.threads
            if not thread.moved and is_under(thread.url, self.root)
        ]
        next_url = listed.next_url
        # A board whose page shows others is asked for each time.
        validator = None if has_more else kept_validator(page, self.now_s)
        return Listed(
            threads, next_url if next_url and is_under(next_url, self.root) else None, validator
        )

    def _threads_of(self, board: Board, page: FetchedPage, *, is_first: bool) -> ThreadList:
        """Read the threads of a list's page.

        Raises:
            SourceChanged: The page is not as known, or shows none where there were some.
            SourceUnavailable: It is not shown to us.
        """
        listed = read_page(self.engine.threads, page)
        if is_first and board.had_threads and not listed.threads:
            why = f"{self.engine.name}: a board that had threads shows none."
            raise changed_page(why, page)
        return listed

    def _count_failure(
        self, event: str, id_: str, problem: SourceUnavailable | SourceChanged
    ) -> None:
        log.warning(event, id=id_, error=type(problem).__name__)
        if self.failures_told < MAX_TOLD:
            self.failures_told += 1
            self.tell(f"{event.partition('.')[0].capitalize()} {id_}: {problem}")
        self.failures += 1
        if self.failures == _MAX_FAILURES:
            raise problem

    def _add_boards(self, page: FetchedPage) -> bool:
        """Take in the sub-boards that a board's page shows; tells whether there are any."""
        known = {board.ref.id for board in self.boards} | self.left_out
        found = [
            ref
            for ref in read_page(self.engine.boards, page).boards
            if ref.id not in known and is_under(ref.url, self.root)
        ]
        room = MAX_BOARDS - len(self.boards)
        if len(found) > room:
            self.tell(f"Only the first {MAX_BOARDS} boards are read.")
        self.boards += [Board.load(ref, self.saved) for ref in found[: max(0, room)]]
        return bool(found)

    async def _get(self, url: str, validator: Mapping[str, str] | None = None) -> FetchedPage:
        start, self.start = self.start, None
        if start is not None and url in (start.requested, self.engine.canonical(start.url)):
            return start
        if self.pages_left <= 0:
            raise BudgetSpent
        self.pages_left -= 1
        return await self.fetch(url, validator) if validator else await self.fetch(url)

    def _getter(self, kept: Json) -> Callable[[str], Awaitable[FetchedPage]]:
        """Give what fetches the pages of a thread; raises where its first one is unchanged."""
        first = [validator_in(kept, self.now_s)]

        async def get(url: str) -> FetchedPage:
            page = await self._get(url, first.pop() if first else None)
            if page.status == UNCHANGED:
                raise _Unchanged
            return page

        return get

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
