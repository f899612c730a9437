"""A stock Telethon reads the test server as it would read Telegram."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from telethon import TelegramClient, errors, functions, types
from telethon.sessions import MemorySession

from tests.fixtures import telegram
from tests.fixtures.telegram import CODE, OTHER_PHONE, PHONE, Server, log_in

THIRD_PHONE = "+15550000003"
PASSWORD = "correct horse"  # noqa: S105
MANY = 100_000
MISSING = {9, 50, 51}


def _picture(path: Path, side: int, shade: int) -> bytes:
    image = Image.linear_gradient("L").resize((side, side)).point(lambda v: (v + shade) % 256)
    image.save(path, "JPEG")
    return path.read_bytes()


def _world() -> dict[str, Any]:
    photo = {
        "sizes": [
            {"type": "i", "stripped": "ASg="},
            {"type": "m", "file": "small.jpg"},
            {"type": "y", "file": "large.jpg", "progressive": [500, 900]},
        ]
    }
    messages: list[dict[str, Any]] = [
        {"id": n, "text": f"post {n}", "views": n, "deleted": n in MISSING} for n in range(2, 241)
    ]
    messages[-1] |= {"photo": photo, "edit_date": 1_800_000_000, "reactions": {"👍": 3, "🔥": 9}}
    messages[-2] |= {"forward": {"channel": 103, "post": 7, "date": 1_690_000_000}}
    messages[-3] |= {"forward": {"name": "Somebody", "date": 1_690_000_000}}
    messages[-4] |= {
        "document": {
            "file": "video.bin",
            "name": "a.mp4",
            "mime": "video/mp4",
            "video": True,
            "duration": 3.5,
            "w": 640,
            "h": 360,
            "thumbs": [{"type": "m", "file": "small.jpg"}],
        }
    }
    for n in (5, 6, 7):
        messages[-n] |= {"photo": "large.jpg", "grouped_id": 77}
    messages[-8] |= {"document": {"file": "small.jpg", "mime": "image/webp", "sticker": "🙂"}}
    messages[-9] |= {"webpage": {"url": "https://example.org/", "title": "E", "photo": "large.jpg"}}
    return {
        "accounts": [
            {"phone": PHONE, "user": 1, "code": CODE},
            {"phone": OTHER_PHONE, "user": 2, "code": CODE},
            {"phone": THIRD_PHONE, "user": 3, "code": CODE, "password": PASSWORD},
        ],
        "users": [{"id": 50, "name": "Reader"}],
        "channels": [
            {
                "id": 101,
                "username": "news_one",
                "title": "News",
                "about": "What is new",
                "participants": 1234,
                "linked": 102,
                "messages": [{"id": 1, "service": {"create": "News"}}, *messages],
            },
            {
                "id": 102,
                "kind": "supergroup",
                "title": "News talk",
                "messages": [
                    {
                        "id": 1,
                        "thread_of": 240,
                        "from_channel": 101,
                        "text": "post 240",
                        "forward": {"channel": 101, "post": 240},
                    },
                    {"id": 2, "from": 50, "reply_to": 1, "text": "first"},
                    {"id": 3, "from": 50, "reply_to": 2, "thread": 1, "text": "second"},
                    {"id": 4, "from": 50, "text": "elsewhere"},
                ],
            },
            {"id": 103, "username": "origin_one", "title": "Origin"},
            {"id": 104, "username": "shut_one", "title": "Shut", "closed_to": [PHONE]},
            {
                "id": 105,
                "username": "adult_one",
                "title": "18+",
                "restricted": [{"platform": "all", "reason": "porn", "text": "Adults only"}],
                "hidden": True,
                "noforwards": True,
                "messages": [{"id": 1, "text": "hidden"}],
            },
            {
                "id": 106,
                "username": "large_one",
                "title": "Large",
                "generate": {"count": MANY, "text": "message {id}"},
            },
            {
                "id": 107,
                "kind": "chat",
                "title": "Old group",
                "migrated_to": 108,
                "messages": [{"id": 1, "from": 50, "service": {"migrate_to": 108}}],
            },
            {"id": 108, "kind": "supergroup", "title": "New group", "migrated_from": 107},
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    _picture(made / "small.jpg", 90, 0)
    _picture(made / "large.jpg", 900, 40)
    (made / "video.bin").write_bytes(hashlib.shake_256(b"video").digest(1_400_001))
    return made


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    with telegram.serving(folder, _world()) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server as it began, whatever the test before did."""
    running.reload(_world())
    running.reset()
    return running


def _run(
    server: Server,
    work: Callable[[TelegramClient], Awaitable[None]],
    *,
    phone: str = PHONE,
    **options: Any,
) -> None:
    async def go() -> None:
        async with _Connected(server, phone, options) as client:
            await work(client)

    asyncio.run(go())


class _Connected:
    """A client that is logged in and leaves in the end."""

    def __init__(self, server: Server, phone: str | None, options: dict[str, Any]) -> None:
        self._client = server.client(**options)
        self._phone = phone

    async def __aenter__(self) -> TelegramClient:
        if self._phone:
            await log_in(self._client, self._phone)
        else:
            await self._client.connect()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.disconnect()


def test_nobody_is_let_in_without_the_code(server: Server) -> None:
    async def go() -> None:
        async with _Connected(server, None, {}) as client:
            assert not await client.is_user_authorized()
            with pytest.raises(errors.AuthKeyUnregisteredError):
                await client(functions.contacts.ResolveUsernameRequest("news_one"))
            await client.send_code_request(PHONE)
            with pytest.raises(errors.PhoneCodeInvalidError):
                await client.sign_in(PHONE, "00000")
            await client.sign_in(PHONE, CODE)
            me = await client.get_me()
            assert (me.id, me.phone) == (1, PHONE[1:])
            with pytest.raises(errors.PhoneNumberInvalidError):
                await client.send_code_request("+19990000000")

    asyncio.run(go())


def test_a_password_is_asked_for_where_one_is_set(server: Server) -> None:
    async def go() -> None:
        async with _Connected(server, None, {}) as client:
            await client.send_code_request(THIRD_PHONE)
            with pytest.raises(errors.SessionPasswordNeededError):
                await client.sign_in(THIRD_PHONE, CODE)
            with pytest.raises(errors.PasswordHashInvalidError):
                await client.sign_in(password="wrong")  # noqa: S106
            await client.sign_in(password=PASSWORD)
            assert (await client.get_me()).id == 3

    asyncio.run(go())


def test_a_session_stays_logged_in_for_the_next_client(server: Server) -> None:
    session = MemorySession()

    async def go() -> None:
        first = server.client(session)
        await log_in(first)
        key = session.auth_key
        await first.disconnect()
        again = MemorySession()
        again.auth_key = key
        second = server.client(again)
        await second.connect()
        assert await second.is_user_authorized()
        await second.disconnect()

    asyncio.run(go())


def test_history_skips_what_is_deleted_in_both_directions(server: Server) -> None:
    there = [n for n in range(1, 241) if n not in MISSING]

    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")

        async def read(**wanted: Any) -> list[int]:
            return [m.id async for m in client.iter_messages(channel, wait_time=0, **wanted)]

        assert await read() == there[::-1]
        assert await read(reverse=True) == there
        assert await read(min_id=120, reverse=True) == [n for n in there if n > 120]
        assert await read(offset_id=53, limit=3) == [52, 49, 48]
        assert await read(min_id=40, max_id=60) == [n for n in there[::-1] if 40 < n < 60]
        by_id = await client.get_messages(channel, ids=[8, 9, 10, 999])
        assert [m and m.id for m in by_id] == [8, None, 10, None]
        assert (await client.get_messages(channel, limit=1)).total == len(there)

    _run(server, work)
    # Telethon believes an ascending end only when a page is empty.
    assert len(server.calls("messages.getHistory")) == 3 + 4 + 3 + 1 + 1 + 1
    assert len(server.calls("contacts.resolveUsername")) == 1


def test_a_window_is_laid_before_it_is_held_against_the_ids(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        peer = await client.get_input_entity("news_one")

        async def page(**wanted: int) -> list[int]:
            asked = dict.fromkeys(
                ("offset_id", "add_offset", "limit", "max_id", "min_id", "hash"), 0
            )
            request = functions.messages.GetHistoryRequest(
                peer, offset_date=None, **(asked | wanted)
            )
            return [m.id for m in (await client(request)).messages]

        assert await page(limit=100, max_id=20) == []
        assert await page(limit=5, min_id=238) == [240, 239]
        assert await page(limit=3, offset_id=200, add_offset=-3) == [202, 201, 200]
        assert await page(limit=10, offset_id=239, add_offset=-10) == [240, 239]
        assert await page(limit=3, offset_id=200, add_offset=2) == [197, 196, 195]
        assert len(await page(limit=500)) == 100
        assert len(await page(limit=0)) == 20
        world = _world()
        world["channels"][0]["messages"][-2]["withheld"] = True
        server.reload(world)
        assert await page(limit=3) == [240, 238]

    _run(server, work)


def test_messages_show_their_kinds(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        by_id = {m.id: m async for m in client.iter_messages(channel, limit=12)}
        assert [m.id for m in by_id.values() if m.grouped_id == 77] == [236, 235, 234]
        assert by_id[236].photo.id == by_id[235].photo.id
        assert by_id[239].forward.chat.title == "Origin"
        assert by_id[239].fwd_from.channel_post == 7
        assert by_id[238].fwd_from.from_id is None
        assert by_id[238].fwd_from.from_name == "Somebody"
        assert by_id[240].edit_date
        assert by_id[240].views == 240
        counts = [(r.reaction.emoticon, r.count) for r in by_id[240].reactions.results]
        assert counts == [("🔥", 9), ("👍", 3)]
        assert by_id[237].video
        assert by_id[237].file.duration == 3.5
        assert by_id[233].sticker
        assert by_id[232].web_preview.photo
        assert isinstance(by_id[232].media, types.MessageMediaWebPage)
        first = await client.get_messages(channel, ids=1)
        assert isinstance(first.action, types.MessageActionChannelCreate)

    _run(server, work)


def test_comments_are_read_from_the_linked_group(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        post = await client.get_messages(channel, ids=240)
        assert (post.replies.comments, post.replies.replies) == (True, 2)
        comments = [m async for m in client.iter_messages(channel, reply_to=240)]
        assert [m.text for m in comments] == ["second", "first"]
        assert comments[0].sender.first_name == "Reader"
        full = await client(functions.channels.GetFullChannelRequest(channel))
        assert full.full_chat.linked_chat_id == 102
        assert full.full_chat.participants_count == 1234
        with pytest.raises(errors.MsgIdInvalidError):
            await client.get_messages(channel, reply_to=200, limit=1)

    _run(server, work)


def test_media_come_as_they_are(server: Server, folder: Path) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        photo, video, sticker = await client.get_messages(channel, ids=[240, 237, 233])
        large, small = (folder / "large.jpg").read_bytes(), (folder / "small.jpg").read_bytes()
        assert await client.download_media(photo, bytes) == large
        assert await client.download_media(photo, bytes, thumb="m") == small
        assert await client.download_media(video, bytes, thumb=-1) == small
        assert await client.download_media(video, bytes) == (folder / "video.bin").read_bytes()
        assert await client.download_media(sticker, bytes) == small
        assert Image.open(io.BytesIO(large)).size == (photo.file.width, photo.file.height)

    _run(server, work)


def test_file_references_expire_on_command(server: Server, folder: Path) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        photo = await client.get_messages(channel, ids=240)
        server.expire_files()
        with pytest.raises(errors.FileReferenceExpiredError):
            await client.download_media(photo, bytes)
        again = await client.get_messages(channel, ids=240)
        assert again.photo.id == photo.photo.id
        assert await client.download_media(again, bytes) == (folder / "large.jpg").read_bytes()

    _run(server, work)


def test_a_short_flood_is_waited_for_and_a_long_one_is_told(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        server.flood("messages.getHistory", 2)
        began = time.monotonic()
        assert len(await client.get_messages(channel, limit=5)) == 5
        assert time.monotonic() - began >= 2
        server.flood("messages.getHistory", 77)
        with pytest.raises(errors.FloodWaitError) as told:
            await client.get_messages(channel, limit=5)
        assert told.value.seconds == 77

    _run(server, work, flood_sleep_threshold=5)
    told = [call["error"] for call in server.calls("messages.getHistory")]
    assert told == ["FLOOD_WAIT_2", "", "FLOOD_WAIT_77"]


def test_any_error_comes_to_the_account_it_is_meant_for(server: Server) -> None:
    server.fail("messages.getHistory", "CHANNEL_INVALID", account=OTHER_PHONE, after=1, times=1)

    async def work(client: TelegramClient) -> None:
        for _ in range(2):
            assert await client.get_messages("news_one", limit=1)

    async def other(client: TelegramClient) -> None:
        assert await client.get_messages("news_one", limit=1)
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages("news_one", limit=1)
        assert await client.get_messages("news_one", limit=1)

    _run(server, work)
    _run(server, other, phone=OTHER_PHONE)


def test_an_answer_can_be_delayed(server: Server) -> None:
    server.fail("contacts.resolveUsername", delay_s=0.3)

    async def work(client: TelegramClient) -> None:
        began = time.monotonic()
        assert await client.get_entity("news_one")
        assert time.monotonic() - began >= 0.3

    _run(server, work)


def test_a_channel_is_closed_to_one_account_and_open_to_another(server: Server) -> None:
    async def shut(client: TelegramClient) -> None:
        channel = await client.get_entity("shut_one")
        assert isinstance(channel, types.ChannelForbidden)
        with pytest.raises(errors.ChannelPrivateError):
            await client.get_messages(channel, limit=1)

    async def open_to(client: TelegramClient) -> None:
        assert await client.get_messages("shut_one", limit=1) == []

    _run(server, shut)
    _run(server, open_to, phone=OTHER_PHONE)


def test_an_access_hash_of_another_account_opens_nothing(server: Server) -> None:
    kept: list[types.InputPeerChannel] = []

    async def first(client: TelegramClient) -> None:
        kept.append(await client.get_input_entity("news_one"))

    async def second(client: TelegramClient) -> None:
        assert (await client.get_input_entity("news_one")).access_hash != kept[0].access_hash
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages(kept[0], limit=1)

    _run(server, first)
    _run(server, second, phone=OTHER_PHONE)


def test_a_renamed_channel_keeps_its_id(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        peer = await client.get_input_entity("news_one")
        world = _world()
        world["channels"][0] |= {"username": "news_two", "title": "Newer"}
        server.reload(world)
        assert await client.get_messages(peer, limit=1)
        shown = await client(functions.channels.GetChannelsRequest([peer]))
        assert [(c.username, c.title) for c in shown.chats] == [("news_two", "Newer")]
        with pytest.raises(errors.UsernameNotOccupiedError):
            await client(functions.contacts.ResolveUsernameRequest("news_one"))

    _run(server, work)


def test_restricted_migrated_and_gone_places_say_so(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        adult = await client.get_entity("adult_one")
        assert adult.restriction_reason[0].reason == "porn"
        assert adult.noforwards
        assert await client.get_messages(adult, limit=1) == []
        await client(functions.account.SetContentSettingsRequest(sensitive_enabled=True))
        assert (await client.get_messages(adult, limit=1))[0].text == "hidden"
        old = (await client(functions.messages.GetChatsRequest([107]))).chats[0]
        assert old.deactivated
        assert old.migrated_to.channel_id == 108
        moved = await client.get_messages(old.migrated_to, limit=1)
        assert moved.total == 0
        last = (await client.get_messages(types.InputPeerChat(107), limit=1))[0]
        assert isinstance(last.action, types.MessageActionChatMigrateTo)
        world = _world()
        del world["channels"][4]
        server.reload(world)
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages(adult, limit=1)

    _run(server, work)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("banned", errors.UserDeactivatedBanError),
        ("revoked", errors.AuthKeyUnregisteredError),
        ("duplicated", errors.AuthKeyDuplicatedError),
        ("frozen", errors.FrozenParticipantMissingError),
    ],
)
def test_an_account_is_lost_while_it_reads(
    server: Server, state: str, error: type[errors.RPCError]
) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("news_one")
        world = _world()
        world["accounts"][0]["state"] = state
        server.reload(world)
        with pytest.raises(error):
            await client.get_messages(channel, limit=1)

    _run(server, work)


def test_each_request_is_counted(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_input_entity("news_one")
        server.reset()
        await client.get_messages(channel, min_id=240, reverse=True)

    _run(server, work)
    (call,) = server.calls()
    assert (call["account"], call["method"], call["error"]) == (
        PHONE[1:],
        "messages.getHistory",
        "",
    )
    assert call["argument"]["channel"] == 101


def test_a_hundred_thousand_messages_are_read_in_flat_memory(server: Server) -> None:
    async def work(client: TelegramClient) -> None:
        channel = await client.get_entity("large_one")
        read, early = 0, [0, 0]
        async for message in client.iter_messages(channel, reverse=True, wait_time=0):
            read += 1
            assert message.id == read
            if read == MANY // 5:
                early = [_resident("self"), _resident(server.pid)]
        assert read == MANY
        assert message.text == f"message {MANY}"
        grown = [_resident("self") - early[0], _resident(server.pid) - early[1]]
        assert max(grown) < 20 << 20, grown

    _run(server, work)


def _resident(process: int | str) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_server_ends_with_its_parent(folder: Path) -> None:
    command = [telegram.program(), "-world", folder]
    telegram.write(folder, _world())
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0
