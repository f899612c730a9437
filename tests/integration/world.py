"""A loopback world for tests: a forum, a channel, their sites, a mail server and a home folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from PIL import Image

from monitor.cli.demo import channel_pages, forum_pages
from monitor.cli.demo.channel import Channel, Message
from monitor.cli.demo.forum import File, Forum, ForumPost, Show
from monitor.cli.demo.mailbox import Mailbox
from monitor.cli.demo.pictures import EDITS, Encoded, original, photograph
from monitor.cli.demo.site import Site
from monitor.clock import utc_now
from monitor.models.finding import Alert, Finding
from monitor.models.run import Run
from monitor.models.source import Source, SourceKind
from monitor.pictures import decode
from monitor.registry.enrolment import fingerprint
from monitor.settings import Settings, load
from monitor.store import cases, findings, runs, sources
from monitor.store.store import Store

HAECHI = Path(sys.executable).with_name("haechi")
CHANNEL = "small_news"
SIZE = (320, 400)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@cache
def picture(seed: int) -> Image.Image:
    """Paint a small stand-in for a photograph; the same seed gives the same pixels."""
    return photograph(seed, SIZE)


def copy(seed: int, edit: str = "recompressed") -> Encoded:
    """Make a file of a picture, edited by a function of `pictures.EDITS`."""
    return EDITS[edit](picture(seed))


@dataclass
class World:
    """What there is to crawl; `small_talk` fills it.

    Attributes:
        site: Serves the forum at /forum/.
        telegram: Serves the channel.
    """

    site: Site
    telegram: Site
    mailbox: Mailbox
    forum: Forum
    channel: Channel
    clock: datetime = START

    @property
    def forum_address(self) -> str:
        """The forum as a source."""
        return f"{self.site.url}/forum/"

    @property
    def channel_address(self) -> str:
        """The channel as a source."""
        return f"@{CHANNEL}"

    def thread(self, title: str, *posts: tuple[str, Encoded | None]) -> list[ForumPost]:
        """Add a thread to the forum's first board; each post has a text and maybe a picture."""
        board = self.forum.boards[2]
        author = self.forum.members[2]
        made: list[ForumPost] = []
        for text, shown in posts:
            files = () if shown is None else (self.file(shown),)
            if made:
                post = self.forum.add_post(made[0].thread_id, author, text, self.later(), files)
            else:
                post = self.forum.add_thread(board, title, author, text, self.later(), files)
            made.append(post)
        return made

    def file(self, content: Encoded, show: Show = Show.INLINE) -> File:
        """Upload a file to the forum."""
        return self.forum.attach(f"IMG_{self.clock:%H%M%S}{content.suffix}", content, show)

    def message(self, text: str, *photos: Encoded) -> Message:
        """Post to the channel."""
        return self.channel.post(self.later(), text, photos)

    def later(self) -> datetime:
        """The time of the next post."""
        self.clock += timedelta(minutes=7)
        return self.clock

    def forget(self) -> None:
        """Forget what was asked and mailed so far."""
        for site in (self.site, self.telegram):
            site.requests.clear()
        self.mailbox.mails.clear()


@contextmanager
def empty_world() -> Iterator[World]:
    """Serve a forum with one board and a channel, both without posts."""
    with Site() as site, Site() as telegram, Mailbox() as mailbox:
        forum = Forum("Small talk", posts_per_page=3, topics_per_page=10)
        forum.add_member("Mina")
        forum.add_board("Photos")
        channel = Channel(CHANNEL, "Small news")
        forum_pages.serve(forum, site)
        channel_pages.serve((channel,), telegram)
        yield World(site, telegram, mailbox, forum, channel)
        for server in (site, telegram):
            assert server.errors == []


def small_talk(world: World) -> None:
    """Fill a world: 2 threads of 3 posts and 6 messages, with 3 reposts of the cases 1 and 2."""
    world.thread(
        "Trip to the coast",
        ("산책로 사진입니다", copy(11)),
        ("Nice light!", None),
        ("다른 곳에서 받은 사진", copy(1)),
    )
    world.thread(
        "Lost umbrella",
        ("Blue, with a wooden handle", None),
        ("Seen it at the bus stop", copy(2, "mirrored")),
        ("Thanks", None),
    )
    world.message("채널을 열었습니다 #안내")
    world.message("오늘 아침 하천", copy(12))
    world.message("이 사진 아시는 분?", copy(13), copy(1, "resized"))
    world.message("The library closes at six")
    world.message("저녁 노을", copy(14))
    world.message("내일은 한파 주의보입니다")


@dataclass
class Home:
    """A home folder with its configuration and a migrated store."""

    folder: Path
    settings: Settings
    store: Store
    env: dict[str, str] = field(default_factory=dict)

    def watch(self, address: str, interval_s: int = 3_600) -> Source:
        """Watch a source."""
        kind = SourceKind.TELEGRAM if address.startswith("@") else SourceKind.FORUM
        with self.store.write() as db:
            return sources.add(
                db,
                kind=kind,
                address=address,
                engine=None,
                interval_s=interval_s,
                now=utc_now(),
            )

    def enrol(self, case_id: str, seed: int) -> None:
        """Enrol a picture."""
        now = utc_now()
        made = fingerprint(decode(original(picture(seed)).data), case_id, now)
        with self.store.write() as db:
            cases.enrol(db, case_id, [made], actor="test", now=now)

    def withdraw(self, case_id: str) -> None:
        """Withdraw a case."""
        with self.store.write() as db:
            cases.withdraw(db, case_id, actor="test", now=utc_now())

    def source(self, address: str) -> Source:
        """Read a source anew."""
        with self.store.read() as db:
            found = sources.find(db, address)
        assert found is not None
        return found

    def findings(self) -> list[Finding]:
        """List all findings."""
        with self.store.read() as db:
            return findings.every(db)

    def alerts(self) -> list[Alert]:
        """List all alerts."""
        with self.store.read() as db:
            return findings.every_alert(db)

    def runs(self) -> list[Run]:
        """List all runs, newest first."""
        with self.store.read() as db:
            return runs.latest(db, 1_000)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the store in SQL."""
        with self.store.read() as db:
            return [tuple(row) for row in db.exec_driver_sql(query)]

    def haechi(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command of `haechi` on this home, and wait for it."""
        return subprocess.run(
            self.command(*words),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def command(self, *words: str) -> list[str]:
        """The command line of `haechi` on this home."""
        return [str(HAECHI), "--home", str(self.folder), *words]

    def environment(self) -> dict[str, str]:
        """The environment of commands."""
        return {**os.environ, **self.env, "COLUMNS": "200"}


CONFIGURATION = """\
[operator]
contact = "mailto:team@example.org"

[network]
allow_private = [{allowed}]
delay_s = 0
timeout_s = {timeout_s}

[telegram]
preview_url = "{preview}"

[mail]
host = "127.0.0.1"
port = {mail}
from = "haechi@example.org"
to = ["team@example.org"]
"""


def configuration(world: World, *, timeout_s: float = 10.0) -> str:
    """Write the `haechi.toml` of a world."""
    allowed = ", ".join(f'"127.0.0.1:{site.port}"' for site in (world.site, world.telegram))
    return CONFIGURATION.format(
        allowed=allowed,
        preview=world.telegram.url,
        mail=world.mailbox.port,
        timeout_s=timeout_s,
    )


@contextmanager
def new_home(
    folder: Path, toml: str, extra: Mapping[str, Mapping[str, object]] | None = None
) -> Iterator[Home]:
    """Make a home folder.

    Args:
        folder: Made where it does not exist.
        toml: Its `haechi.toml`.
        extra: Settings by section and key that replace those of `toml`, by the environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "haechi.toml").write_text(toml, encoding="utf-8")
    env = {
        f"HAECHI_{section}__{key}".upper(): str(value)
        for section, values in (extra or {}).items()
        for key, value in values.items()
    }
    with _environment(env):
        settings = load(folder)
        store = Store(settings.store_url)
        store.migrate()
        try:
            yield Home(folder, settings, store, env)
        finally:
            store.close()


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    """Set variables while the block runs: the crawl's process inherits them."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                with contextlib.suppress(KeyError):
                    del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def crawling(world: World, home: Home) -> Iterator[subprocess.Popen[str]]:
    """Crawl everything, and go on when the first picture of the channel is asked for."""
    with subprocess.Popen(
        home.command("crawl", "--all"),
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 20
        while not world.telegram.asked("/file/"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
