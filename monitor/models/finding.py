"""A match in its context, for a person to judge, and the alert about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.models.match import Match

# How people are told of a historic finding.
HISTORIC = "found in what was crawled before / 이전에 수집된 게시물에서 발견"


class FindingStatus(StrEnum):
    """A person's judgement."""

    NEW = "new"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A repost: case + media + post.

    Attributes:
        cluster: Media that count as one for alerts; today the media's sha256.
        source: Address of the source.
        historic: Found by a hunt in what was crawled before.
        forwarded_from: Where the post was forwarded from: a permalink or a name.
        picture: Which of the post's pictures and videos it is, from 1 on; None: it has it no more.
        pictures: How many these are; a video and its small picture are one.
        member_url: Permalink of the one message of an album; None: the post is none.
        partial: Only parts of the file were had: its sha256 is no digest of it.
        held: It is for review as the fingerprint was in quarantine.
    """

    id: str
    case_id: str
    cluster: str
    post_id: str
    source_id: str
    source: str
    post_url: str
    posted: datetime | None
    found_at: datetime
    match: Match
    status: FindingStatus
    decided_by: str | None = None
    decided_at: datetime | None = None
    historic: bool = False
    forwarded_from: str | None = None
    picture: int | None = None
    pictures: int = 0
    member_url: str | None = None
    partial: bool = False
    held: bool = False


class AlertState(StrEnum):
    """Where an alert is on its way out."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Alert:
    """A message about a finding: once for a case, cluster, source, channel and recipient.

    Attributes:
        message_id: Derived from `id`: a repeated attempt carries the same one.
        refusals: How often this message was refused; a server that was down does not count.
        next_try_at: Not before this time.
        error: The last failure, in words; empty when there was none.
    """

    id: str
    finding_id: str
    case_id: str
    source_id: str
    channel: str
    recipient: str
    state: AlertState
    attempts: int
    refusals: int
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None
    message_id: str
    error: str
