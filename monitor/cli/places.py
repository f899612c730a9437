"""Operators' words for places and intervals: made canonical, and found among what is watched."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit, urlunsplit

import typer

from monitor.cli.home import Home
from monitor.errors import Misuse
from monitor.models.channel import CHANNEL_NAME, OTHER_LINKS, TELEGRAM_HOSTS
from monitor.models.source import COMMENTS, Source, SourceKind
from monitor.store import sources

Address = Annotated[str, typer.Argument(help="@name, a t.me link, or a forum's URL; or its id.")]

# As Telegram's programs write numbers of channels, too: -100 comes before them.
_BY_NUMBER = re.compile(r"telegram:(?:-100)?([1-9][0-9]{0,17})")
# What a server shows for the folder itself: one forum must not be watched under two names.
_INDEX_PAGE = re.compile(r"/index\.(?:php|html?)$")
_NO_SOURCE = (
    "is not a source: give @channel, telegram:NUMBER, https://t.me/channel or "
    "https://forum.example/"
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MAX_DAYS = 366


def parse_address(text: str) -> tuple[SourceKind, str]:
    """Make an operator's word for a source canonical.

    Returns:
        The kind, and "@name" in lower case or a URL.

    Raises:
        Misuse: It is neither a channel nor a web address.
    """
    word = text.strip()
    if word.startswith("@"):
        return SourceKind.TELEGRAM, _channel(word[1:], text)
    if numbered := _BY_NUMBER.fullmatch(word):
        return SourceKind.TELEGRAM, f"telegram:{int(numbered[1])}"
    parts = _parts(word, text)
    host, port = parts.hostname or "", parts.port
    if host in TELEGRAM_HOSTS:
        return SourceKind.TELEGRAM, _linked(parts.path, text)
    if parts.scheme not in ("http", "https") or not host or ("://" not in word and "." not in host):
        raise Misuse(f"{text!r} {_NO_SOURCE}")
    if parts.username or parts.password:
        raise Misuse("an address with a password in it is not stored; remove it")
    if not word.isprintable() or re.search(r"\s", word):
        raise Misuse(f"{text!r} is not a web address: it has white space in it")
    name = f"[{host}]" if ":" in host else host
    is_default = port in (None, {"http": 80, "https": 443}[parts.scheme])
    query = "&".join(one for one in parts.query.split("&") if one and not one.startswith("sid="))
    path = parts.path or "/"
    if not query:
        path = _INDEX_PAGE.sub("/", path)
        if "." not in path.rpartition("/")[2] and not path.endswith("/"):
            path += "/"
    netloc = name if is_default else f"{name}:{port}"
    return SourceKind.FORUM, urlunsplit((parts.scheme, netloc, path, query, ""))


def _parts(word: str, given: str) -> SplitResult:
    """Take a web address apart; one without a scheme is taken for https."""
    try:
        parts = urlsplit(word if "://" in word else f"https://{word}")
        _ = parts.port  # Reading it is what checks it.
    except ValueError as error:
        raise Misuse(f"{given!r} {_NO_SOURCE}") from error
    return parts


def _linked(path: str, given: str) -> str:
    """Read a link to a channel, or to a post of one."""
    steps = [step for step in path.split("/") if step and step != "s"]
    numbered = _BY_NUMBER.fullmatch(f"telegram:{steps[1]}") if steps[1:] else None
    if numbered and steps[0] == "c":
        return f"telegram:{int(numbered[1])}"
    name = steps[0] if steps and steps[0].lower() not in OTHER_LINKS else ""
    return _channel("/".join([name, *(one for one in steps[1:2] if one == COMMENTS)]), given)


def parse_interval(text: str) -> int:
    """Read an interval such as 90s, 15m, 2h or 1d; a bare number is seconds.

    Raises:
        Misuse: It is none.
    """
    match = re.fullmatch(r"(\d{1,7})([smhd]?)", text.strip())
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 1 <= seconds <= _MAX_DAYS * _UNITS["d"]:
        raise Misuse(
            f"--every {text!r}: give an interval from 1s to {_MAX_DAYS}d, such as 90s, 15m or 2h"
        )
    return seconds


def interval(seconds: int) -> str:
    """Write an interval as `parse_interval` reads it, in the largest unit that is exact."""
    unit = max((one for one in _UNITS if seconds % _UNITS[one] == 0), key=_UNITS.__getitem__)
    return f"{seconds // _UNITS[unit]}{unit}"


def _channel(name: str, given: str) -> str:
    """Check a channel's name, or that of its comments."""
    channel, _, part = name.partition("/")
    if not CHANNEL_NAME.fullmatch(channel) or part not in ("", COMMENTS):
        raise Misuse(
            f"{given!r} is not a public channel: give @name (letters, digits, underscores), "
            f"@name/{COMMENTS} or telegram:NUMBER; invite links can't be watched"
        )
    return f"@{channel.lower()}/{part}" if part else f"@{channel.lower()}"


def find(home: Home, text: str) -> Source:
    """Find a watched source by address or id.

    Raises:
        Misuse: It is not watched.
    """
    with home.store.read() as db:
        found = sources.find(db, text)
        if found is None:
            try:
                found = sources.find(db, parse_address(text)[1])
            except Misuse:
                found = None
    if found is None:
        raise Misuse(f"unknown source {text!r}; see `haechi sources`, or `haechi sources add` it")
    return found
