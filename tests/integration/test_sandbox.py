"""A crawl in which pictures take too long, need too much, or end the process that opens them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.bench._hostile import slow_jpeg
from monitor.cli.demo.pictures import Encoded
from monitor.models.run import Outcome, Run
from schedules import runner
from tests.fixtures.pictures import png_header
from tests.integration.world import Home, World, configuration, copy, empty_world, new_home

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found there")


@pytest.fixture
def world() -> Iterator[World]:
    """A forum of one thread: hostile pictures, and good ones in between."""
    with empty_world() as made:
        good = [copy(seed) for seed in (1, 2, 3)]
        made.thread(
            "Album",
            ("1", good[0]),
            ("2", Encoded(png_header(50_000, 50_000), ".png")),
            ("3", Encoded(slow_jpeg(5_000, 2_000), ".jpg")),
            ("4", good[1]),
            ("5", Encoded(good[0].data[:2_000], ".jpg")),
            ("6", good[2]),
        )
        yield made


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    extra = {"sandbox": {"seconds": 3}}
    with new_home(tmp_path / "home", configuration(world), extra) as made:
        made.enrol("case-1", 3)
        yield made


def crawl(home: Home, world: World) -> Run:
    return runner.crawl(home.watch(world.forum_address), home.store, home.settings)


def reasons(home: Home) -> list[str]:
    rows = home.rows("SELECT reason FROM post_media WHERE status = 'skipped' ORDER BY reason")
    return [str(reason) for (reason,) in rows]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _workers() -> list[tuple[int, float]]:
    """Find the workers of this process's crawls, with their seconds on the processor."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"monitor.sandbox.worker" in (folder / "cmdline").read_bytes():
                pid = int(folder.name)
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                if _parent(_parent(pid)) == os.getpid():
                    found.append((pid, ticks / os.sysconf("SC_CLK_TCK")))
        except OSError:
            continue
    return found


@contextmanager
def killing(most: int, when: Callable[[float], bool]) -> Iterator[list[int]]:
    """Kill workers at work, at most so many; gives which."""
    killed: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05) and len(killed) < most:
            for pid, seconds in _workers():
                if when(seconds) and pid not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


def is_slow(seconds: float) -> bool:
    return seconds > 1.2


def check_the_rest(home: Home, run: Run) -> None:
    assert run.outcome is Outcome.OK
    assert (run.counts.posts_new, run.counts.media_hashed) == (6, 3)
    assert run.counts.media_skipped == 3
    assert run.counts.findings == 1
    assert not home.rows("SELECT 1 FROM post_media WHERE status = 'failed'")


def test_hostile_pictures_are_skipped_and_the_others_matched(world: World, home: Home) -> None:
    run = crawl(home, world)
    check_the_rest(home, run)
    assert reasons(home) == ["takes too long to decode", "too many pixels", "truncated"]
    assert _workers() == []


def test_a_picture_whose_worker_is_killed_is_tried_once_more(world: World, home: Home) -> None:
    with killing(1, is_slow) as killed:
        run = crawl(home, world)
    assert len(killed) == 1
    check_the_rest(home, run)
    # By the second worker: the picture is as slow as before.
    assert "takes too long to decode" in reasons(home)


def test_a_picture_that_ends_two_workers_is_skipped(world: World, home: Home) -> None:
    with killing(2, is_slow) as killed:
        run = crawl(home, world)
    assert len(killed) == 2
    check_the_rest(home, run)
    assert reasons(home) == ["crashed the decoder", "too many pixels", "truncated"]
