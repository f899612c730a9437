"""What the steps need from outside, passed to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from monitor.pictures import PictureLimits

from monitor.clock import Clock, utc_now
from monitor.registry.bank import Registry
from monitor.store.findings import Alerting
from monitor.store.store import Store


class MediaFetcher(Protocol):
    """Fetches the bytes of a media reference, within the limits of the settings."""

    async def __call__(self, url: str) -> bytes:
        """Fetch.

        Raises:
            MediaError: They can't be had, now or later: not allowed, gone, too large.
            SourceUnavailable: They can't be had now.
        """


@dataclass(frozen=True)
class Services:
    """One crawl's services."""

    store: Store
    registry: Registry
    fetch: MediaFetcher
    limits: PictureLimits
    alerting: Alerting
    clock: Clock = utc_now
