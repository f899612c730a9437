"""Videos over real HTTP: what is transferred of them, and what servers can't make a crawl do."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.demo.site import Reply, Request, Site, endless, redirect, slow
from monitor.models.run import Outcome
from schedules import runner
from tests.integration import preview
from tests.integration.listener import Listener
from tests.integration.world import World, configuration, empty_world, new_home

MIB = 1 << 20
BLOCK = MIB // 2
LIMITS = {"timeout_s": 2, "max_media_bytes": 8 * MIB, "max_video_bytes": 12 * MIB}


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as made:
        yield made


class Served:
    """A file of a site, with ranges; remembers which parts were sent.

    Attributes:
        headers: Sent with every part.
    """

    def __init__(self, site: Site, path: str, size: int, data: bytes = b"") -> None:
        self.url = site.url + path
        self.size = size
        self.data = data
        self.sent: list[tuple[int, int]] = []
        self.headers: list[tuple[str, str]] = []
        site.route(path, self.answer)

    @property
    def bytes_sent(self) -> int:
        return sum(end - start for start, end in self.sent)

    def part(self, start: int, end: int) -> bytes:
        """Give a part of the data, and of zeros beyond it."""
        return self.data[start:end].ljust(end - start, b"\0")

    def answer(self, request: Request) -> Reply:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"])
        assert asked
        assert request.headers["Accept-Encoding"] == "identity"
        start, end = int(asked[1]), min(int(asked[2]) + 1, self.size)
        self.sent.append((start, end))
        told = ("Content-Range", f"bytes {start}-{end - 1}/{self.size}")
        return Reply(self.part(start, end), 206, "video/mp4", (told, *self.headers))


def read(
    world: World, folder: Path, *files: tuple[str, list[tuple[int, int]]], **network: Any
) -> list[dict[str, Any]]:
    """Fetch files in a process of its own, as a crawl does."""
    with new_home(folder, configuration(world), {"network": LIMITS | network}) as home:
        command = [sys.executable, "-m", "tests.integration.reading", str(home.folder)]
        done = subprocess.run(
            [*command, json.dumps(files)],
            env=home.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(files), done.stderr
    return told


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_of_a_large_file_only_those_parts_are_sent_that_are_read(
    world: World, tmp_path: Path
) -> None:
    size = 200_000_000
    large = Served(world.site, "/large.mp4", size, bytes(range(256)) * 4_096)
    wanted = [(0, 4_096), (size - 300_000, 300_000), (100_000_000, 70_000), (MIB - 9, 9)]
    small = Served(world.site, "/small.mp4", 1_000, b"small")
    before, told = read(world, tmp_path, (small.url, []), (large.url, wanted))
    assert (told["kind"], told["size"]) == ("parts", size)
    assert told["parts"] == [digest(large.part(start, start + n)) for start, n in wanted]
    last = (size - 300_000) // BLOCK * BLOCK
    middle = 100_000_000 // BLOCK * BLOCK
    assert large.sent == [(0, MIB), (last, size), (middle, middle + BLOCK)]
    assert large.bytes_sent < 2.5 * MIB
    assert told["peak_mib"] - before["peak_mib"] < 16


def test_no_more_is_sent_of_a_file_than_the_settings_say(world: World, tmp_path: Path) -> None:
    large = Served(world.site, "/large.mp4", 200 * MIB)
    [told] = read(world, tmp_path, (large.url, [(at * MIB, MIB) for at in range(200)]))
    assert (told["error"], told["why"]) == ("MediaError", "larger than the limit")
    assert len(told["parts"]) == 12
    assert large.bytes_sent == LIMITS["max_video_bytes"]
    assert [end - start for start, end in large.sent] == [MIB, MIB, *[2 * MIB] * 5]


def test_a_small_file_is_had_as_a_whole_by_one_or_two_requests(
    world: World, tmp_path: Path
) -> None:
    data = bytes(range(251)) * 20_000
    one = Served(world.site, "/one.mp4", 1_000, data)
    two = Served(world.site, "/two.mp4", len(data), data)
    two.headers = [("ETag", '"a"'), ("Last-Modified", "Mon, 01 Jan 2026 00:00:00 GMT")]
    most = Served(world.site, "/most.mp4", LIMITS["max_media_bytes"])
    world.site.route("/elsewhere", lambda _: redirect("/two.mp4"))
    world.site.route("/plain", lambda _: Reply(data, mime="video/mp4"))
    urls = [one.url, two.url, most.url, f"{world.site.url}/elsewhere", f"{world.site.url}/plain"]
    told = read(world, tmp_path, *((url, []) for url in urls))
    assert [row["kind"] for row in told] == ["whole"] * 5
    assert [row["sha256"] for row in told] == [
        digest(one.part(0, 1_000)),
        digest(data),
        digest(most.part(0, most.size)),
        digest(data),
        digest(data),
    ]
    assert one.sent == [(0, 1_000)]
    assert two.sent == [(0, MIB), (MIB, len(data))] * 2
    # Led there once, not for each part.
    assert len(world.site.asked("/elsewhere")) == 1


def test_of_a_server_that_gives_no_parts_the_beginning_of_a_large_file_is_kept(
    world: World, tmp_path: Path
) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"\7" * 65_536

    world.site.route("/endless", lambda _: Reply(chunks(), mime="video/mp4"))
    world.site.route("/long", lambda _: Reply(b"\7" * 30 * MIB, mime="video/mp4"))
    urls = [f"{world.site.url}/endless", f"{world.site.url}/long"]
    told = read(world, tmp_path, *((url, []) for url in urls))
    kept = digest(b"\7" * LIMITS["max_media_bytes"])
    assert [(row["kind"], row["sha256"]) for row in told] == [("cut", kept)] * 2
    # What the system holds between the two is sent, too.
    assert sent < LIMITS["max_media_bytes"] + 16 * MIB


def told_as(told: str, body: bytes | Iterator[bytes] = b"x", status: int = 206) -> Reply:
    return Reply(body, status, "video/mp4", (("Content-Range", told),))


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener("127.0.0.2") as made:
        yield made


def test_no_server_makes_more_of_a_video_than_there_is(
    world: World, tmp_path: Path, listener: Listener
) -> None:
    site = world.site
    zeros = b"\0" * MIB
    first = told_as(f"bytes 0-{MIB - 1}/{200 * MIB}", zeros)
    packed = (("Content-Encoding", "gzip"),)
    bomb = gzip.compress(b"\0" * 50 * MIB)
    parts = b"--x\r\nContent-Range: bytes 0-9/10\r\n\r\n0123456789\r\n--x--\r\n"
    another = "the server gives another part than was asked for"
    unasked = "the answer is not as it was asked for"
    answers: dict[str, tuple[Callable[[], Reply], str]] = {
        "/no-range": (lambda: Reply(zeros, 206), another),
        "/endless-part": (
            lambda: Reply(endless().body, 206, headers=first.headers),
            another,
        ),
        "/short-part": (lambda: told_as(f"bytes 0-{MIB - 1}/{200 * MIB}", b"short"), another),
        "/other-part": (lambda: told_as(f"bytes 5-{MIB + 4}/{200 * MIB}", zeros), another),
        "/more": (lambda: told_as(f"bytes 0-{2 * MIB - 1}/{200 * MIB}", zeros * 2), another),
        "/huge": (lambda: told_as(f"bytes 0-{MIB - 1}/{'9' * 400}", zeros), another),
        "/unknown": (lambda: told_as(f"bytes 0-{MIB - 1}/*", zeros), another),
        "/multipart": (
            lambda: Reply(parts, 206, "multipart/byteranges; boundary=x"),
            another,
        ),
        "/416": (lambda: told_as("bytes */0", b"", 416), "the server answers 416"),
        "/200-as-part": (lambda: told_as("bytes 0-9/10", endless().body, 200), unasked),
        "/bomb": (lambda: Reply(bomb, 200, "video/mp4", packed), unasked),
        "/bomb-part": (lambda: Reply(bomb, 206, "video/mp4", (*packed, *first.headers)), another),
        "/slow": (lambda: slow(b"x" * 10_000, 0.2), "no answer in time"),
        "/loop": (lambda: redirect("/loop"), "too many redirects"),
        "/away": (
            lambda: redirect(f"http://127.0.0.2:{listener.port}/a.mp4"),
            f"127.0.0.2:{listener.port} is not a permitted address",
        ),
    }
    for path, (make, _) in answers.items():
        site.route(path, lambda _, make=make: make())
    told = read(world, tmp_path, *((site.url + path, []) for path in answers))
    found = {row["url"].removeprefix(site.url): row.get("why", row) for row in told}
    assert found == {path: why for path, (_, why) in answers.items()}
    assert listener.hits == 0
    # Four times the largest body that is taken: a buffer grows, and is copied when it is whole.
    assert told[-1]["peak_mib"] - told[0]["peak_mib"] < 4 * 8


def test_what_a_server_does_in_the_middle_of_a_video_is_told_and_harms_nobody(
    world: World, tmp_path: Path, listener: Listener
) -> None:
    site = world.site
    asked = 20 * BLOCK
    size = 200 * MIB
    turns: dict[str, tuple[Callable[[], Reply], str]] = {
        "/all-of-it": (lambda: endless(mime="video/mp4"), "the server answers 200"),
        "/gone": (lambda: Reply(b"", 404), "the server answers 404"),
        "/grown": (
            lambda: told_as(f"bytes {asked}-{asked + BLOCK - 1}/{size + 1}", b"\0" * BLOCK),
            "it changed while it was read",
        ),
        "/changed": (
            lambda: Reply(
                b"\0" * BLOCK,
                206,
                "video/mp4",
                (("Content-Range", f"bytes {asked}-{asked + BLOCK - 1}/{size}"), ("ETag", '"b"')),
            ),
            "it changed while it was read",
        ),
        "/start-again": (
            lambda: told_as(f"bytes 0-{BLOCK - 1}/{size}", b"\0" * BLOCK),
            "the server gives another part than was asked for",
        ),
        "/endless": (
            lambda: told_as(f"bytes {asked}-{asked + BLOCK - 1}/{size}", endless().body),
            "the server gives another part than was asked for",
        ),
        "/slow": (
            lambda: replace(
                slow(b"x" * 99, 0.2),
                status=206,
                headers=(("Content-Range", f"bytes {asked}-{asked + BLOCK - 1}/{size}"),),
            ),
            "no answer in time",
        ),
        "/away": (
            lambda: redirect(f"http://127.0.0.2:{listener.port}/a.mp4"),
            f"127.0.0.2:{listener.port} is not a permitted address",
        ),
    }
    for path, (make, _) in turns.items():
        file = Served(site, path, size)
        file.headers = [("ETag", '"a"')]

        def answer(request: Request, file: Served = file, make: Any = make) -> Reply:
            return make() if file.sent else file.answer(request)

        site.route(path, answer)
    told = read(world, tmp_path, *((site.url + path, [(0, 9), (asked, 9)]) for path in turns))
    found = {row["url"].removeprefix(site.url): (len(row["parts"]), row["why"]) for row in told}
    assert found == {path: (1, why) for path, (_, why) in turns.items()}
    assert listener.hits == 0


def test_each_part_is_asked_for_as_politely_as_any_page(world: World, tmp_path: Path) -> None:
    world.site.robots = "User-agent: *\nDisallow: /private/\n"
    closed = Served(world.site, "/private/a.mp4", 1_000)
    large = Served(world.site, "/a.mp4", 200 * MIB)
    wanted = [(at * 20 * MIB, 9) for at in range(1, 4)]
    no, yes = read(world, tmp_path, (closed.url, []), (large.url, wanted), delay_s=0.5)
    assert (no["error"], no["why"]) == ("MediaError", "robots.txt forbids it")
    assert closed.sent == []
    assert len(yes["parts"]) == 3
    gaps = [(later.at - one.at).total_seconds() for one, later in pairwise(world.site.requests)]
    assert len(gaps) == 4
    assert min(gaps) > 0.4, gaps


def test_a_crawl_fetches_the_videos_of_its_posts_within_the_limits(
    world: World, tmp_path: Path
) -> None:
    small = Served(world.telegram, "/small.mp4", 3 * MIB)
    large = Served(world.telegram, "/large.mp4", 200 * MIB)
    name = "hostile_one"
    preview.serve(world.telegram, name, [[small.url, large.url]])
    with new_home(tmp_path, configuration(world), {"network": LIMITS}) as home:
        run = runner.crawl(home.watch(f"@{name}"), home.store, home.settings)
        rows = home.rows("SELECT kind, status FROM post_media")
    assert run.outcome is Outcome.OK, run.error
    # They are nothing but zeros.
    assert rows == [("video", "skipped")] * 2
    assert small.sent == [(0, MIB), (MIB, 3 * MIB)]
    assert large.sent[0] == (0, MIB)
    assert large.bytes_sent <= LIMITS["max_video_bytes"]
