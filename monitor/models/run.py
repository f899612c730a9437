"""One crawl of one source: what it did and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    OK = "ok"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    CHANGED = "changed"
    FAILED = "failed"
    KILLED = "killed"
    INTERRUPTED = "interrupted"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run met; all are numbers of things, `bytes` of bytes."""

    pages: int = 0
    requests: int = 0
    posts_new: int = 0
    posts_edited: int = 0
    posts_deleted: int = 0
    media_hashed: int = 0
    media_known: int = 0
    media_skipped: int = 0
    media_failed: int = 0
    findings: int = 0
    bytes: int = 0
    flood_waits: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add two counts field by field."""
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Run:
    """A crawl in the run history.

    Attributes:
        via: By which way it read last: "preview" or a Telegram account; None where a kind of
            source has one way only.
        note: What was left out, and why; one sentence each.
    """

    id: str
    source_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    counts: Counts
    error: str
    via: str | None = None
    note: str = ""
