"""What a walk needs of the network: one page for one address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

# Begins the reason where a guard of ours kept a page from being asked for.
NOT_FETCHED: Final = "not fetched: "


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """An answer.

    Attributes:
        url: Final, after redirects.
        status: 200-499, never 429.
        requested: The address asked for.
    """

    url: str
    status: int
    text: str
    requested: str


class Fetch(Protocol):
    """Gets one page, politely; the caller asks for one at a time."""

    async def __call__(self, url: str) -> FetchedPage:
        """Get a page.

        Raises:
            SourceUnavailable: No answer in time, a status of 429 or of 500 and above.
        """
        ...
