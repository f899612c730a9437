"""Reads a public Telegram channel by its web preview."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from crawlers.spiders._base import SourceSpider
from crawlers.walks.telegram_preview import walk
from monitor.models.post import Batch, Json
from monitor.models.source import SourceKind


class TelegramPreviewSpider(SourceSpider):
    """`scrapy crawl telegram_preview -a source=@name`."""

    name = "telegram_preview"
    kind = SourceKind.TELEGRAM

    @property
    def start_url(self) -> str:
        """The channel's preview."""
        return f"{self.config.telegram.preview_url}/s/{self.source.address.removeprefix('@')}"

    async def walk(self, checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
        """Walk the preview pages."""
        async for batch in walk(
            self.source.address.removeprefix("@"),
            self.config.telegram.preview_url,
            checkpoint,
            self.downloader.page,
            depth=self.config.crawl.depth,
            max_pages=self.config.crawl.max_pages,
        ):
            yield batch
