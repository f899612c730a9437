"""Scrapy spiders: one a kind of source; each runs a walk over one source."""

from __future__ import annotations

from crawlers.spiders._base import SourceSpider
from crawlers.spiders.forum import ForumSpider
from crawlers.spiders.telegram_preview import TelegramPreviewSpider

SPIDERS: dict[str, type[SourceSpider]] = {
    spider.kind: spider for spider in (ForumSpider, TelegramPreviewSpider)
}
