"""A Telegram account that reads public channels, and what is known about using it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AccountState(StrEnum):
    """Whether an account can read; anything but OK is shown to the operator."""

    OK = "ok"
    LOGGED_OUT = "logged_out"
    DUPLICATED = "duplicated"
    FROZEN = "frozen"
    BANNED = "banned"


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        name: The operator's word for it; no phone number is kept.
        user_id: Telegram's id of it.
        state_detail: One sentence for the operator, what happened and what can be done.
        requests: Made today (UTC), of all kinds.
        names: Looked up today (UTC): Telegram allows few.
        waits: Until when Telegram wants it to leave which kinds of request.
    """

    name: str
    user_id: int
    state: AccountState
    state_detail: str
    added_at: datetime
    last_used_at: datetime | None
    requests: int
    names: int
    waits: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """What one account needs to read a channel or supergroup.

    Attributes:
        channel_id: Telegram's own, positive; stays when the name changes.
        access_hash: Another one for each account.
        username: In lower case, without "@"; None: it has none.
    """

    channel_id: int
    access_hash: int
    username: str | None
