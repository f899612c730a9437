"""`haechi enrol`, `fingerprint`, `import` and `cases`: what a case worker does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.home import Home, actor, opened
from monitor.cli.output import ask, complain, count, emit, progress, say, table
from monitor.clock import utc_now
from monitor.errors import HaechiError, MediaError, Misuse
from monitor.models.case import CaseStatus, Fingerprint
from monitor.pictures import PictureLimits
from monitor.registry import enrolment
from monitor.store import cases

Paths = Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")]
CaseId = Annotated[str, typer.Option("--case", help="The case's id; no person's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@dataclass
class Tally:
    """What became of the photos of one command."""

    done: int = 0
    added: int = 0
    poor: int = 0
    unreadable: int = 0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("enrol")(enrol)
    app.command("fingerprint")(fingerprint)
    app.command("import")(import_file)
    group = typer.Typer(help="List, show, withdraw and export cases.", no_args_is_help=False)
    group.callback(invoke_without_command=True)(_default)
    group.command("list")(list_cases)
    group.command("show")(show)
    group.command("withdraw")(withdraw)
    group.command("export")(export)
    app.add_typer(group, name="cases")


def enrol(
    ctx: typer.Context,
    paths: Paths,
    case: CaseId = "",
    case_from_folder: Annotated[
        bool,
        typer.Option("--case-from-folder", help="Each folder's name is the case id of its photos."),
    ] = False,
) -> None:
    """Watch for photos: their fingerprints are kept, never the photos or their names."""
    if bool(case) == case_from_folder:
        raise Misuse("say which case: --case ID, or --case-from-folder")
    with opened(ctx) as home:
        tally = Tally()
        photos = list(photos_in(paths))
        if not photos:
            raise Misuse("no photo there: " + ", ".join(str(path) for path in paths))
        case_ids = _case_of_each(paths) if case_from_folder else [case] * len(photos)
        for case_id in case_ids:
            enrolment.check_case_id(case_id)
        with progress("fingerprinting", len(photos)) as bar:
            for photo, case_id in zip(photos, case_ids, strict=True):
                _enrol_one(home, photo, case_id, tally)
                bar.advance(bar.task_ids[0])
        already = tally.done - tally.added
        say(
            f"enrolled {count(tally.added, 'photo')}"
            + (f", {already} were already" if already else "")
        )
        if tally.poor:
            say(
                f"too little texture to be found by their look: {count(tally.poor, 'photo')}; "
                "only exact copies of the file will be found"
            )
        if tally.added:
            say("what was crawled before is searched by: haechi hunt")
    if tally.unreadable:
        raise typer.Exit(1)


def fingerprint(
    photos: Paths,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
) -> None:
    """Make a file of fingerprints on this device; only that file needs to leave it."""
    made: list[Fingerprint] = []
    failed = False
    found = list(photos_in(photos))
    with progress("fingerprinting", len(found)) as bar:
        for photo in found:
            one = _fingerprint(photo, "", PictureLimits())
            failed |= one is None
            if one is not None:
                made.append(one)
            bar.advance(bar.task_ids[0])
    if not made:
        raise Misuse("no fingerprint was made: none of the files is a photo that can be read")
    enrolment.to_file(made, output)
    say(f"{count(len(made), 'fingerprint')} in {output}; no photo and no file name is in it")
    if failed:
        raise typer.Exit(1)


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file made by `haechi fingerprint`.")],
    case: Annotated[
        str, typer.Option("--case", help="The case's id [default: one made from the content].")
    ] = "",
) -> None:
    """Enrol fingerprints that were made elsewhere; importing twice changes nothing."""
    with opened(ctx) as home:
        now = utc_now()
        case = enrolment.check_case_id(case or enrolment.case_of_file(file))
        good, bad = enrolment.from_file(file, case, now)
        added = _store(home, case, good)
        for line in bad:
            complain(f"{file}: {line}")
        already = len(good) - added
        say(
            f"imported {count(added, 'fingerprint')} into case {case}"
            + (f", {already} were already there" if already else "")
        )
    if bad:
        raise typer.Exit(1)


def _default(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the cases when no other command is given."""
    if ctx.invoked_subcommand is None:
        list_cases(ctx, as_json=as_json)


def list_cases(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the cases."""
    with opened(ctx) as home, home.store.read() as db:
        found = cases.every(db)
    if as_json:
        for case in found:
            emit(case)
        return
    table(
        ("case", "status", "opened", "fingerprints"),
        [(one.id, one.status, one.opened_at, one.fingerprints) for one in found],
        empty="no cases yet: haechi enrol PHOTO... --case ID",
    )


def show(ctx: typer.Context, case: str, as_json: AsJson = False) -> None:
    """Show the fingerprints of a case: ids and qualities, no hashes."""
    with opened(ctx) as home:
        status = need_case(home, case)
        with home.store.read() as db:
            found = cases.active_fingerprints(db, case)
    rows = [
        {
            "photo": one.id,
            "quality": one.quality,
            "findable": enrolment.has_texture(one),
            "turns": len(one.pdq),
            "enrolled": one.created_at,
        }
        for one in found
    ]
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ("photo", "quality", "found by", "enrolled"),
        [
            (
                one.id,
                one.quality,
                "its look" if enrolment.has_texture(one) else "exact copies only",
                one.created_at,
            )
            for one in found
        ],
        empty=f"case {case} is {status} and has no fingerprints",
    )


def withdraw(
    ctx: typer.Context,
    case: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop watching for a case at once and delete its fingerprints; this can't be undone."""
    with opened(ctx) as home:
        if need_case(home, case) is CaseStatus.WITHDRAWN:
            say(f"case {case} was withdrawn before; it has no fingerprints")
            return
        question = f"Delete all fingerprints of case {case}? [y/N]"
        if not yes and ask(question).lower() not in ("y", "yes"):
            raise HaechiError("nothing was deleted; answer y, or give --yes")
        with home.store.write() as db:
            gone = cases.withdraw(db, case, actor=actor(), now=utc_now())
        home.store.scrub()
        say(f"case {case} is withdrawn: {count(gone, 'fingerprint')} deleted, no further alerts")


def export(
    ctx: typer.Context,
    case: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
) -> None:
    """Write the fingerprints of a case to a file that `haechi import` reads."""
    with opened(ctx) as home:
        if need_case(home, case) is CaseStatus.WITHDRAWN:
            raise Misuse(f"case {case} was withdrawn: its fingerprints are deleted, none is left")
        with home.store.read() as db:
            found = cases.active_fingerprints(db, case)
        enrolment.to_file(found, output)
        say(f"{count(len(found), 'fingerprint')} in {output}")
        say("fingerprints are personal data: hand the file over safely")


def _case_of_each(paths: list[Path]) -> list[str]:
    """Name the case of each photo by its folder: one of case folders, or a case folder itself.

    Raises:
        Misuse: A file lies beside case folders, or is given by itself.
    """
    ids: list[str] = []
    for path in paths:
        whole = path.resolve()
        is_case = whole.is_dir() and not any(one.is_dir() for one in whole.iterdir())
        for photo in photos_in([whole]):
            inner = photo.relative_to(whole).parts
            if not is_case and len(inner) < 2:
                raise Misuse(f"{photo}: not in a case's folder; nothing was enrolled")
            ids.append(whole.name if is_case else inner[0])
    return ids


def need_case(home: Home, case: str) -> CaseStatus:
    """Tell whether a case is watched for or was withdrawn.

    Raises:
        Misuse: There is no such case.
    """
    with home.store.read() as db:
        for one in cases.every(db):
            if one.id == case:
                return one.status
    raise Misuse(f"no case {case!r}; see `haechi cases`")


def photos_in(paths: list[Path]) -> Iterator[Path]:
    """List the files that are meant: files as given, folders with all that is in them."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file())
        else:
            yield path


def _fingerprint(photo: Path, case_id: str, limits: PictureLimits) -> Fingerprint | None:
    """Make one fingerprint; a file that is no photo is one line, and the others go on."""
    try:
        data = enrolment.read_photo(photo, limits)
        return enrolment.fingerprint(data, case_id, limits, utc_now())
    except MediaError as error:
        complain(f"{photo}: {error.reason}")
        return None


def _enrol_one(home: Home, photo: Path, case_id: str, tally: Tally) -> None:
    """Enrol one photo and count what became of it."""
    network = home.settings.network
    limits = PictureLimits(max_bytes=network.max_media_bytes, max_pixels=network.max_pixels)
    one = _fingerprint(photo, case_id, limits)
    if one is None:
        tally.unreadable += 1
        return
    tally.done += 1
    tally.added += _store(home, case_id, [one])
    tally.poor += not enrolment.has_texture(one)


def _store(home: Home, case_id: str, fingerprints: list[Fingerprint]) -> int:
    """Write fingerprints; says how many were new."""
    try:
        with home.store.write() as db:
            return cases.enrol(db, case_id, fingerprints, actor=actor(), now=utc_now())
    except ValueError as error:
        raise Misuse(str(error)) from error
