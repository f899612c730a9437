from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source
from monitor.settings import Settings
from monitor.store.store import Store
from schedules import runner
from tests.fixtures.stock import NOW, found, new_source

Haechi = Callable[..., Any]
Pretend = Callable[..., list[str]]


@pytest.fixture
def pretend(store: Store, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Watch two channels and have crawls of them end as told; gives what is crawled."""
    with store.write() as db:
        for address in ("@one", "@two"):
            new_source(db, address)

    def put(counts: Counts, outcome: Outcome = Outcome.OK, act: Callable[[], None] = list) -> list:
        crawled: list[str] = []
        error = "" if outcome in (Outcome.OK, Outcome.STOPPED) else "no answer in time"

        def crawl(source: Source, _: Store, __: Settings, **___: object) -> Run:
            crawled.append(source.address)
            act()
            return Run("r1", source.id, NOW, NOW, outcome, counts, error)

        monkeypatch.setattr(runner, "crawl", crawl)
        return crawled

    return put


def test_a_crawl_that_meets_nothing_new_says_so(at_home: Haechi, pretend: Pretend) -> None:
    pretend(Counts(pages=2, media_known=3))
    ended = at_home("crawl", "--all")
    assert ended.code == 0
    assert ended.out.count("ok, nothing new") == 2
    assert ended.out.endswith("\n0 alerts mailed\n")
    for counts in (Counts(posts_new=1), Counts(posts_edited=1), Counts(findings=1)):
        pretend(counts)
        assert "nothing new" not in at_home("crawl", "--all").out
    pretend(Counts(), Outcome.UNAVAILABLE)
    assert "nothing new" not in at_home("crawl", "--all").out


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.UNAVAILABLE])
def test_a_mail_server_that_is_down_is_told_after_the_runs_by_code_3(
    at_home: Haechi, pretend: Pretend, store: Store, options: tuple[str, ...], outcome: Outcome
) -> None:
    pretend(Counts(), outcome)
    with store.write() as db:
        found(db)
    ended = at_home("crawl", "@one", *options)
    assert ended.code == 3
    assert "@one" in ended.out
    last = ended.err.splitlines()[-1]
    assert last.startswith("haechi: 1 alert not mailed yet: the SMTP server 127.0.0.1:9")
    assert "haechi alerts retry" in last


def test_a_crawl_that_fails_while_all_is_delivered_is_code_1(
    at_home: Haechi, pretend: Pretend
) -> None:
    pretend(Counts(), Outcome.UNAVAILABLE)
    ended = at_home("crawl", "@one")
    assert (ended.code, ended.err) == (1, "haechi: @one: no answer in time\n")


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_crawl_with_what_was_read_and_starts_no_other(
    at_home: Haechi, pretend: Pretend, times: int
) -> None:
    def press() -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    crawled = pretend(Counts(posts_new=1), Outcome.STOPPED, press)
    ended = at_home("crawl", "--all")
    assert ended.code == 130
    kept = "what was read" if times == 1 else "all but the page at hand"
    assert ended.err.splitlines()[-1] == f"haechi: stopped; {kept} is kept, crawl again to go on"
    assert crawled == ["@one"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("command", [("crawl", "--all"), ("sources", "test", "http://10.1.2.3/")])
def test_a_private_address_is_told_once_by_the_way_out(
    at_home: Haechi, store: Store, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def crawl(source: Source, *_: object, **__: object) -> Run:
        return Run("r1", source.id, NOW, NOW, Outcome.UNAVAILABLE, Counts(), "not fetched: blocked")

    monkeypatch.setattr(runner, "crawl", crawl)
    with store.write() as db:
        new_source(db, "http://10.1.2.3/")
    ended = at_home(*command)
    told = ended.out + ended.err
    assert ended.code == 1
    assert told.count("network.allow_private") == 1
    assert "blocked" not in told


def test_a_daemon_on_a_terminal_tells_of_runs_that_met_something(
    at_home: Haechi, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as db:
        key = new_source(db).id

    class Pretended:
        def __init__(self, *_: object, on_run: Callable[[Run], None]) -> None:
            self.on_run = on_run

        def run(self) -> None:
            for counts in (Counts(pages=3), Counts(posts_new=2, findings=1)):
                self.on_run(Run("r1", key, NOW, NOW, Outcome.OK, counts, ""))
            self.on_run(Run("r2", key, NOW, NOW, Outcome.UNAVAILABLE, Counts(), "\x1b[2Jno answer"))
            self.on_run(Run("r3", "removed", NOW, NOW, Outcome.OK, Counts(posts_new=1), ""))

    monkeypatch.setattr("schedules.daemon.Daemon", Pretended)
    assert "@channel" not in at_home("run").err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert at_home("run").err.splitlines()[1:-1] == [
        "2026-11-23 09:30:00Z  @channel: 2 new posts, 1 finding",
        "2026-11-23 09:30:00Z  @channel: unavailable: \\x1b[2Jno answer",
    ]
