"""Reads a channel's web preview from the newest page back, without holes and without repeats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from urllib.parse import quote, urlsplit

from crawlers.telegram.preview import ChannelInfo, PreviewPage, PreviewState, read
from crawlers.walks.fetch import Fetch
from crawlers.walks.spans import Span, merge, spans_in
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch, Coverage, Json
from monitor.models.source import SourceState

# The newest id of a channel whose newest posts were deleted is some below the newest that was
# read; this far below, and less than half of it, it is another channel's.
_FAR = 100

_REFUSALS = {
    PreviewState.NO_PREVIEW: (
        SourceState.PREVIEW_UNAVAILABLE,
        "The channel has no public preview (switched off, or marked 18+): "
        "read it with a Telegram account instead.",
    ),
    PreviewState.GROUP: (
        SourceState.PREVIEW_UNAVAILABLE,
        "This is a group, and groups have no public preview: "
        "read it with a Telegram account instead.",
    ),
    PreviewState.ABSENT: (
        SourceState.GONE,
        "No channel has this name (deleted, renamed, or a person's): check the name.",
    ),
    PreviewState.EMPTY_UNKNOWN: (
        SourceState.FAILING,
        'Telegram answered "No posts found", which it also says to too many requests: '
        "it is tried again later.",
    ),
}


async def walk(
    name: str,
    base_url: str,
    checkpoint: Mapping[str, Json],
    fetch: Fetch,
    *,
    depth: int,
    max_pages: int,
    overlap_pages: int = 1,
    since: date | None = None,
) -> AsyncIterator[Batch]:
    """Read what is new since the checkpoint, and the newest pages again for edits and deletions.

    The checkpoint's keys: `spans`, the id ranges `[low, high]` that were read, ascending and
    apart; `floor`, the id below which nothing is read; `channel`, what the header said: without
    it, spans are of a channel that the operator gave up, and all is read anew. Each batch carries
    the spans as they are once it is committed, so that a crawl that was cut off anywhere leaves no
    hole for the next one.

    Args:
        name: The channel, without "@".
        base_url: "https://t.me", or a server that answers like it.
        checkpoint: As committed with the batches of earlier walks.
        fetch: Called for one page at a time.
        depth: Ids to go back at the first crawl.
        max_pages: Pages to read at most; the next walk goes on from there.
        overlap_pages: Newest pages that are read again although they were read before.
        since: The day to go back to at the first crawl instead.

    Yields:
        One batch a page, newest page first.

    Raises:
        SourceUnavailable: The network fails, or the channel has no preview (any more).
        SourceChanged: A page is not as known, or does not get older.
    """
    known = checkpoint.get("channel")
    spans = spans_in(checkpoint.get("spans") if known is not None else None)
    floor = checkpoint.get("floor") if spans else None
    start = f"{base_url.rstrip('/')}/s/{quote(name, safe='')}"
    cursor: int | None = None
    # The page before had no link to an older one. A link may also be missing because the markup
    # changed, so the end is believed only when asking for older posts gives none.
    said_oldest = False
    for pages_read in range(1, max_pages + 1):
        url = start if cursor is None else f"{start}?before={cursor}"
        page = await _read(fetch, url, urlsplit(start).path, may_be_empty=said_oldest)
        if page.state is PreviewState.EMPTY_UNKNOWN and cursor is not None:
            spans = merge((*spans, (1, cursor - 1)))
            yield Batch(url, checkpoint={"spans": [[*span] for span in spans]})
            return
        if said_oldest:
            raise SourceChanged("Telegram's preview: the link to older posts is missing.", url=url)
        _check_identity(page, known, spans if cursor is None else (), url)
        if not page.ids:
            if spans or cursor is not None:
                raise SourceChanged("Telegram's preview: a channel without messages.", url=url)
            yield Batch(url, checkpoint={"channel": _channel(page.channel)})
            return
        if cursor is not None and page.ids[0] >= cursor:
            raise SourceChanged("Telegram's preview: an older page was not older.", url=url)
        low = page.ids[0]
        high = page.ids[-1] if cursor is None else cursor - 1
        first = 1 if since is not None else max(1, high - depth)
        floor = floor if isinstance(floor, int) else first
        floor = max(floor, low) if _is_older(page, since) else floor
        spans = merge((*spans, (low, high)))
        yield Batch(
            url,
            posts=page.posts,
            checkpoint={
                "spans": [[*span] for span in spans],
                "floor": floor,
                "channel": _channel(page.channel),
            },
            # Up to the newest id that is shown: a page from a cache must not make posts that
            # are newer than it look deleted.
            coverage=Coverage(low, high),
        )
        cursor = low
        if pages_read >= overlap_pages:
            # What lies below was read before: go on beneath it.
            cursor = next(span[0] for span in spans if span[0] <= low <= span[1])
        said_oldest = cursor == low and page.older_before is None
        if cursor <= floor:
            return


async def _read(fetch: Fetch, url: str, start: str, *, may_be_empty: bool) -> PreviewPage:
    answer = await fetch(url)
    if answer.status in {404, 410}:
        state, why = _REFUSALS[PreviewState.ABSENT]
        raise SourceUnavailable(why, url=url, state=state)
    if answer.status >= 400:
        why = f"Telegram's preview answered {answer.status}: it is tried again later."
        raise SourceUnavailable(why, url=url)
    page = read(answer.text, answer.url)
    if page.state is PreviewState.EMPTY_UNKNOWN and may_be_empty:
        return page
    if page.state in _REFUSALS:
        state, why = _REFUSALS[page.state]
        raise SourceUnavailable(why, url=url, state=state)
    if not urlsplit(answer.url).path.lower().startswith(start.lower()):
        state, why = _REFUSALS[PreviewState.NO_PREVIEW]
        raise SourceUnavailable(why, url=url, state=state)
    return page


def _check_identity(page: PreviewPage, known: Json, read: tuple[Span, ...], url: str) -> None:
    """Refuse to go on where another channel took over the name: its ids mean other posts.

    Args:
        page: Any page.
        known: What the header said before.
        read: What was read before, if this is the newest page, which has the newest id.
        url: The page's.
    """
    if page.channel is None or not isinstance(known, dict):
        return
    before, now = known.get("id"), page.channel.id
    is_another = before != now
    if before is None or now is None:
        newest_read = read[-1][1] if read and page.ids else 0
        newest = page.ids[-1] if page.ids else 0
        is_far_below = newest < newest_read - _FAR and newest < newest_read / 2
        is_renamed = page.channel.title != known.get("title")
        is_another = is_far_below or (is_renamed and newest < newest_read)
    if is_another:
        why = "Another channel has taken this name: remove this source, and add it anew."
        raise SourceUnavailable(why, url=url, state=SourceState.GONE)


def _is_older(page: PreviewPage, since: date | None) -> bool:
    """Tell whether a page goes back behind a day."""
    days = [post.posted.date() for post in page.posts if post.posted is not None]
    return since is not None and bool(days) and min(days) < since


def _channel(channel: ChannelInfo | None) -> Json:
    if channel is None:
        return None
    return {
        "name": channel.name,
        "title": channel.title,
        "id": channel.id,
        "subscribers": channel.subscribers,
    }
