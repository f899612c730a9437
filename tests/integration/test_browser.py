"""A forum that is an application of scripts, read by a real Chromium from end to end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.addresses import rules_for
from crawlers.pages.browser import Browser, BrowserGone, PageFailed
from crawlers.pages.line import Captured
from monitor.cli.demo.site import Reply, Site
from monitor.errors import NotConfigured
from monitor.models.run import Outcome, Run
from monitor.settings import Settings, build
from monitor.store import sources
from schedules import runner
from tests.fixtures import chromium
from tests.fixtures.application import Application
from tests.integration.world import Home, copy, new_home

AGENT = "Haechi/0 (+mailto:team@example.org)"
TEXT = "<p>Enough of a text that the page is seen to be there, all of it.</p>"
# One browser at a time: they share two cores.
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module", autouse=True)
def executable() -> Path:
    return chromium.executable()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made
        assert made.errors == []


@pytest.fixture
def application(site: Site) -> Application:
    made = Application()
    for number in range(5):
        made.add(f"Walk number {number}", (f"The {number}th walk along the river bank", None))
    made.add(
        "Trip to the coast",
        ("We went there by train, early in the morning", copy(11)),
        ("Nice light! Where was that taken?", None),
        ("At the harbour, near the old lighthouse", None),
        ("It was crowded when we were there in May", None),
        ("다른 곳에서 받은 사진입니다", copy(1)),
        ("The same from further away, I believe", copy(2, "mirrored")),
    )
    made.serve(site)
    return made


@pytest.fixture
def home(site: Site, tmp_path: Path) -> Iterator[Home]:
    toml = (
        '[operator]\ncontact = "mailto:team@example.org"\n\n[network]\ndelay_s = 0\n'
        f'allow_private = ["127.0.0.1:{site.port}"]\n'
    )
    with new_home(tmp_path / "home", toml) as made:
        made.enrol("case-1", 1)
        made.enrol("case-2", 2)
        yield made


def watch(home: Home, address: str) -> None:
    source = home.watch(address)
    with home.store.write() as db:
        sources.change(db, source.id, browser=True)


def crawl(home: Home, address: str) -> Run:
    return runner.crawl(home.source(address), home.store, home.settings)


def settings_for(site: Site, tmp_path: Path, **browser: Any) -> Settings:
    network = {"allow_private": [f"127.0.0.1:{site.port}"], "timeout_s": 5}
    return build(tmp_path, {"network": network, "browser": browser}, sealed=True)


def read(settings: Settings, *urls: str) -> list[Captured | Exception]:
    """Read pages one after the other by one browser; what was raised in place of one."""

    async def go() -> list[Captured | Exception]:
        address = urls[0]
        rules = rules_for(address, settings.network.allow_private)
        browser = Browser(settings, rules, address, AGENT)
        got: list[Captured | Exception] = []
        try:
            for url in urls:
                try:
                    got.append(await browser.read(url))
                except (PageFailed, BrowserGone, NotConfigured) as error:
                    got.append(error)
        finally:
            await browser.close()
        return got

    return asyncio.run(go())


def page(site: Site, path: str, script: str = "", body: str = TEXT) -> str:
    """Serve a page with a script."""
    content = f"<!DOCTYPE html><body>{body}<script>{script}</script>".encode()
    site.route(path, lambda _: Reply(content))
    return site.url + path


def browsers(ancestor: int | None = None) -> list[int]:
    """List what runs of browsers and their keepers, with a folder of ours in the command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes()
            if b"haechi-browser-" in words or b"crawlers.pages.keeper" in words:
                found.append(int(file.parent.name))
    return found


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def test_an_application_is_read_from_its_boards_to_the_pictures_of_its_posts(
    site: Site, application: Application, home: Home
) -> None:
    watch(home, site.url + "/")
    run = crawl(home, site.url + "/")
    assert run.outcome is Outcome.OK, run.error
    counts = run.counts
    assert (counts.posts_new, counts.media_hashed, counts.findings) == (11, 3, 2)
    assert home.source(site.url + "/").engine == "generic"
    stored = home.rows("SELECT text, author, posted FROM posts ORDER BY native_id")
    assert len({text for text, _, _ in stored}) == 11
    assert {author for _, author, _ in stored} == {"Mina", "Juno"}
    assert all(posted is not None for _, _, posted in stored)
    # Pictures were fetched by the crawl, never by the browser.
    agents = {one.user_agent for one in site.asked("/files/")}
    assert len(site.asked("/files/")) == 3
    assert len(agents) == 1
    assert all("Haechi/" in one.user_agent for one in site.requests)
    # The application itself is kept by the browser from page to page.
    assert len(site.asked("/assets/app.js")) == 1
    assert wait_until(lambda: not browsers(), 5)


def test_a_second_crawl_reads_what_is_new(site: Site, application: Application, home: Home) -> None:
    watch(home, site.url + "/")
    crawl(home, site.url + "/")
    site.requests.clear()
    application.threads[3][1].append(("An answer after all this time, finally", []))
    run = crawl(home, site.url + "/")
    assert (run.outcome, run.counts.posts_new) == (Outcome.OK, 1)
    assert [one.path for one in site.asked("/threads/")] == ["/threads/4"]
