"""The way of pages: their posts through the steps, then all of it into the store at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from monitor.models.item import Change, Item, Look, MediaItem
from monitor.models.media import MediaStatus
from monitor.models.post import Batch, Json
from monitor.models.run import Counts
from monitor.models.source import Source
from monitor.registry.bank import Bank
from monitor.store import findings, outbox, posts, runs, sources
from pipelines.services import Services
from pipelines.steps.compare import compare
from pipelines.steps.fetch_media import fetch_media
from pipelines.steps.hash_media import hash_media
from pipelines.steps.match import match_media
from pipelines.steps.normalise import normalise

log = structlog.get_logger(__name__)

_STOP_POLL_S = 0.2
# Pictures of a page that stay in memory, about a megabyte each, so that a case enrolled meanwhile
# finds them; a hostile page may have thousands.
MAX_LOOKS = 100


async def process(
    pages: Sequence[Batch], source: Source, run_id: str, services: Services
) -> Counts:
    """Take pages through all steps and commit them with their checkpoints in one transaction.

    Args:
        pages: In the order in which they were read; no post is in two of them.

    Returns:
        What the pages gave.

    Raises:
        StoreError: Nothing of them was committed.
    """
    items = []
    looks: deque[Look] = deque()
    met: dict[str, MediaItem] = {}
    deadline = time.monotonic() + services.media_budget_s
    shown = [normalise(Item(source, post)) for page in pages for post in page.posts]
    for item in compare(shown, services):
        # One picture at a time: a page of albums must not be in memory as a whole.
        media = [await _medium(one, services, deadline, met) for one in item.media]
        items.append(replace(item, media=tuple(media)) if media else item)
        looks.extend(one.look for one in media if one.look is not None)
        while sum(one.pictures for one in looks) > MAX_LOOKS:
            looks.popleft().settle()
    return await asyncio.to_thread(_commit, pages, source, run_id, items, services)


def can_share(pages: Sequence[Batch], page: Batch) -> bool:
    """Tell whether a page may be committed together with others, none of which waits for media."""
    if any(post.media for post in page.posts):
        return not pages
    known = {post.native_id for one in pages for post in one.posts}
    has_media = any(post.media for one in pages for post in one.posts)
    return not has_media and known.isdisjoint(post.native_id for post in page.posts)


async def _medium(
    item: MediaItem, services: Services, deadline: float, met: dict[str, MediaItem]
) -> MediaItem:
    """Fetch and hash one picture, if the page's time allows; else a later crawl does.

    Args:
        met: What became of the page's pictures so far, by the site's own ids: an album that is
            posted twice is fetched once.
    """
    origin = item.ref.origin_id
    if item.status is None and origin in met:
        return replace(met[origin], ref=item.ref, known=True, windows=None)
    done = await _looked_at(item, services, deadline)
    if origin is not None and done.status is not MediaStatus.FAILED:
        met[origin] = done
    return done


async def _looked_at(item: MediaItem, services: Services, deadline: float) -> MediaItem:
    """Fetch and hash one picture, if the page's time allows."""
    if item.status is None and time.monotonic() > deadline:
        return _put_off(item, "the page took too long")
    fetched = await _fetched(item, services, deadline)
    if fetched.status is not None:
        return fetched
    # Off the event loop: a picture may take a while, and pages keep coming meanwhile.
    return await asyncio.to_thread(hash_media, fetched, services)


async def _fetched(item: MediaItem, services: Services, deadline: float) -> MediaItem:
    """Fetch one picture; when the crawl is to end, it is left to a later one."""
    fetching = asyncio.ensure_future(fetch_media(item, services, deadline=deadline))
    while not services.stopping():
        if (await asyncio.wait([fetching], timeout=_STOP_POLL_S))[0]:
            return fetching.result()
    fetching.cancel()
    return _put_off(item, "the crawl was stopped")


def _put_off(item: MediaItem, reason: str) -> MediaItem:
    """Leave a picture to a later crawl."""
    return replace(item, status=MediaStatus.FAILED, reason=reason, is_put_off=True)


def _commit(
    pages: Sequence[Batch], source: Source, run_id: str, items: list[Item], services: Services
) -> Counts:
    """Write everything that pages gave, or nothing."""
    now = services.clock()
    bank = services.registry.bank()
    for item in items:
        for one in item.media:
            if one.look is not None:
                # What was enrolled meanwhile, before the store is held: it may take seconds.
                _look_again(one.look, bank)
    with services.store.write() as db:
        # Matched while this transaction holds the store: an enrolment or a withdrawal comes
        # before it or after it, and a hunt for a new case misses nothing in between.
        bank = services.registry.bank()
        earlier = partial(findings.by_features, db)
        items = [match_media(item, bank, earlier) for item in items]
        counts, changed = posts.write(db, items, now)
        new_findings: list[str] = []
        for item in items:
            if not item.matches:
                continue
            key = posts.post_id(source.id, item.post.native_id)
            found = findings.add(
                db,
                source_id=source.id,
                post_id=key,
                matches=item.matches,
                alerting=services.alerting,
                now=now,
            )
            new_findings += found
            # A post's document tells how many findings it has.
            changed += [key] if found and key not in changed else []
        gone = _mark_gone(db, pages, source, now)
        counts += Counts(pages=len(pages), posts_deleted=len(gone), findings=len(new_findings))
        outbox.enqueue(db, outbox.POST, [*changed, *gone], now)
        outbox.enqueue(db, outbox.FINDING, new_findings, now)
        moved: dict[str, Json] = {}
        for page in pages:
            moved |= page.checkpoint
        sources.save_checkpoint(db, source.id, moved)
        runs.add_counts(db, run_id, counts)
    _tell(items, new_findings)
    return counts


def _mark_gone(db: Connection, pages: Sequence[Batch], source: Source, now: datetime) -> list[str]:
    """Mark what pages account for and do not show, unless a later one of them does."""
    gone: list[str] = []
    later: set[str] = set()
    for page in reversed(pages):
        later.update(post.native_id for post in page.posts)
        if page.coverage is not None:
            gone += posts.mark_gone(db, source.id, page.coverage, later, now)
    return gone


def _look_again(look: Look, bank: Bank) -> None:
    """Match a picture against what was enrolled meanwhile; without memory for it, it stands."""
    try:
        look.matches(bank)
    except MemoryError:
        log.warning("features.no_memory", hint="crawl.memory_mb")
        look.settle()


def _tell(items: list[Item], new_findings: list[str]) -> None:
    """Log what an operator wants to know; no text, no file name, no hash of a victim."""
    for item in items:
        for one in item.media:
            if one.status is MediaStatus.FAILED and item.change is not Change.SAME:
                log.warning("media.failed", post_id=item.post.native_id, reason=one.reason)
    for finding_id in new_findings:
        log.info("finding.new", finding_id=finding_id)
