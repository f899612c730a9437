"""What a hostile or strict site can't make a crawl do, over real HTTP."""

from __future__ import annotations

import gzip
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.cli.demo.site import Reply, drop, endless, redirect, slow
from monitor.models.run import Outcome, Run
from monitor.models.source import SourceState
from schedules import runner
from tests.integration import preview
from tests.integration.listener import Listener
from tests.integration.world import Home, World, configuration, copy, empty_world, new_home

NAME = "hostile_one"
FAULTS = Path(__file__).parent / "faults"


@pytest.fixture
def world() -> Iterator[World]:
    """A world without posts; each test serves its own."""
    with empty_world() as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Listener]:
    """On this machine, but not where the source lives."""
    with Listener("127.0.0.2") as made:
        yield made


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    """A home that may crawl the world, within small limits."""
    extra = {"network": {"timeout_s": 1, "max_media_bytes": 200_000, "max_page_bytes": 200_000}}
    with new_home(tmp_path / "home", configuration(world), extra) as made:
        yield made


def crawl(home: Home, address: str = f"@{NAME}") -> Run:
    return runner.crawl(home.watch(address), home.store, home.settings)


def media(home: Home) -> dict[str, tuple[str, str]]:
    """Status and reason by address."""
    rows = home.rows("SELECT url, status, reason FROM post_media")
    return {str(url): (str(status), str(reason)) for url, status, reason in rows}


def png_header(width: int, height: int) -> bytes:
    """Make the head of a PNG that says to be this large."""
    size = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    check = zlib.crc32(b"IHDR" + size)
    head = struct.pack(">I4s13sI", 13, b"IHDR", size, check)
    return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))


def test_nothing_but_the_source_itself_is_reached_on_private_addresses(
    world: World, home: Home, listener: Listener
) -> None:
    good = preview.picture(world.telegram, "/good.jpg", copy(21).data)
    port = listener.port
    with Listener("127.0.0.1") as other:
        world.telegram.route("/leave", lambda _: redirect(f"http://127.0.0.2:{port}/leave.jpg"))
        world.telegram.route("/name", lambda _: redirect(f"http://localhost:{other.port}/n.jpg"))
        forbidden = [
            f"http://127.0.0.2:{port}/plain.jpg",
            f"http://127.0.0.1:{other.port}/other-port.jpg",
            f"http://localhost:{other.port}/name.jpg",
            f"http://[::ffff:127.0.0.2]:{port}/mapped.jpg",
            f"http://[::ffff:7f00:2]:{port}/mapped-in-hex.jpg",
            f"http://[64:ff9b::7f00:2]:{port}/nat64.jpg",
            f"http://2130706434:{port}/decimal.jpg",
            f"http://0x7f000002:{port}/hex.jpg",
            f"http://0177.0.0.2:{port}/octal.jpg",
            f"http://127.2:{port}/short.jpg",
            f"http://①②⑦.⓪.⓪.②:{port}/circled.jpg",
            f"http://0.0.0.0:{other.port}/any.jpg",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/intranet.jpg",
            f"{world.telegram.url}/leave",
            f"{world.telegram.url}/name",
        ]
        preview.serve(world.telegram, NAME, [*([url] for url in forbidden), [good]])
        run = crawl(home)
        assert (listener.hits, other.hits) == (0, 0)
    assert run.outcome is Outcome.OK
    assert run.counts.posts_new == len(forbidden) + 1
    found = media(home)
    assert found.pop(good) == ("hashed", "")
    assert {status for status, _ in found.values()} == {"skipped"}, found
    assert all("not a permitted address" in reason for _, reason in found.values()), found


def test_other_schemes_are_not_even_stored(world: World, home: Home) -> None:
    hostile = ["file:///etc/passwd", "ftp://127.0.0.2/x.jpg", "data:image/gif;base64,R0lGODlhAQ"]
    preview.serve(world.telegram, NAME, [hostile])
    assert crawl(home).outcome is Outcome.OK
    assert media(home) == {}


def test_a_page_that_leads_into_the_network_is_not_followed(
    world: World, home: Home, listener: Listener
) -> None:
    world.telegram.route("/s/", lambda _: redirect(f"http://127.0.0.2:{listener.port}/s/{NAME}"))
    run = crawl(home)
    assert listener.hits == 0
    assert run.outcome is Outcome.UNAVAILABLE
    assert "not a permitted address" in run.error
    assert home.source(f"@{NAME}").state is SourceState.RESTRICTED


def test_a_source_on_a_private_address_that_is_not_allowed_is_not_crawled(
    home: Home, listener: Listener
) -> None:
    run = crawl(home, f"http://127.0.0.2:{listener.port}/forum/")
    assert listener.hits == 0
    assert run.outcome is Outcome.UNAVAILABLE
    assert "not a permitted address" in run.error


def test_bad_files_are_told_apart_and_do_not_stop_the_crawl(world: World, home: Home) -> None:
    site = world.telegram
    good = preview.picture(site, "/good.jpg", copy(22).data)
    bomb = gzip.compress(b"\0" * 5_000_000)
    packed = (("Content-Encoding", "gzip"),)
    # What a decoder raises differs from one to the next.
    unpackable = {
        f"/broken-{name}": Reply(body, mime="image/jpeg", headers=(("Content-Encoding", name),))
        for name, body in (
            ("gzip", b"no gzip"),
            ("x-gzip", b"\x1f\x8b\x08"),
            ("deflate", b"no deflate"),
            ("br", b"no brotli at all"),
            ("zstd", b"no zstd at all"),
        )
    }
    # Those without an answer are apart: a host that fails twice in a row is not asked again.
    answers = {
        "/endless": endless,
        "/slow": lambda: slow(b"x" * 10_000, 0.2),
        "/html": lambda: Reply(b"<html><script>alert(1)</script></html>"),
        **{path: lambda reply=reply: reply for path, reply in unpackable.items()},
        "/empty": lambda: Reply(b"", mime="image/jpeg"),
        "/dropped": drop,
        "/gone": lambda: Reply(b"", 404),
        "/large": lambda: Reply(b"x" * 300_000, mime="image/jpeg"),
        "/bomb": lambda: Reply(bomb, mime="image/jpeg", headers=packed),
        "/loop": lambda: redirect("/loop"),
        "/wide": lambda: Reply(png_header(30_000, 30_000), mime="image/png"),
        "/busy": lambda: Reply(b"", 503),
        "/cut": lambda: Reply(copy(23).data[:3_000], mime="image/jpeg"),
    }
    for path, answer in answers.items():
        site.route(path, lambda _, answer=answer: answer())
    preview.serve(site, NAME, [*([site.url + path] for path in answers), [good]])
    started = time.monotonic()
    run = crawl(home)
    assert run.outcome is Outcome.OK, run.error
    assert time.monotonic() - started < 30
    found = {url.removeprefix(site.url): told for url, told in media(home).items()}
    assert found == {
        "/good.jpg": ("hashed", ""),
        "/endless": ("skipped", "larger than the limit"),
        "/slow": ("failed", "no answer in time"),
        "/large": ("skipped", "larger than the limit"),
        "/bomb": ("skipped", "larger than the limit"),
        **dict.fromkeys(unpackable, ("failed", "the answer can't be unpacked")),
        "/loop": ("failed", "too many redirects"),
        "/html": ("failed", "the server answers with a page"),
        "/empty": ("skipped", "empty file"),
        "/wide": ("skipped", "too many pixels"),
        "/gone": ("failed", "the server answers 404"),
        "/busy": ("failed", "the server answers 503"),
        "/dropped": ("failed", "the connection failed"),
        "/cut": ("skipped", "truncated"),
    }
    log = (home.folder / "logs" / "haechi.log").read_text(encoding="utf-8")
    assert "alert(1)" not in log


def test_a_host_that_does_not_answer_is_asked_again_by_the_next_crawl_only(
    world: World, home: Home
) -> None:
    site = world.telegram
    urls = [preview.picture(site, f"/{n}.jpg", copy(30 + n).data) for n in range(4)]
    preview.serve(site, NAME, [[url] for url in urls])
    for path in ("/0.jpg", "/1.jpg"):
        site.route(path, lambda _: drop())
    first = crawl(home)
    assert (first.outcome, first.counts.media_failed) == (Outcome.OK, 4)
    assert site.asked("/2.jpg") == site.asked("/3.jpg") == []
    for n in range(2):
        preview.picture(site, f"/{n}.jpg", copy(30 + n).data)
    assert crawl(home).counts.media_hashed == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: endless(mime="text/html"), "larger than the limit"),
        (lambda: slow(b"<html>" * 1_000, 0.2, "text/html"), "no answer in time"),
        (drop, "the connection failed"),
        (lambda: Reply(copy(21).data, mime="image/jpeg"), "not a page of text"),
        (lambda: redirect(f"/s/{NAME}"), "too many redirects"),
        (lambda: Reply(b"", 503), "the server answers 503"),
        (lambda: Reply(b"<html>", mime="text/html; charset=hex"), "not a page of text"),
    ],
    ids=["endless", "slow", "dropped", "picture", "loop", "503", "no encoding of texts"],
)
def test_a_page_that_is_none_ends_the_crawl_in_one_line(
    answer: object, error: str, world: World, home: Home
) -> None:
    assert callable(answer)
    world.telegram.route("/s/", lambda _: answer())
    run = crawl(home)
    assert run.outcome is Outcome.UNAVAILABLE
    assert error in run.error
    source = home.source(f"@{NAME}")
    assert (source.failures, source.state_detail) == (1, run.error)


def test_a_page_without_posts_or_notice_is_told_as_a_change_of_the_site(
    world: World, home: Home
) -> None:
    world.telegram.route("/s/", lambda _: Reply(b"\0\xff<<<html " * 1_000))
    assert crawl(home).outcome is Outcome.CHANGED
    assert home.source(f"@{NAME}").state is SourceState.CHANGED


def test_a_site_that_is_asked_too_often_is_left_alone_as_long_as_it_asks(
    world: World, home: Home
) -> None:
    site = world.telegram
    preview.serve(site, NAME, [[]])
    site.fail_next("/s/", 429, retry_after="2")
    run = crawl(home)
    assert run.outcome is Outcome.OK
    refused, again = site.asked("/s/")
    assert (again.at - refused.at).total_seconds() > 1.9


def test_a_pause_that_robots_ask_for_is_kept(world: World, home: Home) -> None:
    site = world.telegram
    site.robots = "User-agent: other\nCrawl-delay: 50\n\nUser-agent: haechi\nCrawl-delay: 1.2\n"
    urls = [preview.picture(site, f"/{n}.jpg", copy(30 + n).data) for n in range(2)]
    preview.serve(site, NAME, [urls])
    assert crawl(home).counts.media_hashed == 2
    gaps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(site.requests)]
    assert len(gaps) == 3
    assert min(gaps) > 1.1, gaps


def test_robots_of_any_size_do_not_end_a_crawl(world: World, home: Home) -> None:
    agents = "".join(f"User-agent: {number:x}\n" for number in range(2_000))
    world.telegram.robots = agents + "User-agent: haechi\n" + "Disallow: /x\n" * 8_000
    good = preview.picture(world.telegram, "/good.jpg", copy(22).data)
    closed = preview.picture(world.telegram, "/x.jpg", copy(23).data)
    preview.serve(world.telegram, NAME, [[good, closed]])
    assert crawl(home).outcome is Outcome.OK
    assert media(home) == {good: ("hashed", ""), closed: ("skipped", "robots.txt forbids it")}


def test_robots_that_forbid_the_channel_are_obeyed_and_told(world: World, home: Home) -> None:
    world.telegram.robots = "User-agent: Haechi\nDisallow: /s/\n"
    preview.serve(world.telegram, NAME, [[]])
    run = crawl(home)
    assert run.outcome is Outcome.UNAVAILABLE
    assert "robots.txt forbids it" in run.error
    assert home.source(f"@{NAME}").state is SourceState.RESTRICTED
    assert [request.path for request in world.telegram.requests] == ["/robots.txt"]


def test_robots_are_obeyed_for_pictures_too(world: World, home: Home) -> None:
    world.telegram.robots = "User-agent: *\nDisallow: /private/\n"
    closed = preview.picture(world.telegram, "/private/a.jpg", copy(21).data)
    good = preview.picture(world.telegram, "/open/b.jpg", copy(22).data)
    preview.serve(world.telegram, NAME, [[closed, good]])
    assert crawl(home).outcome is Outcome.OK
    assert media(home) == {closed: ("skipped", "robots.txt forbids it"), good: ("hashed", "")}
    assert world.telegram.asked("/private/") == []


def test_two_crawls_of_one_host_share_its_pace_and_say_who_they_are(
    world: World, tmp_path: Path
) -> None:
    names = ("hostile_one", "hostile_two")
    for number, name in enumerate(names):
        url = preview.picture(world.telegram, f"/{name}.jpg", copy(30 + number).data)
        preview.serve(world.telegram, name, [[url]])
    extra = {"network": {"delay_s": 0.4}}
    with new_home(tmp_path / "paced", configuration(world), extra) as home:
        threads = [threading.Thread(target=crawl, args=(home, f"@{name}")) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [run.outcome for run in home.runs()] == [Outcome.OK, Outcome.OK]
    asked = world.telegram.requests
    assert sorted(request.path for request in asked) == sorted(
        ["/robots.txt"] * 2 + [f"/s/{name}" for name in names] + [f"/{name}.jpg" for name in names]
    )
    gaps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(asked)]
    # A request may be late by some milliseconds, which makes the next gap shorter.
    assert min(gaps) > 0.3, gaps
    for request in asked:
        assert request.user_agent.startswith("Haechi/")
        assert "(+mailto:team@example.org)" in request.user_agent
        assert not {name.lower() for name in request.headers} & {"referer", "from", "via"}


def test_a_job_talks_to_its_sources_and_mail_server_only(
    world: World, listener: Listener, tmp_path: Path
) -> None:
    world.thread("A thread", ("a picture", copy(1)))
    world.message("another", copy(12))
    proxy = f"http://127.0.0.2:{listener.port}"
    with new_home(tmp_path / "watched", configuration(world)) as home:
        home.enrol("case-1", 1)
        home.watch(world.forum_address)
        home.watch(world.channel_address)
        log = tmp_path / "net.log"
        home.env |= {"PYTHONPATH": str(FAULTS), "NET_LOG": str(log), "HOME": str(tmp_path)}
        home.env |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"), proxy)
        done = home.haechi("crawl", "--all")
        assert done.returncode == 0, done.stderr
    assert len(world.mailbox.mails) == 1
    assert listener.hits == 0
    ours = {world.site.port, world.telegram.port, world.mailbox.port}
    calls = set(log.read_text(encoding="utf-8").splitlines())
    allowed = {f"connect ('127.0.0.1', {port})" for port in ours}
    assert allowed <= calls
    # Numbers are "looked up" as well, and a library tries whether there is IPv6: that asks nobody.
    numbers = {f"{call} '127.0.0.1'" for call in ("getaddrinfo", "gethostbyname", "gethostbyaddr")}
    assert calls - allowed - numbers <= {"bind ('::1', 0)"}
    # Nothing was put into the user's own folder either: no cache, no job file.
    assert [
        path.name for path in tmp_path.iterdir() if path.name not in ("watched", "net.log")
    ] == []
