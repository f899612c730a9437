"""What a walk needs of the network: one page for one address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from monitor.models.post import Json

# Begins the reason where a guard of ours kept a page from being asked for.
NOT_FETCHED: Final = "not fetched: "
UNCHANGED: Final = 304
NO_VALIDATOR: Final[Mapping[str, str]] = {}
# Some servers say "not modified" of pages that were: after this long they are not asked it.
_TRUSTED_S: Final = 6 * 3_600


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """An answer.

    Attributes:
        url: Final, after redirects.
        status: 200-499, never 429; 304 only where a validator was given.
        requested: The address asked for.
        validator: What the server tells this version of the page by: "etag", "modified".
    """

    url: str
    status: int
    text: str
    requested: str
    validator: Mapping[str, str] = field(default_factory=dict)


class Fetch(Protocol):
    """Gets one page, politely; the caller asks for one at a time."""

    async def __call__(self, url: str, validator: Mapping[str, str] = NO_VALIDATOR) -> FetchedPage:
        """Get a page.

        Args:
            validator: Of the version that was read: the server may say that it is the newest.

        Raises:
            SourceUnavailable: No answer in time, a status of 429 or of 500 and above.
        """
        ...


def kept_validator(page: FetchedPage, now_s: float) -> Json:
    """Give what a checkpoint keeps of a page's version; None where its server tells none."""
    return {**page.validator, "at": int(now_s)} if page.validator else None


def validator_in(kept: Json, now_s: float) -> dict[str, str]:
    """Read what `kept_validator` gave; empty when it is too old to be relied on."""
    if not isinstance(kept, dict):
        return {}
    at = kept.get("at")
    if not isinstance(at, int) or not 0 <= now_s - at < _TRUSTED_S:
        return {}
    return {
        name: value for name in ("etag", "modified") if isinstance(value := kept.get(name), str)
    }
