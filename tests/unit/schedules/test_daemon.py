"""When the daemon starts what; the crawls themselves are stand-ins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import utc_now
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source
from monitor.store import runs
from monitor.store.store import Store
from schedules import daemon as module
from schedules.daemon import Daemon
from tests.fixtures.stock import new_source, new_store, settings_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    yield made
    made.close()


class Crawls:
    """Stands in for crawls: says which sources were crawled."""

    def __init__(self) -> None:
        self.crawled: list[str] = []
        self.happened = threading.Event()

    def crawl(self, source: Source, *_: object, **__: object) -> Run:
        self.crawled.append(source.address)
        self.happened.set()
        now = utc_now()
        return Run("r1", source.id, now, now, Outcome.OK, "", Counts(posts_new=1))


@pytest.fixture
def crawls(monkeypatch: pytest.MonkeyPatch) -> Crawls:
    made = Crawls()
    monkeypatch.setattr(module.runner, "crawl", made.crawl)
    return made


@contextmanager
def at_work(store: Store, home: Path) -> Iterator[Daemon]:
    daemon = Daemon(store, settings_of(home))
    thread = threading.Thread(target=lambda: daemon.run(install_signal_handlers=False))
    thread.start()
    try:
        yield daemon
    finally:
        daemon.stop()
        thread.join(20)
    assert not thread.is_alive()


def test_a_restart_crawls_at_once_only_what_is_due(
    store: Store, tmp_path: Path, crawls: Crawls
) -> None:
    with store.write() as db:
        fresh, stale = new_source(db, "@fresh").id, new_source(db, "@stale").id
        new_source(db, "@never")
        runs.start(db, fresh, utc_now() - timedelta(minutes=1))
        runs.start(db, stale, utc_now() - timedelta(days=2))
    with at_work(store, tmp_path):
        for _ in range(2):
            assert crawls.happened.wait(10)
            if len(crawls.crawled) < 2:
                crawls.happened.clear()
    assert sorted(crawls.crawled) == ["@never", "@stale"]


def test_a_delivery_that_takes_long_holds_up_no_crawl(
    store: Store, tmp_path: Path, crawls: Crawls, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, crawled_meanwhile = threading.Event(), []

    def slow(*_: Any, **__: Any) -> None:
        if not started.is_set():
            started.set()
            crawled_meanwhile.append(crawls.happened.wait(10))

    monkeypatch.setattr(module.mail, "drain", slow)
    with store.write() as db:
        new_source(db)
    with at_work(store, tmp_path):
        assert started.wait(10)
        assert crawls.happened.wait(10)
    assert crawled_meanwhile == [True]


@pytest.mark.usefixtures("crawls")
def test_a_delivery_is_told_when_the_daemon_stops(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    started = threading.Event()

    def patient(*_: Any, stop: Any, **__: Any) -> None:
        asked.append(stop())
        started.set()
        while not stop():
            threading.Event().wait(0.01)
        asked.append(stop())

    monkeypatch.setattr(module.mail, "drain", patient)
    with at_work(store, tmp_path):
        assert started.wait(10)
    assert asked[:2] == [False, True]
