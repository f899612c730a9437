"""`haechi cases`: who is watched for, and the end of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from monitor.alerts.defang import defang
from monitor.cli.exchange import write
from monitor.cli.groups import ListingGroup
from monitor.cli.home import Home, actor, opened
from monitor.cli.output import AsJson, ask, count, emit, say, table, when
from monitor.clock import utc_now
from monitor.errors import HaechiError, Misuse
from monitor.exchange import FORMATS, Kind
from monitor.models.case import CaseStatus, Fingerprint
from monitor.registry import enrolment
from monitor.registry.files import keep_up
from monitor.store import cases, quarantine

CaseId = Annotated[str, typer.Argument(help="The case's id; see `haechi cases`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        cls=ListingGroup, help="List, show, withdraw and export cases; release their photos."
    )
    group.command("list")(list_cases)
    group.command("show")(show)
    group.command("withdraw")(withdraw)
    group.command("export")(export)
    group.command("release")(release)
    group.command("end-features")(end_features)
    app.add_typer(group, name="cases")


def list_cases(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the cases; the default."""
    with opened(ctx) as home, home.store.read() as db:
        found = cases.every(db)
    if as_json:
        for case in found:
            emit(case)
        return
    table(
        ("case", "status", "opened", "fingerprints", "local features"),
        [
            (
                one.id,
                one.status,
                one.opened_at,
                one.fingerprints,
                "agreed" if one.has_consent else "no",
            )
            for one in found
        ],
        empty="no cases yet: haechi enrol PHOTO... --case ID",
    )


def show(ctx: typer.Context, case: CaseId, as_json: AsJson = False) -> None:
    """Show the fingerprints of a case.

    Shown are ids and qualities, no hashes.
    """
    with opened(ctx) as home:
        status = need_case(home, case)
        with home.store.read() as db:
            found = cases.active_fingerprints(db, case)
            held = {one.fingerprint_id: one.since for one in quarantine.every(db, case)}
    rows = [
        {
            "photo": one.id,
            "quality": one.quality,
            "findable": enrolment.has_texture(one),
            "turns": len(one.pdq),
            "parts": one.windows is not None,
            "local_features": one.features is not None,
            "partner": None if one.partner is None else asdict(one.partner),
            "enrolled": one.created_at,
            "quarantined": held.get(one.id),
        }
        for one in found
    ]
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ("photo", "quality", "found by", "enrolled", "alerts"),
        [
            (
                one.id,
                one.quality,
                _found_by(one),
                one.created_at,
                f"held since {when(held[one.id])}" if one.id in held else "mailed",
            )
            for one in found
        ],
        empty=f"case {case} is {status} and has no fingerprints",
    )


def withdraw(
    ctx: typer.Context,
    case: CaseId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a case's fingerprints for good.

    It is not watched for any more, at once, and no alert of it that waits is sent. Repeated, it
    sweeps up what one that was interrupted left on the disk.
    """
    with opened(ctx) as home:
        if need_case(home, case) is CaseStatus.WITHDRAWN:
            _sweep(home)
            say(f"case {case} was withdrawn before; it has no fingerprints")
            return
        _confirm(f"Delete all fingerprints of case {case}? [y/N]", yes=yes)
        with home.store.write() as db:
            gone = cases.withdraw(db, case, actor=actor(), now=utc_now())
        _sweep(home)
        say(f"case {case} is withdrawn: {count(gone, 'fingerprint')} deleted, no further alerts")


def _confirm(question: str, *, yes: bool) -> None:
    """Ask before something is deleted for good, unless that was said.

    Raises:
        HaechiError: The answer is no.
    """
    if not yes and ask(question).lower() not in ("y", "yes"):
        raise HaechiError("nothing was deleted; answer y, or give --yes")


def _sweep(home: Home) -> None:
    """Have no hash that was deleted left on the disk, beside the database."""
    home.store.scrub()
    keep_up(home.store, home.settings.state_folder)


def export(
    ctx: typer.Context,
    case: CaseId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; of vpdq, a folder.")
    ],
    named: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"One of {', '.join(FORMATS)} [default: haechi, or whom the feedback is for].",
        ),
    ] = "",
    kind: Annotated[Kind, typer.Option(help="Of a plain list: which hashes.")] = Kind.PDQ,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback", help="Instead: what a partner is told of their hashes, as people judged."
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option(help="NCMEC's id of the reason why a hash is found wrong.")
    ] = "",
) -> None:
    """Write a case's fingerprints to a file.

    `haechi import` reads it. With --feedback: confirmed findings are told as blocked, dismissed
    ones as not blocked, those of a hash in quarantine as of bad quality.
    """
    with opened(ctx) as home:
        if need_case(home, case) is CaseStatus.WITHDRAWN:
            raise Misuse(f"case {case} was withdrawn: its fingerprints are deleted, none is left")
        write(home, case, output, named=named, kind=kind, feedback=feedback, reason=reason)


def release(
    ctx: typer.Context,
    photo: Annotated[str, typer.Argument(help="A photo's id, or a case's: all of its photos.")],
) -> None:
    """Have a photo's findings mailed again.

    It was quarantined: it suddenly matched many pictures that are unlike each other. What was
    found meanwhile stays for review; what it matches from now on counts anew.
    """
    with opened(ctx) as home:
        now = utc_now()
        with home.store.write() as db:
            held = [
                one for one in quarantine.every(db) if photo in (one.fingerprint_id, one.case_id)
            ]
            for one in held:
                quarantine.release(db, one.fingerprint_id, actor=actor(), now=now)
    if not held:
        raise Misuse(f"{photo!r} is no photo or case in quarantine; see `haechi status`")
    for one in held:
        say(
            f"photo {one.fingerprint_id} is released: what it matches from now on is mailed; "
            f"{count(one.findings, 'finding')} held back meanwhile: "
            f"haechi findings list --case {one.case_id}"
        )


def end_features(
    ctx: typer.Context,
    case: CaseId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a case's local features, and end the consent to them.

    Its photos are watched for by their hashes still.
    """
    with opened(ctx) as home:
        need_case(home, case)
        with home.store.read() as db:
            has_consent = cases.has_consent(db, case)
        if not has_consent:
            say(f"case {case} has no local features; nothing is changed")
            return
        _confirm(f"Delete the local features of case {case}? [y/N]", yes=yes)
        with home.store.write() as db:
            gone = cases.revoke_consent(db, case, actor=actor(), now=utc_now())
        home.store.scrub()
        say(
            f"local features of {count(gone, 'photo')} of case {case} are deleted; "
            "they are watched for by their hashes"
        )


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


def _found_by(one: Fingerprint) -> str:
    """Say by what a photo can be found."""
    if one.features is not None:
        return "its parts, local features"
    if one.windows is not None:
        return "its parts"
    by = "its look"
    if not enrolment.has_texture(one):
        by = "exact copies only" if one.sha256 or one.md5 else "nothing: its quality is too low"
    return by if one.partner is None else f"{by}; {defang(one.partner.words)}"
