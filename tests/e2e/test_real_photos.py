"""Real photographs, edited by an independent program, posted in pages as Telegram makes them.

Runs where the reference data lie beside the checkout; they are not part of the project.
`pytest -p no:xdist -o addopts= -s tests/e2e/test_real_photos.py` prints what each command says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.cli.demo.mailbox import Mailbox
from monitor.cli.demo.site import Reply, Request, Site

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
EDITS = "recompress,thumbnail,mirror,quarter_turn,tint,soft,noisy"
PAGE = 20
CDN = re.compile(r"https://cdn\d\.(?:telegram-cdn\.org|telesco\.pe|cdn-telegram\.org)/")
MIMES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}

pytestmark = [
    pytest.mark.skipif(
        not (SHARED / "data/kodak").is_dir(), reason="the reference photos are not beside this"
    ),
    pytest.mark.xdist_group("heavy"),
]


@dataclass
class RealChannel:
    """A channel whose messages are real ones, with our pictures in place of theirs."""

    site: Site
    posts: list[Path]

    def __post_init__(self) -> None:
        pages = SHARED / "data/tme"
        self.photo = (pages / "tchan/photo_single.html").read_text()
        self.info = (pages / "tchan/channel_info.html").read_text()
        # Between the photos: every other kind of message that there is.
        self.others = [
            path.read_text()
            for path in sorted((pages / "tchan").glob("*.html"))
            if path.name not in ("photo_single.html", "channel_info.html", "no_posts_found.html")
        ]
        self.messages: list[str] = []
        self.shown = 0
        for number, path in enumerate(self.posts):
            self.messages.append(self._photo(len(self.messages) + 1, path))
            if number % 5 == 4:
                other = self.others[number // 5 % len(self.others)]
                self.messages.append(self._numbered(other, len(self.messages) + 1))
        self.site.route("/s/realphotos", self.answer)
        self.site.route("/file/", self.file)

    def answer(self, request: Request) -> Reply:
        before = int(request.query.get("before", len(self.messages) + 1))
        end = min(before - 1, self.shown)
        start = max(0, end - PAGE)
        older = (
            f'<a href="/s/realphotos?before={start + 1}" data-before="{start + 1}" '
            'class="tme_messages_more js-messages_more"></a>'
        )
        body = (
            f"<!DOCTYPE html><html><body>{self.info}<main class='tgme_main' "
            "data-url='/realphotos'><section class='tgme_channel_history js-message_history'>"
            + (
                f"<div class='tgme_widget_message_centered js-messages_more_wrap'>{older}</div>"
                if start
                else ""
            )
            + "".join(self.messages[start:end])
            + "</section></main></body></html>"
        )
        return Reply(body.encode())

    def file(self, request: Request) -> Reply:
        found = [path for path in self.posts if path.stem == Path(request.path).stem]
        if not found:
            return Reply(b"", status=404)
        return Reply(found[0].read_bytes(), mime=MIMES[found[0].suffix])

    def _photo(self, number: int, path: Path) -> str:
        url = f"{self.site.url}/file/{path.stem}.jpg"
        text = re.sub(r"(photo_wrap[^>]*background-image:url\(')[^']*", rf"\g<1>{url}", self.photo)
        return self._numbered(text, number)

    def _numbered(self, text: str, number: int) -> str:
        text = re.sub(r'data-post="[^"]*"', f'data-post="realphotos/{number}"', text)
        text = re.sub(r"https://t\.me/tchantest/\d+", f"https://t.me/realphotos/{number}", text)
        return CDN.sub(f"{self.site.url}/other/", text)


def haechi(home: Path, *words: str, code: int = 0) -> str:
    """Run a command and show it, as a person would see it."""
    print(f"\n$ haechi {' '.join(words)}")  # noqa: T201
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", "--home", str(home), *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    print(done.stdout[:3000], done.stderr[:2000])  # noqa: T201
    assert done.returncode == code, done.stderr
    return done.stdout


def test_reposts_of_real_photos_are_found_and_mailed_on_the_schedule(tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    subprocess.run(
        [
            *(sys.executable, str(SHARED / "repost-bench/make_reposts.py")),
            *(str(SHARED / "data/kodak"), str(bench), "--enrol", "12", "--only", EDITS),
        ],
        check=True,
        timeout=300,
    )
    truth = json.loads((bench / "truth.json").read_text())
    home = tmp_path / "home"
    with Site() as site, Mailbox() as mailbox:
        channel = RealChannel(site, sorted((bench / "posts").iterdir()))
        channel.shown = len(channel.messages) - 2 * PAGE
        haechi(home, "init", "--contact", "mailto:test@example.org")
        with (home / "haechi.toml").open("a") as file:
            file.write("\n")
        settings = (home / "haechi.toml").read_text()
        settings = settings.replace(
            "[network]", f'[network]\nallow_private = ["127.0.0.1:{site.port}"]\ndelay_s = 0.01'
        )
        settings = settings.replace("[telegram]", f'[telegram]\npreview_url = "{site.url}"')
        settings = settings.replace(
            "[mail]",
            f'[mail]\nhost = "127.0.0.1"\nport = {mailbox.port}\nto = ["team@example.org"]',
        )
        (home / "haechi.toml").write_text(settings)
        for photo in sorted((bench / "enrol").iterdir()):
            haechi(home, "enrol", str(photo), "--case", photo.stem)
        haechi(home, "sources", "add", "@realphotos", "--every", "3s")
        daemon = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli.main", "--home", str(home), "run"],
            stderr=subprocess.DEVNULL,
            env={**os.environ},
        )
        try:
            _wait(lambda: len(_posts(home)) >= channel.shown * 0.9)
            channel.shown = len(channel.messages)  # what appeared meanwhile
            whole = sum(1 for one in channel.messages if "service_message" not in one)
            _wait(lambda: len(_posts(home)) >= whole)
            time.sleep(6)
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=15) == 0
        haechi(home, "status")
        haechi(home, "search", "Picture by telegram", "--limit", "3")
        haechi(home, "findings")
        found = [json.loads(line) for line in haechi(home, "findings", "--json").splitlines()]
        mails = [str(one.message["Message-ID"]) for one in mailbox.mails]
    by_post = {post["url"]: post["media"][0]["url"] for post in _posts(home) if post["media"]}
    right, wrong = set(), []
    for one in found:
        name = Path(by_post[one["post"]]).stem
        post = next(key for key in truth if Path(key).stem == name)
        if truth[post]["of"] == one["case"]:
            right.add(post)
        else:
            wrong.append(one)
    reposts = {key for key, value in truth.items() if value["of"] is not None}
    print(f"\n{len(right)} of {len(reposts)} reposts found, {len(wrong)} false, {len(mails)} mails")  # noqa: T201
    for edit in EDITS.split(","):
        mine = {key for key in reposts if truth[key]["edit"] == edit}
        print(f"  {edit:14} {len(mine & right)}/{len(mine)}")  # noqa: T201
    assert not wrong
    assert len(right) >= 0.95 * len(reposts)
    assert len(mails) == len(set(mails)) == len(found)


def _posts(home: Path) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", "--home", str(home), "posts", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _wait(ready: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(1)
