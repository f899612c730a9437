"""Finds what of a forum is to be walked: its data in place of its page, and its boards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog

from crawlers.engines._base import BoardRef, ForumEngine, PageKind
from crawlers.urls import is_same_site, is_under
from crawlers.walks.fetch import UNCHANGED, FetchedPage, validator_in
from crawlers.walks.shape import changed_page, read_page
from crawlers.walks.thread import check_status
from monitor.errors import SourceUnavailable
from monitor.models.post import Json
from monitor.models.source import SourceState

log = structlog.get_logger(__name__)

# Of one forum; a page that links to ever more of them is a trap.
MAX_BOARDS = 2_000
# Checkpoint keys: the address of the data, the boards as [id, title], the start page's version.
ENTRY = "entry"
BOARDS = "boards"
START = "start"

Get = Callable[..., Awaitable[FetchedPage]]


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a walk begins.

    Attributes:
        page: The start page, or the data that stands for it; its status may be UNCHANGED.
        root: Nothing outside this folder is read.
        kind: What the page lists; None when it is unchanged.
        boards: Those to walk.
        left_out: Ids of boards that the operator did not choose.
        checkpoint: What is to be kept of this, where it is new.
    """

    page: FetchedPage
    root: str
    kind: PageKind | None
    boards: tuple[BoardRef, ...] = ()
    left_out: frozenset[str] = frozenset()
    checkpoint: Mapping[str, Json] = field(default_factory=dict)


async def open_forum(
    start_url: str,
    engine: ForumEngine,
    saved: Mapping[str, Json],
    get: Get,
    *,
    chosen: Collection[str],
    now_s: float,
) -> Opening:
    """Read the first page.

    Args:
        start_url: A board index, a board or a thread.
        saved: The checkpoint.
        get: Fetches one page; takes a validator.
        chosen: Ids of the boards to walk; empty: all.
        now_s: Seconds since the epoch.

    Raises:
        SourceUnavailable: It can't be read.
        SourceChanged: It lists no boards, or none of those that were chosen.
    """
    kept: dict[str, Json] = {}
    page = await _data_known(saved, get, start_url, now_s)
    if page is None:
        page = await get(start_url, validator_in(saved.get(START), now_s))
        _check_start(page, start_url)
        entry = None if page.status == UNCHANGED else engine.entry(page.text, page.url)
        if entry is not None and is_under(entry, engine.root(page.url)):
            data = await get(entry)
            if _is_there(data, start_url):
                page = data
                kept[ENTRY] = entry
    root = engine.root(page.url)
    if page.status == UNCHANGED:
        return Opening(page, root, None)
    check_status(page)
    kind = engine.kind(page.text, page.url)
    if kind is PageKind.BOARDS:
        return await _index(page, engine, saved, get, root, chosen, kept)
    lone = (BoardRef("start", engine.canonical(page.url), ""),) if kind is PageKind.THREADS else ()
    return Opening(page, root, kind, lone, checkpoint=kept)


async def _index(
    page: FetchedPage,
    engine: ForumEngine,
    saved: Mapping[str, Json],
    get: Get,
    root: str,
    chosen: Collection[str],
    kept: dict[str, Json],
) -> Opening:
    """Find the boards to walk."""
    listed, whole, is_all = await _listed(
        page, engine, get, root, whole_is_enough=not chosen and BOARDS in saved
    )
    titles: list[Json] = [[board.id, board.title] for board in listed.values()]
    if is_all and saved.get(BOARDS) != titles:
        kept[BOARDS] = titles
    if not chosen and whole is not None:
        return Opening(page, root, PageKind.BOARDS, (whole,), frozenset(listed), kept)
    boards = [board for board in listed.values() if not chosen or board.id in chosen]
    if not boards:
        what = "none of the chosen boards is" if chosen and listed else "no boards"
        raise changed_page(f"{engine.name}: {what} on the index.", page)
    if missing := [one for one in chosen if one not in listed]:
        log.warning("board.missing", board_ids=missing)
    left_out = frozenset(listed) - {board.id for board in boards}
    return Opening(page, root, PageKind.BOARDS, tuple(boards), left_out, kept)


async def _data_known(
    saved: Mapping[str, Json], get: Get, start_url: str, now_s: float
) -> FetchedPage | None:
    """Read the data that an earlier walk found; None where there is none any more."""
    entry = saved.get(ENTRY)
    if not isinstance(entry, str) or not is_same_site(entry, start_url):
        return None
    page = await get(entry, validator_in(saved.get(START), now_s))
    return page if _is_there(page, start_url) else None


def _is_there(data: FetchedPage, start_url: str) -> bool:
    """Tell whether there is data at its address; where it leads to another site, that is not."""
    return data.status not in {404, 410} and is_same_site(data.url, start_url)


def _check_start(page: FetchedPage, start_url: str) -> None:
    """Refuse a start page that is an error, or of another site."""
    if page.status != UNCHANGED:
        check_status(page)
    if not is_same_site(page.url, start_url):
        raise SourceUnavailable(
            "The address leads to another site now: add the new address instead.",
            url=start_url,
            state=SourceState.GONE,
        )


async def _listed(
    page: FetchedPage, engine: ForumEngine, get: Get, root: str, *, whole_is_enough: bool
) -> tuple[dict[str, BoardRef], BoardRef | None, bool]:
    """List the boards page by page.

    Returns:
        Them by their ids, the list of all threads if there is one, and whether all pages were read.
    """
    listed: dict[str, BoardRef] = {}
    whole: BoardRef | None = None
    seen = {page.url}
    while True:
        found = read_page(engine.boards, page)
        whole = whole or found.whole
        before = len(listed)
        for ref in found.boards:
            if is_under(ref.url, root) and len(listed) < MAX_BOARDS:
                listed.setdefault(ref.id, ref)
        url = found.next_url
        if url is None or url in seen or not is_under(url, root) or len(listed) == before:
            return listed, whole, True
        if whole is not None and whole_is_enough:
            return listed, whole, False
        seen.add(url)
        page = await get(url)
        check_status(page)
