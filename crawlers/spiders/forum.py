"""Walks any forum with the engine that recognises it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from crawlers.cookies import cookies_for
from crawlers.engines import ENGINES, recognise
from crawlers.middlewares.cookies import Cookies
from crawlers.pages.shell import needs_browser
from crawlers.spiders._base import SourceSpider
from crawlers.walks.fetch import NO_VALIDATOR, FetchedPage
from crawlers.walks.forum import walk
from crawlers.walks.reading import Limits
from monitor.clock import utc_now
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
        if self.source.cookies is not None:
            self._take_cookies(Path(self.source.cookies))
        name = self.source.engine
        ready: dict[str, FetchedPage] = {}
        if name is None or name not in ENGINES:
            page = await self.downloader.page(self.start_url)
            if page.status >= 400:
                raise SourceUnavailable(
                    f"the server answers {page.status}: check the address", url=page.url
                )
            ready[self.start_url] = page
            name = self._recognised(page)

        async def fetch(url: str, validator: Mapping[str, str] = NO_VALIDATOR) -> FetchedPage:
            # The page that the engine was recognised by is not asked for twice.
            return ready.pop(url, None) or await self.downloader.page(url, validator)

        limits = self.config.crawl
        async for batch in walk(
            self.start_url,
            ENGINES[name],
            checkpoint,
            fetch,
            Limits(limits.depth, limits.max_pages, limits.reread_percent),
            boards=self.source.boards,
            now_s=utc_now().timestamp(),
            tell=self.run.tell,
        ):
            yield batch

    def _take_cookies(self, file: Path) -> None:
        """Read it as the operator may, by their own cookies.

        Raises:
            Misuse: The file has none that are good.
        """
        own = cookies_for(self.start_url, file)
        middleware = self.crawler.get_downloader_middleware(Cookies)
        if middleware is None:
            raise RuntimeError("the crawl has not started")
        middleware.take(own)

    def _recognised(self, page: FetchedPage) -> str:
        """Tell which engine reads a page, and keep it.

        Raises:
            SourceChanged: None does.
        """
        recognised = recognise(page.text, page.url)
        is_shell = not self.source.browser and needs_browser(page.text)
        name, sure = recognised or (None, 0.0)
        told: dict[str, Json] = {"engine": name, "sure": round(sure, 2), "shell": is_shell}
        with self.run.context.store.write() as db:
            sources.change(db, self.source.id, engine=name)
            sources.save_checkpoint(db, self.source.id, {"recognised": told})
        if name is not None:
            return name
        why = "nothing here looks like a forum: no list of boards or threads, no posts"
        if is_shell:
            why = (
                "its pages are empty until scripts fill them: a browser is needed, "
                f"haechi sources add {self.start_url} --browser"
            )
        raise SourceChanged(why, url=self.start_url)
