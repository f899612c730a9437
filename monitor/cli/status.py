"""`haechi status` and `haechi doctor`: how things are, and whether all is as it must be."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import typer

from monitor import logs
from monitor.alerts.channels import CHANNELS, ChannelUnit
from monitor.alerts.rules import alerting
from monitor.cli.home import Home, folder, opened
from monitor.cli.output import AsJson, console, count, emit, say, when
from monitor.clock import utc_now
from monitor.errors import HaechiError, StoreError
from monitor.features.sealing import sealer
from monitor.hashes import RECIPE
from monitor.locks import is_held
from monitor.models.account import Account, AccountState
from monitor.models.case import CaseStatus, Held
from monitor.models.source import Source, SourceState
from monitor.registry.bank import Registry
from monitor.sandbox.probe import try_out
from monitor.search import drain as index
from monitor.settings import Settings, load
from monitor.store import accounts, cases, findings, outbox, posts, quarantine, runs, sources
from monitor.store.store import Store
from monitor.store.tables import local_features, windows
from schedules import runner

# A source is late when its last success is this many of its intervals ago.
LATE_INTERVALS = 3
LOW_DISK_BYTES = 1 << 30
MOST_REASONS = 10
# Of videos on the web and of phones, by libav's names.
_CODECS = (
    *("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "h263", "mpeg1video", "mpeg2video", "mjpeg"),
    *("wmv1", "wmv2", "wmv3", "vc1", "flv", "theora", "msmpeg4v3", "vvc", "prores", "png"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `haechi doctor`.

    Attributes:
        state: "ok", "warning" or "error".
    """

    what: str
    state: str
    detail: str


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("doctor")(doctor)


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say how things are, and what needs attention."""
    with opened(ctx) as home:
        facts, trouble = _facts(home)
    if as_json:
        emit({**facts, "trouble": trouble})
        return
    say(f"haechi at {facts['home']}, daemon {'running' if facts['daemon'] else 'not running'}")
    say(f"sources   {_counts(facts['sources'])}")
    if facts["accounts"]:
        say(f"accounts  {_counts(facts['accounts'])}")
    say(f"last run  {facts['last_run'] or 'never'}")
    say(f"stored    {_counts(facts['stored'])}")
    if isinstance(facts["skipped"], dict) and facts["skipped"]:
        why = "; ".join(f"{number} {reason}" for reason, number in facts["skipped"].items())
        say(f"skipped   {why}")
    say(f"cases     {_counts(facts['cases'])}")
    say(f"findings  {_counts(facts['findings'])}")
    say(f"alerts    {_counts(facts['alerts'])}")
    say(f"index     {_counts(facts['index'])}")
    for line in trouble:
        say(f"! {line}")
    if not trouble:
        say("nothing needs attention")


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Check everything that Haechi needs.

    Exit code 1 when something is missing.
    """
    # What is met is told here, and belongs into no crawl's log.
    logs.configure(None)
    checks = list(_checks(folder(ctx)))
    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    for one in checks:
        if as_json:
            emit(one)
        else:
            console().print(f"[{colours[one.state]}]{one.state:8}[/]", end="")
            say(f"{one.what}: {one.detail}")
    if any(one.state == "error" for one in checks):
        raise typer.Exit(1)


def _facts(home: Home) -> tuple[dict[str, dict[str, int] | str | bool | None], list[str]]:
    """Gather what the status says, and what needs attention."""
    now = utc_now()
    with home.store.read() as db:
        watched = sources.every(db)
        every_case = cases.every(db)
        alerts = findings.count_alerts(db)
        waiting, since = outbox.backlog(db)
        dead = len(outbox.dead(db))
        stored = posts.count(db)
        found = findings.count_by_status(db)
        latest = runs.latest(db, 1)
        held = quarantine.every(db)
        skipped = posts.reasons(db, MOST_REASONS)
        readers = accounts.every(db, now)
        older = {
            "media": posts.count_older(db, RECIPE),
            "fingerprints": cases.count_older(db, RECIPE),
        }
    states: dict[str, int] = {"watched": len(watched)}
    for one in watched:
        state = "paused" if one.paused else one.state.value
        states[state] = states.get(state, 0) + 1
    active = sum(one.status is CaseStatus.ACTIVE for one in every_case)
    last = None
    if latest:
        names = {one.id: one.address for one in watched}
        run = runner.as_it_is(latest[0], home.settings)
        place = names.get(run.source_id, "a removed source")
        last = f"{when(run.started_at)} {place}: {run.outcome}"
    trouble = [line for one in watched if (line := _trouble(one)) is not None]
    trouble += [one.state_detail for one in readers if one.state is not AccountState.OK]
    trouble += [_held(one) for one in held]
    if alerts.get("failed"):
        trouble.append(f"{count(alerts['failed'], 'alert')} given up: haechi alerts retry")
    if alerts.get("pending"):
        trouble.append(
            f"{count(alerts['pending'], 'alert')} not mailed yet: haechi alerts retry, "
            "or haechi alerts test to see why"
        )
    if waiting and since is not None and now - since > timedelta(minutes=5):
        trouble.append(f"{count(waiting, 'change')} not indexed since {when(since)}")
    try:
        index.check(home.store, home.settings)
    except HaechiError as error:
        trouble.append(str(error))
    if dead:
        trouble.append(f"{count(dead, 'document')} could not be indexed: haechi index status")
    if any(older.values()):
        trouble.append(
            f"{_counts(older)} were hashed by an older recipe than {RECIPE}, and stay as they are; "
            "photos can be enrolled again"
        )
    if not home.settings.recipients:
        trouble.append("nobody gets alerts: set mail.to in haechi.toml")
    facts: dict[str, dict[str, int] | str | bool | None] = {
        "home": str(home.settings.home),
        "daemon": is_held(home.settings.state_folder, "daemon"),
        "sources": states,
        "accounts": dict(Counter(one.state.value for one in readers)),
        "last_run": last,
        "stored": stored,
        "skipped": skipped,
        "older_recipe": older,
        "cases": {
            "active": active,
            "withdrawn": len(every_case) - active,
            "fingerprints": sum(one.fingerprints for one in every_case),
            **({"quarantined": len(held)} if held else {}),
        },
        "findings": {"new": 0, **found},
        "alerts": {"sent": 0, **alerts},
        "index": {"waiting": waiting, "put aside": dead},
    }
    return facts, trouble


def _trouble(source: Source) -> str | None:
    """Say what an operator must know of a source; None when all is well."""
    if source.paused:
        return None
    if source.state not in (SourceState.OK, SourceState.NEW, SourceState.RENAMED):
        return f"{source.address} is {source.state}: {source.state_detail}"
    heard = source.last_success_at or source.added_at
    if utc_now() - heard > timedelta(seconds=LATE_INTERVALS * source.interval_s):
        return f"{source.address} was last read {when(source.last_success_at)}: is `haechi run` on?"
    return None


def _held(one: Held) -> str:
    """Say of a fingerprint in quarantine what is to be done."""
    return (
        f"photo {one.fingerprint_id} of case {one.case_id} is in quarantine since "
        f"{when(one.since)}, as it suddenly matched many unlike pictures: "
        f"{count(one.findings, 'finding')} not mailed; look at "
        f"`haechi findings list --case {one.case_id}`, then "
        f"`haechi cases release {one.fingerprint_id}`"
    )


def _counts(counts: object) -> str:
    """Write counts in one line."""
    if not isinstance(counts, dict):
        return str(counts)
    return ", ".join(
        count(number, name.removesuffix("s"))
        if name.endswith("s")
        else f"{number} {name.replace('_', ' ')}"
        for name, number in counts.items()
    )


def _checks(home: Path) -> Iterator[Check]:
    """Check one thing after the other; what can't be checked without settings is left out."""
    yield Check("Python", "ok", sys.version.split()[0])
    yield Check("SQLite", "ok", sqlite3.sqlite_version)
    yield _check_speed()
    yield _check_videos()
    try:
        settings = load(home)
    except HaechiError as error:
        yield Check("settings", "error", str(error))
        return
    yield Check("settings", "ok", str(home / "haechi.toml"))
    yield from _check_sandbox(settings)
    yield _private(settings.home)
    contact = settings.operator.contact
    yield Check("contact", "ok" if contact else "error", contact or "operator.contact is not set")
    store = _try("store", lambda: _check_store(settings))
    yield store
    # What can't be held against the store is not told to be wrong, too.
    if store.state == "ok":
        yield from _check_quarantine(settings)
        yield _try("parts of photos", lambda: _check_features(settings))
        yield _try("search index", lambda: _check_search(settings))
        yield from _check_accounts(settings)
        yield _check_browser(settings)
    for unit in CHANNELS.values():
        if unit.recipients(settings):
            yield _try(unit.name, partial(_check_channel, settings, unit))
    people = ", ".join(recipient for _, recipient in alerting(settings).recipients)
    yield Check("recipients", "ok" if people else "warning", people or "set mail.to")
    free = shutil.disk_usage(settings.home).free
    state = "ok" if free > LOW_DISK_BYTES else "warning"
    yield Check("disk", state, f"{free >> 20} MiB free")


def _check_speed() -> Check:
    """Look for what makes Haechi fast, and is not needed to run it."""
    has_numba = find_spec("numba") is not None
    detail = version("numba") if has_numba else "not there: numpy does the same more slowly"
    return Check("numba", "ok" if has_numba else "warning", detail)


def _check_videos() -> Check:
    """Look for the codecs of the videos that people post."""
    import av

    lacking = [name for name in _CODECS if not _has_decoder(name)]
    libav = f"libav {'.'.join(map(str, av.library_versions['libavcodec']))}"
    if lacking:
        return Check("videos", "warning", f"{libav} can't decode {', '.join(lacking)}")
    return Check("videos", "ok", f"{libav}, all usual codecs")


def _has_decoder(name: str) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, "r")
    except UnknownCodecError:
        return False
    return True


def _check_sandbox(settings: Settings) -> Iterator[Check]:
    """Try to break out of the process that opens pictures."""
    try:
        for one in try_out(settings.sandbox):
            yield Check(one.what, "ok" if one.holds else "warning", one.detail)
    except HaechiError as error:
        yield Check("sandbox", "error", str(error))


def _try(what: str, check: Callable[[], str]) -> Check:
    """Run a check; an error of ours is its detail."""
    try:
        return Check(what, "ok", check())
    except HaechiError as error:
        return Check(what, "error", str(error))


def _private(home: Path) -> Check:
    """Check that nobody else can read the home folder: fingerprints are personal data."""
    if home.stat().st_mode & 0o077:
        return Check("privacy", "warning", f"others can read {home}: chmod 700 it")
    return Check("privacy", "ok", "the folder is its owner's only")


def _check_store(settings: Settings) -> str:
    """Open the store."""
    store = Store(settings.store_url)
    try:
        store.check()
        with store.read() as db:
            counts = posts.count(db)
    finally:
        store.close()
    return f"{count(counts['posts'], 'post')}, {counts['media']} media"


def _check_quarantine(settings: Settings) -> Iterator[Check]:
    """List the fingerprints that are held back."""
    store = Store(settings.store_url)
    try:
        with store.read() as db:
            for one in quarantine.every(db):
                yield Check("quarantine", "warning", _held(one))
    finally:
        store.close()


def _check_features(settings: Settings) -> str:
    """Open what is kept encrypted of the enrolled photos.

    Raises:
        StoreError: Some can't be opened.
        NotConfigured: The key can't be read, or is none.
    """
    store = Store(settings.store_url)
    try:
        store.check()
        with store.read() as db:
            sealed = {*cases.seqs_with(db, windows), *cases.seqs_with(db, local_features)}
        bank = Registry(store, sealer(settings)).bank()
        found = [*bank.window_prints.values(), *bank.local_prints.values()]
        kept, readable = len(sealed), len({one.id for one in found})
    finally:
        store.close()
    if readable < kept:
        raise StoreError(
            f"{kept - readable} of {count(kept, 'photo')} can't be opened, the key "
            f"{settings.features.key_file} is missing or another one: restore it from its copy, "
            "or enrol the photos again"
        )
    return count(kept, "photo")


def _check_search(settings: Settings) -> str:
    """Open the store and the search index that is made from it."""
    store = Store(settings.store_url)
    try:
        store.check()
        return count(index.check(store, settings), "post")
    finally:
        store.close()


def _check_accounts(settings: Settings) -> Iterator[Check]:
    """Open the accounts' log-ins; Telegram is not asked."""
    store = Store(settings.store_url)
    try:
        with store.read() as db:
            found = accounts.every(db, utc_now())
    finally:
        store.close()
    for one in found:
        what = f"Telegram account {one.name}"
        if one.state is not AccountState.OK:
            yield Check(what, "error", one.state_detail)
        else:
            yield _try(what, partial(_check_account, settings, one))


def _check_account(settings: Settings, account: Account) -> str:
    """Open an account's log-in."""
    from crawlers.telegram import session as sessions

    sessions.load(settings, account.name)
    limits = settings.telegram
    return (
        f"{account.requests} of {limits.requests_a_day} requests and {account.names} of "
        f"{limits.names_a_day} names today"
    )


def _check_browser(settings: Settings) -> Check:
    """Start a browser where a source needs one; elsewhere, say whether there is one."""
    from crawlers.pages.browser import has_sandbox, version_of
    from crawlers.pages.executable import find

    store = Store(settings.store_url)
    try:
        with store.read() as db:
            needing = [one for one in sources.every(db) if one.browser]
    finally:
        store.close()
    if needing:
        check = _try("browser", lambda: asyncio.run(version_of(settings)))
        what = f"{count(len(needing), 'source')} read by it"
        if check.state == "ok" and not has_sandbox(settings):
            what += ", without its own sandbox (browser.sandbox; root has none)"
            return Check("browser", "warning", f"{check.detail}; {what}")
        return replace(check, detail=f"{check.detail}; {what}")
    try:
        return Check("browser", "ok", f"{find(settings.browser)}; no source needs it")
    except HaechiError as error:
        return Check("browser", "ok", f"no source needs one; {error}")


def _check_channel(settings: Settings, unit: ChannelUnit) -> str:
    """Talk to the other side of a way out, and send nothing."""
    channel = unit.open(settings)
    try:
        return channel.check()
    finally:
        channel.close()
