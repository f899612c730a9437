"""The commands as an operator runs them, with accounts on a real MTProto server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from monitor.cli.demo.channel import Channel
from monitor.models.run import Outcome
from monitor.models.source import SourceState
from tests.fixtures import telegram
from tests.fixtures.telegram import CODE, PHONE, Server
from tests.integration.processes import wait_until_gone
from tests.integration.world import (
    CHANNEL,
    Home,
    World,
    configuration,
    copy,
    empty_world,
    new_home,
    picture,
)

NAME = f"@{CHANNEL}"
# As the preview of the same channel tells.
ID = Channel(CHANNEL, "Small").id


def _screenshot(seed: int) -> Image.Image:
    """Draw a phone's screen with a picture on it, between bars and words."""
    screen = Image.new("RGB", (400, 860), "white")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 400, 60), fill=(24, 26, 30))
    draw.rectangle((0, 800, 400, 860), fill=(24, 26, 30))
    for line in range(6):
        draw.rectangle((24, 640 + 22 * line, 24 + 300 - 37 * line, 650 + 22 * line), fill="grey")
    screen.paste(picture(seed), (40, 150))
    return screen


def _message(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "text": f"소식 {number}", "date": 1_770_000_000 + 60 * number, **more}


def _served(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "accounts": [{"phone": PHONE, "user": 1, "code": CODE}],
        "channels": [
            {"id": ID, "username": CHANNEL, "title": "Small", "messages": [*messages], **more},
            {"id": 103, "username": "origin_one", "title": "Origin", "messages": [_message(1)]},
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    for seed in (11, 12, 13):
        (made / f"{seed}.jpg").write_bytes(copy(seed).data)
    (made / "repost.jpg").write_bytes(copy(1, "resized").data)
    _screenshot(1).save(made / "screenshot.jpg", "JPEG", quality=85)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with telegram.serving(folder, _served()) as running:
        yield running


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as made:
        yield made


@pytest.fixture
def home(world: World, server: Server, tmp_path: Path) -> Iterator[Home]:
    """A home folder with an account that is logged in; nothing has been read."""
    server.reload(_served())
    server.reset()
    with _home(world, server, tmp_path) as made:
        done = subprocess.run(
            made.command("telegram", "login"),
            env=made.environment(),
            input=f"{PHONE}\n{CODE}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, "logged in as main" in done.stdout) == (0, True), done.stderr
        yield made


@contextmanager
def _home(world: World, server: Server, tmp_path: Path) -> Iterator[Home]:
    key = tmp_path / "server.pem"
    key.write_text(server.public_key, encoding="ascii")
    more = {
        "telegram": {
            "dc": f"{server.dc} {server.host}:{server.port}",
            "dc_public_key": key,
            "delay_s": 0,
        }
    }
    with new_home(tmp_path / "home", configuration(world), more) as made:
        yield made


def _lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_screenshot_in_a_forwarded_album_is_told_with_its_message_and_its_origin(
    home: Home, world: World, server: Server
) -> None:
    home.enrol("case-1", 1)
    forward = {"forward": {"channel": 103, "post": 7, "date": 1_769_000_000}}
    album = [
        _message(number, text="", grouped_id=5, photo=file, **forward)
        for number, file in ((7, "11.jpg"), (8, "screenshot.jpg"), (9, "12.jpg"))
    ]
    server.reload(_served(*(_message(number) for number in range(1, 7)), *album))
    assert home.haechi("sources", "add", f"https://t.me/{CHANNEL}").returncode == 0
    done = home.haechi("crawl", NAME, timeout_s=120)
    assert done.returncode == 0, done.stderr
    [found] = _lines(home.haechi("findings", "--json").stdout)
    assert found["post"] == f"https://t.me/{CHANNEL}/7"
    assert found["member"] == f"https://t.me/{CHANNEL}/8"
    assert found["forwarded_from"] == "https://t.me/origin_one/7"
    [mail] = world.mailbox.mails
    text = mail.message.get_body(("plain",)).get_content()
    assert f"t[.]me/{CHANNEL}/8" in text
    assert "t[.]me/origin_one/7" in text
    assert "2 / 3" in text
    seen = _lines(home.haechi("channels", "--json").stdout)
    assert [(one["address"], one["beside_findings"]) for one in seen] == [("@origin_one", 1)]


def test_a_crawl_that_is_killed_amid_a_page_goes_on_without_loss_or_repeat(
    home: Home, world: World, server: Server
) -> None:
    home.enrol("case-1", 1)
    texts = [_message(number) for number in range(1, 260)]
    posted = [_message(260, photo="11.jpg"), _message(261, photo="repost.jpg"), _message(262)]
    server.reload(_served(*texts, *posted))
    home.watch(NAME)
    server.fail("upload.getFile", delay_s=1.5, times=-1)
    with subprocess.Popen(
        home.command("crawl", NAME),
        env=home.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 30
        while not server.calls("upload.getFile"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    # The crawl's own process sees that its parent is gone.
    assert wait_until_gone(home, 20) == []
    server.reset()
    assert home.haechi("crawl", NAME, timeout_s=120).returncode == 0
    assert home.haechi("crawl", NAME, timeout_s=120).returncode == 0
    numbers = home.rows("SELECT native_number FROM posts WHERE deleted_at IS NULL ORDER BY 1")
    assert [number for (number,) in numbers] == list(range(1, 263))
    assert [found.post_url for found in home.findings()] == [f"https://t.me/{CHANNEL}/261"]
    assert len(world.mailbox.mails) == 1


def test_where_no_account_is_let_in_the_preview_is_read_and_nothing_is_told_twice(
    home: Home, world: World, server: Server
) -> None:
    home.enrol("case-1", 1)
    for number in range(1, 4):
        world.message(f"소식 {number}")
    world.message("", copy(1, "resized"))
    messages = [*(_message(number) for number in range(1, 4)), _message(4, photo="repost.jpg")]
    server.reload(_served(*messages))
    home.watch(NAME)
    assert home.haechi("crawl", NAME).returncode == 0
    assert [run.via for run in home.runs()] == ["main"]
    assert len(world.mailbox.mails) == 1
    server.reload(_served(*messages, closed_to=[PHONE]))
    world.message("소식 5")
    assert home.haechi("crawl", NAME).returncode == 0
    source = home.source(NAME)
    assert source.state is SourceState.OK
    assert "Read by its web preview: It is private now, or the account main" in source.state_detail
    latest = home.runs()[0]
    assert (latest.via, latest.counts.posts_new, latest.counts.posts_edited) == ("preview", 1, 0)
    shown = _lines(home.haechi("sources", "show", NAME, "--json").stdout)[0]
    views = {one["via"]: one["state"] for one in shown["views"]}
    assert views == {"main": "private_or_banned", "preview": "ok"}
    assert len(home.findings()) == len(world.mailbox.mails) == 1


def test_what_neither_an_account_nor_the_preview_shows_is_told_by_both(
    home: Home, server: Server
) -> None:
    server.reload(_served(_message(1), closed_to=[PHONE]))
    home.watch(NAME)
    done = home.haechi("crawl", NAME)
    assert done.returncode == 1
    assert "the account main was banned from it. Its preview:" in done.stderr
    assert home.source(NAME).state is SourceState.PRIVATE_OR_BANNED
    assert home.runs()[0].outcome is Outcome.UNAVAILABLE


def test_many_channels_are_read_by_one_process_over_one_connection(
    home: Home, server: Server
) -> None:
    server.reload(_served(_message(1)))
    for address in (NAME, "@origin_one"):
        home.watch(address)
    assert home.haechi("crawl", "--all", timeout_s=120).returncode == 0
    server.reset()
    done = home.haechi("crawl", "--all", "--json", timeout_s=120)
    assert [one["run"]["outcome"] for one in _lines(done.stdout)] == ["ok", "ok"]
    asked = [call["method"] for call in server.calls()]
    assert asked == ["help.getConfig", "messages.getHistory", "messages.getHistory"]


def test_the_daemon_reads_channels_by_the_account_and_stops_at_once(
    home: Home, server: Server
) -> None:
    server.reload(_served(_message(1)))
    for address in (NAME, "@origin_one"):
        home.watch(address, interval_s=2)
    with subprocess.Popen(
        home.command("run"),
        env=home.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while len(home.runs()) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        assert process.wait(30) == 0
    assert {run.outcome for run in home.runs()} <= {Outcome.OK, Outcome.STOPPED}
    assert {run.via for run in home.runs()} == {"main"}
    assert wait_until_gone(home, 10) == []


def test_an_account_is_listed_and_logged_out(home: Home, server: Server) -> None:
    [listed] = _lines(home.haechi("telegram", "--json").stdout)
    assert (listed["account"]["name"], listed["account"]["state"]) == ("main", "ok")
    assert PHONE[1:] not in json.dumps(listed)
    again = home.haechi("telegram", "login")
    assert (again.returncode, "haechi telegram logout main" in again.stderr) == (2, True)
    assert home.haechi("telegram", "logout", "main").returncode == 0
    assert len(server.calls("auth.logOut")) == 1
    assert home.haechi("telegram", "--json").stdout == ""
    assert not list(home.folder.glob("telegram/*.session"))


def test_nothing_secret_reaches_the_log(home: Home, server: Server) -> None:
    server.reload(_served(_message(1)))
    home.watch(NAME)
    home.haechi("crawl", NAME)
    log = (home.folder / "logs" / "haechi.log").read_text()
    assert PHONE[1:] not in log
    assert CODE not in log
