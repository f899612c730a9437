"""`haechi run` as an operator meets it: signals, a second one, and sources that change."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.models.run import Outcome
from schedules import daemon as daemon_module
from schedules.daemon import Daemon
from schedules.jobs import HOUSEKEEPING
from tests.integration.processes import of_home, wait_until_gone
from tests.integration.world import Home, World, configuration, new_home


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    """A home that watches the channel."""
    extra = {"network": {"timeout_s": 60}}
    with new_home(tmp_path / "home", configuration(world), extra) as made:
        made.enrol("case-1", 1)
        made.watch(world.channel_address)
        yield made


@contextmanager
def running(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Run `haechi run`; whatever the test does, nothing of it stays."""
    process = subprocess.Popen(
        home.command("run"),
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(is_so: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def posts(home: Home) -> int:
    return int(str(home.rows("SELECT count(*) FROM posts")[0][0]))


@pytest.mark.parametrize(
    ("path", "pause_s", "kept"),
    [("/file/", 0.3, 6), ("/file/", 50.0, 6), ("/s/", 50.0, 0)],
    ids=["quick", "stuck at a picture", "stuck at a page"],
)
def test_a_daemon_that_is_asked_to_stop_in_mid_crawl_ends_in_time(
    path: str, pause_s: float, kept: int, world: World, home: Home
) -> None:
    world.telegram.delay(path, pause_s)
    with running(home) as process:
        wait_for(lambda: world.telegram.asked(path))
        process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        assert process.wait(15) == 0
        assert time.monotonic() - asked_at < 10
    assert of_home(home) == []
    (run,) = home.runs()
    assert run.outcome is Outcome.STOPPED
    assert run.ended_at is not None
    # The page at hand is there as a whole or not at all, and its checkpoint with it.
    assert posts(home) == run.counts.posts_new == kept
    spans = home.rows("SELECT value FROM checkpoints WHERE key = 'spans'")
    assert spans == ([("[[1, 7]]",)] if kept else [])
    # The mail waits for the next start.
    world.telegram.delay(path, 0)
    assert home.haechi("crawl", "--all").returncode == 0
    assert posts(home) == 6
    assert len(world.mailbox.mails) == 1


def test_a_crawl_ends_by_itself_when_its_daemon_is_killed(world: World, home: Home) -> None:
    world.telegram.delay("/s/", 5.0)
    with running(home) as process:
        wait_for(lambda: world.telegram.asked("/s/"))
        process.kill()
        process.wait(5)
    assert len(of_home(home)) == 1
    # While it is there, nobody else may crawl its source.
    refused = home.haechi("crawl", world.channel_address)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "another crawl of @small_news is at work" in refused.stderr
    # Whom it names is there to be stopped.
    assert f"(process {process.pid})" not in refused.stderr
    assert wait_until_gone(home, 8) == []
    assert posts(home) == 6

    world.telegram.delay("/s/", 0)
    assert home.haechi("crawl", "--all").returncode == 0
    assert {run.outcome for run in home.runs()} <= {Outcome.OK, Outcome.STOPPED}
    assert posts(home) == 6
    assert len(world.mailbox.mails) == 1


def test_a_second_daemon_on_a_home_refuses_in_one_line(world: World, home: Home) -> None:
    with running(home) as first:
        wait_for(lambda: world.telegram.asked("/s/"))
        second = home.haechi("run")
        assert second.returncode == 1
        assert second.stdout == ""
        assert second.stderr.count("\n") == 1
        assert "another `haechi run` is at work" in second.stderr
        assert str(first.pid) in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(10) == 0
    assert of_home(home) == []


def test_sources_that_are_added_or_paused_are_taken_over_at_work(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = tuple(replace(job, every_s=0.3) for job in HOUSEKEEPING)
    monkeypatch.setattr(daemon_module, "HOUSEKEEPING", often)
    daemon = Daemon(home.store, home.settings)
    thread = threading.Thread(target=daemon.run, kwargs={"install_signal_handlers": False})
    thread.start()

    def ended(address: str) -> int:
        source = home.source(address)
        return sum(run.source_id == source.id and run.ended_at is not None for run in home.runs())

    try:
        wait_for(lambda: ended(world.channel_address) == 1)
        assert home.haechi("sources", "add", world.forum_address, "--every", "1s").returncode == 0
        wait_for(lambda: ended(world.forum_address) >= 1)
        assert home.haechi("sources", "pause", world.forum_address).returncode == 0
        time.sleep(1)
        wait_for(lambda: all(run.ended_at is not None for run in home.runs()))
        before = ended(world.forum_address)
        time.sleep(2.5)
        assert ended(world.forum_address) == before
    finally:
        daemon.stop()
        thread.join(20)
    assert not thread.is_alive()
    assert {run.outcome for run in home.runs()} <= {Outcome.OK, Outcome.STOPPED}
    assert of_home(home) == []
