"""What every way out for alerts declares, and what it may raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor.models.finding import Alert, Finding
from monitor.models.notice import Notice
from monitor.settings import Settings


class Refused(Exception):
    """The receiving side refused one message.

    Attributes:
        for_good: Trying again is of no use.
    """

    def __init__(self, reason: str, *, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Channel(Protocol):
    """Sends messages, one after another over one connection where the way allows it.

    Every method but `close` raises `Refused` when the receiving side refuses this message, and
    `monitor.errors.ServiceDown` when it does not answer or fails for all messages.
    """

    def check(self) -> str:
        """Talk to the receiving side and send nothing; say in words that all is well."""

    def send(self, alert: Alert, finding: Finding) -> None:
        """Send an alert; the same alert always makes the same message."""

    def send_notice(self, notice: Notice) -> None:
        """Send a health alert; the same one always makes the same message."""

    def send_test(self, recipient: str) -> None:
        """Send a message that says it is a test."""

    def close(self) -> None:
        """Give the connection back; may be called twice."""


@dataclass(frozen=True, slots=True)
class ChannelUnit:
    """A way out.

    Attributes:
        name: Kept with each alert.
        recipients: Who gets alerts by it, from the settings; none: it stays off.
        open: Makes the channel; connects when the first message is sent.
    """

    name: str
    recipients: Callable[[Settings], tuple[str, ...]]
    open: Callable[[Settings], Channel]
