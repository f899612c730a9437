"""`haechi scan` and `haechi hunt`: matching without crawling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.deliver import deliver
from monitor.cli.enrol import Paths, photos_in
from monitor.cli.findings import how_near, match_row
from monitor.cli.home import opened
from monitor.cli.output import AsJson, Cell, count, emit, progress, say, table
from monitor.errors import MediaError, Misuse
from monitor.models.match import Match
from monitor.pictures import PictureLimits, decode
from monitor.registry.bank import Bank, open_registry
from monitor.registry.enrolment import read_photo
from monitor.registry.look import look_up
from monitor.store import cases
from pipelines.hunt import hunt as hunt_stored


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("scan")(scan)
    app.command("hunt")(hunt)


def scan(ctx: typer.Context, paths: Paths, as_json: AsJson = False) -> None:
    """Match local pictures against the enrolled photos; nothing is stored."""
    with opened(ctx) as home:
        network = home.settings.network
        limits = PictureLimits(max_bytes=network.max_media_bytes, max_pixels=network.max_pixels)
        bank = open_registry(home.store, home.settings).bank()
        files = list(photos_in(paths))
        failed = False
        rows: list[tuple[Path, str, list[Match]]] = []
        with progress("matching", len(files)) as bar:
            for file in files:
                status, matches = _scan_one(file, bank, limits)
                failed |= status not in ("match", "no match")
                rows.append((file, status, matches))
                if as_json:
                    emit(_row(file, status, matches))
                bar.advance(bar.task_ids[0])
    if not as_json:
        _print(rows)
    if failed:
        raise typer.Exit(1)


def hunt(
    ctx: typer.Context,
    case: Annotated[str, typer.Option("--case", help="Only this case.")] = "",
) -> None:
    """Look for enrolled photos in everything already crawled."""
    with opened(ctx) as home:
        if case:
            with home.store.read() as db:
                if not cases.is_active(db, case):
                    raise Misuse(f"no active case {case!r}; see `haechi cases`")
        with progress("hunting") as bar:
            looked, found = hunt_stored(
                home.store,
                home.settings,
                case_id=case or None,
                progress=lambda done, total: bar.update(
                    bar.task_ids[0], completed=done, total=total
                ),
            )
        delivered = deliver(home)
        say(
            f"{count(looked, 'picture')} looked at, {count(found, 'new finding')}, "
            f"{count(delivered.sent, 'alert')} mailed"
        )
        if code := delivered.tell():
            raise typer.Exit(code)


def _scan_one(file: Path, bank: Bank, limits: PictureLimits) -> tuple[str, list[Match]]:
    """Match one file; what is no picture is told as its status."""
    try:
        found = look_up(bank, decode(read_photo(file, limits), limits))
    except MediaError as error:
        return error.reason, []
    return ("match" if found else "no match"), found


def _row(file: Path, status: str, matches: list[Match]) -> dict[str, object]:
    """Make the line of a file for programs."""
    return {
        "file": str(file),
        "status": status,
        "matches": [match_row(one) for one in matches],
    }


def _print(rows: list[tuple[Path, str, list[Match]]]) -> None:
    """Print the files for people."""
    lines: list[list[Cell]] = []
    for file, status, matches in rows:
        lines += [
            [str(file), status, one.case_id, one.method, how_near(one), one.transform, one.grade]
            for one in matches
        ] or [[str(file), status, None, None, None, None, None]]
    columns = ("file", "status", "case", "method", "near", "turned", "grade")
    table(columns, lines, empty="no files there")
