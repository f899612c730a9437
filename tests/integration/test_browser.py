"""A forum that is an application of scripts, read by a real Chromium from end to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.addresses import rules_for
from crawlers.pages.browser import Browser, BrowserGone, PageFailed
from crawlers.pages.line import Captured
from monitor.cli.demo.site import Reply, Site, redirect, slow
from monitor.errors import NotConfigured
from monitor.models.run import Outcome, Run
from monitor.models.source import SourceState
from monitor.settings import Settings, build
from monitor.store import sources
from schedules import runner
from tests.fixtures import chromium
from tests.fixtures.application import Application
from tests.integration.listener import Listener
from tests.integration.processes import wait_until_gone
from tests.integration.world import Home, copy, new_home

AGENT = "Haechi/0 (+mailto:team@example.org)"
TEXT = "<p>Enough of a text that the page is seen to be there, all of it.</p>"
# One browser at a time: they share two cores.
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module", autouse=True)
def executable() -> Path:
    return chromium.executable()


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder by which these tests' browsers are told from others; its name is short."""
    folder = tmp_path_factory.mktemp("b")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made
        assert made.errors == []


@pytest.fixture
def application(site: Site) -> Application:
    made = Application()
    for number in range(3):
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


def browsers() -> list[int]:
    """List the processes of these tests' browsers, and of their keepers."""
    found = []
    mark = f"TMPDIR={os.environ['TMPDIR']}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            words = (file.parent / "cmdline").read_bytes()
            is_ours = b"/haechi-" in words or b"crawlers.pages.keeper" in words
            if is_ours and mark in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def browsers_parents() -> list[int]:
    """List what started the keepers of browsers: crawls."""
    found = []
    for one in browsers():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{one}/cmdline").read_bytes()
            if b"crawlers.pages.keeper" in words:
                stat = Path(f"/proc/{one}/stat").read_text(encoding="utf-8")
                found.append(int(stat.rpartition(")")[2].split()[1]))
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
    assert (counts.posts_new, counts.media_hashed, counts.findings) == (9, 3, 2)
    assert home.source(site.url + "/").engine == "generic"
    stored = home.rows("SELECT text, author, posted FROM posts ORDER BY native_id")
    assert len({text for text, _, _ in stored}) == 9
    assert {author for _, author, _ in stored} == {"Mina", "Juno"}
    assert all(posted is not None for _, _, posted in stored)
    # Pictures were fetched by the crawl, never by the browser.
    agents = {one.user_agent for one in site.asked("/files/")}
    assert len(site.asked("/files/")) == 3
    assert len(agents) == 1
    assert all("Haechi/" in one.user_agent for one in site.requests)
    # The application itself is kept by the browser from page to page.
    assert len(site.asked("/assets/app.js")) == 1

    site.requests.clear()
    application.threads[2][1].append(("An answer after all this time, finally", []))
    run = crawl(home, site.url + "/")
    assert (run.outcome, run.counts.posts_new) == (Outcome.OK, 1)
    assert site.asked("/threads/")[0].path == "/threads/3"
    assert wait_until(lambda: not browsers(), 5)


ATTEMPTS = """
const urls = %s;
const there = urls[0];
for (const url of urls) {
  new Image().src = url + '/img';
  fetch(url + '/fetch', {mode: 'no-cors'}).catch(() => {});
  fetch(url + '/post', {mode: 'no-cors', method: 'POST', body: 'x'}).catch(() => {});
  const request = new XMLHttpRequest();
  request.open('GET', url + '/xhr');
  request.send();
  try { new WebSocket(url.replace('http', 'ws') + '/ws'); } catch {}
  try { new EventSource(url + '/events'); } catch {}
  navigator.sendBeacon(url + '/beacon', 'x');
  const add = (tag, values) => document.head.append(
    Object.assign(document.createElement(tag), values));
  add('script', {src: url + '/script.js'});
  add('link', {rel: 'stylesheet', href: url + '/style.css'});
  add('link', {rel: 'prefetch', href: url + '/prefetch'});
  add('link', {rel: 'preconnect', href: url});
  add('link', {rel: 'dns-prefetch', href: url});
  add('link', {rel: 'icon', href: url + '/icon.png'});
  for (const tag of ['iframe', 'video', 'audio', 'embed', 'object']) {
    const made = document.createElement(tag);
    made.src = made.data = url + '/' + tag;
    document.body.append(made);
  }
  const form = document.createElement('form');
  form.action = url + '/form';
  form.target = 'nowhere';
  form.method = 'post';
  document.body.append(form);
  form.submit();
  try { open(url + '/window'); } catch {}
  try {
    const code = `fetch('${url}/worker', {mode: 'no-cors'}); importScripts('${url}/imported.js');
      new WebSocket('${url.replace('http', 'ws')}/ws-of-worker');`;
    new Worker(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    new SharedWorker(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
  } catch {}
}
try { navigator.serviceWorker.register('/worker.js').catch(() => {}); } catch {}
fetch('/leave-by-redirect', {mode: 'no-cors'}).catch(() => {});
const led = document.createElement('script');
led.src = '/leave-by-redirect';
document.head.append(led);
try {
  const call = new RTCPeerConnection({iceServers: [
    {urls: 'stun:127.0.0.2:%d'},
    {urls: 'turn:127.0.0.2:%d?transport=tcp', username: 'a', credential: 'b'}]});
  call.createDataChannel('x');
  call.createOffer().then((offer) => call.setLocalDescription(offer));
} catch {}
try { new WebTransport('https://127.0.0.2:%d/transport'); } catch {}
"""


def test_nothing_that_a_page_tries_reaches_another_address(site: Site, tmp_path: Path) -> None:
    with (
        Listener("127.0.0.2") as tcp,
        Listener("127.0.0.1") as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.2", 0))
        udp.setblocking(False)
        hosts = [
            f"http://127.0.0.2:{tcp.port}",
            f"https://127.0.0.2:{tcp.port}",
            f"http://127.0.0.1:{other.port}",
            f"http://localhost:{other.port}",
            f"http://2130706434:{tcp.port}",
            f"http://[::ffff:127.0.0.2]:{tcp.port}",
        ]
        site.route("/leave-by-redirect", lambda _: redirect(hosts[0] + "/redirected"))
        site.route("/worker.js", lambda _: Reply(b"fetch('/from-worker')", mime="text/javascript"))
        port = udp.getsockname()[1]
        script = ATTEMPTS % (hosts, port, tcp.port, port)
        got, away = read(
            settings_for(site, tmp_path),
            page(site, "/tries", script),
            page(site, "/away", f"location = '{hosts[0]}/navigated'"),
        )
        assert isinstance(got, Captured)
        # That is for the crawl's own guards to follow, or not.
        assert isinstance(away, Captured)
        assert (away.status, away.headers) == (302, {"Location": f"{hosts[0]}/navigated"})
        time.sleep(0.5)
        assert (tcp.hits, other.hits) == (0, 0)
        with pytest.raises(BlockingIOError):
            udp.recv(1)
    asked = {one.path for one in site.requests}
    assert asked <= {"/tries", "/away", "/leave-by-redirect", "/robots.txt"}


def test_a_page_of_another_address_ends_a_crawl_in_one_line(
    site: Site, application: Application, home: Home
) -> None:
    with Listener("127.0.0.2") as listener:
        page(site, "/boards/", f"location = 'http://127.0.0.2:{listener.port}/'")
        site.route("/", lambda _: redirect(f"http://127.0.0.2:{listener.port}/"))
        watch(home, site.url + "/")
        run = crawl(home, site.url + "/")
        assert listener.hits == 0
    assert run.outcome is Outcome.UNAVAILABLE
    assert "not a permitted address" in run.error
    assert home.source(site.url + "/").state is SourceState.RESTRICTED


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("for (;;);", "its scripts do not end"),
        ("for (;;) alert('hello');", "its scripts do not end"),
        ("location.reload()", "it loads itself anew over and over"),
        ("setInterval(() => location.reload(), 50)", "it loads itself anew over and over"),
        (
            "for (let i = 0; i < 300000; i++) document.body.append('a text that is long, ' + i)",
            "larger than the limit",
        ),
        (
            "const kept = []; (function grow() { for (let i = 0; i < 20000; i++) "
            "kept.push(new Array(100).fill(i)); document.body.append('.'); setTimeout(grow); })()",
            "it needs more memory than it may",
        ),
    ],
    ids=["endless", "alerts", "reload", "reloads", "giant", "memory"],
)
def test_a_page_that_can_not_be_read_is_told_in_one_line_and_the_next_one_is_read(
    script: str, told: str, site: Site, tmp_path: Path
) -> None:
    settings = settings_for(site, tmp_path, timeout_s=20)
    bad, good = read(settings, page(site, "/bad", script), page(site, "/good"))
    assert isinstance(bad, PageFailed)
    assert bad.reason == told
    assert isinstance(good, Captured | BrowserGone)
    if isinstance(good, BrowserGone):
        # The page took the browser with it: the next one gets another.
        (good,) = read(settings, site.url + "/good")
        assert isinstance(good, Captured)


ODD = [
    "setInterval(() => document.body.append('.'), 20)",
    "(function again() { setTimeout(again, 0); document.title += '.'; })()",
    "onbeforeunload = (event) => { event.preventDefault(); return 'stay'; }",
    "alert('hello'); confirm('sure?'); prompt('name')",
    "for (let i = 0; i < 50; i++) open('/good?' + i)",
    "location = 'file:///etc/passwd'",
    "location = 'mailto:team@example.org'; location = 'unknown:somewhere'",
    "open('file:///etc/passwd'); print()",
    "document.body.insertAdjacentHTML('beforeend', '<iframe src=\"file:///etc/passwd\">')",
    "fetch('file:///etc/passwd'); fetch('/never')",
    "history.pushState({}, '', '/another/place')",
    "Object.defineProperty(document, 'body', {get: () => null}); "
    "performance.now = () => 0; MutationObserver = null; Element.prototype.scrollTo = null",
    "while (document.documentElement.attributes.length < 1e4) document.documentElement."
    "setAttribute('a' + Math.random(), '1')",
    "throw new Error('broken')",
]


def test_pages_that_do_odd_things_are_read_as_they_are(site: Site, tmp_path: Path) -> None:
    site.route("/never", lambda _: slow(b"x" * 1_000, 0.5, "application/json"))
    urls = [page(site, f"/odd{number}", script) for number, script in enumerate(ODD)]
    for url, got in zip(urls, read(settings_for(site, tmp_path, timeout_s=12), *urls), strict=True):
        assert isinstance(got, Captured), (url, got)
        assert b"Enough of a text" in got.body
        assert b"root:" not in got.body
        assert got.url in (url, site.url + "/another/place")
    assert site.asked("/good") == []


def test_what_is_no_page_is_given_as_it_came(site: Site, tmp_path: Path) -> None:
    data = b'{"a": "<p>b</p>"}'
    site.route("/data", lambda _: Reply(data, mime="application/json"))
    site.route("/file", lambda _: Reply(b"PK\x03\x04\xff\xfe", mime="application/zip"))
    site.route("/moved", lambda _: redirect("/data", 301))
    site.route("/busy", lambda _: Reply(b"later", 503, headers=(("Retry-After", "70"),)))
    site.route("/gone", lambda _: Reply(TEXT.encode(), 404))
    urls = [site.url + path for path in ("/data", "/file", "/moved", "/busy", "/gone")]
    got = read(settings_for(site, tmp_path), *urls)
    told = [(one.status, one.body) for one in got if isinstance(one, Captured)]
    assert told[:3] == [(200, data), (200, b"PK\x03\x04\xff\xfe"), (301, b"")]
    assert [status for status, _ in told[3:]] == [503, 404]
    assert isinstance(got[2], Captured)
    assert got[2].headers["Location"] == "/data"
    assert isinstance(got[3], Captured)
    assert got[3].headers["Retry-After"] == "70"
    assert site.asked("/data")[1:] == []


def test_a_site_that_does_not_answer_is_told_as_without_a_browser(
    site: Site, tmp_path: Path
) -> None:
    site.route("/drop", lambda _: Reply(status=0))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    allowed = [f"127.0.0.1:{site.port}", f"127.0.0.1:{port}"]
    settings = build(
        tmp_path,
        {"network": {"allow_private": allowed, "timeout_s": 2}, "browser": {"timeout_s": 5}},
        sealed=True,
    )
    urls = [site.url + "/drop", f"http://127.0.0.1:{port}/", "http://127.0.0.2/"]
    drop, shut, other = read(settings, *urls)
    assert isinstance(drop, PageFailed)
    assert drop.reason == "the connection failed"
    assert isinstance(shut, PageFailed)
    assert shut.refusal == "the host can't be reached"
    assert isinstance(other, PageFailed)
    assert other.refusal == "not a permitted address"


def test_a_browser_that_died_is_replaced_for_the_next_page(site: Site, tmp_path: Path) -> None:
    settings = settings_for(site, tmp_path)
    url = page(site, "/good")

    async def go() -> None:
        rules = rules_for(url, settings.network.allow_private)
        browser = Browser(settings, rules, url, AGENT)
        try:
            await browser.read(url)
            first = browser.pid
            for one in browsers():
                if one != first:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
            with contextlib.suppress(BrowserGone):
                await browser.read(url)
            assert (await browser.read(url)).status == 200
            assert browser.pid not in (first, None)
            # The keeper itself is killed.
            os.kill(browser.pid or 0, signal.SIGKILL)
            with contextlib.suppress(BrowserGone):
                await browser.read(url)
            assert (await browser.read(url)).status == 200
        finally:
            await browser.close()

    asyncio.run(go())
    assert wait_until(lambda: not browsers(), 10), browsers()


def test_a_crawl_that_is_killed_leaves_no_browser_behind(
    site: Site, application: Application, home: Home, own_folder: Path
) -> None:
    watch(home, site.url + "/")
    process = subprocess.Popen(
        home.command("crawl", site.url + "/"),
        env=home.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: bool(site.asked("/api/")), 30)
        assert len(browsers()) > 3
        crawlers = [one for one in browsers_parents() if one != process.pid]
        for one in crawlers:
            os.kill(one, signal.SIGKILL)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: not browsers(), 10), browsers()
    assert wait_until_gone(home, 5) == []
    assert list(own_folder.iterdir()) == []
    # And the next crawl reads all.
    run = crawl(home, site.url + "/")
    assert (run.outcome, run.counts.findings) == (Outcome.OK, 2), run.error


def test_a_page_that_is_asked_for_too_much_is_cut(site: Site, tmp_path: Path) -> None:
    big = b"//" + b"x" * (8 << 20) + b"\n"
    site.route("/big.js", lambda _: Reply(big, mime="text/javascript"))
    tags = "".join(f"<script src='/big.js?{number}'></script>" for number in range(12))
    url = page(site, "/heavy", body=TEXT + tags)
    (got,) = read(settings_for(site, tmp_path, timeout_s=30), url)
    assert isinstance(got, PageFailed)
    assert got.reason == "larger than the limit"


def test_without_a_browser_one_line_says_what_to_do(
    site: Site, application: Application, home: Home, tmp_path: Path
) -> None:
    watch(home, site.url + "/")
    nothing = tmp_path / "no-browser"
    with new_home(
        home.folder,
        (home.folder / "haechi.toml").read_text(),
        {"browser": {"executable": str(nothing)}},
    ) as made:
        run = crawl(made, site.url + "/")
    assert run.outcome is Outcome.FAILED
    assert f"{nothing} can't be run" in run.error
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o700)
    with new_home(
        home.folder,
        (home.folder / "haechi.toml").read_text(),
        {"browser": {"executable": str(broken)}},
    ) as made:
        run = crawl(made, site.url + "/")
    assert run.outcome is Outcome.FAILED
    assert "can't be started as a browser" in run.error
    assert "\n" not in run.error


def test_pages_that_robots_forbid_are_not_opened(
    site: Site, application: Application, home: Home
) -> None:
    site.robots = "User-agent: *\nDisallow: /threads/\n"
    watch(home, site.url + "/")
    crawl(home, site.url + "/")
    assert site.asked("/boards/")
    assert site.asked("/threads/") == []
    assert site.asked("/api/threads") == []


def test_a_test_of_such_a_forum_says_that_it_needs_a_browser(
    site: Site, application: Application, home: Home
) -> None:
    done = home.haechi("sources", "test", site.url + "/")
    assert done.returncode == 1
    assert "a browser is needed" in done.stdout


def test_the_doctor_starts_the_browser_that_a_source_needs(site: Site, home: Home) -> None:
    watch(home, site.url + "/")
    rows = [json.loads(line) for line in home.haechi("doctor", "--json").stdout.splitlines()]
    (row,) = [one for one in rows if one["what"] == "browser"]
    assert row["state"] in ("ok", "warning")
    assert re.match(r"\d+\.\d+.*; 1 source read by it", row["detail"])
    assert wait_until(lambda: not browsers(), 5)


def test_cookies_of_the_crawl_go_to_the_site(site: Site, tmp_path: Path) -> None:
    settings = settings_for(site, tmp_path)
    url = page(site, "/mine", "fetch('/data')")

    async def go() -> None:
        browser = Browser(settings, rules_for(url, settings.network.allow_private), url, AGENT)
        try:
            await browser.read(url, "member=7; theme=dark")
        finally:
            await browser.close()

    asyncio.run(go())
    for path in ("/mine", "/data"):
        assert site.asked(path)[0].cookies == {"member": "7", "theme": "dark"}
