"""What keeps an account from reading: told apart by who is to do something about it.

CannotRead                 this account can't read now: another one may, or the web preview
├── AccountLost            it can't read at all until the operator does something
├── Waiting                Telegram wants it to leave this kind of request for a while
├── Spent                  its budget of today is used up
└── Unreachable            no connection
"""

from __future__ import annotations

from datetime import datetime

from monitor.errors import HaechiError
from monitor.models.account import AccountState


class CannotRead(HaechiError):
    """An account can't read now, whatever the channel."""


class AccountLost(CannotRead):
    """An account can't read any more; `state` says why."""

    def __init__(self, message: str, state: AccountState) -> None:
        super().__init__(message)
        self.state = state


class Waiting(CannotRead):
    """An account must leave one kind of request until a time."""

    def __init__(self, account: str, method: str, until: datetime) -> None:
        super().__init__(
            f"Telegram wants the account {account} to leave {method} until "
            f"{until:%Y-%m-%d %H:%M:%S}Z."
        )


class Spent(CannotRead):
    """An account has asked as much today as the settings allow."""

    @classmethod
    def requests(cls, account: str, limit: int) -> Spent:
        """Say so of all requests."""
        return cls(
            f"The account {account} has made its {limit} requests of today "
            "(telegram.requests_a_day)."
        )

    @classmethod
    def names(cls, account: str, limit: int) -> Spent:
        """Say so of look-ups of names."""
        return cls(
            f"The account {account} has looked up its {limit} names of today "
            "(telegram.names_a_day): new channels wait for tomorrow."
        )


class Unreachable(CannotRead):
    """Telegram does not answer."""
