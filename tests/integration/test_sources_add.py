"""What `haechi sources add` shows of a forum before it is watched, and what may be chosen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli.demo.site import Reply, Request
from monitor.models.run import Outcome
from monitor.models.source import SourceState
from schedules import runner
from tests.integration.world import Home, World, configuration, empty_world, new_home, small_talk


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as made:
        made.forum.add_board("Pets")
        small_talk(made)
        board = made.forum.boards[3]
        made.forum.add_thread(board, "Cats", made.forum.members[2], "A cat", made.later(), ())
        yield made


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    with new_home(tmp_path / "home", configuration(world)) as made:
        yield made


def test_a_forum_is_shown_before_it_is_watched(world: World, home: Home) -> None:
    ended = home.haechi("sources", "add", world.forum_address)
    assert ended.returncode == 0, ended.stderr
    assert "engine: phpbb, 100% sure" in ended.stdout
    assert "Photos" in ended.stdout
    assert "Pets" in ended.stdout
    assert "A cat" in ended.stdout
    assert f"watching {world.forum_address} every 15m" in ended.stdout
    assert home.rows("SELECT count(*) FROM posts") == [(0,)]
    assert home.source(world.forum_address).engine == "phpbb"
    # A watched one is not looked at again.
    world.forget()
    assert home.haechi("sources", "add", world.forum_address, "--every", "1h").returncode == 0
    assert world.site.requests == []


def test_one_board_may_be_chosen_by_its_title(world: World, home: Home) -> None:
    unknown = home.haechi("sources", "add", world.forum_address, "--board", "Dogs")
    assert unknown.returncode == 2
    assert "there is no such board; there are: 2, 3" in unknown.stderr
    ended = home.haechi("sources", "add", world.forum_address, "--board", "pets")
    assert ended.returncode == 0, ended.stderr
    assert "1 of its boards" in ended.stdout
    run = runner.crawl(home.source(world.forum_address), home.store, home.settings)
    assert run.outcome is Outcome.OK
    assert home.rows("SELECT text FROM posts") == [("A cat",)]
    shown = home.haechi("sources", "show", world.forum_address)
    assert "boards: Pets (1 of 2)" in shown.stdout
    assert home.haechi("sources", "add", world.forum_address, "--all").returncode == 0
    runner.crawl(home.source(world.forum_address), home.store, home.settings)
    assert home.rows("SELECT count(*) FROM posts") == [(7,)]


def test_a_site_that_is_no_forum_is_refused_and_one_that_is_down_is_not(
    world: World, home: Home
) -> None:
    world.site.route("/shop/", lambda _: Reply(b"<p>We sell umbrellas.</p>"))
    ended = home.haechi("sources", "add", f"{world.site.url}/shop/")
    assert ended.returncode == 2
    assert "nothing here looks like a forum" in ended.stderr
    assert "--anyway" in ended.stderr
    assert home.rows("SELECT count(*) FROM sources") == [(0,)]
    world.site.fail_next("/forum/", times=9)
    ended = home.haechi("sources", "add", world.forum_address)
    assert ended.returncode == 0
    assert "not looked at: the server answers 503" in ended.stderr
    assert home.source(world.forum_address).state is SourceState.NEW


def test_a_private_board_is_read_with_the_operators_own_cookies_only(
    world: World, home: Home, tmp_path: Path
) -> None:
    inner = world.site._routes["/forum/"]

    def for_members(request: Request) -> Reply:
        if request.cookies.get("sid") != "s3cret":
            login = b"<body id=phpbb class=section-index><form id=login><input type=password>"
            return Reply(login)
        return inner(request)

    world.site.route("/forum/", for_members)
    file = tmp_path / "cookies.txt"
    none = home.haechi("sources", "add", world.forum_address, "--cookies", str(file))
    assert none.returncode == 2
    assert "can't be read" in none.stderr
    later = int(time.time()) + 3_600
    head = "# Netscape HTTP Cookie File\n"
    file.write_text(f"{head}.other.example\tTRUE\t/\tFALSE\t{later}\tsid\ts3cret\n")
    other = home.haechi("sources", "add", world.forum_address, "--cookies", str(file))
    assert other.returncode == 2
    assert "has no cookies for 127.0.0.1" in other.stderr
    file.write_text(f"{head}127.0.0.1\tFALSE\t/\tFALSE\t1\tsid\ts3cret\n")
    old = home.haechi("sources", "add", world.forum_address, "--cookies", str(file))
    assert "have expired" in old.stderr
    file.write_text(f"{head}127.0.0.1\tFALSE\t/\tFALSE\t{later}\tsid\ts3cret\n")
    ended = home.haechi("sources", "add", world.forum_address, "--cookies", str(file))
    assert ended.returncode == 0, ended.stderr
    assert "A cat" in ended.stdout
    run = runner.crawl(home.source(world.forum_address), home.store, home.settings)
    assert (run.outcome, run.counts.posts_new) == (Outcome.OK, 7)
    shown = json.loads(home.haechi("sources", "show", world.forum_address, "--json").stdout)
    assert shown["source"]["cookies"] == str(file)
    log = "".join(path.read_text() for path in (home.folder / "logs").glob("*"))
    assert "s3cret" not in log + json.dumps(shown)
    file.unlink()
    run = runner.crawl(home.source(world.forum_address), home.store, home.settings)
    assert run.outcome is Outcome.FAILED
    assert "can't be read" in run.error
