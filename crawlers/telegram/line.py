"""One account's line to Telegram: the one place that paces, counts, and waits out floods."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from telethon import TelegramClient, errors
from telethon.sessions import StringSession
from telethon.tl import TLObject, TLRequest, functions

from crawlers.telegram import session as sessions
from crawlers.telegram.errors import AccountLost, CannotRead, Spent, Unreachable, Waiting
from crawlers.telegram.peers import peer_of
from monitor import __version__
from monitor.clock import Clock, utc_now
from monitor.errors import NotConfigured
from monitor.models.account import AccountState
from monitor.settings import Settings
from monitor.store import accounts
from monitor.store.store import Store

log = structlog.get_logger(__name__)

# All that is ever asked of Telegram while crawling: whatever else a library might try, Haechi joins
# nothing, writes nothing, reacts to nothing.
_READS: Final = (
    functions.channels.GetFullChannelRequest,
    functions.channels.GetMessagesRequest,
    functions.contacts.ResolveUsernameRequest,
    functions.messages.GetChatsRequest,
    functions.messages.GetHistoryRequest,
    functions.upload.GetFileRequest,
)
RESOLVE: Final = functions.contacts.ResolveUsernameRequest

# Of one request: then something is wrong, and another crawl goes on.
_MOST_WAITS: Final = 5
_SLICE_S: Final = 0.2
# How many requests are counted in memory before the store is told.
_COUNTED: Final = 20
# The most that Telethon asks for at once.
CHUNK: Final = 512 << 10

# No longer than this, whatever a server says: then it is asked again.
_LONGEST_S: Final = 7 * 86_400

_AGAIN: Final = "log in again with `haechi telegram login {name}`"
_ANOTHER: Final = "log in another one with `haechi telegram login NAME`"
# The first that fits; any other refusal of who asks is a log-in that ended.
_LOST: Final[dict[type[Exception], tuple[AccountState, str]]] = {
    errors.AuthKeyDuplicatedError: (
        AccountState.DUPLICATED,
        "was used from two places at once, which ends a log-in: make sure that its file is in one "
        f"place only, then {_AGAIN}",
    ),
    errors.UserDeactivatedBanError: (
        AccountState.BANNED,
        f"was banned by Telegram: write to recover@telegram.org, or {_ANOTHER}",
    ),
    errors.PhoneNumberBannedError: (
        AccountState.BANNED,
        f"was banned by Telegram: write to recover@telegram.org, or {_ANOTHER}",
    ),
    errors.UserDeactivatedError: (AccountState.BANNED, f"was deleted: {_ANOTHER}"),
    errors.SessionRevokedError: (
        AccountState.LOGGED_OUT,
        f"was logged out from another device: {_AGAIN}",
    ),
    errors.AuthKeyNotFound: (
        AccountState.LOGGED_OUT,
        f"is not known to Telegram's server any more: {_AGAIN}",
    ),
    errors.UnauthorizedError: (AccountState.LOGGED_OUT, f"is logged out: {_AGAIN}"),
}
_FROZEN: Final = (
    AccountState.FROZEN,
    "was frozen by Telegram: appeal in an official app, which says how",
)


class Line:
    """Asks by one account.

    Attributes:
        name: The account's.
        requests: Made by this line.
        flood_waits: How often Telegram made it wait.
    """

    def __init__(
        self,
        name: str,
        client: TelegramClient,
        store: Store,
        settings: Settings,
        *,
        stopping: Callable[[], bool] = lambda: False,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare.

        Args:
            client: Connected; it must not wait out floods by itself.
            stopping: Asked while it waits.
            sleep: Waits some seconds; with `clock`, lets a benchmark go through a day.
        """
        self.name = name
        self.requests = 0
        self.flood_waits = 0
        self._client = client
        self._store = store
        self._limits = settings.telegram
        self._stopping = stopping
        self._clock = clock
        self._sleep = sleep
        self._next_at: datetime | None = None
        self._uncounted = 0
        with store.read() as db:
            account = accounts.get(db, name, clock())
        if account is None:
            raise NotConfigured(f"no Telegram account {name}; see `haechi telegram`")
        self._waits = dict(account.waits)
        self._left = self._limits.requests_a_day - account.requests
        self._names_left = self._limits.names_a_day - account.names
        self._day = clock().date()

    async def ask(self, request: TLRequest) -> Any:  # noqa: ANN401 - of the request's type
        """Make a request, when it may be made.

        Raises:
            CannotRead: The account can't, now or at all; it is recorded where that is of use.
            RPCError: Telegram refuses the request.
        """
        if not isinstance(request, _READS):
            raise TypeError(f"Haechi does not use {type(request).__name__}")
        return await self._with_patience(
            method_of(request), lambda: self._in_time(self._client(request))
        )

    async def download(
        self,
        location: TLObject,
        *,
        dc: int,
        size: int | None,
        limit: int,
    ) -> bytes | None:
        """Download a file.

        Args:
            location: An `InputFileLocation`.
            dc: Number of the data centre that has it.
            size: As Telegram says.
            limit: Most bytes.

        Returns:
            None: It is larger.

        Raises:
            CannotRead: As for `ask`.
            RPCError: Telegram refuses it.
        """
        found: bytes | None = await self._with_patience(
            "upload.getFile", lambda: self._download(location, dc, size, limit)
        )
        return found

    async def _download(
        self, location: TLObject, dc: int, size: int | None, limit: int
    ) -> bytes | None:
        data = bytearray()
        chunks = self._client.iter_download(location, dc_id=dc, file_size=size, request_size=CHUNK)
        while chunk := await self._in_time(anext(chunks, b"")):
            # Each is a request; the first was counted.
            if data:
                self.count()
            data += chunk
            if len(data) > limit:
                return None
        return bytes(data)

    async def part(self, location: TLObject, *, dc: int, start: int) -> bytes:
        """Download a part of a file.

        Args:
            location, dc: As for `download`.
            start: A multiple of `CHUNK`.

        Returns:
            So many bytes; less at the end of the file.

        Raises:
            CannotRead: As for `ask`.
            RPCError: Telegram refuses it.
        """
        found: bytes = await self._with_patience(
            "upload.getFile", lambda: self._part(location, dc, start)
        )
        return found

    async def _part(self, location: TLObject, dc: int, start: int) -> bytes:
        chunks = self._client.iter_download(
            location, dc_id=dc, offset=start, limit=1, request_size=CHUNK
        )
        return bytes(await self._in_time(anext(chunks, b"")))

    async def _in_time(self, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - as it is given
        """Wait for an answer no longer than is set: Telethon would wait for ever."""
        return await asyncio.wait_for(answer, self._limits.timeout_s)

    async def rest(self, seconds: float) -> None:
        """Wait; ends early when the crawl is to end.

        Raises:
            CannotRead: It is to end.
        """
        until = self._clock() + timedelta(seconds=seconds)
        while (left := (until - self._clock()).total_seconds()) > 0:
            if self._stopping():
                raise CannotRead("the crawl was stopped")
            await self._sleep(min(left, _SLICE_S) if self._sleep is asyncio.sleep else left)

    def flush(self) -> None:
        """Tell the store what was asked since the last time."""
        if self._uncounted:
            asked, self._uncounted = self._uncounted, 0
            with self._store.write() as db:
                accounts.spend(db, self.name, self._clock(), requests=asked)

    def know(self, chats: list[Any]) -> None:
        """Keep what an answer tells of channels: who has been seen need not be looked up."""
        peers = [peer for one in chats if (peer := peer_of(one)) is not None]
        if peers:
            with self._store.write() as db:
                accounts.know(db, self.name, peers)

    async def _with_patience(self, method: str, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Do a request: wait for its turn, and again as long as Telegram says, within limits."""
        for _ in range(_MOST_WAITS):
            await self._wait_for(method)
            await self._take_turn(method)
            try:
                return await work()
            except (errors.FloodWaitError, errors.FloodPremiumWaitError) as flood:
                self._flooded(method, max(1, flood.seconds))
            except TimeoutError as error:
                raise Unreachable("Telegram does not answer in time.") from error
            except (ConnectionError, OSError, asyncio.IncompleteReadError) as error:
                raise Unreachable("Telegram can't be reached.") from error
            except (errors.RPCError, errors.AuthKeyNotFound) as error:
                if said := _lost(error):
                    raise self.lost(*said) from error
                raise
            except ValueError as error:
                # Telethon's word for a data centre that Telegram's list does not have.
                raise Unreachable("Telegram leads to a server that it does not name.") from error
        raise self._waiting(method)

    async def _wait_for(self, method: str) -> None:
        """Wait out what Telegram said of this kind of request, if that is short."""
        until = self._waits.get(method)
        left = 0.0 if until is None else (until - self._clock()).total_seconds()
        if left > self._limits.flood_wait_s:
            raise self._waiting(method)
        if left > 0:
            await self.rest(left)
        self._waits.pop(method, None)

    async def _take_turn(self, method: str) -> None:
        """Keep the pause between two requests, and the day's budget."""
        now = self._clock()
        if now.date() != self._day:
            self._day = now.date()
            self._left = self._limits.requests_a_day
            self._names_left = self._limits.names_a_day
        if self._left <= 0:
            raise Spent.requests(self.name, self._limits.requests_a_day)
        is_name = method == method_of(RESOLVE)
        if is_name and self._names_left <= 0:
            raise Spent.names(self.name, self._limits.names_a_day)
        # Files come from elsewhere, in pieces, and Telegram counts them otherwise.
        if method != "upload.getFile":
            if self._next_at is not None and self._next_at > now:
                await self.rest((self._next_at - now).total_seconds())
            self._next_at = self._clock() + timedelta(seconds=self._limits.delay_s)
        self.count()
        if is_name:
            # Before it is made: a crash must not give a second one away.
            self._names_left -= 1
            asked, self._uncounted = self._uncounted, 0
            with self._store.write() as db:
                accounts.spend(db, self.name, self._clock(), requests=asked, names=1)

    def count(self) -> None:
        """Count a request."""
        self.requests += 1
        self._left -= 1
        self._uncounted += 1
        if self._uncounted >= _COUNTED:
            self.flush()

    def _flooded(self, method: str, seconds: int) -> None:
        """Keep in mind, and in the store, how long Telegram wants to be left alone."""
        until = self._clock() + timedelta(seconds=min(seconds, _LONGEST_S))
        self._waits[method] = until
        self.flood_waits += 1
        log.info("telegram.flood", account=self.name, method=method, seconds=seconds)
        with self._store.write() as db:
            accounts.wait(db, self.name, method, until)

    def _waiting(self, method: str) -> Waiting:
        return Waiting(self.name, method, self._waits.get(method, self._clock()))

    def lost(self, state: AccountState, why: str) -> AccountLost:
        """Record that the account can't read any more."""
        message = f"The Telegram account {self.name} {why.format(name=self.name)}."
        log.warning("telegram.account_lost", account=self.name, state=state.value)
        with self._store.write() as db:
            accounts.set_state(db, self.name, state, message)
        return AccountLost(message, state)


def _lost(error: Exception) -> tuple[AccountState, str] | None:
    """Tell whether an account can't read any more, and why."""
    if isinstance(error, errors.RPCError) and explained(error).startswith("FROZEN"):
        return _FROZEN
    return next((said for kind, said in _LOST.items() if isinstance(error, kind)), None)


def method_of(request: TLRequest | type[TLRequest]) -> str:
    """Name a request as Telegram does: "messages.getHistory"."""
    kind = request if isinstance(request, type) else type(request)
    space = kind.__module__.rpartition(".")[2]
    name = kind.__name__.removesuffix("Request")
    return f"{space}.{name[0].lower()}{name[1:]}"


class _Quiet(TelegramClient):  # type: ignore[misc]  # Telethon has no types
    """A client that asks for nothing by itself when it connects: who it is, and what is new."""

    async def get_me(self, input_peer: bool = False) -> None:
        """Tell nobody."""


def new_client(
    settings: Settings, session: StringSession, *, is_quiet: bool = False
) -> TelegramClient:
    """Make a client that leaves all waiting to the line.

    Args:
        is_quiet: It is logged in, and only reads.

    Raises:
        NotConfigured: api_id and api_hash are missing.
    """
    given = settings.telegram
    api_id, api_hash = given.api_id, settings.api_hash()
    if given.dc and (api_id is None or api_hash is None):
        # A server of one's own asks for none.
        api_id, api_hash = 1, "0" * 32
    if api_id is None or api_hash is None:
        raise NotConfigured(
            "telegram.api_id and telegram.api_hash are not set: get them at my.telegram.org, then "
            "set api_id in haechi.toml, and HAECHI_TELEGRAM__API_HASH or telegram.api_hash_file"
        )
    sessions.trust(settings)
    return (_Quiet if is_quiet else TelegramClient)(
        session,
        api_id,
        api_hash,
        device_model="Haechi",
        app_version=__version__,
        receive_updates=False,
        flood_sleep_threshold=0,
        connection_retries=2,
        request_retries=3,
        raise_last_call_error=True,
        timeout=max(1, round(settings.network.timeout_s)),
    )


@asynccontextmanager
async def open_line(
    name: str, settings: Settings, store: Store, **more: Any
) -> AsyncIterator[Line]:
    """Use an account while the block runs: no other process can meanwhile.

    Args:
        more: As `Line` takes it.

    Raises:
        Busy: Another process uses it.
        NotConfigured: Its log-in can't be opened.
        CannotRead: It can't be connected.
    """
    async with sessions.waited_for(settings, name):
        client = new_client(settings, sessions.load(settings, name), is_quiet=True)
        line = Line(name, client, store, settings, **more)
        try:
            async with connected(client, settings):
                line.count()
                yield line
        except (errors.RPCError, errors.AuthKeyNotFound) as error:
            if said := _lost(error):
                raise line.lost(*said) from error
            raise Unreachable(f"Telegram answers {explained(error)}.") from error
        finally:
            line.flush()


@asynccontextmanager
async def connected(client: TelegramClient, settings: Settings) -> AsyncIterator[None]:
    """Keep a client connected while the block runs.

    Raises:
        Unreachable: Telegram can't be reached.
    """
    try:
        try:
            await asyncio.wait_for(client.connect(), settings.telegram.timeout_s)
        except (ConnectionError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            where = settings.telegram.dc.partition(" ")[2] or "its servers"
            # Telethon's word for a server that has another key than those that are known.
            if "auth_key" in str(error):
                said = (
                    f"{where} does not prove to be Telegram's: telegram.dc_public_key names its key"
                )
                raise Unreachable(f"{said}.") from error
            raise Unreachable(f"Telegram can't be reached ({where}).") from error
        yield
    finally:
        leaving = client.disconnect()
        if leaving is not None:
            await leaving


def explained(error: Exception) -> str:
    """Name a refusal as Telegram does, in capital letters: nothing else of it is shown."""
    name = type(error).__name__.removesuffix("Error")
    if type(error).__module__ != errors.rpcbaseerrors.__name__:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    # One that Telethon does not know by name.
    found = re.search(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", str(getattr(error, "message", "")))
    return found[0] if found else name
