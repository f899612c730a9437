from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from monitor.errors import MediaError, SourceUnavailable
from monitor.models.source import Source
from monitor.pictures import PictureLimits, decode
from monitor.registry.bank import Registry
from monitor.store.store import Store
from monitor.videos.limits import VideoLimits
from monitor.videos.watch import watch
from pipelines.services import Services
from pipelines.streams import Cut, Parts
from tests.fixtures.stock import ALERTING, StoppedClock, new_source, new_store


class Files:
    """A fetcher of files that are in memory; `video` also gives what is cut or in parts."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | Cut | Parts | MediaError | SourceUnavailable] = {}
        self.asked: list[str] = []
        self.asked_as_video: list[str] = []

    async def __call__(self, url: str) -> bytes:
        found = self._found(url, self.asked)
        assert isinstance(found, bytes)
        return found

    async def video(self, url: str) -> bytes | Cut | Parts:
        return self._found(url, self.asked_as_video)

    def _found(self, url: str, asked: list[str]) -> bytes | Cut | Parts:
        asked.append(url)
        found = self.files.get(url, SourceUnavailable("no answer in time", url=url))
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def source(store: Store) -> Source:
    with store.write() as db:
        return new_source(db)


@pytest.fixture
def services(store: Store, files: Files) -> Services:
    return Services(
        store=store,
        registry=Registry(store),
        fetch=files,
        fetch_video=files.video,
        decode=partial(decode, limits=PictureLimits(max_bytes=1 << 20)),
        watch=partial(watch, limits=VideoLimits()),
        alerting=ALERTING,
        clock=StoppedClock(),
    )
