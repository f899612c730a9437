"""A public place that is watched: a Telegram channel or a forum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

# By which ways Telegram is read; in the history of a source, accounts have their names.
PREVIEW: Final = "preview"
ACCOUNT: Final = "account"
# Behind a channel's name: the discussion group that is linked to it.
COMMENTS: Final = "comments"
# The engine of forums that no other recognises.
GENERIC: Final = "generic"


class SourceKind(StrEnum):
    """How a source is read."""

    TELEGRAM = "telegram"
    FORUM = "forum"


class SourceState(StrEnum):
    """What is known about reaching a source; anything but OK is shown to the operator."""

    OK = "ok"
    NEW = "new"
    PREVIEW_UNAVAILABLE = "preview_unavailable"
    RESTRICTED = "restricted"
    PRIVATE_OR_BANNED = "private_or_banned"
    GONE = "gone"
    RENAMED = "renamed"
    MIGRATED = "migrated"
    CHANGED = "changed"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Source:
    """A watched source.

    Attributes:
        id: Deterministic: adding the same address twice names the same source.
        address: Canonical: "@name", "@name/comments" or "telegram:ID" for Telegram, a URL with a
            trailing slash for a forum.
        engine: Name of the forum engine, None until it was recognised, and for Telegram.
        interval_s: Seconds between two scheduled crawls.
        state_detail: One sentence for the operator, what happened and what can be done.
        boards: Ids of the boards of a forum that are read; empty: all.
        cookies: Path of the operator's file of cookies; None: it is read as a guest.
        browser: Its pages are made by scripts: a browser reads them.
    """

    id: str
    kind: SourceKind
    address: str
    engine: str | None
    interval_s: int
    paused: bool
    state: SourceState
    state_detail: str
    added_at: datetime
    last_success_at: datetime | None = None
    last_new_at: datetime | None = None
    failures: int = 0
    boards: tuple[str, ...] = ()
    cookies: str | None = None
    browser: bool = False


@dataclass(frozen=True, slots=True)
class SourceView:
    """What one way of reading a source met there last.

    Attributes:
        via: "preview", or the name of a Telegram account.
    """

    via: str
    state: SourceState
    detail: str
    at: datetime
