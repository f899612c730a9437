"""How fast accounts read channels, in what memory, and how many channels one account can watch."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from crawlers.context import CrawlContext
from crawlers.source_run import Elsewhere, SourceRun
from crawlers.telegram import session as sessions
from crawlers.telegram.collector import Collector
from crawlers.telegram.line import connected, new_client
from crawlers.telegram.login import log_in
from monitor import logs
from monitor.bench._base import Bench, Options, Row
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.models.source import Source, SourceKind
from monitor.settings import Settings, build
from monitor.store import accounts, sources
from monitor.store.store import Store

_ROOT: Final = Path(__file__).parents[2]
_PHONE, _CODE = "+15550000001", "12345"
_ROUNDS: Final = 3
_POLLS: Final = 20
_CHANNELS: Final = 1_000
_TEXT: Final = (
    "오늘의 소식 {id}: 자세한 내용은 다음 글에서 볼 수 있습니다. More of it in the next post."
)
_POLITE: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Server:
    """A running MTProto server."""

    address: str
    key: Path
    control: str

    def requests(self) -> list[str]:
        """List the methods of all requests since the last reset."""
        with urllib.request.urlopen(f"{self.control}/calls", timeout=60) as answer:  # noqa: S310
            return [call["method"] for call in json.load(answer)]

    def reset(self) -> None:
        """Forget the requests."""
        urllib.request.urlopen(f"{self.control}/reset", b"{}", timeout=60).close()  # noqa: S310


class _Clock:
    """A clock that goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def _run(options: Options) -> list[Row]:
    """Measure.

    Raises:
        Misuse: The server has not been built.
    """
    messages = 100_000 if options.large else 20_000
    # What refusals would be logged is what is measured here.
    logs.configure(None)
    with TemporaryDirectory(prefix="haechi-bench-") as folder:
        rows = _speed(Path(folder), messages, options)
        return [*rows, *_idle(Path(folder), options)]


def _speed(folder: Path, messages: int, options: Options) -> list[Row]:
    """Read one long channel, bare and as a crawl does."""
    generated = {"count": messages, "text": _TEXT}
    channel = {"id": 101, "username": "long_one", "title": "Long", "generate": generated}
    bare, crawled, grown = [], [], []
    with _serving(folder / "long", [channel]) as server:
        for number in range(_ROUNDS):
            home = folder / f"long-{number}"
            with _home(home, server, ["@long_one"]) as (settings, [source]):
                bare.append(messages / asyncio.run(_bare(settings, messages, wait_time=0)))
                seconds, more = asyncio.run(_crawled(settings, source, messages))
            crawled.append(messages / seconds)
            grown.append(more)
            options.progress(number + 1, _ROUNDS + 2)
        polite = {"max_pages": _POLITE // 100}
        with _home(folder / "polite", server, ["@long_one"], crawl=polite, delay_s=1.0) as (
            settings,
            [source],
        ):
            # Telethon waits a second a page by itself, where it is to read more than 3,000.
            waits = _POLITE / asyncio.run(_bare(settings, _POLITE, wait_time=None))
            # The look-up of the name is no page: the second crawl goes on from the newest one.
            asyncio.run(_crawled(settings, source, _POLITE))
            paced = _POLITE / asyncio.run(_crawled(settings, source, 2 * _POLITE - 100))[0]
    return [
        {
            "what": f"{_POLITE} messages, iter_messages with its own pause of 1 s a page",
            "messages_a_second": round(waits),
        },
        {
            "what": "the same by a crawl, with its own pause (telegram.delay_s)",
            "messages_a_second": round(paced),
            "ratio": round(paced / waits, 2),
        },
        {
            "what": f"{messages} messages without media, iter_messages without any pause",
            "messages_a_second": round(median(bare)),
        },
        {
            "what": "the same by a crawl without any pause: read, cleaned, committed",
            "messages_a_second": round(median(crawled)),
            "ratio": round(median(b / a for a, b in zip(bare, crawled, strict=True)), 2),
            "mib_more_after_the_first_tenth": round(median(grown), 1),
        },
    ]


def _idle(folder: Path, options: Options) -> list[Row]:
    """Poll channels that have nothing new; the days that names take go by on a clock of ours."""
    channels = [
        {
            "id": 1_000 + number,
            "username": f"idle_{number:04}",
            "title": "Idle",
            "messages": [{"id": 1, "text": "first"}],
        }
        for number in range(_CHANNELS)
    ]
    names = [f"@idle_{number:04}" for number in range(_CHANNELS)]
    with _serving(folder / "idle", channels) as server:
        with _home(folder / "one", server, names[:1]) as (settings, [source]):
            asyncio.run(_polled(settings, [source], _Clock()))
            server.reset()
            asyncio.run(_polled(settings, [source] * _POLLS, _Clock()))
            asked = [one for one in server.requests() if one != "help.getConfig"]
        options.progress(_ROUNDS + 1, _ROUNDS + 2)
        with _home(folder / "many", server, names, delay_s=1.0) as (settings, watched):
            clock = _Clock()
            days = 0
            left = watched
            while left:
                left = asyncio.run(_polled(settings, left, clock))
                clock.now += timedelta(days=1)
                days += 1
            began = clock.now
            server.reset()
            asyncio.run(_polled(settings, watched, clock))
            took = (clock.now - began).total_seconds()
            requests = len(server.requests()) - 1
        options.progress(_ROUNDS + 2, _ROUNDS + 2)
    a_day = settings.telegram.requests_a_day // requests
    return [
        {"what": "one idle channel", "requests_a_poll": len(asked) / _POLLS},
        {
            "what": f"{_CHANNELS} idle channels by one account",
            "requests_a_poll": requests / _CHANNELS,
            "seconds_a_round": round(took),
            "rounds_a_day": a_day,
            "days_until_all_are_known": days,
        },
    ]


async def _bare(settings: Settings, messages: int, *, wait_time: int | None) -> float:
    """Read a channel by Telethon alone; seconds."""
    client = new_client(settings, sessions.load(settings, "main"), is_quiet=True)
    async with connected(client, settings):
        channel = await client.get_input_entity("long_one")
        began = time.perf_counter()
        read = 0
        async for _ in client.iter_messages(channel, wait_time=wait_time):
            read += 1
            if read == messages:
                break
        took = time.perf_counter() - began
    if read != messages:
        raise RuntimeError(f"{read} of {messages} messages were read")
    return took


async def _crawled(settings: Settings, source: Source, messages: int) -> tuple[float, float]:
    """Crawl a channel.

    Args:
        messages: That are stored when the crawl has ended.

    Returns:
        Seconds, and the MiB that the process grew by after the first tenth.
    """
    memory: list[float] = []
    async with _collecting(settings) as (context, collector):
        run = SourceRun(context, source)
        took = run.took

        def watched(counts: Any) -> bool:  # noqa: ANN401 - as the run takes it
            memory.append(_resident_mib())
            return took(counts)

        run.took = watched  # type: ignore[method-assign]
        # What commits need is opened before the clock runs.
        context.services(_nothing, _nothing)
        began = time.perf_counter()
        await collector.crawl(run)
        seconds = time.perf_counter() - began
        with context.store.read() as db:
            stored = db.exec_driver_sql("SELECT count(*) FROM posts").scalar()
    if stored != messages:
        raise RuntimeError(f"{stored} of {messages} messages were stored")
    return seconds, memory[-1] - memory[len(memory) // 10]


async def _polled(settings: Settings, wanted: list[Source], clock: _Clock) -> list[Source]:
    """Crawl sources one after the other.

    Returns:
        Those that no account could read.
    """
    refused = []
    async with _collecting(settings, clock) as (context, collector):
        for source in wanted:
            run = SourceRun(context, source)
            try:
                await collector.crawl(run)
            except Elsewhere as elsewhere:
                run.give_up(elsewhere)
                refused.append(source)
    return refused


@asynccontextmanager
async def _collecting(
    settings: Settings, clock: _Clock | None = None
) -> AsyncIterator[tuple[CrawlContext, Collector]]:
    """Give a collector; with a clock, its waiting takes no time."""
    context = CrawlContext(settings)
    more: dict[str, Any] = {} if clock is None else {"clock": clock, "sleep": clock.sleep}
    collector = Collector(context, **more)
    try:
        yield context, collector
    finally:
        await collector.close()
        context.close()
        context.store.close()


@contextmanager
def _home(
    folder: Path,
    server: _Server,
    addresses: list[str],
    *,
    crawl: dict[str, int] | None = None,
    **telegram: float,
) -> Iterator[tuple[Settings, list[Source]]]:
    """Make a home folder with an account that is logged in, and sources."""
    folder.mkdir()
    settings = build(
        folder,
        {
            "operator": {"contact": "mailto:bench@example.org"},
            "crawl": {"depth": 10**9, "max_pages": 10**6, **(crawl or {})},
            "telegram": {
                "dc": server.address,
                "dc_public_key": str(server.key),
                "delay_s": 0,
                "requests_a_day": 10**6 if not telegram else 20_000,
                **telegram,
            },
        },
        sealed=True,
    )

    async def answer(_question: str, _is_hidden: bool) -> str:
        return _CODE

    store = Store(settings.store_url)
    store.migrate()
    try:
        user_id = asyncio.run(log_in(settings, "main", _PHONE, answer))
        now = utc_now()
        with store.write() as db:
            accounts.add(db, "main", user_id, now)
            watched = [
                sources.add(
                    db,
                    kind=SourceKind.TELEGRAM,
                    address=address,
                    engine=None,
                    interval_s=900,
                    now=now,
                )
                for address in addresses
            ]
        yield settings, watched
    finally:
        store.close()


@contextmanager
def _serving(folder: Path, channels: list[dict[str, Any]]) -> Iterator[_Server]:
    """Run the MTProto server of the tests."""
    built = sorted((_ROOT / ".cache" / "mtproto").glob("mtproto-*"))
    if not built:
        raise Misuse(
            "the server that this reads is not built: in Haechi's own folder, with Go, "
            "`make mtproto` does it"
        )
    folder.mkdir()
    world = {"accounts": [{"phone": _PHONE, "user": 1, "code": _CODE}], "channels": channels}
    (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
    with subprocess.Popen(  # noqa: S603 - built from this repository
        [built[-1], "-world", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            ready = json.loads(process.stdout.readline() if process.stdout else "")
            key = folder / "server.pem"
            key.write_text(ready["public_key"], encoding="ascii")
            address = f"{ready['dc']} {ready['host']}:{ready['port']}"
            yield _Server(address, key, ready["control"])
        finally:
            process.terminate()


async def _nothing(url: str) -> bytes:
    """Fetch nothing: there are no media."""
    raise RuntimeError(f"there are no media: {url}")


def _resident_mib() -> float:
    """Tell how much memory this process has."""
    gc.collect(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4 / 1024


BENCH = Bench(
    name="telegram",
    help="channels read by an account, beside Telethon alone, and how many one account can watch",
    run=_run,
    takes=frozenset({"large"}),
)
