"""`haechi scan` and `haechi hunt`: matching without crawling."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor.cli.deliver import deliver
from monitor.cli.enrol import Paths, photos_in
from monitor.cli.findings import how_near, match_row
from monitor.cli.home import opened
from monitor.cli.local import Film, open_local
from monitor.cli.output import AsJson, Cell, count, emit, progress, say, table
from monitor.errors import MediaError, Misuse
from monitor.models.match import Match
from monitor.pictures import RoughPicture
from monitor.registry.bank import Bank, open_registry
from monitor.registry.enrolment import read_photo
from monitor.registry.facts import md5_of, video_facts
from monitor.registry.look import look_up, look_up_video
from monitor.registry.matcher import match
from monitor.registry.whole import match_whole, near_roughly
from monitor.sandbox.pictures import Decoder, open_decoder
from monitor.sandbox.videos import VideoDecoder, open_videos
from monitor.store import cases
from pipelines.hunt import hunt as hunt_stored

_AT_ONCE: Final = 64

# SHA-256 and MD5.
_Digests = tuple[set[str], set[str]]
_NONE: Final[_Digests] = set(), set()


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a file matches.

    Attributes:
        status: "match", "no match", or why it was not read.
        frame: Which one was looked at of a file that holds several pictures, from 0.
    """

    file: Path
    status: str
    frame: int | None = None
    matches: tuple[Match, ...] = ()

    def row(self) -> dict[str, object]:
        """Make the line for programs."""
        return {
            "file": str(self.file),
            "status": self.status,
            "frame": self.frame,
            "matches": [match_row(one) for one in self.matches],
        }


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("scan")(scan)
    app.command("hunt")(hunt)


def scan(
    ctx: typer.Context,
    paths: Paths,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="For many files: whole copies only, no crops, screenshots or collages."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Match local pictures and videos against what is enrolled; nothing is stored."""
    with opened(ctx) as home:
        bank = open_registry(home.store, home.settings).bank()
        with home.store.read() as db:
            alone = cases.digests_alone(db) if fast else _NONE
        files = list(photos_in(paths))
        failed = False
        rows: list[Scanned] = []
        with (
            open_decoder(home.settings) as decode,
            open_videos(home.settings) as watch,
            progress("matching", len(files)) as bar,
        ):
            for one in _scanned(files, bank, decode, watch, alone, fast=fast):
                failed |= one.status not in ("match", "no match")
                rows.append(one)
                if as_json:
                    emit(one.row())
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
            f"{count(looked, 'file')} looked at, {count(found, 'new finding')}, "
            f"{count(delivered.sent, 'alert')} mailed"
        )
        if code := delivered.tell():
            raise typer.Exit(code)


def _scanned(
    files: list[Path],
    bank: Bank,
    decode: Decoder,
    watch: VideoDecoder,
    alone: _Digests,
    *,
    fast: bool,
) -> Iterator[Scanned]:
    """Match files; what is neither picture nor video is told as its status.

    Args:
        alone: Of photos that nothing but their file can be found by.
    """
    # As many as one search of a bank is good for.
    for start in range(0, len(files), _AT_ONCE):
        block = files[start : start + _AT_ONCE]
        first_look = [_roughly(file, decode, alone) for file in block] if fast else []
        may_match = near_roughly(bank, first_look) if fast else [True] * len(block)
        for file, may in zip(block, may_match, strict=True):
            if may:
                yield _scan_one(file, bank, decode, watch, fast=fast)
            else:
                yield Scanned(file, "no match")


def _scan_one(
    file: Path, bank: Bank, decode: Decoder, watch: VideoDecoder, *, fast: bool
) -> Scanned:
    """Match one file."""
    frame = None
    try:
        media = open_local(file, decode, watch)
        if isinstance(media, Film):
            facts = video_facts(media.seen, media.file)
            found = match(bank, facts) if fast else look_up_video(bank, media.seen, media.file)
        else:
            frame = 0 if media.has_more_frames else None
            found = match_whole(bank, media) if fast else look_up(bank, media)
    except MediaError as error:
        return Scanned(file, error.reason)
    return Scanned(file, "match" if found else "no match", frame, tuple(found))


def _roughly(file: Path, decode: Decoder, alone: _Digests) -> RoughPicture | None:
    """Decode a file for a first look; None: it needs a close one, or a word why it can't have."""
    try:
        data = read_photo(file, decode.limits)
    except MediaError:
        return None
    sha256, md5 = alone
    is_theirs = sha256 and hashlib.sha256(data).hexdigest() in sha256
    return None if is_theirs or (md5 and md5_of(data) in md5) else decode.roughly(data)


def _print(rows: list[Scanned]) -> None:
    """Print the files for people."""
    lines: list[list[Cell]] = []
    for row in rows:
        name, status = str(row.file), row.status
        lines += [
            [name, status, one.case_id, one.method, how_near(one), one.transform, one.grade]
            for one in row.matches
        ] or [[name, status, None, None, None, None, None]]
    columns = ("file", "status", "case", "method", "near", "turned", "grade")
    table(columns, lines, empty="no files there")
