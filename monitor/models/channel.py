"""Channels that posts lead to: seen by forwards, links and mentions, and watched by nobody yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from monitor.models.post import Post

TELEGRAM_HOSTS: Final = frozenset({"t.me", "telegram.me", "telegram.dog", "www.t.me"})
# Telegram's own rule is 5 to 32; four-letter names are sold.
CHANNEL_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
# First steps of links to other things than channels. Source: Telegram, "Deep links".
OTHER_LINKS: Final = frozenset(
    {
        *("addemoji", "addlist", "addstickers", "addtheme", "boost", "confirmphone", "contact"),
        *("giftcode", "invoice", "joinchat", "login", "proxy", "setlanguage", "share", "socks"),
    }
)
# A person's or a channel's name in a text; not within a mail address. It begins with the sign, for
# which a text is searched in a tenth of the time.
_MENTION: Final = re.compile(r"@(?<![\w@./]@)([A-Za-z][A-Za-z0-9_]{3,31})(?![\w@])")
_BOT: Final = "bot"
# Of one post: a list of hundreds of channels is an advertisement.
_MOST: Final = 100


class How(StrEnum):
    """How a post leads to a channel."""

    FORWARD = "forward"
    LINK = "link"
    MENTION = "mention"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that posts lead to.

    Attributes:
        name: In lower case, without "@".
        forwards, links, mentions: Posts that lead to it so.
        sources: Addresses of the watched sources with such posts.
        beside_findings: Such posts that have findings which nobody dismissed.
        first, last: When such posts were posted.
    """

    name: str
    is_watched: bool
    forwards: int
    links: int
    mentions: int
    sources: tuple[str, ...]
    beside_findings: int
    first: datetime | None
    last: datetime | None

    @property
    def address(self) -> str:
        """As it is watched."""
        return f"@{self.name}"


def channels_in(post: Post, own: str) -> frozenset[tuple[str, How]]:
    """Find the channels that a post leads to.

    Args:
        own: Address of the post's own source, which does not count.
    """
    found = {
        (name.lower(), how)
        for name, how in _named(post)
        if not name.lower().endswith(_BOT) and f"@{name.lower()}" != own
    }
    return frozenset(sorted(found)[:_MOST])


def channel_of(url: str) -> str | None:
    """Give the name in a link to a channel or a post of one; None: it leads elsewhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.hostname not in TELEGRAM_HOSTS:
        return None
    steps = [step for step in parts.path.split("/") if step and step != "s"]
    name = steps[0] if steps else ""
    return name if name.lower() not in OTHER_LINKS and CHANNEL_NAME.fullmatch(name) else None


def _named(post: Post) -> Iterator[tuple[str, How]]:
    if post.forwarded_from is not None:
        yield from _channels([post.forwarded_from], How.FORWARD)
    yield from _channels(post.links, How.LINK)
    for match in _MENTION.finditer(post.text):
        yield match[1], How.MENTION


def _channels(urls: Iterable[str], how: How) -> Iterator[tuple[str, How]]:
    for url in urls:
        name = channel_of(url)
        if name is not None:
            yield name, how
