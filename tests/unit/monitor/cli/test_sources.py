from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.look import untold
from monitor.cli.places import interval, parse_address, parse_interval
from monitor.errors import Misuse
from monitor.locks import hold, source_lock
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import GENERIC, Source, SourceKind, SourceState
from monitor.settings import Settings
from monitor.store import runs, sources
from monitor.store.posts import Told
from monitor.store.store import Store
from schedules import runner
from tests.fixtures.stock import NOW, new_source

Haechi = Callable[..., Any]


@pytest.mark.parametrize(
    ("given", "kind", "address"),
    [
        ("@Some_Channel", "telegram", "@some_channel"),
        (" @channel ", "telegram", "@channel"),
        ("https://t.me/Channel", "telegram", "@channel"),
        ("https://t.me/s/channel", "telegram", "@channel"),
        ("https://t.me/channel/123?single", "telegram", "@channel"),
        ("t.me/channel", "telegram", "@channel"),
        ("@Channel/comments", "telegram", "@channel/comments"),
        ("@Channel/", "telegram", "@channel"),
        ("https://t.me/channel/comments", "telegram", "@channel/comments"),
        ("https://t.me/c/-1001591537674/12", "telegram", "telegram:1591537674"),
        ("telegram:1591537674", "telegram", "telegram:1591537674"),
        ("telegram:-1001591537674", "telegram", "telegram:1591537674"),
        ("https://t.me/c/1591537674/12", "telegram", "telegram:1591537674"),
        ("http://telegram.me/channel", "telegram", "@channel"),
        ("https://Forum.Example", "forum", "https://forum.example/"),
        ("forum.example/board/", "forum", "https://forum.example/board/"),
        ("http://127.0.0.1:8101/forum/", "forum", "http://127.0.0.1:8101/forum/"),
        ("http://[::1]:81/", "forum", "http://[::1]:81/"),
        ("https://a.example/?f=1#x", "forum", "https://a.example/?f=1"),
        ("https://a.example:443/forum", "forum", "https://a.example/forum/"),
        ("http://a.example:80/forum", "forum", "http://a.example/forum/"),
        ("https://a.example:80/", "forum", "https://a.example:80/"),
        ("http://[::1]:80/", "forum", "http://[::1]/"),
        ("https://a.example/index.php", "forum", "https://a.example/"),
        ("https://a.example/forum/index.html#top", "forum", "https://a.example/forum/"),
        ("https://a.example/forum/index.htm?sid=0a1b", "forum", "https://a.example/forum/"),
        ("https://a.example/index.php?board=2", "forum", "https://a.example/index.php?board=2"),
        ("https://a.example/myindex.php", "forum", "https://a.example/myindex.php"),
        ("https://a.example/forum.d/x", "forum", "https://a.example/forum.d/x/"),
        (
            "https://a.example/viewforum.php?sid=0a1b&f=1",
            "forum",
            "https://a.example/viewforum.php?f=1",
        ),
        ("https://a.example/forum?sid=0a1b", "forum", "https://a.example/forum/"),
        ("https://a.example/?sidebar=1", "forum", "https://a.example/?sidebar=1"),
    ],
)
def test_one_place_has_one_address_however_it_is_written(
    given: str, kind: str, address: str
) -> None:
    assert parse_address(given) == (SourceKind(kind), address)


NONE = [
    "",
    "@",
    "@ab",
    "@1channel",
    "@" + "x" * 40,
    "@chan nel",
    "@한글채널",
    "t.me/+invite",
    "https://t.me/joinchat/AAAA_bbb-cc",
    "https://t.me/addstickers/Some_set",
    "https://t.me/Share/url?url=x",
    "https://t.me/",
    "https://t.me/c/12x/5",
    "telegram:0",
    "telegram:-5",
    "telegram:name",
    "@channel/posts",
    "ftp://x",
    "ftp://forum.example/",
    "https://",
    "https:///x",
    "not a url",
    "forum",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://[::1",
    "https://a.example:99999/",
    "https://a.example:x/",
    "https://a b.example/",
    "https://a.example/\r\nHost: x",
    "https://user:secret@a.example/",
    "https://a.example/\u202eabc",
    "https://a.example/\u200b",
    "https://a.example/\x9b31m",
]


@pytest.mark.parametrize("given", NONE)
def test_anything_else_is_no_place(given: str) -> None:
    with pytest.raises(Misuse) as caught:
        parse_address(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("given", [one for one in NONE if one])
def test_a_wrong_address_is_misuse_in_one_line_and_is_not_watched(
    at_home: Haechi, given: str
) -> None:
    ended = at_home("sources", "add", given)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "cast" not in ended.err
    assert "IPv6" not in ended.err
    assert at_home("sources", "list", "--json").rows == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400)]
)
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_interval(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1s"), (90, "90s"), (600, "10m"), (5_400, "90m"), (3_600, "1h"), (172_800, "2d")],
)
def test_an_interval_is_written_as_people_write_it(seconds: int, text: str) -> None:
    assert interval(seconds) == text
    assert parse_interval(text) == seconds


def test_a_listing_has_intervals_as_people_write_them(at_home: Haechi) -> None:
    assert "watching @channel every 10m" in at_home("sources", "add", "@channel", "--every=600").out
    assert " 10m " in at_home("sources").out
    assert ", every 10m" in at_home("sources", "show", "@channel").out


@pytest.mark.parametrize("text", ["", "0", "0s", "-5m", "1.5h", "m", "5 w", "999999999", "367d"])
def test_anything_else_is_no_interval(text: str) -> None:
    with pytest.raises(Misuse, match=r"--every .* from 1s to 366d"):
        parse_interval(text)


def test_a_source_is_added_listed_shown_paused_resumed_and_removed(at_home: Haechi) -> None:
    assert at_home("sources", "add", "https://t.me/Channel", "--every", "10m").code == 0
    (row,) = at_home("sources", "list", "--json").rows
    assert (row["address"], row["interval_s"], row["state"]) == ("@channel", 600, "new")
    assert at_home("sources", "show", row["id"], "--json").rows[0]["source"] == row
    assert "never crawled yet" in at_home("sources", "show", "t.me/channel").out
    assert at_home("sources", "pause", "@channel").code == 0
    assert "paused" in at_home("sources").out
    assert at_home("sources", "resume", "@channel").code == 0
    assert at_home("sources", "list", "--json").rows == [row]
    assert at_home("sources", "remove", "@channel").code == 0
    assert at_home("sources", "list", "--json").rows == []


@pytest.mark.parametrize(
    "twin",
    [
        "http://forum.example/board/",
        "https://www.forum.example/board",
        "http://www.forum.example:80/board/index.php",
    ],
)
def test_a_forum_that_is_watched_by_another_address_is_refused(at_home: Haechi, twin: str) -> None:
    at_home("sources", "add", "https://forum.example/board/")
    ended = at_home("sources", "add", twin)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "the same place as https://forum.example/board/" in ended.err
    assert len(at_home("sources", "list", "--json").rows) == 1


@pytest.mark.parametrize(
    "other",
    [
        "https://forum.example/other/",
        "https://forum.example:8443/board/",
        "https://forum.example/board2/?f=2",
        "https://old.forum.example/board/",
        "@board",
    ],
)
def test_another_place_of_a_watched_site_is_no_twin(at_home: Haechi, other: str) -> None:
    at_home("sources", "add", "https://forum.example/board/")
    assert at_home("sources", "add", other).code == 0


def test_a_twin_of_an_address_that_an_older_haechi_kept_is_refused(
    at_home: Haechi, store: Store
) -> None:
    with store.write() as db:
        new_source(db, "https://forum.example/index.php")
    for address in ("https://forum.example/index.php", "https://forum.example/"):
        ended = at_home("sources", "add", address)
        assert ended.code == 2
        assert "as https://forum.example/index.php, which is watched already" in ended.err
    assert len(at_home("sources", "list", "--json").rows) == 1


@pytest.mark.parametrize(
    ("watched", "other", "how"),
    [
        ("https://forum.example/", "https://www.forum.example/viewforum.php?f=2", "is part of"),
        ("http://forum.example/a/", "https://forum.example/a/b/", "is part of"),
        ("https://forum.example/a/viewforum.php?f=2", "https://forum.example/a/", "has a part in"),
    ],
)
def test_a_forum_and_a_part_of_it_are_watched_both_only_on_request(
    at_home: Haechi, watched: str, other: str, how: str
) -> None:
    at_home("sources", "add", watched)
    ended = at_home("sources", "add", other)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert how in ended.err
    assert watched in ended.err
    assert len(at_home("sources", "list", "--json").rows) == 1
    assert at_home("sources", "add", other, "--anyway").code == 0
    assert at_home("sources", "add", watched, "--every", "1h").code == 0
    assert len(at_home("sources", "list", "--json").rows) == 2


def test_two_boards_of_a_forum_are_two_places(at_home: Haechi) -> None:
    for number in (1, 2):
        address = f"https://forum.example/viewforum.php?f={number}"
        assert at_home("sources", "add", address).code == 0


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("http://127.0.0.1:8101/", "127.0.0.1:8101"),
        ("http://localhost/", "127.0.0.1:80"),
        ("https://[fd00::1]/", "[fd00::1]:443"),
        ("https://forum.example/", ""),
        ("https://93.184.216.34/", ""),
    ],
)
def test_a_private_address_is_told_with_the_setting_that_opens_it(
    at_home: Haechi, folder: Path, address: str, entry: str
) -> None:
    told = at_home("sources", "add", address).err
    assert ("network.allow_private" in told) == bool(entry)
    assert entry in told
    path = folder / "haechi.toml"
    path.write_text(path.read_text() + f'[network]\nallow_private = ["{entry or "10.0.0.1"}"]\n')
    assert at_home("sources", "add", address).err == ""


def test_a_source_says_its_state_and_the_reason_apart(at_home: Haechi, store: Store) -> None:
    with store.write() as db:
        sources.failed(db, new_source(db).id, SourceState.GONE, "No channel of this name.")
    shown = at_home("sources", "show", "@channel").out
    assert "state: gone: No channel of this name.\n" in shown
    assert "engine" not in shown


def test_a_run_that_nobody_goes_on_with_is_not_called_running(
    at_home: Haechi, store: Store, folder: Path
) -> None:
    with store.write() as db:
        source = new_source(db)
        runs.start(db, source.id, NOW)
    with hold(folder, source_lock(source.id), what="a test"):
        assert "@channel: running" in at_home("status").out
        assert "running" in at_home("sources", "show", "@channel").out
    for command in (("status",), ("sources", "show", "@channel")):
        told = at_home(*command).out
        assert "interrupted" in told
        assert "@channel: running" not in told


def test_adding_twice_sets_the_interval_and_keeps_the_rest(at_home: Haechi, store: Store) -> None:
    at_home("sources", "add", "@channel")
    with store.write() as db:
        key = sources.every(db)[0].id
        sources.save_checkpoint(db, key, {"newest": 5})
    ended = at_home("sources", "add", "@channel", "--every", "1h")
    assert "already watched" in ended.out
    (row,) = at_home("sources", "list", "--json").rows
    assert row["interval_s"] == 3_600
    with store.read() as db:
        assert sources.load_checkpoint(db, key) == {"newest": 5}


def test_adding_twice_without_an_interval_keeps_the_one_that_was_set(at_home: Haechi) -> None:
    at_home("sources", "add", "@channel", "--every", "1h")
    at_home("sources", "pause", "@channel")
    assert at_home("sources", "add", "@channel").code == 0
    (row,) = at_home("sources", "list", "--json").rows
    assert (row["interval_s"], row["paused"]) == (3_600, True)


def test_a_source_that_was_removed_and_is_added_anew_is_crawled_again(
    at_home: Haechi, store: Store
) -> None:
    at_home("sources", "add", "@channel", "--every", "1h")
    at_home("sources", "pause", "@channel")
    with store.write() as db:
        sources.failed(db, sources.every(db)[0].id, SourceState.GONE, "gone")
    at_home("sources", "remove", "@channel")
    at_home("sources", "add", "@channel")
    (row,) = at_home("sources", "list", "--json").rows
    assert (row["paused"], row["state"], row["failures"]) == (False, "new", 0)


def test_a_trial_is_made_with_settings_that_the_environment_does_not_reach(
    at_home: Haechi, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Settings] = []

    def crawl(source: Source, _: Store, settings: Settings, **__: object) -> Run:
        used.append(settings)
        return Run("r1", source.id, NOW, NOW, Outcome.OK, "", Counts())

    monkeypatch.setattr(runner, "crawl", crawl)
    monkeypatch.setenv("HAECHI_STORE__URL", f"sqlite:///{folder / 'haechi.db'}")
    at_home("sources", "test", "@channel")
    (settings,) = used
    assert settings.is_sealed
    assert folder not in (settings.home, settings.state_folder)
    assert str(folder) not in settings.store_url
    assert at_home("sources", "list", "--json").rows == []


@pytest.mark.parametrize(
    "command",
    [
        ("sources", "show", "@nobody"),
        ("sources", "pause", "@nobody"),
        ("sources", "remove", "https://nobody.example/"),
        ("crawl", "@nobody"),
        ("crawl", "nobody"),
        ("posts", "--source", "@nobody"),
        ("search", "x", "--source", "@nobody"),
    ],
    ids=" ".join,
)
def test_a_source_that_is_not_watched_is_misuse(at_home: Haechi, command: tuple[str, ...]) -> None:
    ended = at_home(*command)
    assert ended.code == 2
    assert "unknown source" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("crawl",), "say which source"),
        (("crawl", "@channel", "--all"), "one of the two, not both"),
    ],
)
def test_a_crawl_needs_one_source_or_all(
    at_home: Haechi, command: tuple[str, ...], told: str
) -> None:
    ended = at_home(*command)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert told in ended.err


def test_a_crawl_of_nothing_says_how_to_begin(at_home: Haechi) -> None:
    ended = at_home("crawl", "--all")
    assert ended.code == 2
    assert "sources add" in ended.err


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(posts=0, authors=0, times=0, boards=0), ""),
        (Told(posts=4, authors=4, times=4, boards=4), ""),
        (
            Told(4, authors=3, times=0, boards=4),
            "not told: authors of 1 of 4 posts, times of all 4 posts",
        ),
    ],
)
def test_what_pages_do_not_tell_is_said(told: Told, said: str) -> None:
    assert untold(told) == said


def test_a_forum_of_unknown_software_is_shown_as_such(at_home: Haechi, store: Store) -> None:
    at_home("sources", "add", "https://forum.example/")
    with store.write() as db:
        sources.change(db, sources.every(db)[0].id, engine=GENERIC)
    shown = at_home("sources", "show", "https://forum.example/")
    assert "engine generic (unknown software, read by general signals)" in shown.out
