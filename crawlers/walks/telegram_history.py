"""Reads a channel's history by message ids: what is new first, without holes, without repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol

from crawlers.telegram.message import Page, in_albums, link_to, to_post
from crawlers.telegram.peers import username
from crawlers.walks.spans import Span, merge, spans_in
from monitor.errors import SourceUnavailable
from monitor.models.post import Batch, Coverage, Json

# Of a request; Telegram gives no more.
PAGE: Final = 100
# Ids below what is new that are read again, for edits, deletions, and albums that went on.
_OVERLAP: Final = 50


class History(Protocol):
    """One channel's messages, a page at a time; deleted ids are left out."""

    async def page(self, *, above: int | None = None, below: int | None = None) -> Page:
        """Give a page.

        Args:
            above: The oldest messages above this id.
            below: The newest messages below this id; without both, the newest of all.

        Raises:
            CannotRead: The account can't.
            SourceUnavailable: The channel can't be read by it.
        """


async def walk(
    history: History,
    checkpoint: Mapping[str, Json],
    *,
    depth: int,
    max_pages: int,
    since: date | None = None,
    skip: Callable[[Any], bool] = lambda _: False,
) -> AsyncGenerator[Batch]:
    """Read the newest page, what is new below it, and what is older still.

    The checkpoint is that of the web preview's walk: `spans`, the ranges of ids that were read;
    `floor`, the id below which nothing is; `channel`. So one goes on where the other was. The
    newest page is read each time, for edits and deletions in it; a channel without anything new
    costs one request.

    Args:
        depth: Ids to go back at the first crawl.
        max_pages: Pages to read at most; the next crawl goes on from there.
        since: Nothing older than this day is read.
        skip: Tells messages that are no posts of this source.

    Yields:
        One batch a page: the newest; what is new below it, oldest first; what is older, newest
        first. Each carries the spans as they are once it is committed.
    """
    newest = await history.page()
    spans = spans_in(checkpoint.get("spans") if checkpoint.get("channel") is not None else None)
    floor = checkpoint.get("floor") if spans else None
    channel = _channel(newest)
    if not newest.messages:
        if spans:
            raise SourceUnavailable(
                "The channel shows no messages any more: it was emptied, or hides them.",
                url=link_to(newest.channel, spans[-1][1]),
            )
        yield Batch(link_to(newest.channel, 1), checkpoint={"channel": channel})
        return
    done = spans[-1][1] if spans else None
    messages = _whole(newest.messages, is_cut_below=len(newest.messages) >= PAGE)
    start = messages[0].id if len(newest.messages) >= PAGE else 1
    top = messages[-1].id
    if not isinstance(floor, int):
        floor = max(1, top - depth + 1)

    def batch(page: Page, shown: Sequence[Any], covered: Span) -> Batch:
        posts = (to_post(album, page) for album in in_albums(shown) if not skip(album[0]))
        return Batch(
            link_to(page.channel, covered[1]),
            posts=tuple(one for one in posts if one is not None),
            checkpoint={
                "spans": [[*span] for span in spans],
                "floor": floor,
                "channel": channel,
            },
            coverage=Coverage(*covered),
        )

    spans = merge((*spans, (start, top)))
    # What was above it before has been deleted.
    yield batch(newest, messages, (start, max(top, done or 0)))
    pages = 1
    above = max(0, (done or 0) - _OVERLAP)
    while done is not None and done + 1 < start and pages < max_pages:
        page = await history.page(above=above)
        pages += 1
        read = [one for one in page.messages if one.id < start]
        goes_on = len(page.messages) >= PAGE and len(read) == len(page.messages)
        shown = _whole(read, is_cut_below=0 < above < done, is_cut_above=goes_on)
        # Where all that was new has been deleted, nothing is shown.
        bottom = min(shown[0].id if shown else start, done + 1)
        done = shown[-1].id if goes_on else start - 1
        above = done
        spans = merge((*spans, (bottom, done)))
        yield batch(page, shown, (bottom, done))
    low = _low(spans, top)
    # Asked for while the page before is hashed and committed.
    ahead = _ahead(history, low) if low > floor and pages < max_pages else None
    try:
        while ahead is not None:
            page = await ahead
            pages += 1
            is_full = len(page.messages) >= PAGE
            shown = _whole(page.messages, is_cut_below=is_full)
            bottom = shown[0].id if is_full else 1
            spans = merge((*spans, (bottom, low - 1)))
            if since is not None and shown and shown[0].date.date() < since:
                floor = bottom
            covered, low = (bottom, low - 1), _low(spans, top)
            goes_on = low > floor and pages < max_pages
            ahead = _ahead(history, low) if goes_on else None
            yield batch(page, shown, covered)
    finally:
        if ahead is not None:
            ahead.cancel()


def _ahead(history: History, below: int) -> asyncio.Future[Page]:
    return asyncio.ensure_future(history.page(below=below))


def _low(spans: Sequence[Span], top: int) -> int:
    """Tell how far down all is read, from the newest message on."""
    return next(low for low, high in spans if low <= top <= high)


def _whole(
    messages: Sequence[Any], *, is_cut_below: bool = False, is_cut_above: bool = False
) -> list[Any]:
    """Put a page in order, without an album at its edge that may go on beyond it.

    Args:
        is_cut_below: There may be older messages right below the page.
        is_cut_above: There may be newer messages right above the page.
    """
    groups = in_albums(messages)
    if is_cut_below and len(groups) > 1 and _is_album(groups[0]):
        del groups[0]
    if is_cut_above and len(groups) > 1 and _is_album(groups[-1]):
        del groups[-1]
    return sorted((one for group in groups for one in group), key=lambda one: one.id)


def _is_album(group: Sequence[Any]) -> bool:
    # Service messages belong to none.
    return bool(getattr(group[0], "grouped_id", None))


def _channel(page: Page) -> Json:
    """Name a channel as the web preview's checkpoint does: ids of channels are negative there."""
    return {
        "name": username(page.channel),
        "title": page.channel.title,
        "id": -page.channel.id,
        "subscribers": page.channel.participants_count,
    }
