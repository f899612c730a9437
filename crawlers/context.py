"""What the crawls of one process share: settings, store, what is enrolled, what opens pictures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import structlog

from monitor.alerts.rules import alerting
from monitor.errors import NotConfigured
from monitor.features.sealing import sealer
from monitor.registry.bank import open_registry
from monitor.sandbox.pictures import open_decoder
from monitor.sandbox.videos import open_videos
from monitor.settings import Settings
from monitor.store import cases
from monitor.store.store import Store
from pipelines.services import MediaFetcher, Services, VideoFetcher

log = structlog.get_logger(__name__)

# Of the time limit, for the pictures of one page: so no page can use up a crawl's time and be read
# again for ever. No page is begun without that share being left: what waits is the next crawl's.
PAGE_SHARE = 1 / 3


class CrawlContext:
    """Opened once a process.

    Attributes:
        stopping: Set to end after the page at hand.
        report: Tell standard output of every page.
        anew: Ask again, too, what was answered with no for a day.
    """

    def __init__(self, config: Settings, *, report: bool = False, anew: bool = False) -> None:
        """Open the store.

        Raises:
            StoreError: It is missing, damaged or of another version.
        """
        self.config = config
        self.store = Store(config.store_url)
        self.store.check()
        self.stopping = False
        self.report = report
        self.anew = anew
        self._held = ExitStack()
        self._services: Services | None = None

    def services(self, fetch: MediaFetcher, fetch_video: VideoFetcher) -> Services:
        """Give what the steps need; all is opened at the first call but for what fetches."""
        if self._services is None:
            # First: it may make the key that the registry opens what is enrolled meanwhile with.
            seal = _seal(self.config, self.store)
            self._services = Services(
                store=self.store,
                registry=open_registry(self.store, self.config),
                fetch=fetch,
                fetch_video=fetch_video,
                decode=self._held.enter_context(open_decoder(self.config)),
                watch=self._held.enter_context(open_videos(self.config)),
                alerting=alerting(self.config),
                seal=seal,
                max_video_bytes=self.config.network.max_video_bytes,
                media_budget_s=self.config.crawl.time_limit_s * PAGE_SHARE,
                stopping=lambda: self.stopping,
            )
        return replace(self._services, fetch=fetch, fetch_video=fetch_video)

    def close(self) -> None:
        """End what opens pictures."""
        self._held.close()


def _seal(settings: Settings, store: Store) -> Callable[[bytes, str], bytes] | None:
    """Give what encrypts hashes of the parts of what is seen; None where none are kept."""
    if not settings.matching.look_back_days or not settings.matching.windows:
        return None
    with store.read() as db:
        # A key that was lost is not replaced by a crawl: its copy may come back.
        has_key = cases.is_anything_sealed(db)
    try:
        sealing = sealer(settings, create=not has_key)
    except NotConfigured as error:
        log.warning("features.no_key", reason=str(error))
        return None
    return None if sealing is None else sealing.seal
