from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path

import pytest

from crawlers.context import CrawlContext
from crawlers.source_run import SourceRun
from crawlers.spiders._base import SourceSpider
from monitor.models.post import Batch, Json
from monitor.models.source import SourceKind
from monitor.store import posts, sources
from monitor.store.store import Store
from tests.fixtures.stock import NOW, failed, item, new_source, new_store, settings_of


class Spider(SourceSpider):
    name = "test"
    kind = SourceKind.TELEGRAM
    start_url = "https://t.me/s/channel"

    async def walk(self, checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
        for number in (1, 2):
            yield Batch(f"https://t.me/s/channel?page={number}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    yield made
    made.close()


def test_what_failed_before_is_tried_again_after_the_news(store: Store, tmp_path: Path) -> None:
    with store.write() as db:
        posts.write(db, [item(new_source(db), 7, media=[failed("a")])], NOW)
    context = CrawlContext(settings_of(tmp_path))
    with store.read() as db:
        [source] = sources.every(db)
    run = SourceRun(context, source)
    spider = Spider(run=run)

    async def pages() -> list[Batch]:
        return [batch async for batch in run.batches(spider.walk)]

    first, second, again = asyncio.run(pages())
    context.store.close()
    assert first.posts == second.posts == ()
    assert [post.native_id for post in again.posts] == ["7"]
    assert (again.coverage, again.checkpoint) == (None, {})
