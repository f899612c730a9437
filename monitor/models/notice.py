"""A health alert: something that the operators of Haechi must see to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.models.finding import AlertState


class NoticeKind(StrEnum):
    """What happened."""

    CHANGED = "changed"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about a source, to one recipient.

    Attributes:
        source: Address of the source.
        text: What happened, in words of ours: nothing of a page.
        message_id: Derived from `id`: a repeated attempt carries the same one.
        refusals: How often this message was refused; a server that was down does not count.
    """

    id: str
    kind: NoticeKind
    source_id: str
    source: str
    text: str
    channel: str
    recipient: str
    state: AlertState
    attempts: int
    refusals: int
    created_at: datetime
    message_id: str
    error: str
