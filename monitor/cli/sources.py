"""`haechi sources`: what is watched, how often, and how it does."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit, urlunsplit

import typer
from sqlalchemy import Connection

from crawlers.addresses import rules_for
from crawlers.urls import is_same_site, is_under
from crawlers.walks.fetch import NOT_FETCHED
from monitor.cli import probe
from monitor.cli.channels import Least, agreed
from monitor.cli.groups import ListingGroup
from monitor.cli.home import Home, opened
from monitor.cli.output import brief, complain, count, emit, progress, say, table
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.models.channel import CHANNEL_NAME, OTHER_LINKS, TELEGRAM_HOSTS
from monitor.models.run import Outcome, Run
from monitor.models.source import COMMENTS, GENERIC, Source, SourceKind
from monitor.settings import Settings
from monitor.store import accounts, posts, runs, sources
from schedules import runner

Address = Annotated[str, typer.Argument(help="@name, a t.me link, or a forum's URL; or its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

# As Telegram's programs write numbers of channels, too: -100 comes before them.
_BY_NUMBER = re.compile(r"telegram:(?:-100)?([1-9][0-9]{0,17})")
# What a server shows for the folder itself: one forum must not be watched under two names.
_INDEX_PAGE = re.compile(r"/index\.(?:php|html?)$")
_NO_SOURCE = (
    "is not a source: give @channel, telegram:NUMBER, https://t.me/channel or "
    "https://forum.example/"
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MAX_DAYS = 366


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=ListingGroup, help="Add, test, list and pause watched places.")
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
    if numbered := _BY_NUMBER.fullmatch(word):
        return SourceKind.TELEGRAM, f"telegram:{int(numbered[1])}"
    parts = _parts(word, text)
    host, port = parts.hostname or "", parts.port
    if host in TELEGRAM_HOSTS:
        return SourceKind.TELEGRAM, _linked(parts.path, text)
    if parts.scheme not in ("http", "https") or not host or ("://" not in word and "." not in host):
        raise Misuse(f"{text!r} {_NO_SOURCE}")
    if parts.username or parts.password:
        raise Misuse("an address with a password in it is not stored; remove it")
    if not word.isprintable() or re.search(r"\s", word):
        raise Misuse(f"{text!r} is not a web address: it has white space in it")
    name = f"[{host}]" if ":" in host else host
    is_default = port in (None, {"http": 80, "https": 443}[parts.scheme])
    query = "&".join(one for one in parts.query.split("&") if one and not one.startswith("sid="))
    path = parts.path or "/"
    if not query:
        path = _INDEX_PAGE.sub("/", path)
        if "." not in path.rpartition("/")[2] and not path.endswith("/"):
            path += "/"
    netloc = name if is_default else f"{name}:{port}"
    return SourceKind.FORUM, urlunsplit((parts.scheme, netloc, path, query, ""))


def _parts(word: str, given: str) -> SplitResult:
    """Take a web address apart; one without a scheme is taken for https."""
    try:
        parts = urlsplit(word if "://" in word else f"https://{word}")
        _ = parts.port  # Reading it is what checks it.
    except ValueError as error:
        raise Misuse(f"{given!r} {_NO_SOURCE}") from error
    return parts


def _linked(path: str, given: str) -> str:
    """Read a link to a channel, or to a post of one."""
    steps = [step for step in path.split("/") if step and step != "s"]
    numbered = _BY_NUMBER.fullmatch(f"telegram:{steps[1]}") if steps[1:] else None
    if numbered and steps[0] == "c":
        return f"telegram:{int(numbered[1])}"
    name = steps[0] if steps and steps[0].lower() not in OTHER_LINKS else ""
    return _channel("/".join([name, *(one for one in steps[1:2] if one == COMMENTS)]), given)


def parse_interval(text: str) -> int:
    """Read an interval such as 90s, 15m, 2h or 1d; a bare number is seconds.

    Raises:
        Misuse: It is none.
    """
    match = re.fullmatch(r"(\d{1,7})([smhd]?)", text.strip())
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 1 <= seconds <= _MAX_DAYS * _UNITS["d"]:
        raise Misuse(
            f"--every {text!r}: give an interval from 1s to {_MAX_DAYS}d, such as 90s, 15m or 2h"
        )
    return seconds


def interval(seconds: int) -> str:
    """Write an interval as `parse_interval` reads it, in the largest unit that is exact."""
    unit = max((one for one in _UNITS if seconds % _UNITS[one] == 0), key=_UNITS.__getitem__)
    return f"{seconds // _UNITS[unit]}{unit}"


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
    address: Annotated[
        str,
        typer.Argument(
            help="@name, @name/comments, telegram:NUMBER, a t.me link, or a forum's URL.",
            show_default=False,
        ),
    ] = "",
    every: Annotated[
        str,
        typer.Option(
            help="Interval of its crawls, 1s to 366d: 90s, 15m, 2h, 1d [default: settings]."
        ),
    ] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where a part or the whole is watched already.")
    ] = False,
    from_channels: Annotated[
        bool,
        typer.Option(
            "--from-channels", help="Ask of each channel that stored posts lead to, instead."
        ),
    ] = False,
    at_least: Least = 1,
) -> None:
    """Watch a public channel or a forum."""
    if bool(address) is from_channels:
        raise Misuse("say what to watch: an address, or --from-channels")
    interval_s = parse_interval(every) if every else None
    with opened(ctx) as home:
        for one in agreed(home, at_least) if from_channels else [address]:
            _add(home, one, interval_s, anyway=anyway)


def _add(home: Home, address: str, interval_s: int | None, *, anyway: bool) -> None:
    """Watch one place."""
    kind, canonical = parse_address(address)
    default_s = home.settings.crawl.interval_s
    with home.store.write() as db:
        has_accounts = accounts.has_any(db)
        known = sources.find(db, canonical)
        if known is None:
            watched = sources.every(db)
            _refuse_twin(watched, canonical)
            if kind is SourceKind.TELEGRAM:
                _refuse_same_channel(db, watched, canonical)
            if not anyway:
                _refuse_part(watched, canonical)
        source = sources.add(
            db,
            kind=kind,
            address=canonical,
            engine=None if known is None else known.engine,
            interval_s=interval_s or (known.interval_s if known else default_s),
            now=utc_now(),
        )
    verb = "watching" if known is None else "already watched, now"
    say(f"{verb} {source.address} every {interval(source.interval_s)} ({source.id})")
    if source.kind is SourceKind.TELEGRAM and has_accounts:
        say("read by a Telegram account, or by its web preview where none can")
    elif hint := private_hint(source, home.settings):
        complain(f"haechi: {hint}")
    say(f"next: haechi crawl {source.address}   or: haechi run")


def outcome(run: Run) -> str:
    """Say how a run ended; a run of no pages is a good one where there was nothing to read."""
    one = run.counts
    met = one.posts_new + one.posts_edited + one.posts_deleted + one.media_hashed + one.findings
    return run.outcome if met or run.outcome is not Outcome.OK else f"{run.outcome}, nothing new"


def reason(run: Run, source: Source, settings: Settings) -> str:
    """Say why a run did not reach its end, if possible by the way out; empty where it did."""
    if run.outcome is Outcome.OK:
        return ""
    # What an account met is said first; of its preview, only after it.
    is_alone = run.error.startswith(NOT_FETCHED) or source.kind is SourceKind.FORUM
    return (private_hint(source, settings) if is_alone else "") or run.error


def private_hint(source: Source, settings: Settings) -> str:
    """Say what opens the way to a source that lives on a private address; empty for others."""
    is_forum = source.kind is SourceKind.FORUM
    url = urlsplit(source.address if is_forum else settings.telegram.preview_url)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    try:
        address = ip_address(host)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return ""
    if rules_for(url.geturl(), settings.network.allow_private).permit(host, port):
        return ""
    entry = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    return (
        f"{entry} is not a public address: crawls reach it when network.allow_private in "
        f'haechi.toml names it: allow_private = ["{entry}"]'
    )


def _refuse_twin(watched: list[Source], address: str) -> None:
    """Refuse a forum that is watched by its other scheme, or with or without `www.`.

    Raises:
        Misuse: Names the known one.
    """
    page = urlsplit(address)
    for one in watched:
        # Canonical anew: it may have been added by an older Haechi, which knew fewer twins.
        kind, known = parse_address(one.address)
        other = urlsplit(known)
        if (
            kind is SourceKind.FORUM
            and (other.path, other.query) == (page.path, page.query)
            and is_same_site(known, address)
        ):
            raise Misuse(
                f"{address} is the same place as {one.address}, which is watched already; "
                f"to change over, first: haechi sources remove {one.address}"
            )


def _refuse_same_channel(db: Connection, watched: list[Source], address: str) -> None:
    """Refuse a channel that is watched by its number, or by another name.

    Raises:
        Misuse: Names the known one.
    """
    if address.endswith(f"/{COMMENTS}"):
        return
    for one in watched:
        channel = sources.load_checkpoint(db, one.id).get("channel")
        if not isinstance(channel, dict) or one.address.endswith(f"/{COMMENTS}"):
            continue
        name, number = channel.get("name"), channel.get("id")
        names = {f"@{name.lower()}"} if isinstance(name, str) else set()
        numbers = {f"telegram:{-number}"} if isinstance(number, int) else set()
        if address in names | numbers:
            raise Misuse(
                f"{address} is the same channel as {one.address}, which is watched already; "
                f"to change over, first: haechi sources remove {one.address}"
            )


def _refuse_part(watched: list[Source], address: str) -> None:
    """Refuse a forum of which a part is watched, or that is a part of one: each post counts once.

    Raises:
        Misuse: Names the known one.
    """
    for one in watched:
        if _is_within(address, one.address):
            how = "is part of"
        elif _is_within(one.address, address):
            how = "has a part in it,"
        else:
            continue
        raise Misuse(
            f"{address} {how} {one.address}, which is watched already: "
            "what is found there would be told twice; to watch both: --anyway"
        )


def _is_within(address: str, whole: str) -> bool:
    """Tell whether a place is in the folder that the address of another is."""
    parts = urlsplit(whole)
    is_folder = parts.path.endswith("/") and not parts.query
    return is_folder and is_under(address, whole)


def engine_of(source: Source) -> str:
    """Name the engine of a forum; empty where it is not known."""
    about = " (unknown software, read by general signals)" if source.engine == GENERIC else ""
    return f"{source.engine or ''}{about}"


def untold(told: posts.Told) -> str:
    """Say what the pages of a source did not tell of its posts; empty where they told all."""
    lacks = [
        f"{name} of {'all' if has == 0 else f'{told.posts - has} of'} {count(told.posts, 'post')}"
        for name, has in (
            ("authors", told.authors),
            ("times", told.times),
            ("boards", told.boards),
        )
        if has < told.posts
    ]
    return f"not told: {', '.join(lacks)}" if lacks else ""


def list_sources(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the watched sources; the default."""
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
                interval(one.interval_s),
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
            latest = [runner.as_it_is(one, home.settings) for one in runs.latest(db, 10, source.id)]
            views = sources.views(db, source.id)
            channel = sources.load_checkpoint(db, source.id).get("channel")
            told = posts.told(db, source.id)
    if as_json:
        emit({"source": source, "channel": channel, "views": views, "told": told, "runs": latest})
        return
    is_forum = source.kind is SourceKind.FORUM
    engine = f", engine {engine_of(source) or 'not known yet'}" if is_forum else ""
    every = interval(source.interval_s)
    say(f"{source.address} ({source.id}), {source.kind}{engine}, every {every}")
    state = "paused" if source.paused else source.state
    say(": ".join(filter(None, ("state", state, source.state_detail))))
    if is_forum and (lack := untold(told)):
        say(lack)
    if isinstance(channel, dict):
        facts = (f"{name} {channel[name]}" for name in channel if channel[name] is not None)
        say(f"channel: {', '.join(facts)}")
    if views:
        table(
            ("read by", "state", "when", "what it met"),
            [(one.via, one.state, one.at, one.detail) for one in views],
            empty="",
        )
    table(
        (
            "started",
            "by",
            "outcome",
            "pages",
            "new",
            "edited",
            "gone",
            "media",
            "findings",
            "error",
        ),
        [
            (
                run.started_at,
                run.via,
                outcome(run),
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
    """Read some pages and show what is seen.

    The place may be watched or not; nothing is stored.
    """
    with opened(ctx) as home:
        try:
            watched = find(home, address)
            kind, canonical = watched.kind, watched.address
        except Misuse:
            kind, canonical = parse_address(address)
        if kind is SourceKind.TELEGRAM and home.settings.features.key is not None:
            complain("haechi: HAECHI_FEATURES__KEY is set: a test reads by the web preview only")
        with progress(f"reading {canonical}"):
            reading = probe.read(kind, canonical, home.settings, home.store)
    if as_json:
        emit(
            {
                "source": reading.source,
                "run": reading.run,
                "posts": len(reading.posts),
                "told": reading.told,
            }
        )
    else:
        counts = reading.run.counts
        why = reason(reading.run, reading.source, home.settings)
        by = f" by {reading.run.via}" if reading.run.via else ""
        say(": ".join(filter(None, (canonical, f"{reading.run.outcome}{by}", why))))
        if kind is SourceKind.FORUM:
            say(f"engine: {engine_of(reading.source) or 'not recognised'}")
            if lack := untold(reading.told):
                say(lack)
        say(
            f"{count(counts.pages, 'page')}, {count(len(reading.posts), 'post')}, "
            f"{count(counts.media_hashed, 'picture')} read, "
            f"{counts.media_skipped + counts.media_failed} not"
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
                    brief(row.text),
                )
                for row, media in reading.posts[-10:]
            ],
            empty="no posts were seen",
        )
    if reading.run.outcome is not Outcome.OK:
        raise typer.Exit(1)


def pause(ctx: typer.Context, address: Address) -> None:
    """Stop crawling a source for now.

    What is stored stays.
    """
    _change(ctx, address, "paused", paused=True)


def resume(ctx: typer.Context, address: Address) -> None:
    """Crawl a paused source again."""
    _change(ctx, address, "resumed", paused=False)


def remove(ctx: typer.Context, address: Address) -> None:
    """Stop watching a source.

    What is stored stays, and adding it again resumes there.
    """
    _change(ctx, address, "removed", removed=True)


def _channel(name: str, given: str) -> str:
    """Check a channel's name, or that of its comments."""
    channel, _, part = name.partition("/")
    if not CHANNEL_NAME.fullmatch(channel) or part not in ("", COMMENTS):
        raise Misuse(
            f"{given!r} is not a public channel: give @name (letters, digits, underscores), "
            f"@name/{COMMENTS} or telegram:NUMBER; invite links can't be watched"
        )
    return f"@{channel.lower()}/{part}" if part else f"@{channel.lower()}"


def _change(ctx: typer.Context, address: str, done: str, **values: bool) -> None:
    """Set a column of a source."""
    with opened(ctx) as home:
        source = find(home, address)
        with home.store.write() as db:
            sources.change(db, source.id, **values)
        say(f"{done} {source.address}")
