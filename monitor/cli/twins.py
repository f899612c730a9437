"""Keeps a place from being watched twice: each post counts once."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import Connection

from crawlers.urls import is_same_site, is_under
from monitor.cli.places import parse_address
from monitor.errors import Misuse
from monitor.models.source import COMMENTS, Source, SourceKind
from monitor.store import sources


def refuse_twin(watched: list[Source], address: str) -> None:
    """Refuse a forum that is watched by its other scheme, or with or without `www.`.

    Raises:
        Misuse: Names the known one.
    """
    page = urlsplit(address)
    for one in watched:
        # Canonical anew: it may have been added by an older Haechi, which knew fewer twins.
        kind, known = parse_address(one.address)
        other = urlsplit(known)
        if (
            kind is SourceKind.FORUM
            and (other.path, other.query) == (page.path, page.query)
            and is_same_site(known, address)
        ):
            raise Misuse(
                f"{address} is the same place as {one.address}, which is watched already; "
                f"to change over, first: haechi sources remove {one.address}"
            )


def refuse_same_channel(db: Connection, watched: list[Source], address: str) -> None:
    """Refuse a channel that is watched by its number, or by another name.

    Raises:
        Misuse: Names the known one.
    """
    if address.endswith(f"/{COMMENTS}"):
        return
    for one in watched:
        channel = sources.load_checkpoint(db, one.id).get("channel")
        if not isinstance(channel, dict) or one.address.endswith(f"/{COMMENTS}"):
            continue
        name, number = channel.get("name"), channel.get("id")
        names = {f"@{name.lower()}"} if isinstance(name, str) else set()
        numbers = {f"telegram:{-number}"} if isinstance(number, int) else set()
        if address in names | numbers:
            raise Misuse(
                f"{address} is the same channel as {one.address}, which is watched already; "
                f"to change over, first: haechi sources remove {one.address}"
            )


def refuse_part(watched: list[Source], address: str) -> None:
    """Refuse a forum of which a part is watched, or that is a part of one: each post counts once.

    Raises:
        Misuse: Names the known one.
    """
    for one in watched:
        if _is_within(address, one.address):
            how = "is part of"
        elif _is_within(one.address, address):
            how = "has a part in it,"
        else:
            continue
        raise Misuse(
            f"{address} {how} {one.address}, which is watched already: "
            "what is found there would be told twice; to watch both: --anyway"
        )


def _is_within(address: str, whole: str) -> bool:
    """Tell whether a place is in the folder that the address of another is."""
    parts = urlsplit(whole)
    is_folder = parts.path.endswith("/") and not parts.query
    return is_folder and is_under(address, whole)
