"""What the steps need from outside, passed to each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock, utc_now
from monitor.pictures import Picture
from monitor.registry.bank import Registry
from monitor.store.findings import Alerting
from monitor.store.store import Store
from monitor.streams import Stream
from monitor.videos.watch import Watched
from pipelines.streams import Cut, Parts


class MediaFetcher(Protocol):
    """Fetches the bytes of a media reference, within the limits of the settings."""

    async def __call__(self, url: str) -> bytes:
        """Fetch.

        Raises:
            MediaError: They can't be had, now or later: not allowed, gone, too large.
            SourceUnavailable: They can't be had now.
        """


class VideoFetcher(Protocol):
    """Fetches what may be a video, as a whole only where that is within the limits."""

    async def __call__(self, url: str) -> bytes | Cut | Parts:
        """Fetch.

        Raises:
            MediaError: As for a `MediaFetcher`, but not for its size.
            SourceUnavailable: It can't be had now.
        """


@dataclass(frozen=True)
class Services:
    """One crawl's services.

    Attributes:
        decode: Gives the first frame of a file, or raises a MediaError; in a sandbox.
        watch: Looks through a video, in another one; raises SourceUnavailable, too.
        seal: Encrypts what is kept of a picture's parts, under the picture's sha256; None: nothing
            is kept of them.
        max_video_bytes: The most that is transferred of a video that is read in parts.
        media_budget_s: Seconds that the pictures of one page may take in all: what is left is
            tried again by a later crawl, and the page with its posts is committed.
        stopping: Asked whether the crawl is to end: no further picture of the page is fetched
            then, as if its time were over.
    """

    store: Store
    registry: Registry
    fetch: MediaFetcher
    fetch_video: VideoFetcher
    decode: Callable[[bytes], Picture]
    watch: Callable[[Stream], Watched]
    alerting: Alerting
    seal: Callable[[bytes, str], bytes] | None = None
    max_video_bytes: int = 64 << 20
    media_budget_s: float = 600.0
    stopping: Callable[[], bool] = lambda: False
    clock: Clock = utc_now
