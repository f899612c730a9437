"""`haechi import`: hashes that partners give; and `cases export`, what they are given and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from monitor.cli.home import Home, actor, opened
from monitor.cli.output import complain, count, progress, say
from monitor.clock import utc_now
from monitor.errors import HaechiError, Misuse
from monitor.exchange import (
    FORMATS,
    Format,
    Kind,
    Taken,
    Told,
    case_of,
    format_of,
    hashes_in,
    save,
)
from monitor.exchange.haechi import MAX_BYTES
from monitor.models.case import Fingerprint
from monitor.models.finding import FindingStatus
from monitor.registry.enrolment import check_case_id
from monitor.registry.files import keep_up
from monitor.registry.taking import Tally, take
from monitor.store import cases, findings, quarantine

# Bad entries that are told one by one.
_MOST_TOLD: Final = 20

# About what a fingerprint takes in Haechi's own format, and each of its hashes.
_BYTES: Final = 200
_BYTES_A_HASH: Final = 68

_HUNT: Final = "what was crawled before is searched by: haechi hunt"
_SAFELY: Final = "fingerprints are personal data: hand the file over safely"


def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Made by `haechi fingerprint`; or a partner's: a list of hashes, one a line, "
            "StopNCII JSON, NCMEC XML, ThreatExchange CSV, vPDQ of a video."
        ),
    ],
    case: Annotated[
        str,
        typer.Option(
            "--case",
            help="The case's id [default: one for each partner, or made from the content].",
        ),
    ] = "",
    kind: Annotated[
        Kind, typer.Option(help="Of a list, one a line: its hashes of 64 digits.")
    ] = Kind.PDQ,
) -> None:
    """Enrol fingerprints made elsewhere.

    What a partner withdrew or deleted is deleted here. Importing twice changes nothing.
    """
    with opened(ctx) as home:
        given = format_of(file)
        if not case:
            case = f"partner-{given.partner.lower()}" if given.partner else case_of(file)
        check_case_id(case)
        tally = Tally()

        def tell(words: str) -> None:
            if tally.bad <= _MOST_TOLD:
                complain(f"{file}: {words}")

        try:
            with progress("importing") as bar:
                take(
                    home.store,
                    case,
                    given.read(file, kind),
                    actor=actor(),
                    tally=tally,
                    tell=tell,
                    progress=lambda done: bar.update(bar.task_ids[0], completed=done),
                )
        finally:
            # Also of a file that broke off, or a command: what was taken counts.
            if tally.gone:
                home.store.scrub()
            if tally.added or tally.gone:
                keep_up(home.store, home.settings.state_folder)
            if tally.good or tally.unusable or tally.taken_back:
                _tell(case, tally)
        if tally.bad > _MOST_TOLD:
            complain(f"{file}: {count(tally.bad - _MOST_TOLD, 'more line')} like that")
        if not tally.good and not tally.unusable and not tally.taken_back:
            raise HaechiError(f"{file}: no valid fingerprint is in it; nothing was imported")
    if tally.bad:
        raise typer.Exit(1)


def _tell(case: str, tally: Tally) -> None:
    """Say what became of a file."""
    already = tally.good - tally.added
    say(
        f"imported {count(tally.added, 'fingerprint')} into case {case}"
        + (f", {already} were already there" if already else "")
    )
    if tally.taken_back:
        say(
            f"{tally.taken_back} were withdrawn or deleted by the partner: "
            f"{count(tally.gone, 'fingerprint')} deleted here"
        )
        if not tally.gone:
            say(f"nothing of that is in case {case}; another one: --case ID, see haechi cases")
    if tally.unusable:
        kinds = ", ".join(f"{kind} {many}" for kind, many in tally.unusable.most_common(10))
        say(f"{tally.unusable.total()} of kinds that can't be matched were left out: {kinds}")
    if tally.added or tally.gone:
        say(_HUNT)


def write(
    home: Home, case: str, output: Path, *, named: str, kind: Kind, feedback: bool, reason: str
) -> None:
    """Write a case's fingerprints, or what a partner is told of theirs.

    Args:
        named: The format; empty: Haechi's own, or that of the case's partner.

    Raises:
        Misuse: There is nothing to write, or the file can't be written.
    """
    with home.store.read() as db:
        found = cases.active_fingerprints(db, case)
        told = _told(db, case) if feedback else {}
    given = FORMATS.get(named or "haechi")
    if given is None:
        raise Misuse(f"--format {named!r}: one of {', '.join(FORMATS)}")
    if not feedback:
        carried = [one for one in found if _is_carried(one, given, named, kind)]
        size = sum(map(_size, carried))
        if given is FORMATS["haechi"] and size > MAX_BYTES:
            raise Misuse(
                f"case {case} has {len(carried)} fingerprints, more than such a file may hold: "
                "--format plain"
            )
        if given.is_of_one:
            _write_each(given, carried, output, kind)
        else:
            save(given.write(carried, kind, utc_now()), output)
        say(f"{count(len(carried), 'fingerprint')} in {output}")
        if left := len(found) - len(carried):
            say(f"{left} more have no hash that this format carries")
        say(_SAFELY)
        return
    given = given if named else _partner_of(found)
    if given is None or given.answer is None:
        able = ", ".join(name for name, one in FORMATS.items() if one.answer)
        raise Misuse(f"nobody expects feedback on case {case}; say --format, one of: {able}")
    theirs = [one for one in found if one.partner and one.partner.name == given.partner]
    taken = [Taken(one, told[one.id]) for one in theirs if one.id in told]
    save(given.answer(taken, reason), output)
    words = Counter(one.told.value for one in taken)
    counts = ", ".join(f"{many} {word}" for word, many in words.items()) or "nothing was found yet"
    say(f"feedback on {len(taken)} of {len(theirs)} hashes in {output}: {counts}")


def _write_each(
    given: Format, fingerprints: Iterable[Fingerprint], folder: Path, kind: Kind
) -> None:
    """Write a file of each fingerprint into a folder that only its owner can read.

    Raises:
        Misuse: One can't be written.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Misuse(f"can't make {folder}: {(error.strerror or 'error').lower()}") from error
    for one in fingerprints:
        save(given.write([one], kind, utc_now()), folder / f"{one.id}.txt")


def _size(one: Fingerprint) -> int:
    """Say about how many bytes a fingerprint takes in Haechi's own format."""
    return _BYTES + _BYTES_A_HASH * len(one.pdq) + len(one.frames or b"") * 4 // 3


def _is_carried(one: Fingerprint, given: Format, named: str, kind: Kind) -> bool:
    """Tell whether a format carries anything of a fingerprint."""
    if one.frames is not None and given.has_frames:
        return True
    kinds = (kind,) if named == "plain" else given.kinds
    return any(any(hashes_in(one, each)) for each in kinds)


def _partner_of(found: Iterable[Fingerprint]) -> Format | None:
    """Tell whose hashes a case has; None: of several, or of nobody who wants to know."""
    names = {one.partner.name for one in found if one.partner}
    wanted = [one for one in FORMATS.values() if one.answer and one.partner in names]
    return wanted[0] if len(wanted) == 1 else None


def _told(db: Connection, case: str) -> dict[str, Told]:
    """Say of the fingerprints that found something what people made of it."""
    said: dict[str, set[FindingStatus]] = {}
    for one in findings.every(db, case_id=case):
        said.setdefault(one.match.fingerprint_id, set()).add(one.status)
    told = {name: _word(statuses) for name, statuses in said.items()}
    return told | {
        one.fingerprint_id: Told.QUALITY
        for one in quarantine.every(db, case)
        if FindingStatus.CONFIRMED not in said.get(one.fingerprint_id, ())
    }


def _word(statuses: set[FindingStatus]) -> Told:
    """Put judgements of several findings into one word: one that is right is enough."""
    if FindingStatus.CONFIRMED in statuses:
        return Told.BLOCKED
    return Told.PENDING if FindingStatus.NEW in statuses else Told.NOT_BLOCKED


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_file)
