"""The way of a page: its posts through the steps, then all of it into the store at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace
from functools import partial

import structlog

from monitor.models.item import Change, Item, Look, MediaItem
from monitor.models.media import MediaStatus
from monitor.models.post import Batch
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


async def process(batch: Batch, source: Source, run_id: str, services: Services) -> Counts:
    """Take a page through all steps and commit it with its checkpoint in one transaction.

    Returns:
        What the page gave.

    Raises:
        StoreError: Nothing of the page was committed.
    """
    items = []
    looks: deque[Look] = deque()
    met: dict[str, MediaItem] = {}
    deadline = time.monotonic() + services.media_budget_s
    for item in compare([normalise(Item(source, post)) for post in batch.posts], services):
        # One picture at a time: a page of albums must not be in memory as a whole.
        media = [await _medium(one, services, deadline, met) for one in item.media]
        items.append(replace(item, media=tuple(media)) if media else item)
        looks.extend(one.look for one in media if one.look is not None)
        while len(looks) > MAX_LOOKS:
            looks.popleft().settle()
    return await asyncio.to_thread(_commit, batch, source, run_id, items, services)


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
    fetched = await _fetched(item, services)
    if fetched.data is None:
        return fetched
    # Off the event loop: a picture may take a while, and pages keep coming meanwhile.
    return await asyncio.to_thread(hash_media, fetched, services)


async def _fetched(item: MediaItem, services: Services) -> MediaItem:
    """Fetch one picture; when the crawl is to end, it is left to a later one."""
    fetching = asyncio.ensure_future(fetch_media(item, services))
    while not services.stopping():
        if (await asyncio.wait([fetching], timeout=_STOP_POLL_S))[0]:
            return fetching.result()
    fetching.cancel()
    return _put_off(item, "the crawl was stopped")


def _put_off(item: MediaItem, reason: str) -> MediaItem:
    """Leave a picture to a later crawl."""
    return replace(item, status=MediaStatus.FAILED, reason=reason, is_put_off=True)


def _commit(
    batch: Batch, source: Source, run_id: str, items: list[Item], services: Services
) -> Counts:
    """Write everything that a page gave, or nothing."""
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
        gone: list[str] = []
        if batch.coverage is not None:
            shown = [post.native_id for post in batch.posts]
            gone = posts.mark_gone(db, source.id, batch.coverage, shown, now)
        counts += Counts(pages=1, posts_deleted=len(gone), findings=len(new_findings))
        outbox.enqueue(db, outbox.POST, [*changed, *gone], now)
        outbox.enqueue(db, outbox.FINDING, new_findings, now)
        sources.save_checkpoint(db, source.id, batch.checkpoint)
        runs.add_counts(db, run_id, counts)
    _tell(items, new_findings)
    return counts


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
