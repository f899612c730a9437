"""Data of a forum (JSON) that may be hostile: reading it never fails, whatever is in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.source import SourceState

# More than a page lists in earnest; what is over is not looked at.
MAX_ITEMS = 10_000
_MAX_TEXT = 500_000
_MAX_NUMBER = 10**18 - 1
_DIGITS = re.compile(r"[0-9]{1,18}")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Data:
    """A value somewhere in data; nothing (None) where there is none.

    Whatever it is, it can be asked for anything: `data["topic"]["title"].text()`.
    """

    value: object = None

    def __getitem__(self, name: str) -> Data:
        """Give what an object has under a name."""
        return Data(self.value.get(name)) if isinstance(self.value, dict) else Data()

    def has(self, *names: str) -> bool:
        """Tell whether it is an object with all of these."""
        return isinstance(self.value, dict) and all(name in self.value for name in names)

    def is_list(self) -> bool:
        """Tell whether it is a list."""
        return isinstance(self.value, list)

    def each(self) -> list[Data]:
        """Give the items of a list, not more than `MAX_ITEMS`."""
        return [Data(one) for one in self.value[:MAX_ITEMS]] if isinstance(self.value, list) else []

    def text(self) -> str:
        """Give a text, or a number as one; empty for anything else."""
        if isinstance(self.value, str):
            # A lone surrogate can't be stored, nor encoded for a parser.
            return _SURROGATE.sub("\ufffd", self.value[:_MAX_TEXT]).replace("\x00", "")
        return str(number) if (number := self.number()) is not None else ""

    def number(self) -> int | None:
        """Give a number from 0 to 10^18 - 1, written as one or as a text."""
        if isinstance(self.value, str) and _DIGITS.fullmatch(self.value):
            return int(self.value)
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value if 0 <= self.value <= _MAX_NUMBER else None
        return None

    def is_true(self) -> bool:
        """Tell whether it is true, or the number 1 in its place."""
        return self.value is True or self.number() == 1

    def moment(self) -> datetime | None:
        """Read an ISO 8601 time as UTC, which it is of where it names no zone."""
        try:
            read = datetime.fromisoformat(self.text().strip()[:64])
            return read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None

    def epoch(self, *, per_second: int = 1) -> datetime | None:
        """Read seconds since 1970, or parts of seconds."""
        number = self.number()
        try:
            return None if number is None else datetime.fromtimestamp(number / per_second, UTC)
        except (ValueError, OverflowError, OSError):
            return None


def read_data(text: str) -> Data:
    """Read JSON; nothing for any other text."""
    # Most pages are HTML: they are not copied to find that out.
    if text[:100].lstrip("\ufeff \t\r\n")[:1] not in {"{", "["}:
        return Data()
    try:
        return Data(json.loads(text.lstrip("\ufeff"), parse_constant=_nothing))
    except (ValueError, RecursionError):
        return Data()


def _nothing(_: str) -> None:
    """Read NaN and Infinity, which are no JSON."""


def fail(software: str, missing: str, url: str, *, is_refused: bool = False) -> NoReturn:
    """Say why there is nothing to read: we may not see it, or we do not know the page.

    Args:
        missing: What the page should have shown.
        is_refused: The page says that guests may not see it.
    """
    if is_refused:
        why = "The forum does not show this page to guests."
        raise SourceUnavailable(why, url=url, state=SourceState.RESTRICTED)
    raise SourceChanged(f"{software}: {missing}.", url=url)
