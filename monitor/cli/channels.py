"""`haechi channels`: where posts lead to, for a person to decide what is watched next."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.home import Home, opened
from monitor.cli.output import AsJson, ask, count, emit, say, table
from monitor.models.channel import Channel
from monitor.store import channels

Least = Annotated[int, typer.Option("--at-least", min=1, help="Posts that lead there at least.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("channels")(list_channels)


def list_channels(ctx: typer.Context, at_least: Least = 1, as_json: AsJson = False) -> None:
    """List channels that stored posts forward from, link to or mention.

    Those beside findings come first. Nothing is watched by itself: haechi sources add
    --from-channels asks for each.
    """
    with opened(ctx) as home, home.store.read() as db:
        found = channels.every(db, least=at_least)
    if as_json:
        for one in found:
            emit({"address": one.address} | _row(one))
        return
    table(
        ("channel", "forwards", "links", "mentions", "beside findings", "seen in", "last", "is"),
        [
            (
                one.address,
                one.forwards,
                one.links,
                one.mentions,
                one.beside_findings,
                ", ".join(one.sources),
                one.last,
                "watched" if one.is_watched else "not watched",
            )
            for one in found
        ],
        empty="no stored post leads to a channel",
    )


def agreed(home: Home, least: int) -> list[str]:
    """Ask of each channel that is not watched whether it is to be.

    Returns:
        The addresses of those that a person agreed to.
    """
    with home.store.read() as db:
        found = channels.every(db, least=least, watched=False)
    if not found:
        say("no stored post leads to a channel that is not watched")
    yes = ("y", "yes")
    return [
        one.address
        for one in found
        if ask(f"Watch {one.address} ({_why(one)})? [y/N]").lower() in yes
    ]


def _why(one: Channel) -> str:
    """Say how a channel came to be seen."""
    ways = {"forward": one.forwards, "link": one.links, "mention": one.mentions}
    said = [count(many, way) for way, many in ways.items() if many]
    beside = f"; {one.beside_findings} beside findings" if one.beside_findings else ""
    return f"{', '.join(said)} in {', '.join(one.sources)}{beside}"


def _row(one: Channel) -> dict[str, object]:
    """Make the line for programs."""
    return {
        "watched": one.is_watched,
        "forwards": one.forwards,
        "links": one.links,
        "mentions": one.mentions,
        "sources": list(one.sources),
        "beside_findings": one.beside_findings,
        "first": one.first,
        "last": one.last,
    }
