"""Walks any forum with the engine that recognises it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from crawlers.engines import ENGINES, recognise
from crawlers.pages.shell import needs_browser
from crawlers.spiders._base import SourceSpider
from crawlers.walks.fetch import FetchedPage
from crawlers.walks.forum import walk
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import Batch, Json
from monitor.models.source import SourceKind
from monitor.store import sources


class ForumSpider(SourceSpider):
    """`scrapy crawl forum -a source=https://forum.example/`."""

    name = "forum"
    kind = SourceKind.FORUM

    @property
    def start_url(self) -> str:
        """The address as the operator gave it."""
        return self.source.address

    async def walk(self, checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
        """Recognise the engine at the first crawl, then walk the boards."""
        name = self.source.engine
        ready: dict[str, FetchedPage] = {}
        if name is None or name not in ENGINES:
            page = await self.downloader.page(self.start_url)
            if page.status >= 400:
                raise SourceUnavailable(
                    f"the server answers {page.status}: check the address", url=page.url
                )
            ready[self.start_url] = page
            recognised = recognise(page.text, page.url)
            if recognised is None and not self.source.browser and needs_browser(page.text):
                raise SourceChanged(
                    "its pages are empty until scripts fill them: a browser is needed, "
                    "which `haechi sources add --browser` has read them",
                    url=self.start_url,
                )
            if recognised is None:
                raise SourceChanged(
                    "nothing here looks like a forum: no list of boards or threads, no posts",
                    url=self.start_url,
                )
            name = recognised[0]
            with self.run.context.store.write() as db:
                sources.change(db, self.source.id, engine=name)

        async def fetch(url: str) -> FetchedPage:
            # The page that the engine was recognised by is not asked for twice.
            return ready.pop(url, None) or await self.downloader.page(url)

        async for batch in walk(
            self.start_url,
            ENGINES[name],
            checkpoint,
            fetch,
            depth=self.config.crawl.depth,
            max_pages=self.config.crawl.max_pages,
        ):
            yield batch
