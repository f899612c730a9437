"""`haechi sources`: what is watched, how often, and how it does."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer

from monitor.cli import probe
from monitor.cli.home import Home, opened
from monitor.cli.output import emit, progress, say, table
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.models.run import Outcome
from monitor.models.source import Source, SourceKind
from monitor.store import runs, sources

Address = Annotated[str, typer.Argument(help="@name, a t.me link, or a forum's URL; or its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

# Telegram's own rule is 5 to 32; four-letter names are sold.
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
_TELEGRAM_HOSTS = frozenset({"t.me", "telegram.me", "telegram.dog", "www.t.me"})
# First steps of links to other things than channels. Source: Telegram, "Deep links".
_OTHER_LINKS = frozenset(
    {
        *("addemoji", "addlist", "addstickers", "addtheme", "boost", "confirmphone", "contact"),
        *("giftcode", "invoice", "joinchat", "login", "proxy", "setlanguage", "share", "socks"),
    }
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Add, list, show, pause, resume and remove watched places.")
    group.callback(invoke_without_command=True)(_default)
    group.command("add")(add)
    group.command("list")(list_sources)
    group.command("show")(show)
    group.command("test")(try_source)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("remove")(remove)
    app.add_typer(group, name="sources")


def parse_address(text: str) -> tuple[SourceKind, str]:
    """Make an operator's word for a source canonical.

    Returns:
        The kind, and "@name" in lower case or a URL.

    Raises:
        Misuse: It is neither a channel nor a web address.
    """
    word = text.strip()
    if word.startswith("@"):
        return SourceKind.TELEGRAM, _channel(word[1:], text)
    candidate = word if "://" in word else f"https://{word}"
    try:
        parts = urlsplit(candidate)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Misuse(f"{text!r} is not a web address: {error}") from error
    if host in _TELEGRAM_HOSTS:
        steps = [step for step in parts.path.split("/") if step and step != "s"]
        name = steps[0] if steps and steps[0].lower() not in _OTHER_LINKS else ""
        return SourceKind.TELEGRAM, _channel(name, text)
    if parts.scheme not in ("http", "https") or not host or ("://" not in word and "." not in host):
        raise Misuse(
            f"{text!r} is not a source: give @channel, https://t.me/channel or https://forum.example/"
        )
    if parts.username or parts.password:
        raise Misuse("an address with a password in it is not stored; remove it")
    if not word.isprintable() or re.search(r"\s", word):
        raise Misuse(f"{text!r} is not a web address: it has white space in it")
    name = f"[{host}]" if ":" in host else host
    is_default = port in (None, {"http": 80, "https": 443}[parts.scheme])
    path = parts.path or "/"
    if not parts.query and "." not in path.rpartition("/")[2] and not path.endswith("/"):
        path += "/"
    query = "&".join(one for one in parts.query.split("&") if one and not one.startswith("sid="))
    netloc = name if is_default else f"{name}:{port}"
    return SourceKind.FORUM, urlunsplit((parts.scheme, netloc, path, query, ""))


def parse_interval(text: str) -> int:
    """Read an interval such as 90s, 15m, 2h or 1d; a bare number is seconds.

    Raises:
        Misuse: It is none.
    """
    match = re.fullmatch(r"(\d{1,7})([smhd]?)", text.strip())
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 1 <= seconds <= 366 * 86_400:
        raise Misuse(f"--every {text!r}: give an interval such as 90s, 15m, 2h or 1d")
    return seconds


def find(home: Home, text: str) -> Source:
    """Find a watched source by address or id.

    Raises:
        Misuse: It is not watched.
    """
    with home.store.read() as db:
        found = sources.find(db, text)
        if found is None:
            try:
                found = sources.find(db, parse_address(text)[1])
            except Misuse:
                found = None
    if found is None:
        raise Misuse(f"unknown source {text!r}; see `haechi sources`, or `haechi sources add` it")
    return found


def add(
    ctx: typer.Context,
    address: Address,
    every: Annotated[
        str, typer.Option(help="Interval of its crawls: 90s, 15m, 2h, 1d [default: settings].")
    ] = "",
) -> None:
    """Watch a public Telegram channel or a forum."""
    kind, canonical = parse_address(address)
    interval_s = parse_interval(every) if every else None
    with opened(ctx) as home:
        default_s = home.settings.crawl.interval_s
        with home.store.write() as db:
            known = sources.find(db, canonical)
            source = sources.add(
                db,
                kind=kind,
                address=canonical,
                engine=None if known is None else known.engine,
                interval_s=interval_s or (known.interval_s if known else default_s),
                now=utc_now(),
            )
        verb = "watching" if known is None else "already watched, now"
        say(f"{verb} {source.address} every {source.interval_s} s ({source.id})")
        say(f"next: haechi crawl {source.address}   or: haechi run")


def _default(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the sources when no other command is given."""
    if ctx.invoked_subcommand is None:
        list_sources(ctx, as_json=as_json)


def list_sources(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the watched sources with their states."""
    with opened(ctx) as home, home.store.read() as db:
        found = sources.every(db)
    if as_json:
        for one in found:
            emit(one)
        return
    table(
        ("source", "kind", "engine", "every", "state", "last success", "last new post"),
        [
            (
                one.address,
                one.kind,
                one.engine,
                f"{one.interval_s} s",
                "paused" if one.paused else one.state,
                one.last_success_at,
                one.last_new_at,
            )
            for one in found
        ],
        empty="no sources yet: haechi sources add @channel",
    )


def show(ctx: typer.Context, address: Address, as_json: AsJson = False) -> None:
    """Show one source and its latest runs."""
    with opened(ctx) as home:
        source = find(home, address)
        with home.store.read() as db:
            latest = runs.latest(db, 10, source.id)
    if as_json:
        emit({"source": source, "runs": latest})
        return
    say(f"{source.address} ({source.id}), {source.kind}, engine {source.engine or 'not known yet'}")
    say(f"state: {'paused' if source.paused else source.state} {source.state_detail}".rstrip())
    table(
        ("started", "outcome", "pages", "new", "edited", "gone", "media", "findings", "error"),
        [
            (
                run.started_at,
                run.outcome,
                run.counts.pages,
                run.counts.posts_new,
                run.counts.posts_edited,
                run.counts.posts_deleted,
                run.counts.media_hashed,
                run.counts.findings,
                run.error,
            )
            for run in latest
        ],
        empty="never crawled yet",
    )


def try_source(ctx: typer.Context, address: Address, as_json: AsJson = False) -> None:
    """Read some pages of a place, watched or not, and show what is seen; nothing is stored."""
    with opened(ctx) as home:
        try:
            watched = find(home, address)
            kind, canonical = watched.kind, watched.address
        except Misuse:
            kind, canonical = parse_address(address)
        with progress(f"reading {canonical}"):
            reading = probe.read(kind, canonical, home.settings)
    if as_json:
        emit({"source": reading.source, "run": reading.run, "posts": len(reading.posts)})
    else:
        counts = reading.run.counts
        say(f"{canonical}: {reading.run.outcome} {reading.run.error}".rstrip())
        if kind is SourceKind.FORUM:
            say(f"engine: {reading.source.engine or 'not recognised'}")
        say(
            f"{counts.pages} pages, {len(reading.posts)} posts, {counts.media_hashed} pictures "
            f"read, {counts.media_skipped + counts.media_failed} not"
        )
        table(
            ("id", "posted", "author", "board", "media", "text"),
            [
                (
                    row.native_id,
                    row.posted,
                    row.author,
                    row.board,
                    media,
                    " ".join(row.text.split())[:60],
                )
                for row, media in reading.posts[-10:]
            ],
            empty="no posts were seen",
        )
    if reading.run.outcome is not Outcome.OK:
        raise typer.Exit(1)


def pause(ctx: typer.Context, address: Address) -> None:
    """Stop crawling a source for now; what is stored stays."""
    _change(ctx, address, "paused", paused=True)


def resume(ctx: typer.Context, address: Address) -> None:
    """Crawl a paused source again."""
    _change(ctx, address, "resumed", paused=False)


def remove(ctx: typer.Context, address: Address) -> None:
    """Stop watching a source; what is stored stays, and adding it again resumes there."""
    _change(ctx, address, "removed", removed=True)


def _channel(name: str, given: str) -> str:
    """Check a channel's name."""
    if not _CHANNEL.fullmatch(name):
        raise Misuse(
            f"{given!r} is not a public channel: give @name (letters, digits, underscores); "
            "invite links can't be watched"
        )
    return f"@{name.lower()}"


def _change(ctx: typer.Context, address: str, done: str, **values: bool) -> None:
    """Set a column of a source."""
    with opened(ctx) as home:
        source = find(home, address)
        with home.store.write() as db:
            sources.change(db, source.id, **values)
        say(f"{done} {source.address}")
