"""`haechi sources test`: reads a source's first pages into a folder that is thrown away."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from monitor.clock import utc_now
from monitor.models.run import Run
from monitor.models.source import Source, SourceKind
from monitor.settings import FILE_NAME, Settings, load
from monitor.store import accounts, posts, sources
from monitor.store.posts import Told
from monitor.store.store import Store
from schedules import runner

# Enough for a forum's list of boards, some threads of the first, and a few pages of posts.
PAGES = 40
# For a first look, which somebody waits for.
LOOK_PAGES = 12
TIME_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Reading:
    """What the first pages of a source gave.

    Attributes:
        sure: How sure it is that a forum is made with the engine, 0-1; None where none was told.
        boards: Titles by ids.
    """

    source: Source
    run: Run
    posts: list[tuple[Row[Any], int]]
    told: Told
    sure: float | None
    boards: dict[str, str]


def read(
    kind: SourceKind,
    address: str,
    settings: Settings,
    own: Store,
    *,
    cookies: str | None = None,
    browser: bool | None = False,
    pages: int = PAGES,
) -> Reading:
    """Crawl some pages of an address, through the same guards and limits as any crawl.

    Nothing reaches the home folder: no post, no checkpoint, no alert; what an account asked of
    Telegram is counted.

    Args:
        own: The operator's store, whose accounts are used.
        cookies: The operator's file of them.
        browser: Whether one reads it; None: if its pages are empty without.
        pages: To read at most.
    """
    with tempfile.TemporaryDirectory(prefix="haechi-test-") as folder:
        home = Path(folder)
        (home / FILE_NAME).write_text(_configuration(settings, home, pages), encoding="utf-8")
        trial = load(home, sealed=True)
        store = Store(trial.store_url)
        try:
            store.migrate()
            # A key that is in no file is not written to one for this.
            is_lent = kind is SourceKind.TELEGRAM and settings.features.key is None
            with own.read() as theirs, store.write() as db:
                lent = accounts.every(theirs, utc_now()) if is_lent else []
                if lent:
                    accounts.lend(theirs, db)
                source = sources.add(
                    db, kind=kind, address=address, engine=None, interval_s=1, now=utc_now()
                )
                sources.change(db, source.id, cookies=cookies, browser=bool(browser))
            source = replace(source, cookies=cookies, browser=bool(browser))
            run = runner.crawl(source, store, trial)
            if browser is None and _is_shell(store, source):
                with store.write() as db:
                    sources.change(db, source.id, browser=True)
                run = runner.crawl(replace(source, browser=True), store, trial)
            with own.write() as theirs, store.read() as db:
                accounts.take_back(theirs, db, lent, utc_now())
            with store.read() as db:
                source = sources.find(db, address) or source
                seen = [(row, len(media)) for row, media in posts.iterate(db)]
                told = posts.told(db, source.id)
                boards = sources.boards(db, source.id)
                recognised = sources.load_checkpoint(db, source.id).get("recognised")
        finally:
            store.close()
    sure = recognised.get("sure") if isinstance(recognised, dict) else None
    return Reading(source, run, seen, told, sure if isinstance(sure, float) else None, boards)


def _is_shell(store: Store, source: Source) -> bool:
    """Tell whether the pages are empty until scripts fill them."""
    with store.read() as db:
        recognised = sources.load_checkpoint(db, source.id).get("recognised")
    return (
        isinstance(recognised, dict)
        and recognised.get("shell") is True
        and not recognised["engine"]
    )


def _configuration(settings: Settings, folder: Path, pages: int) -> str:
    """Write the settings that a crawl needs, within the limits of a test.

    Args:
        folder: Only this user's: a secret that is in no file is there for the time of the test.
    """
    sections = settings.model_dump(
        mode="json",
        include={"operator", "network", "telegram", "browser"},
        exclude={"telegram": {"api_hash"}},
        exclude_none=True,
    )
    home, telegram = settings.home, sections["telegram"]
    telegram["sessions"] = str(home / settings.telegram.sessions)
    if settings.telegram.dc_public_key is not None:
        telegram["dc_public_key"] = str(home / settings.telegram.dc_public_key)
    if secret := settings.api_hash():
        file = folder / "api.hash"
        file.touch(mode=0o600)
        file.write_text(secret, encoding="utf-8")
        telegram["api_hash_file"] = str(file)
    sections["features"] = {"key_file": str(home / settings.features.key_file)}
    sections["crawl"] = {"max_pages": pages, "time_limit_s": TIME_LIMIT_S, "depth": 20}
    lines: list[str] = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        # For strings, numbers, booleans and lists of them, TOML is written as JSON is.
        lines += [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in section.items()
        ]
    return "\n".join(lines) + "\n"
