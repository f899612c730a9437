"""Which channels stored posts lead to; written with the posts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Function, case, delete, distinct, func, insert, select

from monitor.models.channel import Channel, How, channels_in
from monitor.models.finding import FindingStatus
from monitor.models.item import Item
from monitor.store.bulk import GIVEN
from monitor.store.tables import channel_sightings, findings, posts, sources

_MOST_SOURCES = 10
_DELETE: Final = delete(channel_sightings).where(channel_sightings.c.post_id.in_(GIVEN))
_INSERT: Final = insert(channel_sightings)


def write(db: Connection, items: Iterable[tuple[str, Item]]) -> None:
    """Write what posts lead to, in place of what earlier revisions did.

    Args:
        items: With their posts' ids; of a post that is there twice, the latter counts.
    """
    latest = dict(items)
    db.execute(_DELETE, {"given": list(latest)})
    rows = [
        {"post_id": key, "channel": name, "how": how.value}
        for key, item in latest.items()
        for name, how in channels_in(item.post, item.source.address)
    ]
    if rows:
        db.execute(_INSERT, rows)


def every(db: Connection, *, least: int = 1, watched: bool = True) -> list[Channel]:
    """List channels that posts lead to: those beside findings first, then the commonest.

    Args:
        least: Posts that lead there at least.
        watched: Those too that are watched already.
    """
    seen, number = channel_sightings, func.count(distinct(channel_sightings.c.post_id))

    def by(how: How) -> Function[int]:
        return func.count(distinct(case((seen.c.how == how.value, seen.c.post_id))))

    with_findings = (
        select(findings.c.post_id)
        .where(findings.c.status != FindingStatus.DISMISSED.value)
        .distinct()
        .subquery()
    )
    statement = (
        select(
            seen.c.channel,
            by(How.FORWARD).label("forwards"),
            by(How.LINK).label("links"),
            by(How.MENTION).label("mentions"),
            func.count(distinct(with_findings.c.post_id)).label("beside"),
            func.min(posts.c.posted).label("first"),
            func.max(posts.c.posted).label("last"),
        )
        .join(posts, posts.c.id == seen.c.post_id)
        .join(with_findings, with_findings.c.post_id == seen.c.post_id, isouter=True)
        .group_by(seen.c.channel)
        .having(number >= least)
        .order_by(
            func.count(distinct(with_findings.c.post_id)).desc(), number.desc(), seen.c.channel
        )
    )
    known = set(db.scalars(select(sources.c.address).where(sources.c.removed.is_(False))))
    return [
        Channel(
            name=row.channel,
            is_watched=is_watched,
            forwards=row.forwards,
            links=row.links,
            mentions=row.mentions,
            sources=_sources(db, row.channel),
            beside_findings=row.beside,
            first=row.first,
            last=row.last,
        )
        for row in db.execute(statement)
        if not (is_watched := f"@{row.channel}" in known) or watched
    ]


def _sources(db: Connection, channel: str) -> tuple[str, ...]:
    """List the sources with posts that lead to a channel."""
    statement = (
        select(sources.c.address)
        .join(posts, posts.c.source_id == sources.c.id)
        .join(channel_sightings, channel_sightings.c.post_id == posts.c.id)
        .where(channel_sightings.c.channel == channel)
        .distinct()
        .order_by(sources.c.address)
        .limit(_MOST_SOURCES)
    )
    return tuple(db.scalars(statement))
