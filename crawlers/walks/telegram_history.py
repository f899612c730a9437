"""Reads a channel's history by message ids: what is new first, without holes, without repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol

import structlog

from crawlers.telegram.message import Page, in_albums, link_to, to_post
from crawlers.telegram.peers import username
from crawlers.walks.spans import Span, merge, spans_in
from monitor.errors import SourceUnavailable
from monitor.logs import places_of
from monitor.models.post import Batch, Coverage, Json, Post

log = structlog.get_logger(__name__)

# Of a request; Telegram gives no more.
PAGE: Final = 100
# Ids below what is new that are read again, for edits, deletions, and albums that went on.
_OVERLAP: Final = 50
# Messages that an album has at most. Source: Telegram, "messages.sendMultiMedia".
_ALBUM: Final = 10


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
        since: The day to go back to instead.
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
    messages = _whole(newest.messages, is_cut_below=not newest.is_whole)
    start, top = 1 if newest.is_whole else messages[0].id, messages[-1].id
    if not isinstance(floor, int):
        floor = 1 if since is not None else max(1, top - depth + 1)

    def batch(page: Page, shown: Sequence[Any], covered: Span) -> Batch:
        posts = (_post(album, page) for album in in_albums(shown) if not skip(album[0]))
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
    if _is_older(messages, since):
        floor = max(floor, start)
    # What was above it before has been deleted. How many a page has tells nothing: some are
    # withheld, and the end is where nothing is below.
    yield batch(newest, messages, (start, max(top, done or 0)))
    pages = 1
    above = max(0, (done or 0) - _OVERLAP)
    while done is not None and done + 1 < start and pages < max_pages:
        page = await history.page(above=above)
        pages += 1
        read = [one for one in page.messages if one.id < start]
        goes_on = bool(read) and len(read) == len(page.messages)
        shown = _whole(read, is_cut_below=0 < above < done, is_cut_above=goes_on)
        # Where all that was new has been deleted, nothing is shown.
        bottom = min(shown[0].id if shown else start, done + 1)
        done = max(done, shown[-1].id) if goes_on else start - 1
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
            shown = _whole(page.messages, is_cut_below=True)
            covered = (shown[0].id if shown else 1, low - 1)
            spans = merge((*spans, covered))
            if _is_older(shown, since):
                floor = max(floor, covered[0])
            low = _low(spans, top)
            goes_on = low > floor and pages < max_pages
            ahead = _ahead(history, low) if goes_on else None
            yield batch(page, shown, covered)
    finally:
        if ahead is not None:
            ahead.cancel()


def _post(album: Sequence[Any], page: Page) -> Post | None:
    """Read a post; one that can't be read must not end the crawl, now and whenever it is met."""
    try:
        return to_post(album, page)
    except Exception as error:  # noqa: BLE001 - whatever a message holds
        places = places_of(error)
        log.error("message.unreadable", id=album[0].id, error=type(error).__name__, places=places)
        return None


def _is_older(messages: Sequence[Any], since: date | None) -> bool:
    """Tell whether a page goes back behind a day."""
    return since is not None and bool(messages) and messages[0].date.date() < since


def _ahead(history: History, below: int) -> asyncio.Future[Page]:
    return asyncio.ensure_future(history.page(below=below))


def _low(spans: Sequence[Span], top: int) -> int:
    """Tell how far down all is read, from the newest message on."""
    return next(low for low, high in spans if low <= top <= high)


def _whole(
    messages: Sequence[Any], *, is_cut_below: bool = False, is_cut_above: bool = False
) -> list[Any]:
    """Put a page in order, without albums at its edges that may go on beyond it.

    In groups, messages of others may lie between those of an album.

    Args:
        is_cut_below: There may be older messages right below the page.
        is_cut_above: There may be newer messages right above the page.
    """
    page = sorted(messages, key=lambda one: one.id)
    albums = [group for group in in_albums(page) if _is_album(group)]
    low, high = 0, page[-1].id if page else 0
    if is_cut_below:
        edge = page[:_ALBUM][-1].id if page else 0
        low = max((group[-1].id for group in albums if group[0].id <= edge), default=0)
    if is_cut_above:
        edge = page[-_ALBUM:][0].id if page else 0
        high = min((group[0].id - 1 for group in albums if group[-1].id >= edge), default=high)
    # A page that would be empty is given as it is: something must be read.
    return [one for one in page if low < one.id <= high] or page


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
