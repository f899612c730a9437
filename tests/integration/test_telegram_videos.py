"""Large files of Telegram, read in parts from a real MTProto server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from crawlers.telegram.line import open_line
from crawlers.telegram.reader import ChannelReader
from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.store import accounts
from pipelines.streams import Parts, RemoteStream
from tests.fixtures import telegram
from tests.fixtures.telegram import PHONE, Server
from tests.fixtures.telegram_home import TelegramHome, home_of

NEWS = "@news_one"
MIB = 1 << 20
BLOCK = MIB // 2
SIZE = 200_000_000
URL = "https://t.me/news_one/{}?single"

World = dict[str, Any]
T = TypeVar("T")


def _video(number: int, **document: Any) -> World:
    mime = {"mime": "video/mp4", "video": True}
    return {"id": number, "date": 1_750_000_000 + 60 * number, "document": mime | document}


def _world(*messages: World) -> World:
    channel = {"id": 101, "username": "news_one", "title": "News", "messages": messages}
    return {"accounts": [{"phone": PHONE, "user": 1, "code": "12345"}], "channels": [channel]}


LARGE = _video(2, file="large.mp4")
SMALL = _video(3, file="small.mp4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    with (made / "large.mp4").open("wb") as file:
        file.write(bytes(range(256)) * 4)
        file.seek(100_000_000)
        file.write(b"middle")
        file.seek(SIZE - 3)
        file.write(b"end")
    (made / "small.mp4").write_bytes(bytes(range(251)) * 20_000)
    return made


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    with telegram.serving(folder, _world(LARGE, SMALL)) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.reload(_world(LARGE, SMALL))
    running.reset()
    return running


@pytest.fixture
def home(server: Server, tmp_path: Path) -> Iterator[TelegramHome]:
    with home_of(server, tmp_path / "home") as made:
        made.log_in()
        made.watch(NEWS)
        made.crawl(NEWS)
        server.reset()
        yield made


def reading(
    home: TelegramHome, read: Callable[[RemoteStream], T], *, max_bytes: int = 8 * MIB
) -> T:
    """Read the large file in a thread, as the steps do."""

    async def go() -> T:
        async with open_line("main", home.settings, home.store) as line:
            found = await _reader(home, line, max_bytes).video(URL.format(2))
            assert isinstance(found, Parts)
            assert (found.size, found.head) == (SIZE, b"")
            stream = RemoteStream(
                found,
                budget=64 * MIB,
                url=URL,
                deadline=time.monotonic() + 30,
                stopping=lambda: False,
            )
            return await asyncio.to_thread(read, stream)

    return asyncio.run(go())


def whole(home: TelegramHome, number: int, *, max_bytes: int = 8 * MIB) -> bytes | Parts:
    async def go() -> bytes | Parts:
        async with open_line("main", home.settings, home.store) as line:
            return await _reader(home, line, max_bytes).video(URL.format(number))

    return asyncio.run(go())


def _reader(home: TelegramHome, line: Any, max_bytes: int) -> ChannelReader:
    with home.store.read() as db:
        peer = accounts.peer(db, "main", username="news_one")
    assert peer is not None
    return ChannelReader(line, peer, url=NEWS, max_bytes=max_bytes, max_whole_video_bytes=max_bytes)


def parts_asked(server: Server) -> list[tuple[int, int]]:
    """Which parts were asked for: their first byte, and how many."""
    calls = [call["argument"] for call in server.calls("upload.getFile")]
    return [(int(call["offset"]), int(call["limit"])) for call in calls]


def test_of_a_large_file_only_those_parts_are_asked_for_that_are_read(
    home: TelegramHome, server: Server
) -> None:
    def read(stream: RemoteStream) -> tuple[bytes, ...]:
        return (
            stream.read_at(100, 4),
            stream.read_at(SIZE - 3, 10),
            stream.read_at(100_000_000, 6),
        )

    assert reading(home, read) == (bytes([100, 101, 102, 103]), b"end", b"middle")
    last, middle = SIZE // BLOCK * BLOCK, 100_000_000 // BLOCK * BLOCK
    assert parts_asked(server) == [(at, BLOCK) for at in (0, BLOCK, last, middle)]


def test_a_file_within_the_limit_is_had_as_a_whole(
    home: TelegramHome, server: Server, folder: Path
) -> None:
    assert whole(home, 3) == (folder / "small.mp4").read_bytes()
    assert len(parts_asked(server)) == 10
    small = whole(home, 3, max_bytes=5_019_999)
    assert isinstance(small, Parts)


def test_an_expired_reference_is_renewed_between_two_parts(
    home: TelegramHome, server: Server
) -> None:
    def read(stream: RemoteStream) -> bytes:
        stream.read_at(0, 1)
        server.expire_files()
        return stream.read_at(SIZE - 3, 3) + stream.read_at(100_000_000, 6)

    assert reading(home, read) == b"endmiddle"
    # Once to learn of the file, and once anew.
    assert len(server.calls("channels.getMessages")) == 2


@pytest.mark.parametrize(
    "messages", [(_video(2, file="small.mp4"),), (SMALL,)], ids=["replaced", "deleted"]
)
def test_what_is_replaced_or_deleted_meanwhile_is_not_read_on(
    home: TelegramHome, server: Server, messages: tuple[World, ...]
) -> None:
    def read(stream: RemoteStream) -> bytes:
        stream.read_at(0, 1)
        # The file itself is there as long as any message shows it.
        server.reload(_world(*messages, _video(4, file="large.mp4")))
        server.expire_files()
        return stream.read_at(SIZE - 3, 3)

    with pytest.raises(MediaError, match="replaced or deleted meanwhile"):
        reading(home, read)


def test_a_flood_within_a_file_is_waited_out_or_puts_it_off(
    home: TelegramHome, server: Server
) -> None:
    server.flood("upload.getFile", 1, after=1)
    assert reading(home, lambda stream: stream.read_at(SIZE - 3, 3)) == b"end"
    server.reset()
    server.flood("upload.getFile", 7_200, after=1)
    with pytest.raises(NotAsked, match=r"leave upload\.getFile until"):
        reading(home, lambda stream: stream.read_at(0, 3 * MIB))
    assert home.account().waits


def test_each_part_counts_for_the_day_of_the_account(home: TelegramHome, server: Server) -> None:
    before = home.account().requests
    reading(home, lambda stream: stream.read_at(0, 3 * MIB))
    # More than is wanted, as it is read on and on; one connects, and one is the message's.
    assert home.account().requests - before == 8 + 2


def test_a_spent_day_puts_off_what_is_left_of_a_file(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", requests_a_day=9) as home:
        home.log_in()
        home.watch(NEWS)
        home.crawl(NEWS)
        with pytest.raises(NotAsked, match="requests of today"):
            reading(home, lambda stream: stream.read_at(0, 20 * MIB))


def test_a_server_that_breaks_off_or_refuses_is_tried_another_day(
    home: TelegramHome, server: Server
) -> None:
    server.fail("upload.getFile", "SOMETHING_NEW", times=-1)
    with pytest.raises(SourceUnavailable, match="Telegram answers SOMETHING_NEW"):
        reading(home, lambda stream: stream.read_at(0, 1))
