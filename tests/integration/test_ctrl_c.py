"""Ctrl-C while `haechi crawl` is at work: what was read is kept, and nothing is left running."""

from __future__ import annotations

import signal
import time

import pytest

from monitor.models.run import Outcome
from tests.integration.processes import of_home
from tests.integration.world import Home, World, crawling


@pytest.mark.parametrize(
    ("times", "pause_s", "kept"), [(1, 0.3, "what was read"), (2, 30.0, "all but the page at hand")]
)
def test_a_crawl_is_stopped_after_its_page_or_at_once(
    times: int, pause_s: float, kept: str, world: World, world_home: Home
) -> None:
    world_home.watch(world.channel_address)
    world.telegram.delay("/file/", pause_s)
    with crawling(world, world_home) as process:
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1] == f"haechi: stopped; {kept} is kept, crawl again to go on"
    assert of_home(world_home) == []
    (run,) = world_home.runs()
    assert (run.outcome, run.counts.posts_new) == (Outcome.STOPPED, 6 if times == 1 else 0)
    assert "running" not in world_home.haechi("status").stdout.splitlines()[2]

    world.telegram.delay("/file/", 0)
    assert world_home.haechi("crawl", "--all").returncode == 0
    assert world_home.rows("SELECT count(*) FROM posts") == [(6,)]
