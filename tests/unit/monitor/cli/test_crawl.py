from __future__ import annotations

import signal
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

        def crawl(source: Source, _: Store, __: Settings, **___: object) -> Run:
            crawled.append(source.address)
            act()
            return Run("r1", source.id, NOW, NOW, outcome, counts, "no answer in time")

        monkeypatch.setattr(runner, "crawl", crawl)
        return crawled

    return put


def test_a_crawl_that_meets_nothing_new_says_so(at_home: Haechi, pretend: Pretend) -> None:
    pretend(Counts(pages=2, media_known=3))
    ended = at_home("crawl", "--all")
    assert ended.code == 0
    assert ended.out.splitlines()[-2:] == ["nothing new", "0 alerts mailed"]
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
    assert ended.err.splitlines()[-1] == (
        "haechi: stopped; what was read is kept, crawl again to go on"
    )
    assert crawled == ["@one"]
    assert signal.getsignal(signal.SIGINT) is before
