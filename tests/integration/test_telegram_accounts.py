"""Accounts read channels of a real MTProto server: history, files, floods, and what goes wrong."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rsa
from PIL import Image
from telethon.crypto import rsa as telethon_keys

from crawlers.telegram import session
from monitor.clock import utc_now
from monitor.errors import Busy, Misuse, NotConfigured, ServiceDown
from monitor.models.account import AccountState
from monitor.models.run import Outcome
from monitor.models.source import SourceState
from monitor.store import accounts, channels, sources
from tests.fixtures import telegram
from tests.fixtures.telegram import OTHER_PHONE, PHONE, Server
from tests.fixtures.telegram_home import TelegramHome, home_of

LOCKED_PHONE = "+15550000003"
PASSWORD = "correct horse"  # noqa: S105
NEWS = "@news_one"

World = dict[str, Any]


def _message(number: int, **more: Any) -> World:
    return {"id": number, "text": f"소식 {number}", "date": 1_750_000_000 + 60 * number, **more}


def _world(**channels: World) -> World:
    """Describe a server: a channel of 240 messages, and what else a test says."""
    messages = [_message(number) for number in range(2, 241) if number not in {9, 50, 51}]
    return {
        "accounts": [
            {"phone": PHONE, "user": 1, "code": "12345"},
            {"phone": OTHER_PHONE, "user": 2, "code": "12345"},
            {"phone": LOCKED_PHONE, "user": 3, "code": "12345", "password": PASSWORD},
        ],
        "users": [{"id": 50, "name": "Reader", "username": "reader"}],
        "channels": [
            {
                "id": 101,
                "username": "news_one",
                "title": "News",
                "messages": [{"id": 1, "service": {"create": "News"}}, *messages],
            },
            {"id": 103, "username": "origin_one", "title": "Origin", "messages": [_message(1)]},
            *channels.values(),
        ],
    }


def _changed(world: World, number: int, **more: Any) -> World:
    """Change a message of the first channel; `deleted=True` deletes it."""
    for one in world["channels"][0]["messages"]:
        if one["id"] == number:
            one |= more
    return world


def _more(world: World, *messages: World) -> World:
    world["channels"][0]["messages"] += messages
    return world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    for name, shade in (("one", 0), ("two", 90), ("three", 170)):
        image = Image.linear_gradient("L").resize((640, 480)).rotate(shade)
        image.save(made / f"{name}.jpg", "JPEG")
    Image.linear_gradient("L").resize((320, 240)).save(made / "thumb.jpg", "JPEG")
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


@pytest.fixture
def home(server: Server, tmp_path: Path) -> Iterator[TelegramHome]:
    with home_of(server, tmp_path / "home") as made:
        yield made


def test_a_log_in_is_kept_sealed_and_for_its_owner_alone(home: TelegramHome) -> None:
    assert home.log_in() == 1
    file = home.settings.home / "telegram" / "main.session"
    assert file.stat().st_mode & 0o777 == 0o600
    key = session.load(home.settings, "main").auth_key.key
    assert key not in file.read_bytes()
    home.settings.home.joinpath("features.key").unlink()
    with pytest.raises(NotConfigured, match=r"the key .* is not there"):
        session.load(home.settings, "main")


def test_a_password_and_mistyped_codes_are_asked_for_again(home: TelegramHome) -> None:
    assert home.log_in("locked", LOCKED_PHONE, "11111", "12345", "no", PASSWORD) == 3


@pytest.mark.parametrize(
    ("phone", "answers", "said"),
    [
        (PHONE, ("1", "2", "3"), "not the code"),
        ("+19990000000", ("1",), "no phone number"),
        (LOCKED_PHONE, ("12345", "a", "b", "c"), "not the password"),
        (PHONE, ("",), "nothing was given"),
    ],
)
def test_a_log_in_that_fails_says_why_and_keeps_nothing(
    home: TelegramHome, phone: str, answers: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Misuse, match=said):
        home.log_in("main", phone, *answers)
    assert not list(home.settings.home.glob("telegram/*.session"))


def test_a_server_that_is_away_is_a_service_that_is_down(
    home: TelegramHome, tmp_path: Path
) -> None:
    away = home.settings.telegram.model_copy(update={"dc": "2 127.0.0.1:9"})
    home.settings = home.settings.model_copy(update={"telegram": away})
    home.settings._home = tmp_path / "home"
    with pytest.raises(ServiceDown, match=r"127\.0\.0\.1:9"):
        home.log_in()


def test_a_server_with_another_key_is_not_believed(
    home: TelegramHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This process has met the server before.
    monkeypatch.setattr(telethon_keys, "_server_keys", {})
    (home.settings.home / "server.pem").write_bytes(rsa.newkeys(2_048)[0].save_pkcs1())
    with pytest.raises(ServiceDown, match=r"telegram\.dc_public_key"):
        home.log_in()


def test_a_history_is_read_whole_and_an_idle_channel_costs_one_request(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    assert home.crawl(NEWS) == ""
    there = [number for number in range(2, 241) if number not in {9, 50, 51}]
    assert list(home.posts(NEWS, via="account")) == there
    run = home.last_run(NEWS)
    assert (run.outcome, run.via, run.counts.posts_new) == (Outcome.OK, "main", len(there))
    assert len(server.calls("messages.getHistory")) == 3
    server.reset()
    home.crawl(NEWS)
    asked = [call["method"] for call in server.calls()]
    assert asked == ["help.getConfig", "messages.getHistory"]
    assert home.last_run(NEWS).counts.posts_new == 0
    # With those that connect, and the name's.
    assert home.account().requests == 7


def test_many_idle_channels_cost_one_request_each_over_one_connection(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS, "@origin_one")
    server.reset()
    home.crawl(NEWS, "@origin_one", NEWS)
    asked = [call["method"] for call in server.calls()]
    assert asked == ["help.getConfig", *["messages.getHistory"] * 3]


def test_what_is_new_edited_and_deleted_is_seen_by_the_next_crawl(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _changed(_world(), 239, text="고침", edit_date=1_760_000_000)
    world = _changed(world, 238, deleted=True)
    server.reload(_more(world, *(_message(number) for number in range(241, 600))))
    server.reset()
    home.crawl(NEWS)
    stored = home.posts(NEWS)
    assert list(stored)[-363:] == [236, 237, 239, 240, *range(241, 600)]
    # The pages between begin below where the last crawl ended.
    assert (stored[239].text, stored[239].edited) == ("고침", True)
    counts = home.last_run(NEWS).counts
    assert (counts.posts_new, counts.posts_edited, counts.posts_deleted) == (359, 1, 1)
    assert len(server.calls("messages.getHistory")) == 5


def test_the_newest_page_is_read_again_for_edits_and_deletions(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _changed(_world(), 200, text="고침", edit_date=1_760_000_000)
    server.reload(_changed(world, 240, deleted=True))
    home.crawl(NEWS)
    stored = home.posts(NEWS)
    assert (stored[200].text, stored[200].edited) == ("고침", True)
    assert 240 not in stored
    counts = home.last_run(NEWS).counts
    assert (counts.posts_new, counts.posts_edited, counts.posts_deleted) == (0, 1, 1)


def test_a_first_crawl_goes_back_as_far_as_it_is_told(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", depth=120) as home:
        home.log_in()
        home.crawl(NEWS)
        assert min(home.posts(NEWS)) <= 121
        assert min(home.posts(NEWS)) > 20


def test_a_first_crawl_goes_back_to_a_day(server: Server, tmp_path: Path) -> None:
    day = datetime.fromtimestamp(1_750_000_000, tz=UTC).date()
    with home_of(server, tmp_path / "home", since=day + timedelta(days=1)) as home:
        home.log_in()
        home.crawl(NEWS)
        home.crawl(NEWS)
        # The newest page holds older ones, too.
        assert len(server.calls("messages.getHistory")) == 2
    with home_of(server, tmp_path / "other", since=day, depth=10) as home:
        home.log_in()
        home.crawl(NEWS)
        assert min(home.posts(NEWS)) == 2


def test_a_crawl_that_ends_early_leaves_no_hole(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", max_pages=2) as home:
        home.log_in()
        home.crawl(NEWS)
        server.reload(_more(_world(), *(_message(number) for number in range(241, 600))))
        for _ in range(6):
            home.crawl(NEWS)
        there = [number for number in range(2, 600) if number not in {9, 50, 51}]
        assert list(home.posts(NEWS)) == there


def test_albums_are_one_post_wherever_a_page_ends(home: TelegramHome, server: Server) -> None:
    home.log_in()
    home.crawl(NEWS)
    albums = [
        _message(number, text="", grouped_id=7_000 + number // 7, photo="one.jpg")
        for number in range(241, 541)
    ]
    server.reload(_more(_world(), *albums))
    home.crawl(NEWS)
    stored = home.posts(NEWS)
    shown = {number: stored[number] for number in stored if number > 240}
    groups = sorted({7_000 + number // 7 for number in range(241, 541)})
    assert len(shown) == len(groups)
    members = [[number, *map(int, row.member_ids)] for number, row in shown.items()]
    assert [number for one in members for number in one] == list(range(241, 541))
    home.crawl(NEWS)
    counts = home.last_run(NEWS).counts
    assert (counts.posts_new, counts.posts_edited, counts.posts_deleted) == (0, 0, 0)


def test_an_album_that_grows_beyond_what_was_read_is_one_post(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    album = [_message(number, grouped_id=77, photo="one.jpg") for number in (241, 242)]
    server.reload(_more(_world(), *album))
    home.crawl(NEWS)
    more = [_message(number, grouped_id=77, photo="two.jpg") for number in (243, 244)]
    news = [_message(number) for number in range(245, 500)]
    server.reload(_more(_world(), *album, *more, *news))
    home.crawl(NEWS)
    assert home.posts(NEWS)[241].member_ids == ["242", "243", "244"]
    assert not {242, 243, 244} & home.posts(NEWS).keys()


def test_a_message_says_all_that_it_shows(home: TelegramHome, server: Server) -> None:
    home.log_in()
    text = "보기 example.org 그리고 여기"
    entities = [
        {"type": "url", "offset": 3, "length": 11},
        {"type": "text_url", "offset": 19, "length": 2, "url": "https://t.me/other_one/5"},
    ]
    server.reload(
        _more(
            _world(),
            _message(
                241,
                text=text,
                entities=entities,
                views=120,
                reactions={"👍": 3, "paid": 2},
                forward={"channel": 103, "post": 7, "date": 1_740_000_000},
                photo="one.jpg",
                author="Editor",
            ),
            _message(242, forward={"name": "Somebody", "date": 1_740_000_000}, reply_to=241),
            _message(
                243, webpage={"url": "https://example.org/", "title": "E", "photo": "two.jpg"}
            ),
            _message(
                244,
                document={
                    "bytes": 1_000_000,
                    "name": "a.mp4",
                    "mime": "video/mp4",
                    "video": True,
                    "thumbs": [{"type": "m", "file": "thumb.jpg"}],
                },
            ),
            _message(245, document={"file": "three.jpg", "name": "b.jpg", "mime": "image/jpeg"}),
            {"id": 246, "service": {"photo": "two.jpg"}},
            {"id": 247, "service": {"title": "Newer"}},
        )
    )
    home.crawl(NEWS)
    stored = home.posts(NEWS)
    first = stored[241]
    assert first.url == "https://t.me/news_one/241"
    assert first.links == ["https://example.org", "https://t.me/other_one/5"]
    assert first.forwarded_from == "https://t.me/origin_one/7"
    assert (first.author, first.views, first.reactions) == ("Editor", 120, {"👍": 3, "paid": 2})
    assert (stored[242].forwarded_from, stored[242].reply_to) == ("Somebody", "241")
    assert [(one.kind, one.status) for one in home.media(NEWS, 241)] == [("photo", "hashed")]
    assert [one.kind for one in home.media(NEWS, 243)] == ["link_preview"]
    video = [(one.kind, one.status, one.name) for one in home.media(NEWS, 244)]
    assert video == [("video_thumb", "hashed", "a.mp4"), ("video", "skipped", "a.mp4")]
    assert [(one.kind, one.status) for one in home.media(NEWS, 245)] == [("photo", "hashed")]
    assert [one.kind for one in home.media(NEWS, 246)] == ["photo"]
    assert 247 not in stored
    with home.store.read() as db:
        seen = {one.address: one.forwards for one in channels.every(db)}
    assert seen["@origin_one"] == 1
    assert "@other_one" in seen


def test_a_file_that_is_known_by_its_number_is_not_fetched_again(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    server.reload(_more(_world(), *(_message(n, photo="one.jpg") for n in range(241, 246))))
    home.crawl(NEWS)
    assert len(server.calls("upload.getFile")) == 1
    counts = home.last_run(NEWS).counts
    assert (counts.media_hashed, counts.media_known) == (1, 4)


def test_an_expired_reference_is_fetched_anew(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.reload(_more(_world(), _message(241, photo="one.jpg")))
    server.fail("upload.getFile", "FILE_REFERENCE_EXPIRED", times=1)
    home.crawl(NEWS)
    assert [one.status for one in home.media(NEWS, 241)] == ["hashed"]
    assert len(server.calls("channels.getMessages")) == 1


def test_a_file_that_fails_is_tried_again_by_the_next_crawl(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    server.reload(_more(_world(), _message(241, photo="one.jpg")))
    server.fail("upload.getFile", "FILE_REFERENCE_EXPIRED", times=-1)
    home.crawl(NEWS)
    assert [one.status for one in home.media(NEWS, 241)] == ["failed"]
    server.reset()
    home.crawl(NEWS)
    assert [one.status for one in home.media(NEWS, 241)] == ["hashed"]


def test_a_channel_that_forbids_saving_is_read_and_says_so(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    world = _more(_world(), _message(241, photo="one.jpg"))
    world["channels"][0]["noforwards"] = True
    server.reload(world)
    server.fail("upload.getFile", "CHAT_FORWARDS_RESTRICTED", times=-1)
    assert home.crawl(NEWS) == ""
    [photo] = home.media(NEWS, 241)
    assert (photo.status, photo.reason) == ("skipped", "the channel forbids saving")
    assert "forbids to save" in home.source(NEWS).state_detail


def test_a_short_flood_is_waited_out(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.flood("messages.getHistory", 1, times=2)
    began = time.monotonic()
    assert home.crawl(NEWS) == ""
    assert time.monotonic() - began >= 2
    assert home.last_run(NEWS).counts.flood_waits == 2


def test_a_long_flood_puts_off_that_account_and_that_request_only(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl("@origin_one")
    server.flood("contacts.resolveUsername", 7_000)
    assert re.search("leave contacts.resolveUsername until", home.crawl(NEWS))
    left = home.account().waits["contacts.resolveUsername"] - utc_now()
    assert 6_900 < left.total_seconds() <= 7_000
    server.reset()
    # Nothing is even asked; and the channel that is known is read on.
    assert home.crawl(NEWS, "@origin_one") == ""
    assert not server.calls("contacts.resolveUsername")
    assert len(server.calls("messages.getHistory")) == 1


def test_another_account_reads_what_one_must_leave(home: TelegramHome, server: Server) -> None:
    home.log_in()
    home.log_in("other", OTHER_PHONE)
    server.flood("messages.getHistory", 7_000, account=PHONE)
    assert home.crawl(NEWS) == ""
    assert home.last_run(NEWS).via == "other"
    with home.store.read() as db:
        views = {one.via: one.state for one in sources.views(db, home.source(NEWS).id)}
    assert views == {"main": SourceState.FAILING, "other": SourceState.OK}


def test_two_accounts_share_the_work_each_with_its_own_key_of_a_channel(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.log_in("other", OTHER_PHONE)
    home.crawl(NEWS)
    home.crawl("@origin_one")
    asked = {call["account"] for call in server.calls("messages.getHistory")}
    assert asked == {PHONE.lstrip("+"), OTHER_PHONE.lstrip("+")}
    with home.store.read() as db:
        keys = [accounts.peer(db, name, channel_id=101) for name in ("main", "other")]
    assert sum(one is not None for one in keys) == 1


@pytest.mark.parametrize(
    ("state", "expected", "said"),
    [
        ("banned", AccountState.BANNED, "banned"),
        ("revoked", AccountState.LOGGED_OUT, "log in again"),
        ("duplicated", AccountState.DUPLICATED, "two places"),
    ],
)
def test_a_lost_account_is_told_and_not_asked_again(
    home: TelegramHome, server: Server, state: str, expected: AccountState, said: str
) -> None:
    home.log_in()
    world = _world()
    world["accounts"][0]["state"] = state
    server.reload(world)
    assert said in home.crawl(NEWS)
    assert home.account().state is expected
    assert home.last_run(NEWS).outcome is Outcome.UNAVAILABLE
    server.reset()
    assert said in home.crawl(NEWS)
    assert server.calls() == []


def test_a_frozen_account_is_told(home: TelegramHome, server: Server) -> None:
    home.log_in()
    world = _world()
    world["accounts"][0]["state"] = "frozen"
    server.reload(world)
    assert "frozen" in home.crawl(NEWS)
    assert home.account().state is AccountState.FROZEN


def test_a_server_that_forgot_the_log_in_is_an_account_to_be_logged_in(
    home: TelegramHome, folder: Path, tmp_path: Path
) -> None:
    home.log_in()
    pem = folder / "server_rsa.pem"
    with telegram.serving(tmp_path / "again", _world()) as other:
        (home.settings.home / "server.pem").write_text(other.public_key, encoding="ascii")
        dc = {"dc": f"{other.dc} {other.host}:{other.port}"}
        moved = home.settings.telegram.model_copy(update=dc)
        there = home.settings.model_copy(update={"telegram": moved})
        there._home = home.settings.home
        home.settings = there
        assert "log in again" in home.crawl(NEWS)
    assert home.account().state is AccountState.LOGGED_OUT
    assert not pem.exists() or pem.is_file()


def test_a_second_process_on_an_account_is_refused(home: TelegramHome) -> None:
    home.log_in()
    with session.held(home.settings, "main"):
        assert re.search(rf"account main .*process {os.getpid()}", home.crawl(NEWS))
        with pytest.raises(Busy):
            home.log_in()
    assert home.crawl(NEWS) == ""


def test_a_channel_that_shuts_an_account_out_says_so_and_is_left_alone_for_a_day(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _world()
    world["channels"][0]["closed_to"] = [PHONE]
    server.reload(world)
    assert "banned from it" in home.crawl(NEWS)
    assert home.source(NEWS).state is SourceState.PRIVATE_OR_BANNED
    server.reset()
    assert "banned from it" in home.crawl(NEWS)
    assert server.calls() == []
    home.log_in("other", OTHER_PHONE)
    assert home.crawl(NEWS) == ""
    assert home.source(NEWS).state is SourceState.OK


def test_a_channel_marked_18_is_no_empty_channel(home: TelegramHome, server: Server) -> None:
    home.log_in()
    adult = {
        "id": 105,
        "username": "adult_one",
        "title": "18+",
        "restricted": [{"platform": "all", "reason": "porn", "text": "Adults only"}],
        "hidden": True,
        "messages": [_message(1)],
    }
    server.reload(_world(adult=adult))
    assert "haechi telegram sensitive main" in home.crawl("@adult_one")
    assert home.source("@adult_one").state is SourceState.RESTRICTED


def test_a_renamed_channel_is_read_on_by_its_number(home: TelegramHome, server: Server) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _more(_world(), _message(241))
    world["channels"][0]["username"] = "news_two"
    server.reload(world)
    server.reset()
    assert home.crawl(NEWS) == ""
    source = home.source(NEWS)
    assert source.state is SourceState.RENAMED
    assert "@news_two" in source.state_detail
    assert 241 in home.posts(NEWS)
    assert not server.calls("contacts.resolveUsername")


def test_an_account_that_never_saw_a_renamed_channel_finds_it_by_the_new_name(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _world()
    world["channels"][0]["username"] = "news_two"
    server.reload(world)
    home.crawl(NEWS)
    with home.store.write() as db:
        accounts.set_state(db, "main", AccountState.BANNED, "Banned.")
    home.log_in("other", OTHER_PHONE)
    assert home.crawl(NEWS) == ""
    assert home.last_run(NEWS).via == "other"


def test_a_name_that_another_channel_took_is_not_read_into_the_old_one(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _world(new={"id": 109, "username": "news_one", "title": "X", "messages": []})
    world["channels"][0]["username"] = "news_two"
    server.reload(world)
    with home.store.write() as db:
        accounts.remove(db, "main")
    home.log_in("other", OTHER_PHONE)
    home.crawl(NEWS)
    assert home.source(NEWS).state is SourceState.GONE
    assert "Another channel" in home.source(NEWS).state_detail


def test_a_name_that_nobody_has_is_gone(home: TelegramHome) -> None:
    home.log_in()
    assert home.crawl("@nobody_here") == ""
    assert home.source("@nobody_here").state is SourceState.GONE


def test_a_group_that_became_a_supergroup_tells_its_new_number(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    old = {"id": 107, "kind": "chat", "title": "Old", "migrated_to": 108, "messages": []}
    new = {
        "id": 108,
        "kind": "supergroup",
        "title": "New",
        "migrated_from": 107,
        "messages": [_message(1)],
    }
    server.reload(_world(old=old, new=new))
    home.crawl("telegram:107")
    source = home.source("telegram:107")
    assert source.state is SourceState.MIGRATED
    assert "haechi sources add telegram:108" in source.state_detail
    assert home.crawl("telegram:108") == ""
    assert list(home.posts("telegram:108")) == [1]
    assert home.posts("telegram:108")[1].url == "https://t.me/c/108/1"


def test_comments_are_a_source_of_their_own(home: TelegramHome, server: Server) -> None:
    home.log_in()
    talk = {
        "id": 102,
        "kind": "supergroup",
        "title": "News talk",
        "messages": [
            {
                "id": 1,
                "thread_of": 240,
                "from_channel": 101,
                "text": "소식 240",
                "forward": {"channel": 101, "post": 240},
            },
            {"id": 2, "from": 50, "reply_to": 1, "text": "first"},
            {"id": 3, "from": 50, "reply_to": 2, "thread": 1, "text": "second", "photo": "one.jpg"},
        ],
    }
    world = _world(talk=talk)
    world["channels"][0]["linked"] = 102
    server.reload(world)
    assert home.crawl(NEWS, f"{NEWS}/comments") == ""
    stored = home.posts(f"{NEWS}/comments")
    assert [row.text for row in stored.values()] == ["first", "second"]
    assert [row.author for row in stored.values()] == ["@reader", "@reader"]
    assert {row.thread_id for row in stored.values()} == {"1"}
    server.reset()
    home.crawl(f"{NEWS}/comments")
    asked = [call["method"] for call in server.calls()]
    assert asked == ["help.getConfig", "messages.getHistory"]


def test_a_channel_without_comments_says_so(home: TelegramHome) -> None:
    home.log_in()
    home.crawl(f"{NEWS}/comments")
    assert "no comments" in home.source(f"{NEWS}/comments").state_detail


def test_names_are_looked_up_within_the_day_s_budget(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", names_a_day=1) as home:
        home.log_in()
        assert home.crawl(NEWS) == ""
        assert "names of today" in home.crawl("@origin_one")
        assert home.crawl(NEWS) == ""
        assert len(server.calls("contacts.resolveUsername")) == 1


def test_requests_are_made_within_the_day_s_budget(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", requests_a_day=4) as home:
        home.log_in()
        assert "requests of today" in home.crawl(NEWS)
        # What was read before that is kept.
        assert len(home.posts(NEWS)) == 200
        assert home.account().requests == 4


def test_a_pause_is_kept_between_two_requests(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", delay_s=0.4) as home:
        home.log_in()
        home.crawl(NEWS)
    times = [call["time"] for call in server.calls("messages.getHistory")]
    assert len(times) == 3


def test_a_key_that_does_not_open_a_channel_any_more_is_looked_up_anew(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    server.fail("messages.getHistory", "CHANNEL_INVALID", times=1)
    assert home.crawl(NEWS) == ""
    assert len(server.calls("contacts.resolveUsername")) == 2


def test_a_refusal_is_told_in_telegrams_words_only(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.fail("messages.getHistory", "SOMETHING_NEW", times=-1)
    assert home.crawl(NEWS) == "Telegram answers SOMETHING_NEW to the account main."


def test_a_channel_that_shows_nothing_any_more_is_not_an_idle_one(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    world = _world()
    world["channels"][0]["messages"] = []
    server.reload(world)
    assert "no messages any more" in home.crawl(NEWS)
    assert len(home.posts(NEWS)) > 200


def test_a_withheld_message_is_not_the_end_of_a_history(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.reload(_changed(_world(), 235, withheld=True))
    home.crawl(NEWS)
    assert len(home.posts(NEWS)) == 235
    home.crawl(NEWS)
    assert len(home.posts(NEWS)) == 235


def test_an_offset_within_a_character_does_not_end_a_crawl(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    entities = [{"type": kind, "offset": 1, "length": 3} for kind in ("bold", "url")]
    server.reload(_more(_world(), _message(241, text="😀 hello", entities=entities)))
    assert home.crawl(NEWS) == ""
    assert home.posts(NEWS)[241].text == "😀 hello"


def test_pictures_that_must_wait_are_not_given_up(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.reload(_more(_world(), _message(241, photo="one.jpg")))
    server.flood("upload.getFile", 7_200)
    for _ in range(7):
        home.crawl(NEWS)
    [photo] = home.media(NEWS, 241)
    assert photo.status == "failed"
    # The one that Telegram refused; the others were not asked for.
    assert photo.attempts <= 1
    with home.store.write() as db:
        accounts.wait(db, "main", "upload.getFile", utc_now())
    home.crawl(NEWS)
    assert [one.status for one in home.media(NEWS, 241)] == ["hashed"]


def test_a_line_that_timed_out_is_opened_anew(server: Server, tmp_path: Path) -> None:
    with home_of(server, tmp_path / "home", timeout_s=0.5) as home:
        home.log_in()
        home.crawl("@origin_one")
        server.fail("messages.getHistory", delay_s=2)
        assert home.crawl(NEWS, "@origin_one") != ""
        assert "another process" not in home.crawl("@origin_one")
        assert home.crawl(NEWS) == ""


def test_a_name_that_is_gone_is_not_looked_up_again_that_day(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    for _ in range(3):
        home.crawl("@nobody_here")
    assert len(server.calls("contacts.resolveUsername")) == 1
    assert home.source("@nobody_here").state is SourceState.GONE
    home.crawl("@nobody_here", anew=True)
    assert len(server.calls("contacts.resolveUsername")) == 2


def test_a_name_that_was_met_in_passing_is_looked_up_where_it_is_another_s_now(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    forwarded = _message(241, forward={"channel": 103, "post": 1, "date": 1_740_000_000})
    server.reload(_more(_world(), forwarded))
    home.crawl(NEWS)
    taker = {"id": 104, "username": "origin_one", "title": "Taker", "messages": [_message(5)]}
    world = _world(taker=taker)
    world["channels"][1]["username"] = "origin_two"
    server.reload(world)
    assert home.crawl("@origin_one") == ""
    assert list(home.posts("@origin_one")) == [5]


def test_another_discussion_group_is_not_read_into_the_old_one(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()

    def talk(number: int, title: str) -> World:
        messages = [{"id": 1, "from": 50, "text": title}]
        return {"id": number, "kind": "supergroup", "title": title, "messages": messages}

    world = _world(talk=talk(102, "first"))
    world["channels"][0]["linked"] = 102
    server.reload(world)
    home.crawl(f"{NEWS}/comments")
    world = _world(talk={**talk(102, "first"), "closed_to": ["*"]}, new=talk(109, "second"))
    world["channels"][0]["linked"] = 109
    server.reload(world)
    with home.store.write() as db:
        accounts.remove(db, "main")
    home.log_in("other", OTHER_PHONE)
    home.crawl(f"{NEWS}/comments")
    source = home.source(f"{NEWS}/comments")
    assert source.state is SourceState.GONE
    assert "Another discussion group" in source.state_detail
    assert [row.text for row in home.posts(f"{NEWS}/comments").values()] == ["first"]


def test_a_channel_that_is_known_by_number_and_gone_says_so(
    home: TelegramHome, server: Server
) -> None:
    home.log_in()
    home.crawl(NEWS)
    with home.store.write() as db:
        accounts.set_state(db, "main", AccountState.BANNED, "Banned.")
    home.log_in("other", OTHER_PHONE)
    world = _world()
    del world["channels"][0]
    server.reload(world)
    home.crawl("telegram:101")
    assert home.source("telegram:101").state is SourceState.GONE


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("CHAT_RESTRICTED", SourceState.RESTRICTED),
        ("CHANNEL_BANNED", SourceState.RESTRICTED),
        ("CHAT_ADMIN_REQUIRED", SourceState.FAILING),
    ],
)
def test_refusals_that_are_known_by_name_are_told_by_it(
    home: TelegramHome, server: Server, error: str, state: SourceState
) -> None:
    home.log_in()
    server.fail("messages.getHistory", error, times=-1)
    assert error in home.crawl(NEWS)
    assert home.source(NEWS).state is state


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        ("FROZEN_PARTICIPANT_MISSING", 400, AccountState.FROZEN),
        ("AUTH_KEY_PERM_EMPTY", 401, AccountState.LOGGED_OUT),
        ("SESSION_PASSWORD_NEEDED", 401, AccountState.LOGGED_OUT),
    ],
)
def test_whatever_ends_a_log_in_is_told(
    home: TelegramHome, server: Server, error: str, code: int, state: AccountState
) -> None:
    home.log_in()
    server.fail("messages.getHistory", error, code=code, times=-1)
    home.crawl(NEWS)
    assert home.account().state is state


def test_a_flood_is_never_longer_than_a_week(home: TelegramHome, server: Server) -> None:
    home.log_in()
    server.flood("messages.getHistory", 2**31 - 1)
    home.crawl(NEWS)
    left = home.account().waits["messages.getHistory"] - utc_now()
    assert left <= timedelta(days=7)
