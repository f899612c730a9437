from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from crawlers.telegram.errors import AccountLost, CannotRead, Spent, Unreachable, Waiting
from crawlers.telegram.line import Line, explained, method_of
from monitor.errors import NotConfigured
from monitor.models.account import AccountState
from monitor.store import accounts
from monitor.store.store import Store
from tests.fixtures.stock import NOW, StoppedClock, new_store, settings_of

HISTORY = functions.messages.GetHistoryRequest(
    types.InputPeerChannel(1, 2), 0, None, 0, 100, 0, 0, 0
)
NAME = functions.contacts.ResolveUsernameRequest("news")


class Client:
    """Answers with what it is told to; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, request: Any) -> Any:
        self.asked.append(method_of(request))
        answer = self.answers.pop(0) if self.answers else "answer"
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Desk:
    """An account with a clock that moves while it waits."""

    def __init__(self, store: Store, folder: Path, **limits: Any) -> None:
        self.store = store
        self.clock = StoppedClock()
        self.waited: list[float] = []
        self.settings = settings_of(folder, telegram=limits)

    def line(self, client: Client) -> Line:
        return Line(
            "main",
            client,
            self.store,
            self.settings,
            clock=self.clock,
            sleep=self._sleep,
        )

    def ask(self, line: Line, *requests: Any) -> list[Any]:
        async def go() -> list[Any]:
            return [await line.ask(request) for request in requests]

        return asyncio.run(go())

    def account(self) -> Any:
        with self.store.read() as db:
            return accounts.get(db, "main", self.clock())

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(round(seconds, 3))
        self.clock.move(seconds=seconds)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    with made.write() as db:
        accounts.add(db, "main", 1, NOW)
    yield made
    made.close()


def flood(seconds: int) -> Exception:
    return errors.FloodWaitError(None, seconds)


def test_requests_are_a_pause_apart(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path, delay_s=2)
    line = desk.line(Client())
    desk.ask(line, HISTORY, HISTORY, HISTORY)
    assert desk.waited == [2, 2]
    line.flush()
    assert desk.account().requests == 3


def test_a_short_flood_is_waited_out_and_the_request_made_again(
    store: Store, tmp_path: Path
) -> None:
    desk = Desk(store, tmp_path, delay_s=0, flood_wait_s=60)
    client = Client(flood(7), flood(60), "page")
    line = desk.line(client)
    assert desk.ask(line, HISTORY) == ["page"]
    assert (desk.waited, line.flood_waits) == ([7, 60], 2)


def test_a_long_flood_is_kept_and_nothing_is_asked_until_it_is_over(
    store: Store, tmp_path: Path
) -> None:
    desk = Desk(store, tmp_path, delay_s=0)
    with pytest.raises(Waiting, match=r"leave messages\.getHistory until 2026-11-23 11:30:00Z"):
        desk.ask(desk.line(Client(flood(7_200))), HISTORY)
    # Another process finds it in the store; other kinds of requests are made.
    client = Client()
    line = desk.line(client)
    with pytest.raises(Waiting):
        desk.ask(line, HISTORY)
    desk.ask(line, NAME)
    assert client.asked == ["contacts.resolveUsername"]
    desk.clock.move(seconds=7_200)
    desk.ask(line, HISTORY)
    assert desk.waited == []


def test_floods_without_end_end_the_request(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path, delay_s=0)
    client = Client(*(flood(1) for _ in range(9)))
    with pytest.raises(Waiting):
        desk.ask(desk.line(client), HISTORY)
    assert len(client.asked) == 5


def test_names_are_counted_before_they_are_asked_for(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path, delay_s=0, names_a_day=2)
    client = Client(ConnectionError(), "one")
    with pytest.raises(Unreachable):
        desk.ask(desk.line(client), NAME)
    assert desk.account().names == 1
    desk.ask(desk.line(client), NAME)
    with pytest.raises(Spent, match="2 names of today"):
        desk.ask(desk.line(client), NAME)
    desk.clock.move(hours=24)
    desk.ask(desk.line(client), NAME)
    assert desk.account().names == 1


def test_a_budget_begins_anew_in_the_line_of_a_long_crawl(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path, delay_s=0, requests_a_day=2)
    line = desk.line(Client())
    desk.ask(line, HISTORY, HISTORY)
    with pytest.raises(Spent, match="2 requests of today"):
        desk.ask(line, HISTORY)
    desk.clock.move(hours=24)
    desk.ask(line, HISTORY)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.UserDeactivatedBanError(None), AccountState.BANNED),
        (errors.AuthKeyDuplicatedError(None), AccountState.DUPLICATED),
        (errors.AuthKeyUnregisteredError(None), AccountState.LOGGED_OUT),
        (errors.SessionRevokedError(None), AccountState.LOGGED_OUT),
        (errors.FrozenMethodInvalidError(None), AccountState.FROZEN),
        (errors.FloodError(None, "FROZEN_SOMETHING_NEW"), AccountState.FROZEN),
    ],
)
def test_an_account_that_is_lost_is_recorded_with_the_way_out(
    store: Store, tmp_path: Path, error: Exception, state: AccountState
) -> None:
    desk = Desk(store, tmp_path, delay_s=0)
    with pytest.raises(AccountLost) as told:
        desk.ask(desk.line(Client(error)), HISTORY)
    assert told.value.state is desk.account().state is state
    assert desk.account().state_detail == str(told.value)
    assert "main" in str(told.value)


def test_what_is_not_reading_is_never_asked(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path, delay_s=0)
    client = Client()
    channel = types.InputChannel(1, 2)
    for request in (
        functions.channels.JoinChannelRequest(channel),
        functions.messages.SendMessageRequest(types.InputPeerSelf(), "x"),
        functions.messages.ImportChatInviteRequest("x"),
        functions.messages.SendReactionRequest(types.InputPeerSelf(), 1),
    ):
        with pytest.raises(TypeError, match="Haechi does not use"):
            desk.ask(desk.line(client), request)
    assert client.asked == []


def test_a_crawl_that_is_to_end_does_not_wait(store: Store, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, telegram={"delay_s": 60})
    line = Line("main", Client(), store, settings, stopping=lambda: True)
    desk = Desk(store, tmp_path)
    with pytest.raises(CannotRead, match="stopped"):
        desk.ask(line, HISTORY, HISTORY)


def test_a_line_needs_an_account(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="no Telegram account other"):
        Line("other", Client(), store, settings_of(tmp_path))


def test_waits_that_are_over_are_not_told(store: Store) -> None:
    with store.write() as db:
        accounts.wait(db, "main", "upload.getFile", NOW + timedelta(seconds=5))
    with store.read() as db:
        assert list(accounts.every(db, NOW)[0].waits) == ["upload.getFile"]
        assert accounts.every(db, NOW + timedelta(seconds=6))[0].waits == {}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("SOMETHING_NEW", "SOMETHING_NEW"),
        ("<b>click</b> A_WORD http://x", "A_WORD"),
        ("nothing of it", "BadRequest"),
    ],
)
def test_a_refusal_is_named_by_its_capitals_only(message: str, shown: str) -> None:
    assert explained(errors.BadRequestError(None, message)) == shown
