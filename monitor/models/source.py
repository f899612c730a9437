"""A public place that is watched: a Telegram channel or a forum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    CHANGED = "changed"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Source:
    """A watched source.

    Attributes:
        id: Deterministic: adding the same address twice names the same source.
        address: Canonical: "@name" for Telegram, a URL with a trailing slash for a forum.
        engine: Name of the forum engine, None until it was recognised, and for Telegram.
        interval_s: Seconds between two scheduled crawls.
        state_detail: One sentence for the operator, what happened and what can be done.
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
