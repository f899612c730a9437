"""`haechi sources add` and `test`: look at a place, and watch it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from crawlers.cookies import cookies_for
from monitor.cli import look, probe
from monitor.cli.channels import Least, agreed
from monitor.cli.home import Home, opened
from monitor.cli.output import AsJson, ask, complain, emit, progress, say
from monitor.cli.places import Address, find, interval, parse_address, parse_interval
from monitor.cli.reasons import private_hint, reason
from monitor.cli.twins import refuse_part, refuse_same_channel, refuse_twin
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.models.run import Outcome
from monitor.models.source import Source, SourceKind
from monitor.store import accounts, sources

_SHOWN_POSTS = 3

# Columns of a source.
Choices = dict[str, bool | str | list[str] | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """How an operator wants a place to be read; None: as it is, or as is found to be right.

    Attributes:
        boards: Ids or titles; empty: all of them.
        is_looked_at: Read some pages first.
        anyway: Whatever they show, and whether it is a part of what is watched.
    """

    interval_s: int | None
    boards: tuple[str, ...] | None
    cookies: Path | None
    browser: bool | None
    is_looked_at: bool
    anyway: bool


def add(
    ctx: typer.Context,
    address: Annotated[
        str,
        typer.Argument(
            help="@name, @name/comments, telegram:NUMBER, a t.me link, a forum's URL or a feed's.",
            show_default=False,
        ),
    ] = "",
    every: Annotated[
        str,
        typer.Option(
            help="Interval of its crawls, 1s to 366d: 90s, 15m, 2h, 1d [default: settings]."
        ),
    ] = "",
    board: Annotated[
        list[str] | None,
        typer.Option(help="Read this board of a forum, by its id or title; may be repeated."),
    ] = None,
    all_boards: Annotated[
        bool, typer.Option("--all", help="Read all boards of a forum, without asking.")
    ] = False,
    cookies: Annotated[
        Path | None,
        typer.Option(
            help="Your cookies of a forum, in the format of curl and of browsers' extensions.",
            show_default=False,
        ),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option(
            "--browser/--no-browser",
            help="Whether a browser reads it [default: where its pages are empty without].",
        ),
    ] = None,
    no_look: Annotated[bool, typer.Option("--no-look", help="Do not look at it first.")] = False,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Also where a part or the whole is watched already, or it looks like no forum.",
        ),
    ] = False,
    from_channels: Annotated[
        bool,
        typer.Option(
            "--from-channels", help="Ask of each channel that stored posts lead to, instead."
        ),
    ] = False,
    at_least: Least = 1,
) -> None:
    """Watch a public channel or a forum.

    Some pages of a forum are read first: what it is made with, its boards and some posts are
    shown, and at a terminal it is asked which boards are meant.
    """
    if bool(address) is from_channels:
        raise Misuse("say what to watch: an address, or --from-channels")
    if all_boards and board:
        raise Misuse("--all and --board contradict each other")
    wish = Wish(
        interval_s=parse_interval(every) if every else None,
        boards=() if all_boards else tuple(board) if board else None,
        cookies=cookies,
        browser=browser,
        is_looked_at=not no_look,
        anyway=anyway,
    )
    with opened(ctx) as home:
        for one in agreed(home, at_least) if from_channels else [address]:
            _add(home, one, wish)


def try_source(ctx: typer.Context, address: Address, as_json: AsJson = False) -> None:
    """Read some pages and show what is seen.

    The place may be watched or not; nothing is stored.
    """
    with opened(ctx) as home:
        watched: Source | None = None
        try:
            watched = find(home, address)
            kind, canonical = watched.kind, watched.address
        except Misuse:
            kind, canonical = parse_address(address)
        if kind is SourceKind.TELEGRAM and home.settings.features.key is not None:
            complain("haechi: HAECHI_FEATURES__KEY is set: a test reads by the web preview only")
        with progress(f"reading {canonical}"):
            reading = probe.read(
                kind,
                canonical,
                home.settings,
                home.store,
                cookies=watched.cookies if watched else None,
                browser=watched.browser if watched else False,
            )
        if as_json:
            emit(
                {
                    "source": reading.source,
                    "sure": reading.sure,
                    "boards": reading.boards,
                    "run": reading.run,
                    "posts": len(reading.posts),
                    "told": reading.told,
                }
            )
        else:
            look.show(reading, home.settings)
    if reading.run.outcome is not Outcome.OK:
        raise typer.Exit(1)


def _add(home: Home, address: str, wish: Wish) -> None:
    """Watch one place."""
    kind, canonical = parse_address(address)
    with home.store.read() as db:
        known = sources.find(db, canonical)
        if known is None:
            watched = sources.every(db)
            refuse_twin(watched, canonical)
            if kind is SourceKind.TELEGRAM:
                refuse_same_channel(db, watched, canonical)
            if not wish.anyway:
                refuse_part(watched, canonical)
        boards = sources.boards(db, known.id) if known else {}
    if kind is SourceKind.FORUM:
        choices = _chosen(home, canonical, known, wish, boards)
        _watch(home, kind, canonical, known, wish, choices, boards)
        return
    if wish.boards or wish.cookies or wish.browser:
        raise Misuse("--board, --cookies and --browser are for forums")
    _watch(home, kind, canonical, known, wish, {}, {})


def _chosen(
    home: Home, canonical: str, known: Source | None, wish: Wish, boards: dict[str, str]
) -> Choices:
    """Find out how a forum is to be read.

    Args:
        boards: Those that are known of it, titles by ids; what is seen is added.
    """
    choices: Choices = {}
    if wish.cookies is not None:
        cookies_for(canonical, wish.cookies)
        choices["cookies"] = str(wish.cookies.absolute())
    if wish.browser is not None:
        choices["browser"] = wish.browser
    if (known is None or (wish.boards and not boards)) and wish.is_looked_at:
        reading = _looked_at(home, canonical, wish, known)
        if reading is not None:
            boards.update(reading.boards)
            choices["engine"] = reading.source.engine
            choices["browser"] = reading.source.browser
            if wish.boards is None and len(boards) > 1 and sys.stdin.isatty():
                choices["boards"] = list(_asked(boards)) or None
    if wish.boards is not None:
        choices["boards"] = list(_named(wish.boards, boards)) or None
    return choices


def _watch(
    home: Home,
    kind: SourceKind,
    address: str,
    known: Source | None,
    wish: Wish,
    choices: Choices,
    boards: dict[str, str],
) -> None:
    """Store it, and say what comes next."""
    with home.store.write() as db:
        has_accounts = accounts.has_any(db)
        default_s = home.settings.crawl.interval_s
        source = sources.add(
            db,
            kind=kind,
            address=address,
            engine=None if known is None else known.engine,
            interval_s=wish.interval_s or (known.interval_s if known else default_s),
            now=utc_now(),
        )
        if choices:
            sources.change(db, source.id, **choices)
        if boards:
            sources.save_checkpoint(
                db, source.id, {"boards": [[id_, title] for id_, title in boards.items()]}
            )
    verb = "watching" if known is None else "already watched, now"
    chosen = choices.get("boards")
    part = f", {len(chosen)} of its boards" if isinstance(chosen, list) else ""
    say(f"{verb} {source.address} every {interval(source.interval_s)}{part} ({source.id})")
    if source.kind is SourceKind.TELEGRAM and has_accounts:
        say("read by a Telegram account, or by its web preview where none can")
    elif hint := private_hint(source, home.settings):
        complain(f"haechi: {hint}")
    say(f"next: haechi crawl {source.address}   or: haechi run")


def _looked_at(home: Home, address: str, wish: Wish, known: Source | None) -> probe.Reading | None:
    """Read some pages of a forum and show what is seen; None where it can't be read now.

    Raises:
        Misuse: It is no forum.
    """
    if not home.settings.operator.contact:
        say("not looked at: operator.contact is not set, and sites must be able to reach you")
        return None
    own = None if known is None else known.cookies
    with progress(f"looking at {address}"):
        reading = probe.read(
            SourceKind.FORUM,
            address,
            home.settings,
            home.store,
            cookies=str(wish.cookies.absolute()) if wish.cookies else own,
            browser=known.browser if known and wish.browser is None else wish.browser,
            pages=probe.LOOK_PAGES,
        )
    if reading.run.outcome is Outcome.CHANGED and reading.source.engine is None:
        if not wish.anyway:
            why = reason(reading.run, reading.source, home.settings)
            raise Misuse(f"{why} at {address}; to watch it all the same: --anyway")
        return None
    if reading.source.engine is None:
        why = reason(reading.run, reading.source, home.settings)
        complain(f"haechi: not looked at: {why}; later: haechi sources test {address}")
        return None
    look.show(reading, home.settings, newest=_SHOWN_POSTS)
    return reading


def _asked(boards: dict[str, str]) -> tuple[str, ...]:
    """Ask which boards are meant; none: all of them."""
    while True:
        answer = ask("Which boards? Their ids or titles with commas between, or Enter for all:")
        wanted = tuple(one.strip() for one in answer.split(",") if one.strip())
        try:
            return _named(wanted, boards)
        except Misuse as unknown:
            complain(f"haechi: {unknown}")


def _named(wanted: tuple[str, ...], boards: dict[str, str]) -> tuple[str, ...]:
    """Find boards by their ids or titles.

    Raises:
        Misuse: There is no such board.
    """
    found: list[str] = []
    for word in wanted:
        titled = [id_ for id_, title in boards.items() if title.casefold() == word.casefold()]
        ids = [word] if word in boards else titled
        if not ids:
            known = ", ".join(list(boards)[:20]) or "none that is known yet"
            raise Misuse(f"--board {word!r}: there is no such board; there are: {known}")
        found += ids
    return tuple(dict.fromkeys(found))
