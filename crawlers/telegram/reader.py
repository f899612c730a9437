"""Reads one channel by one account: its pages, and the files that its messages show."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from telethon import errors
from telethon.tl import functions, types

from crawlers.telegram.errors import AccountLost, CannotRead, Spent, Waiting
from crawlers.telegram.line import CHUNK, Line, explained
from crawlers.telegram.message import WEB, Page, StoredFile, file_of
from crawlers.telegram.peers import goes_by
from crawlers.walks.telegram_history import PAGE
from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.models.account import Peer
from monitor.models.source import SourceState
from pipelines.streams import Parts

# Messages whose files may still be asked for: the page at hand and the one after it.
_REMEMBERED: Final = 3 * PAGE
_LINK: Final = re.compile(re.escape(WEB) + r"/.{1,100}/([0-9]{1,18})\?([a-z]{1,10})")
_EXPIRED: Final = (
    errors.FileReferenceEmptyError,
    errors.FileReferenceExpiredError,
    errors.FileReferenceInvalidError,
)
_REPLACED: Final = "replaced or deleted meanwhile"

T = TypeVar("T")


class StalePeer(Exception):
    """What was known of a channel does not open it any more."""


class ChannelReader:
    """One channel; `page` is the walk's history, `media` and `video` fetch for the pipeline."""

    def __init__(
        self, line: Line, peer: Peer, *, url: str, max_bytes: int, max_whole_video_bytes: int
    ) -> None:
        """Prepare.

        Args:
            url: Names the channel in errors.
            max_bytes: Of one picture.
            max_whole_video_bytes: Larger videos are given in parts.
        """
        self.channel: types.Channel | None = None
        # The name that the channel must go by; None: it was found by its number.
        self.expected: str | None = None
        self.bytes = 0
        self._line = line
        self._peer = peer
        self._input = types.InputChannel(peer.channel_id, peer.access_hash)
        self._url = url
        self._max_bytes = max_bytes
        self._max_whole_bytes = max_whole_video_bytes
        self._messages: dict[int, Any] = {}

    async def page(self, *, above: int | None = None, below: int | None = None) -> Page:
        """Give a page; see `crawlers.walks.telegram_history.History`."""
        # Above an id, Telegram lays the window that ends right over it.
        request = functions.messages.GetHistoryRequest(
            peer=types.InputPeerChannel(self._peer.channel_id, self._peer.access_hash),
            offset_id=below or (0 if above is None else above + 1),
            offset_date=None,
            add_offset=0 if above is None else -PAGE,
            limit=PAGE,
            max_id=0,
            min_id=0,
            hash=0,
        )
        answer = await self._ask(request)
        page = self._read(answer)
        if above is not None:
            # At the upper end the window is moved down, over what is older.
            page = Page(
                page.channel,
                [one for one in page.messages if one.id > above],
                page.chats,
                page.users,
            )
        for one in page.messages:
            self._messages[one.id] = one
        for old in list(self._messages)[:-_REMEMBERED]:
            del self._messages[old]
        return page

    async def media(self, url: str) -> bytes:
        """Fetch a file; see `pipelines.services.MediaFetcher`."""
        message_id, part = _meant(url)
        with _told(url):
            return await self._of_file(message_id, part, self._fetched)

    async def video(self, url: str) -> bytes | Parts:
        """Fetch what may be a video; see `pipelines.services.VideoFetcher`."""

        async def fetched(file: StoredFile) -> bytes | Parts:
            if file.size is None or file.size <= self._max_whole_bytes:
                return await self._fetched(file)
            return Parts(file.size, b"", partial(self._part, url, file))

        message_id, part = _meant(url)
        with _told(url):
            return await self._of_file(message_id, part, fetched)

    async def _part(self, url: str, first: StoredFile, start: int, size: int) -> bytes:
        """Fetch a part of a file; see `pipelines.streams.Parts`."""

        async def fetched(file: StoredFile) -> bytes:
            data = b""
            while len(data) < size:
                chunk = await self._line.part(file.location, dc=file.dc, start=start + len(data))
                self.bytes += len(chunk)
                data += chunk
                if len(chunk) < CHUNK:
                    break
            return data[:size]

        message_id, part = _meant(url)
        with _told(url):
            data = await self._of_file(message_id, part, fetched, first)
        if len(data) < size:
            raise SourceUnavailable("the answer was cut off", url=url)
        return data

    async def _of_file(
        self,
        message_id: int,
        part: str,
        fetched: Callable[[StoredFile], Awaitable[T]],
        first: StoredFile | None = None,
    ) -> T:
        """Fetch of what a message shows, by what is known of it or asked for anew.

        Args:
            first: What it was before: it must be that still.

        Raises:
            MediaError: It is not there any more, or is another file by now.
        """
        file = file_of(self._messages.get(message_id), part)
        if file is None:
            file = file_of(await self._again(message_id), part)
        if file is None:
            raise MediaError("not there any more, or without a picture")
        if first is not None and file.id != first.id:
            raise MediaError(_REPLACED)
        try:
            return await fetched(file)
        except _EXPIRED:
            # Of photos and pictures of documents, nobody renews it for us.
            anew = file_of(await self._again(message_id), part)
            if anew is None or anew.id != file.id:
                raise MediaError(_REPLACED) from None
            return await fetched(anew)

    async def linked(self) -> Peer:
        """Find the discussion group of the channel.

        Raises:
            SourceUnavailable: It has none.
        """
        answer = await self._ask(functions.channels.GetFullChannelRequest(self._input))
        wanted = answer.full_chat.linked_chat_id
        self._line.know(answer.chats)
        for one in answer.chats:
            if one.id == wanted and isinstance(one, types.Channel) and one.access_hash is not None:
                return Peer(one.id, one.access_hash, None)
        raise SourceUnavailable(
            "The channel has no comments: no discussion group is linked to it.",
            url=self._url,
            state=SourceState.GONE,
        )

    async def _ask(self, request: Any) -> Any:  # noqa: ANN401 - of Telethon's types
        """Make a request about this channel."""
        try:
            return await self._line.ask(request)
        except (errors.ChannelInvalidError, errors.PeerIdInvalidError) as error:
            raise StalePeer from error
        except errors.ChannelPrivateError as error:
            raise SourceUnavailable(
                f"It is private now, or the account {self._line.name} was banned from it: look at "
                "it with the account in an official app.",
                url=self._url,
                state=SourceState.PRIVATE_OR_BANNED,
            ) from error
        except errors.RPCError as error:
            why = explained(error)
            state = SourceState.FAILING
            if why.endswith(("_RESTRICTED", "_BANNED")):
                state = SourceState.RESTRICTED
            said = f"Telegram answers {why} to the account {self._line.name}."
            raise SourceUnavailable(said, url=self._url, state=state) from error

    def _read(self, answer: Any) -> Page:  # noqa: ANN401 - of Telethon's types
        """Check an answer for what it leaves out, and say why."""
        chats = {one.id: one for one in answer.chats if isinstance(one, types.Channel)}
        channel = chats.get(self._peer.channel_id, self.channel)
        if channel is None:
            raise SourceUnavailable(
                f"It is not shown to the account {self._line.name}: private, or it was banned.",
                url=self._url,
                state=SourceState.PRIVATE_OR_BANNED,
            )
        messages = [one for one in answer.messages if not isinstance(one, types.MessageEmpty)]
        if not messages and channel.restriction_reason:
            raise self._restricted(channel)
        if self.expected is not None and not goes_by(channel, self.expected):
            raise StalePeer
        if self.channel is None:
            # Names change, and who is forwarded from is known for ever.
            self._line.know(answer.chats)
        self.channel = channel
        users = {one.id: one for one in answer.users if isinstance(one, types.User)}
        # Withheld ones count, too: then something is missing.
        is_whole = len(messages) >= getattr(answer, "count", len(messages))
        return Page(channel, messages, chats, users, is_whole)

    def _restricted(self, channel: types.Channel) -> SourceUnavailable:
        """Say why a channel is hidden, and what can be done."""
        reasons = {one.reason for one in channel.restriction_reason}
        if reasons & {"porn", "sensitive"}:
            said = (
                f"It is marked 18+, and hidden from the account {self._line.name}: let it see such "
                f"channels with `haechi telegram sensitive {self._line.name}`."
            )
        else:
            said = (
                f"Telegram hides it from the account {self._line.name} for legal reasons: an "
                "account of another country may see it."
            )
        return SourceUnavailable(said, url=self._url, state=SourceState.RESTRICTED)

    async def _again(self, message_id: int) -> Any:  # noqa: ANN401 - of Telethon's types
        """Ask for one message anew."""
        wanted = [types.InputMessageID(message_id)]
        answer = await self._line.ask(
            functions.channels.GetMessagesRequest(channel=self._input, id=wanted)
        )
        found = next((one for one in answer.messages if one.id == message_id), None)
        if found is not None and not isinstance(found, types.MessageEmpty):
            self._messages[message_id] = found
        return found

    async def _fetched(self, file: StoredFile) -> bytes:
        """Download a file within the limit."""
        if file.size is not None and file.size > self._max_bytes:
            raise MediaError("larger than the limit")
        data = await self._line.download(
            file.location, dc=file.dc, size=file.size, limit=self._max_bytes
        )
        if data is None:
            raise MediaError("larger than the limit")
        self.bytes += len(data)
        return data


def _meant(url: str) -> tuple[int, str]:
    """Tell which message an address of a file means, and what of it."""
    found = _LINK.fullmatch(url)
    if found is None:
        raise SourceUnavailable("it was seen by the web preview only", url=url)
    return int(found[1]), found[2]


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Tell the pipeline in its words why a file can't be had.

    Raises:
        AccountLost: The account can't read any more: that ends its crawl.
    """
    try:
        yield
    except errors.ChatForwardsRestrictedError:
        raise MediaError("the channel forbids saving") from None
    except _EXPIRED as error:
        raise SourceUnavailable("Telegram's reference to it expired", url=url) from error
    except errors.RPCError as error:
        raise SourceUnavailable(f"Telegram answers {explained(error)}", url=url) from error
    except AccountLost:
        raise
    except (Waiting, Spent) as error:
        raise NotAsked(str(error), url=url) from error
    except CannotRead as error:
        raise SourceUnavailable(str(error), url=url) from error
