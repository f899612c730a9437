"""A crawl that is stopped on a page of many slow pictures: the page is stored, if without them."""

from __future__ import annotations

import time

import pytest

from monitor.models.run import Outcome
from monitor.models.source import SourceState
from tests.integration.processes import of_home
from tests.integration.world import Home, World, copy, crawling


@pytest.mark.parametrize("pause_s", [1.0, 30.0])
def test_a_page_whose_pictures_take_long_is_stored_at_once_and_they_come_later(
    pause_s: float, world: World, world_home: Home
) -> None:
    world.message("an album", *(copy(number) for number in range(20, 30)))
    world_home.watch(world.channel_address)
    world.telegram.delay("/file/", pause_s)
    with crawling(world, world_home) as process:
        process.send_signal(2)
        asked = time.monotonic()
        _, told = process.communicate(timeout=20)
    assert time.monotonic() - asked < 6
    assert process.returncode == 130
    assert told.splitlines()[-1] == ("haechi: stopped; what was read is kept, crawl again to go on")
    assert of_home(world_home) == []
    (run,) = world_home.runs()
    assert (run.outcome, run.error, run.counts.posts_new) == (Outcome.STOPPED, "", 7)
    assert run.counts.media_failed > 8
    source = world_home.source(world.channel_address)
    assert source.state is SourceState.OK
    assert source.last_new_at is not None

    world.telegram.delay("/file/", 0)
    assert world_home.haechi("crawl", "--all").returncode == 0
    assert world_home.rows("SELECT count(*) FROM posts") == [(7,)]
    assert world_home.rows("SELECT count(*) FROM post_media WHERE status != 'hashed'") == [(0,)]
