"""Reads a public Telegram channel by its web preview."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from crawlers.spiders._base import SourceSpider
from crawlers.walks.telegram_preview import walk
from monitor.models.post import Batch, Json
from monitor.models.source import PREVIEW, SourceKind


class TelegramPreviewSpider(SourceSpider):
    """`scrapy crawl telegram_preview -a source=@name`."""

    name = "telegram_preview"
    kind = SourceKind.TELEGRAM
    via = PREVIEW

    def __init__(self, source: str = "", channel: str = "", **kwargs: Any) -> None:
        """Look the source up.

        Args:
            source: As for all spiders.
            channel: Its name today, without "@", where its address is not that name.
            kwargs: As for all spiders.
        """
        super().__init__(source, **kwargs)
        self.channel = channel or self.source.address.removeprefix("@")

    @property
    def start_url(self) -> str:
        """The channel's preview."""
        return f"{self.config.telegram.preview_url}/s/{self.channel}"

    async def walk(self, checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
        """Walk the preview pages."""
        async for batch in walk(
            self.channel,
            self.config.telegram.preview_url,
            checkpoint,
            self.downloader.page,
            depth=self.config.crawl.depth,
            max_pages=self.config.crawl.max_pages,
            since=self.config.telegram.since,
        ):
            yield batch
