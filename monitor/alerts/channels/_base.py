"""What every way out for alerts has in common."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class Refused(Exception):
    """The receiving side refused one message.

    Attributes:
        for_good: Trying again is of no use.
    """

    def __init__(self, reason: str, *, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Channel(Protocol):
    """Sends messages, one after another over one connection where the way allows it."""

    def send(self, message: EmailMessage, recipient: str) -> None:
        """Send one message.

        Raises:
            Refused: The receiving side refused this message.
            ServiceDown: The receiving side does not answer, or fails for all messages.
        """

    def close(self) -> None:
        """Give the connection back."""
