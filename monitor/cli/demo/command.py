"""`haechi demo`: the whole job on a forum, a channel and a mail server on this machine."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from monitor import logs
from monitor.cli.demo.mailbox import Mailbox
from monitor.cli.demo.site import Site
from monitor.cli.demo.story import CHANNEL, Story, build_story
from monitor.cli.findings import print_table, row
from monitor.cli.output import complain, emit, progress, say, table
from monitor.clock import utc_now
from monitor.errors import HaechiError, Misuse
from monitor.models.finding import Finding
from monitor.models.run import Outcome
from monitor.models.source import SourceKind
from monitor.registry.enrolment import fingerprint
from monitor.sandbox.pictures import open_decoder
from monitor.settings import Settings, find_home, load
from monitor.store import cases, findings, outbox, posts, runs, sources
from monitor.store.store import Store
from schedules.daemon import Daemon

# Written into the demo's folder: only a folder with it is emptied for the next demo.
MARK = ".haechi-demo"
INTERVAL_S = 2
PATIENCE_S = 50.0
ENOUGH_ROUNDS = 2
# A video is looked at about once a second.
_TIMELY_S = 1.0

CONFIGURATION = """\
[operator]
contact = "mailto:demo@example.org"

[network]
# The demo's forum and channel are on this machine; real sources never are.
allow_private = ["127.0.0.1:{forum}", "127.0.0.1:{channel}"]
delay_s = 0.02

[telegram]
preview_url = "http://127.0.0.1:{channel}"

[mail]
host = "127.0.0.1"
port = {mail}
from = "haechi@example.org"
to = ["team@example.org"]
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo did.

    Attributes:
        faults: Each in one line; the demo is right when there are none.
    """

    posts: int
    media: int
    findings: list[Finding]
    mails: list[str]
    seconds: float
    faults: list[str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")] = Path("haechi-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Run the whole job on this machine.

    A forum, a channel and a mail server of its own are crawled, matched, indexed and mailed;
    then look around in it.
    """
    home = find_home(folder)
    _prepare(home)
    result = _play(home)
    if as_json:
        emit(
            {
                "posts": result.posts,
                "media": result.media,
                "findings": [row(one) for one in result.findings],
                "mails": len(result.mails),
                "seconds": round(result.seconds, 1),
            }
        )
    else:
        _print(home, result)
    for fault in result.faults:
        complain(f"haechi demo: {fault}")
    if result.faults:
        raise typer.Exit(1)


def _prepare(home: Path) -> None:
    """Make the demo's folder, in place of an earlier demo's and of nothing else."""
    try:
        if (home / MARK).exists():
            shutil.rmtree(home)
        home.mkdir(mode=0o700, parents=True)
        (home / MARK).write_text("made by haechi demo, and removed by the next one\n")
    except FileExistsError as error:
        raise Misuse(f"{home} exists and is no demo's; name another folder") from error
    except OSError as error:
        raise HaechiError(f"can't make {home}: {error.strerror}") from error


def _play(home: Path) -> Result:
    """Play both acts and see what came of them."""
    started = time.monotonic()
    with ExitStack() as stack:
        bar = stack.enter_context(progress("setting the stage"))
        forum_site = stack.enter_context(Site())
        channel_site = stack.enter_context(Site())
        mailbox = stack.enter_context(Mailbox())
        story = build_story(utc_now())
        story.mount(forum_site, channel_site)
        configuration = CONFIGURATION.format(
            forum=forum_site.port, channel=channel_site.port, mail=mailbox.port
        )
        (home / "haechi.toml").write_text(configuration)
        settings = load(home, sealed=True)
        logs.configure(home)
        store = Store(settings.store_url)
        stack.callback(store.close)
        store.migrate()
        _enrol(settings, story, store)
        _watch(f"{forum_site.url}/forum/", store)
        bar.update(bar.task_ids[0], description="first round")
        with _running(Daemon(store, settings)):
            _wait_for_rounds(store, ENOUGH_ROUNDS)
            story.second_act()
            bar.update(bar.task_ids[0], description="second round")
            _wait_for_rounds(store, _rounds(store) + ENOUGH_ROUNDS)
        _pause(store)
        return _judge(store, settings, story, mailbox, time.monotonic() - started)


def _enrol(settings: Settings, story: Story, store: Store) -> None:
    """Enrol the photos; they stay in the demo's folder so that you can try `haechi scan`."""
    folder = settings.home / "photos"
    folder.mkdir()
    now = utc_now()
    with open_decoder(settings) as decode:
        for case_id, photo in story.photos.items():
            (folder / f"{case_id}{photo.suffix}").write_bytes(photo.data)
            made = fingerprint(decode(photo.data), case_id, now)
            with store.write() as db:
                cases.enrol(db, case_id, [made], actor="demo", now=now)


def _watch(forum: str, store: Store) -> None:
    """Add both sources, on a short interval."""
    with store.write() as db:
        for kind, address in ((SourceKind.FORUM, forum), (SourceKind.TELEGRAM, f"@{CHANNEL}")):
            sources.add(
                db,
                kind=kind,
                address=address,
                engine=None,
                interval_s=INTERVAL_S,
                now=utc_now(),
            )


def _pause(store: Store) -> None:
    """Pause the sources: they are gone when the demo ends, which is nothing to be told of."""
    with store.write() as db:
        for one in sources.every(db):
            sources.change(db, one.id, paused=True)


class _running:  # noqa: N801 - reads as a verb in `with`
    """Run a daemon in a thread while the block runs."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._thread = threading.Thread(
            target=daemon.run, kwargs={"install_signal_handlers": False}, name="daemon"
        )

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()
        self._thread.join()


def _rounds(store: Store) -> int:
    """Count the whole crawls that the slower of the sources has behind it."""
    with store.read() as db:
        done = [one.source_id for one in runs.latest(db, 1_000) if one.outcome is Outcome.OK]
        return min((done.count(one.id) for one in sources.every(db)), default=0)


def _wait_for_rounds(store: Store, rounds: int) -> None:
    """Wait until every source was crawled that often and all was delivered, or it is a fault."""
    deadline = time.monotonic() + PATIENCE_S / 2
    while time.monotonic() < deadline and (_rounds(store) < rounds or _is_waiting(store)):
        time.sleep(0.1)


def _is_waiting(store: Store) -> bool:
    """Tell whether something is still to be indexed or mailed."""
    with store.read() as db:
        unsent = findings.count_alerts(db)
        return bool(outbox.head(db, 1) or unsent.get("pending") or unsent.get("sending"))


def _judge(
    store: Store, settings: Settings, story: Story, mailbox: Mailbox, seconds: float
) -> Result:
    """Hold what was found and mailed against what was planted."""
    with store.read() as db:
        found = findings.every(db)
        addresses = {one.kind: one.id for one in sources.every(db)}
        stored = posts.count(db)
        alerts = {one.message_id: one for one in findings.every_alert(db)}
    expected = {
        (one.case_id, posts.post_id(addresses[one.kind], one.native_id)) for one in story.planted
    }
    actual = [(one.case_id, one.post_id) for one in found]
    subjects = [str(mail.message["Message-ID"]) for mail in mailbox.mails]
    told = [alerts[one].finding_id for one in subjects if one in alerts]
    faults = [f"a repost of {case} was not found" for case, _ in expected - set(actual)]
    faults += [
        f"something that is no repost of {case} was found" for case, _ in set(actual) - expected
    ]
    faults += _untimely(found, story, addresses)
    if len(actual) != len(set(actual)):
        faults.append("a repost was found twice")
    if sorted(told) != sorted(one.id for one in found) or len(told) != len(subjects):
        faults.append(f"{len(found)} findings, but {len(subjects)} mails")
    if not settings.search_path.exists():
        faults.append("nothing was indexed")
    lines = [str(mail.message["Subject"]) for mail in mailbox.mails]
    return Result(stored["posts"], stored["media"], found, lines, seconds, faults)


def _untimely(found: list[Finding], story: Story, addresses: dict[SourceKind, str]) -> list[str]:
    """Tell which reposts in videos were found, and not when they are shown."""
    starts = {
        (one.case_id, one.post_id): None if one.match.moment is None else one.match.moment.start_s
        for one in found
    }
    shown = {
        (one.case_id, posts.post_id(addresses[one.kind], one.native_id)): one.second
        for one in story.planted
    }
    return [
        f"a repost of {key[0]} is shown from second {second} on, and was found at {starts[key]}"
        for key, second in shown.items()
        if second is not None and key in starts
        if (start := starts[key]) is None or abs(start - second) > _TIMELY_S
    ]


def _print(home: Path, result: Result) -> None:
    """Tell what was found, what was mailed, and where to look."""
    say(
        f"{result.posts} posts with {result.media} pictures and videos were crawled; reposts found:"
    )
    print_table(result.findings)
    for one in result.findings:
        if (shown := one.match.moment) is not None and shown.start_s is not None:
            say(f"{one.id} is in a video, from second {shown.start_s:.1f} on")
    say("")
    table(("mails sent",), [(line,) for line in result.mails], empty="no mails")
    say("")
    command = f"{Path(sys.argv[0])} --home {home}"
    say("look around:")
    say(f"  {command} search 사진")
    say(f"  {command} findings show {result.findings[0].id if result.findings else 'ID'}")
    say(f"  {command} status")
    say(f"files: {home} (haechi.toml, haechi.db, search.db, logs/, photos/)")
    say(f"done in {result.seconds:.1f} s; nothing is left running")
