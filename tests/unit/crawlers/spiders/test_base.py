from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path

import pytest

from crawlers.spiders._base import SourceSpider
from monitor.models.post import Batch, Json
from monitor.models.source import SourceKind
from monitor.store import posts
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
    spider = Spider("@channel", settings_given=settings_of(tmp_path))

    async def pages() -> list[Batch]:
        return [batch async for batch in spider._batches()]

    first, second, again = asyncio.run(pages())
    spider.store.close()
    assert first.posts == second.posts == ()
    assert [post.native_id for post in again.posts] == ["7"]
    assert (again.coverage, again.checkpoint) == (None, {})
