"""Reads Telegram sources by the accounts that are logged in, and says when none can."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection
from telethon import errors
from telethon.tl import functions, types

from crawlers.context import CrawlContext
from crawlers.source_run import Elsewhere, SourceRun
from crawlers.telegram.errors import AccountLost, CannotRead, Spent, Unreachable, Waiting
from crawlers.telegram.line import RESOLVE, Line, explained, method_of, open_line
from crawlers.telegram.message import is_copy_of_post
from crawlers.telegram.peers import goes_by, peer_of, username
from crawlers.telegram.reader import ChannelReader, StalePeer
from crawlers.walks.telegram_history import walk
from monitor.clock import Clock, utc_now
from monitor.errors import Busy, NotConfigured, SourceUnavailable
from monitor.models.account import Account, AccountState, Peer
from monitor.models.post import Batch, Json
from monitor.models.run import Counts
from monitor.models.source import COMMENTS, Source, SourceState
from monitor.store import accounts, sources
from pipelines.chain import process

_HISTORY: Final = "messages.getHistory"
_COMMENTS: Final = f"/{COMMENTS}"
_BY_ID: Final = re.compile(r"telegram:([0-9]{1,18})")
# What an account met is believed for so long, before it tries again.
_BELIEVED: Final = timedelta(days=1)
_MET: Final = (SourceState.PRIVATE_OR_BANNED, SourceState.RESTRICTED, SourceState.GONE)
# So it is for every account, and for the web preview.
_FINAL: Final = (SourceState.GONE, SourceState.MIGRATED)
_AWAY: Final = timedelta(minutes=1)


class Collector:
    """One a process: its connections are kept from one source to the next."""

    def __init__(
        self,
        context: CrawlContext,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare.

        Args:
            sleep: Waits some seconds; with `clock`, lets a benchmark go through days.
        """
        self._context = context
        self._clock = clock
        self._sleep = sleep
        self._store = context.store
        self._settings = context.config
        self._lines: dict[str, tuple[Line, AsyncExitStack]] = {}
        self._unreachable_until = clock()

    def has_accounts(self) -> bool:
        """Tell whether any account was logged in."""
        with self._store.read() as db:
            return accounts.has_any(db)

    def preview_name(self, source: Source) -> str | None:
        """Give the name under which the web preview shows a source; None: it does not."""
        if _is_comments(source):
            return None
        with self._store.read() as db:
            checkpoint = sources.load_checkpoint(db, source.id)
        return self._latest_name(source, _channel_id(source, checkpoint)) or None

    async def close(self) -> None:
        """Disconnect."""
        for name in list(self._lines):
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        """Disconnect an account, and let others use it."""
        _, opened = self._lines.pop(name, (None, None))
        if opened is not None:
            await opened.aclose()

    async def crawl(self, run: SourceRun) -> None:
        """Crawl a source by the first account that can.

        Raises:
            Elsewhere: None can; the run is open.
        """
        with self._store.read() as db:
            checkpoint = sources.load_checkpoint(db, run.source.id)
        refusals: list[Elsewhere] = []
        for account, why_not in self._in_order(run.source, checkpoint):
            if why_not is not None:
                refusals.append(why_not)
                continue
            run.via = account.name
            try:
                with run.recorded():
                    await self._read(run, account.name)
            except Elsewhere as elsewhere:
                refusals.append(elsewhere)
            else:
                return
        said = " ".join(dict.fromkeys(map(str, refusals)))
        # What an account met there says more than why another one did not look.
        states = sorted((one.state for one in refusals), key=lambda one: one not in _MET)
        raise Elsewhere(said or "No Telegram account is logged in.", states[0] if states else None)

    def _in_order(
        self, source: Source, checkpoint: Mapping[str, Json]
    ) -> list[tuple[Account, Elsewhere | None]]:
        """List the accounts, best first, and why one can't read the source without asking."""
        now = self._clock()
        listed = []
        with self._store.read() as db:
            views = {one.via: one for one in sources.views(db, source.id)}
            for one in accounts.every(db, now):
                knows = self._peer(db, one.name, source, checkpoint) is not None
                view = views.get(one.name)
                why = self._why_not(one, knows=knows)
                if why is None and view is not None and view.state in _MET:
                    is_fresh = now - view.at < _BELIEVED and not self._context.anew
                    why = Elsewhere(view.detail, view.state) if is_fresh else None
                listed.append((not knows, one.requests, one.name, one, why))
        listed.sort(key=lambda row: row[:3])
        return [(one, why) for *_, one, why in listed]

    def _why_not(self, account: Account, *, knows: bool) -> Elsewhere | None:
        """Say why an account need not be asked."""
        if account.state is not AccountState.OK:
            return Elsewhere(account.state_detail, SourceState.FAILING)
        if self._clock() < self._unreachable_until:
            return Elsewhere("Telegram can't be reached.", SourceState.FAILING)
        refusal = self._must_rest(account, knows=knows)
        return None if refusal is None else Elsewhere(str(refusal), SourceState.FAILING)

    def _must_rest(self, account: Account, *, knows: bool) -> CannotRead | None:
        """Tell what the account's line would say, before there is a connection."""
        limits, now = self._settings.telegram, self._clock()
        soon = now + timedelta(seconds=limits.flood_wait_s)
        for method in (_HISTORY,) if knows else (_HISTORY, method_of(RESOLVE)):
            until = account.waits.get(method, now)
            if until > soon:
                return Waiting(account.name, method, until)
        if account.requests >= limits.requests_a_day:
            return Spent.requests(account.name, limits.requests_a_day)
        if not knows and account.names >= limits.names_a_day:
            return Spent.names(account.name, limits.names_a_day)
        return None

    async def _read(self, run: SourceRun, name: str) -> None:
        """Read a source by one account, page by page.

        Raises:
            Elsewhere: The account can't read it.
            SourceUnavailable: Nobody can.
        """
        try:
            line = await self._line(name)
            await self._pages(run, line)
        except CannotRead as error:
            if self._context.stopping:
                return
            if isinstance(error, Unreachable):
                self._unreachable_until = self._clock() + _AWAY
            if isinstance(error, AccountLost | Unreachable):
                await self._drop(name)
            raise Elsewhere(str(error), SourceState.FAILING) from error
        except Busy as error:
            raise Elsewhere(f"{error}.", None) from error
        except NotConfigured as error:
            raise Elsewhere(f"{error}.", SourceState.FAILING) from error
        except SourceUnavailable as error:
            if error.state in _FINAL:
                raise
            raise Elsewhere(str(error), error.state) from error

    async def _line(self, name: str) -> Line:
        """Open an account's line, or go on with it."""
        if name not in self._lines:
            opened = AsyncExitStack()
            line = open_line(
                name,
                self._settings,
                self._store,
                stopping=lambda: self._context.stopping,
                clock=self._clock,
                sleep=self._sleep,
            )
            self._lines[name] = await opened.enter_async_context(line), opened
        return self._lines[name][0]

    async def _pages(self, run: SourceRun, line: Line) -> None:
        """Take the source's pages through the pipeline."""
        began, floods = line.requests, line.flood_waits
        try:
            reader = await self._reader(run.source, line)
        finally:
            line.flush()
            run.cost += Counts(requests=line.requests - began)
            began = line.requests

        async def batches(checkpoint: Mapping[str, Json]) -> AsyncGenerator[Batch]:
            nonlocal reader
            try:
                async with aclosing(self._walk(run, reader, checkpoint)) as pages:
                    async for batch in pages:
                        yield batch
            except StalePeer:
                # An account's own key of a channel; it is found anew by the channel's name.
                reader = await self._reader(run.source, line, anew=True)
                async with aclosing(self._walk(run, reader, checkpoint)) as pages:
                    async for batch in pages:
                        yield batch

        services = self._context.services(
            lambda url: reader.media(url), lambda url: reader.video(url)
        )
        try:
            async with aclosing(run.batches(batches)) as given:
                async for batch in given:
                    counts = await process([batch], run.source, run.id, services)
                    if not run.took(counts):
                        break
        except StalePeer as error:
            said = f"What the account {line.name} knows of it does not open it any more."
            raise SourceUnavailable(said, url=run.source.address) from error
        finally:
            line.flush()
            run.cost += Counts(
                requests=line.requests - began,
                bytes=reader.bytes,
                flood_waits=line.flood_waits - floods,
            )
        _note(run, reader)

    def _walk(
        self, run: SourceRun, reader: ChannelReader, checkpoint: Mapping[str, Json]
    ) -> AsyncGenerator[Batch]:
        crawl = self._settings.crawl
        return walk(
            reader,
            checkpoint,
            depth=crawl.depth,
            max_pages=crawl.max_pages,
            since=self._settings.telegram.since,
            # Copies of the channel's posts, which are the channel's own source's.
            skip=is_copy_of_post if _is_comments(run.source) else lambda _: False,
        )

    async def _reader(self, source: Source, line: Line, *, anew: bool = False) -> ChannelReader:
        """Find what opens the source for an account; its name is looked up if need be."""
        with self._store.read() as db:
            checkpoint = sources.load_checkpoint(db, source.id)
            peer = None if anew else self._peer(db, line.name, source, checkpoint)
        if peer is None:
            peer = await self._looked_up(source, line, _channel_id(source, checkpoint))
        reader = self._reader_of(source, line, peer)
        known = _known_id(checkpoint)
        if _is_comments(source) and peer.channel_id != known:
            linked = await reader.linked()
            if known is not None and linked.channel_id != known:
                said = (
                    "Another discussion group is linked now: remove this source, and add it anew."
                )
                raise SourceUnavailable(said, url=source.address, state=SourceState.GONE)
            reader = self._reader_of(source, line, linked)
        elif known is None and not anew:
            # By a name that was met somewhere: the page tells whether it is still the channel's.
            reader.expected = _name(source) or None
        return reader

    def _reader_of(self, source: Source, line: Line, peer: Peer) -> ChannelReader:
        network = self._settings.network
        return ChannelReader(
            line,
            peer,
            url=source.address,
            max_bytes=network.max_media_bytes,
            max_whole_video_bytes=network.max_whole_video_bytes,
        )

    def _peer(
        self, db: Connection, name: str, source: Source, checkpoint: Mapping[str, Json]
    ) -> Peer | None:
        """Find what an account knows of a source: by its id, once that is known, for ever."""
        known = _channel_id(source, checkpoint)
        if known is not None:
            return accounts.peer(db, name, channel_id=known)
        return accounts.peer(db, name, username=_name(source))

    async def _looked_up(self, source: Source, line: Line, known: int | None) -> Peer:
        """Ask Telegram who has a name.

        Args:
            known: The channel's id, where it was read before.
        """
        if source.address.startswith("telegram:"):
            return await self._looked_up_by_id(source, line, known or 0)
        name = self._latest_name(source, known)
        found = _meant(await self._resolved(name, source, line))
        if found is None:
            said = f"@{name} is a person or a bot, not a channel."
            raise SourceUnavailable(said, url=source.address, state=SourceState.GONE)
        if isinstance(found, types.ChannelForbidden):
            said = f"It is private, or the account {line.name} was banned from it."
            state = SourceState.PRIVATE_OR_BANNED
            raise SourceUnavailable(said, url=source.address, state=state)
        peer = peer_of(found)
        if peer is None:
            said = f"Telegram does not show it to the account {line.name}."
            state = SourceState.PRIVATE_OR_BANNED
            raise SourceUnavailable(said, url=source.address, state=state)
        if known is not None and peer.channel_id != known and not _is_comments(source):
            said = "Another channel has taken this name: remove this source, and add it anew."
            raise SourceUnavailable(said, url=source.address, state=SourceState.GONE)
        return peer

    async def _resolved(self, name: str, source: Source, line: Line) -> types.contacts.ResolvedPeer:
        """Ask who has a name."""
        try:
            answer = await line.ask(functions.contacts.ResolveUsernameRequest(name))
        except (errors.UsernameNotOccupiedError, errors.UsernameInvalidError) as error:
            said = f"No channel is named @{name} (any more): deleted, renamed, or mistyped."
            raise SourceUnavailable(said, url=source.address, state=SourceState.GONE) from error
        except errors.RPCError as error:
            said = f"Telegram answers {explained(error)} to the look-up of @{name}."
            raise SourceUnavailable(said, url=source.address) from error
        line.know(answer.chats)
        return answer

    async def _looked_up_by_id(self, source: Source, line: Line, channel_id: int) -> Peer:
        """Find a channel that is known by its number only."""
        name = self._latest_name(source, channel_id)
        if name:
            found = _meant(await self._resolved(name, source, line))
            peer = peer_of(found) if found is not None and found.id == channel_id else None
            if peer is not None:
                return peer
        try:
            answer = await line.ask(functions.messages.GetChatsRequest([channel_id]))
        except errors.RPCError:
            chats = []
        else:
            chats = [one for one in answer.chats if one.id == channel_id]
        moved = getattr(chats[0], "migrated_to", None) if chats else None
        if isinstance(moved, types.InputChannel):
            with self._store.write() as db:
                accounts.know(db, line.name, [Peer(moved.channel_id, moved.access_hash, None)])
            raise SourceUnavailable(
                "This group became a supergroup, with another number: "
                f"haechi sources add telegram:{moved.channel_id}",
                url=source.address,
                state=SourceState.MIGRATED,
            )
        raise SourceUnavailable(
            f"The account {line.name} does not know this number: a channel is known once its name "
            "was looked up, or a post that was forwarded from it was read.",
            url=source.address,
        )

    def _latest_name(self, source: Source, channel_id: int | None) -> str:
        """Give the name that a channel had when an account saw it last."""
        if channel_id is not None and not _is_comments(source):
            with self._store.read() as db:
                for one in accounts.every(db, self._clock()):
                    peer = accounts.peer(db, one.name, channel_id=channel_id)
                    if peer is not None and peer.username is not None:
                        return peer.username
        return _name(source)


def _meant(answer: types.contacts.ResolvedPeer) -> types.Channel | types.ChannelForbidden | None:
    """Find the channel that an answer to a look-up means; None: it is no channel."""
    if not isinstance(answer.peer, types.PeerChannel):
        return None
    wanted = answer.peer.channel_id
    return next((one for one in answer.chats if one.id == wanted), None)


def _is_comments(source: Source) -> bool:
    return source.address.endswith(_COMMENTS)


def _name(source: Source) -> str:
    """Give the name in a source's address; empty where it has a number instead."""
    if not source.address.startswith("@"):
        return ""
    return source.address.removeprefix("@").removesuffix(_COMMENTS)


def _channel_id(source: Source, checkpoint: Mapping[str, Json]) -> int | None:
    """Give Telegram's number of what a source is; None: not known yet."""
    found = _BY_ID.fullmatch(source.address)
    return int(found[1]) if found else _known_id(checkpoint)


def _known_id(checkpoint: Mapping[str, Json]) -> int | None:
    """Read the channel's number from a checkpoint, where it is negative."""
    channel = checkpoint.get("channel")
    number = channel.get("id") if isinstance(channel, dict) else None
    return -number if isinstance(number, int) else None


def _note(run: SourceRun, reader: ChannelReader) -> None:
    """Tell the operator what is particular to a channel that was read well."""
    channel, name = reader.channel, _name(run.source)
    if channel is None:
        return
    if name and not _is_comments(run.source) and not goes_by(channel, name):
        now = username(channel)
        said = f"Its name is @{now} now" if now else "It has no public name any more"
        run.note_state = SourceState.RENAMED
        run.note = f"{said}: it is read on by its number, as {run.source.address}."
    elif channel.noforwards:
        run.note = "Its owner forbids to save and forward; what Haechi keeps is hashes only."
