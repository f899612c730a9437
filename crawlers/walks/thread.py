"""Reads one thread from the page where it was left, to its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

from crawlers.engines._base import ForumEngine, ThreadPage, ThreadRef
from crawlers.urls import is_under
from crawlers.walks.fetch import FetchedPage, kept_validator
from crawlers.walks.shape import read_page
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch, Coverage, Json
from monitor.models.source import SourceState

_END = 2**63 - 1


async def read_thread(
    thread: ThreadRef,
    state: Json,
    engine: ForumEngine,
    get: Callable[[str], Awaitable[FetchedPage]],
    root: str,
    *,
    now_s: float,
    lowest: int | None = 0,
    signal: str | None = None,
) -> AsyncGenerator[Batch]:
    """Read a thread's pages, in order.

    Args:
        thread: As its board lists it now.
        state: What the checkpoint holds under `key_of(thread.id)`.
        engine: Reads the pages.
        get: Fetches one page.
        root: Nothing outside this folder is read.
        now_s: Seconds since the epoch.
        lowest: The first page accounts for post ids from here on; None: from its first post on.
        signal: What the list said of it when it does not now: the thread is read again.

    Yields:
        One batch a page; a deleted thread gives one without posts, which accounts for all ids.

    Raises:
        SourceUnavailable: A page can't be read; RESTRICTED where guests may not see it.
        SourceChanged: A page is not as known.
    """
    first = engine.canonical(thread.url)
    url = str(part(state, "next") or part(state, "last") or first)
    low = lowest if url == first else None
    read_at = int(now_s) if url == first else part(state, "read")
    seen: set[str] = set()
    while url not in seen:
        seen.add(url)
        page = await get(url)
        if page.status in {404, 410}:
            if url != first and first not in seen:
                url, low, read_at = first, lowest, int(now_s)
                continue
            yield Batch(
                url,
                checkpoint={key_of(thread.id): without_pages(thread) | {"gone": True}},
                coverage=Coverage(0, _END, thread.id, is_whole=True),
            )
            return
        check_status(page)
        if not is_under(page.url, root):
            raise restricted(url)
        content = read_page(engine.posts, page)
        if content.thread_id != thread.id:
            # Merged into another thread, which its board lists too.
            yield Batch(url, checkpoint={key_of(thread.id): without_pages(thread)})
            return
        next_url = content.next_url if is_under(content.next_url or "", root) else None
        coverage = _coverage(content, low, is_last=next_url is None)
        done: dict[str, Json] = {
            "signal": (signal or signal_of(thread)) if next_url is None else None,
            "next": next_url,
            "last": url,
            "read": read_at,
        }
        if url != first:
            done["first"] = first
        elif next_url is None and page.validator:
            done["validator"] = kept_validator(page, now_s)
        yield Batch(url, content.posts, {key_of(thread.id): done}, coverage)
        if next_url is None:
            return
        low = coverage.high + 1 if coverage is not None else None
        url = next_url
    raise SourceChanged("The pages of a thread go round in a circle.", url=url)


def key_of(thread_id: str) -> str:
    """Name the checkpoint key of a thread."""
    return f"thread:{thread_id}"


def signal_of(thread: ThreadRef) -> str:
    """Sum up what a board's list says of a thread: it changes with every post."""
    return f"{thread.last_post} {thread.replies}"


def part(state: Json, name: str) -> Json:
    """Look up one entry of a stored state."""
    return state.get(name) if isinstance(state, dict) else None


def first_of(state: Json) -> str | None:
    """Give the first page of a thread; None where none was read, or an older Haechi kept none."""
    is_told = part(state, "first") is not None or part(state, "read") is not None
    first = (part(state, "first") or part(state, "last")) if is_told else None
    return first if isinstance(first, str) else None


def without_pages(thread: ThreadRef) -> dict[str, Json]:
    """Build the state of a thread that there is nothing to read of until its list entry changes."""
    return {"signal": signal_of(thread), "next": None, "last": None}


def _coverage(page: ThreadPage, low: int | None, *, is_last: bool) -> Coverage | None:
    """Account for the ids of a page and for those between the page before and it."""
    if low == 0 and is_last:
        # All of a thread, in whatever order, and whatever ids they have.
        return Coverage(0, _END, page.thread_id, is_whole=True)
    ids = [int(post.native_id) for post in page.posts if post.native_id.isdecimal()]
    if not ids or len(ids) < len(page.posts) or ids != sorted(ids):
        return None
    high = _END if is_last else ids[-1]
    return Coverage(ids[0] if low is None else min(low, ids[0]), high, page.thread_id)


def restricted(url: str) -> SourceUnavailable:
    """Build the error for a page that only members see."""
    why = "The forum does not show this page to guests."
    return SourceUnavailable(why, url=url, state=SourceState.RESTRICTED)


def check_status(page: FetchedPage) -> None:
    """Raise for an answer that is no page of the forum, with the state that its status tells."""
    if page.status in {401, 403}:
        raise restricted(page.url)
    if page.status in {404, 410}:
        why = "The forum says that this page does not exist (any more)."
        raise SourceUnavailable(why, url=page.url, state=SourceState.GONE)
    if page.status >= 400:
        why = f"The forum answered {page.status}: it is tried again later."
        raise SourceUnavailable(why, url=page.url)
