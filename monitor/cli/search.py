"""`haechi search` and `haechi posts`: what was crawled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from monitor.alerts.defang import defang
from monitor.cli.home import Home, opened
from monitor.cli.output import AsJson, brief, console, count, emit, say, table, when
from monitor.cli.places import find
from monitor.errors import Misuse
from monitor.search import drain
from monitor.search.base import Hit, Query
from monitor.store import outbox, posts
from monitor.store.posts import length_s

Since = Annotated[str, typer.Option("--from", help="Posted on or after this day or time (UTC).")]
Until = Annotated[str, typer.Option("--to", help="Posted before the end of this day or time.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="Hits to show.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("search")(search)
    app.command("posts")(list_posts)


def parse_time(text: str, *, end: bool = False) -> datetime | None:
    """Read a day or time; without a zone it is UTC.

    Args:
        end: A bare day means its end.

    Raises:
        Misuse: It is neither.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if end and len(text) == len("2026-11-23"):
            moment += timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Misuse(f"{text!r}: give a day such as 2026-11-23 or a time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help='Words that must all occur; "a phrase" in quotes.')],
    since: Since = "",
    until: Until = "",
    source: Annotated[str, typer.Option(help="Only this source.")] = "",
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Search the posts, in Korean and English.

    Parts of Korean words are found.
    """
    with opened(ctx) as home:
        wanted = Query(
            text=query,
            since=parse_time(since),
            until=parse_time(until, end=True),
            source=find(home, source).address if source else None,
            kind=outbox.POST,
            limit=limit,
        )
        index = drain.open_index(home.settings)
        try:
            result = index.search(wanted)
        finally:
            index.close()
        if as_json:
            for hit in result.hits:
                emit(_row(hit))
        else:
            for hit in result.hits:
                _print(hit)
            say(count(result.total, "post") + (f", {limit} shown" if result.total > limit else ""))
            _tell_backlog(home)
        # After the hits: an index that lost some still has these.
        drain.check(home.store, home.settings)


def list_posts(
    ctx: typer.Context,
    source: Annotated[str, typer.Option(help="Only this source.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what is stored."""
    with opened(ctx) as home:
        source_id = find(home, source).id if source else None
        addresses: dict[str, str] = {}
        rows = []
        with home.store.read() as db:
            for post, media in posts.iterate(db, source_id):
                if post.source_id not in addresses:
                    addresses[post.source_id] = posts.source_address(db, post.source_id)
                line = {
                    "source": addresses[post.source_id],
                    "id": post.native_id,
                    "url": post.url,
                    "board": post.board,
                    "thread": post.thread,
                    "author": post.author,
                    "posted": post.posted,
                    "edited": post.edited,
                    "deleted": post.deleted_at is not None,
                    "forwarded_from": post.forwarded_from,
                    "reply_to": post.reply_to,
                    "members": post.member_ids,
                    "views": post.views,
                    "reactions": post.reactions or {},
                    "links": post.links,
                    "text": post.text,
                    "media": [
                        {
                            "url": one.url,
                            "kind": one.kind,
                            "status": one.status,
                            "reason": one.reason,
                            "id": one.sha256,
                            "sha256": None if one.partial else one.sha256,
                            "whole": None if one.sha256 is None else not one.partial,
                            "duration_s": length_s(one),
                            "pdq": one.pdq,
                            "quality": one.pdq_quality,
                        }
                        for one in media
                    ],
                }
                if as_json:
                    emit(line)
                else:
                    rows.append(
                        (
                            addresses[post.source_id],
                            post.native_id,
                            post.posted,
                            "deleted" if post.deleted_at else "",
                            len(media),
                            brief(post.text),
                        )
                    )
    if not as_json:
        table(
            ("source", "id", "posted", "state", "media", "text"),
            rows,
            empty="nothing is stored yet: haechi crawl --all",
        )


def _row(hit: Hit) -> dict[str, object]:
    """Make the line of a hit for programs."""
    return {
        "id": hit.doc.id,
        "source": hit.doc.source,
        "url": hit.doc.url,
        "author": hit.doc.author,
        "at": hit.doc.at,
        "text": hit.doc.text,
        "snippet": hit.snippet,
        **dict(hit.doc.extra),
    }


def _print(hit: Hit) -> None:
    """Print a hit for people, with what matched in bold."""
    snippet = Text(hit.snippet)
    for start, end in hit.marks:
        snippet.stylize("bold", start, end)
    found = int(hit.doc.extra.get("findings") or 0)
    flags = f"  [{count(found, 'finding')}]" if found else ""
    flags += "  [deleted]" if hit.doc.extra.get("deleted") else ""
    say(f"{when(hit.doc.at)}  {hit.doc.source}  {defang(hit.doc.url)}{flags}")
    console().print(Text("    "), snippet, sep="", soft_wrap=True)


def _tell_backlog(home: Home) -> None:
    """Say when the index does not have everything yet."""
    with home.store.read() as db:
        waiting, _ = outbox.backlog(db)
    if waiting:
        say(f"not indexed yet: {count(waiting, 'change')}; haechi index drain")
