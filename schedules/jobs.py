"""The table of jobs: what runs, how often. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.models.source import Source

# Seconds between two looks at what changed, what must be sent, what must be indexed.
RELOAD_S = 5
DELIVER_S = 10

# A run that starts late by up to this is still run; later ones are recorded as missed.
MISFIRE_GRACE_S = 3_600


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        id: Unique; the same job after a restart.
        target: "crawl" takes `source_id`; the others nothing.
        every_s: Seconds between two starts.
        jitter_s: Each start is moved by up to this much, so that sources don't start at once.
    """

    id: str
    target: Literal["crawl", "reload", "deliver"]
    every_s: float
    jitter_s: float = 0.0
    source_id: str = ""


HOUSEKEEPING = (
    Job(id="reload", target="reload", every_s=RELOAD_S),
    Job(id="deliver", target="deliver", every_s=DELIVER_S),
)


def crawl_jobs(sources: Sequence[Source]) -> list[Job]:
    """Give one job a source that is not paused."""
    return [
        Job(
            id=f"crawl-{source.id}",
            target="crawl",
            every_s=source.interval_s,
            jitter_s=source.interval_s * 0.1,
            source_id=source.id,
        )
        for source in sources
        if not source.paused
    ]
