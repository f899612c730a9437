"""Cases and their fingerprints; a withdrawal is in force with its commit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    String,
    Table,
    delete,
    func,
    null,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from monitor.hashes.pdq import MIN_QUALITY
from monitor.ids import make_id
from monitor.models.case import HASH_LIST, Case, CaseStatus, Fingerprint, Partner
from monitor.models.finding import AlertState, FindingStatus
from monitor.store import audit, outbox
from monitor.store.bulk import add_new
from monitor.store.tables import (
    alerts,
    cases,
    counters,
    findings,
    fingerprints,
    local_features,
    media,
    partner_references,
    partners,
    quarantine,
    seen_windows,
    windows,
)

# A fingerprint's number, quality, and hashes as hex digits.
HashRow = tuple[int, int, list[str]]

_COUNTER: Final = "fingerprints"
# Rows of one statement.
_AT_ONCE: Final = 5_000
_WAITING: Final = (AlertState.PENDING.value, AlertState.FAILED.value)
_OF_PARTNERS: Final = (
    partners.c.name.label("partner_name"),
    partners.c.reference,
    partners.c.status.label("partner_status"),
    partners.c.cases.label("partner_cases"),
)


def new_fingerprint_id() -> str:
    """Make a fingerprint's id: random, as it outlives the fingerprint in mails and findings."""
    return f"f{secrets.token_hex(10)}"


def content_key(one: Fingerprint) -> str:
    """Name a photo within its case: enrolled again it is the same."""
    # Of one look there may be several files, of which a partner gives the digests.
    more: tuple[str, ...] = () if one.md5 is None else (one.md5,)
    if one.frames is not None and one.sha256 is None:
        more += (hashlib.sha256(one.frames).hexdigest(),)
    return make_id("c", one.case_id, one.pdq[0] if one.pdq else "", one.sha256 or "", *more)


def enrol(
    db: Connection,
    case_id: str,
    given: Iterable[Fingerprint],
    *,
    actor: str,
    now: datetime,
    anew: bool = False,
) -> int:
    """Add fingerprints to a case, which is opened when it is new.

    Args:
        anew: The hashes of a photo that is there already are replaced: it was cropped otherwise.

    Returns:
        How many were not there before.

    Raises:
        ValueError: The case was withdrawn.
    """
    db.execute(
        insert(cases)
        .values(id=case_id, status=CaseStatus.ACTIVE.value, opened_at=now)
        .on_conflict_do_nothing()
    )
    if not is_active(db, case_id):
        raise ValueError(f"case {case_id} was withdrawn; enrol under a new case id")
    added = 0
    given = iter(given)
    while batch := list(islice(given, _AT_ONCE)):
        added += _insert(db, case_id, batch, anew=anew)
        _keep_partners(db, batch)
        for one in batch:
            if one.features is not None:
                _keep(db, local_features, content_key(one), one.features)
            if one.windows is not None:
                _keep(db, windows, content_key(one), one.windows)
            elif anew:
                # Those of another crop are not of this photo.
                ours = select(fingerprints.c.id).where(fingerprints.c.content == content_key(one))
                db.execute(delete(windows).where(windows.c.fingerprint_id.in_(ours)))
    audit.record(db, actor=actor, action=f"enrolled {added}", subject=case_id, now=now)
    return added


def withdraw(db: Connection, case_id: str, *, actor: str, now: datetime) -> int:
    """Withdraw a case: its fingerprints are deleted, waiting alerts cancelled.

    Returns:
        How many fingerprints were deleted.
    """
    db.execute(
        update(cases)
        .where(cases.c.id == case_id)
        .values(status=CaseStatus.WITHDRAWN.value, withdrawn_at=now)
    )
    _drop(db, local_features, case_id)
    _drop(db, windows, case_id)
    _drop(db, partners, case_id)
    _drop(db, partner_references, case_id)
    db.execute(update(findings).where(findings.c.case_id == case_id).values(partner=null()))
    db.execute(delete(quarantine).where(quarantine.c.case_id == case_id))
    gone = db.execute(delete(fingerprints).where(fingerprints.c.case_id == case_id)).rowcount
    db.execute(
        update(alerts)
        .where(alerts.c.case_id == case_id, alerts.c.state.in_(_WAITING))
        .values(state=AlertState.CANCELLED.value, error="the case was withdrawn")
    )
    audit.record(db, actor=actor, action=f"withdrew {gone}", subject=case_id, now=now)
    return gone


def remove(
    db: Connection, case_id: str, taken_back: Iterable[Partner], *, actor: str, now: datetime
) -> int:
    """Delete what partners took back of a case, if nobody else shares it.

    What it found, and nobody judged or was told of, is as if it had never been: the same picture
    may show somebody else of the case.

    Args:
        taken_back: By their names and references.

    Returns:
        How many fingerprints were deleted.
    """
    gone = 0
    wanted = iter(taken_back)
    while batch := list(islice(wanted, _AT_ONCE)):
        ids = _given_up(db, case_id, [(one.name, one.reference) for one in batch])
        _forget_findings(db, ids, now)
        for table in (partners, windows, local_features, quarantine):
            db.execute(delete(table).where(table.c.fingerprint_id.in_(ids)))
        db.execute(delete(fingerprints).where(fingerprints.c.id.in_(ids)))
        gone += len(ids)
    if gone:
        action = f"a partner took back {gone}"
        audit.record(db, actor=actor, action=action, subject=case_id, now=now)
    return gone


def _given_up(db: Connection, case_id: str, named: list[tuple[str, str]]) -> list[str]:
    """Forget what partners call fingerprints by; gives those that nobody shares any more."""
    refer = partner_references
    ours = (
        select(fingerprints.c.id)
        .where(fingerprints.c.id == refer.c.fingerprint_id, fingerprints.c.case_id == case_id)
        .exists()
    )
    theirs = tuple_(refer.c.name, refer.c.reference).in_(named)
    ids = set(db.scalars(select(refer.c.fingerprint_id).where(theirs, ours)))
    db.execute(delete(refer).where(theirs, refer.c.fingerprint_id.in_(ids)))
    left = select(refer.c.fingerprint_id).where(refer.c.fingerprint_id.in_(ids))
    return sorted(ids - set(db.scalars(left)))


def _forget_findings(db: Connection, ids: list[str], now: datetime) -> None:
    """Forget what fingerprints found: alerts that wait, findings that are new; words of others."""
    about = select(findings.c.id, findings.c.post_id).where(findings.c.fingerprint_id.in_(ids))
    found = {row.id: row.post_id for row in db.execute(about)}
    if not found:
        return
    ours = alerts.c.finding_id.in_(found)
    db.execute(delete(alerts).where(ours, alerts.c.state.in_(_WAITING)))
    told = set(db.scalars(select(alerts.c.finding_id).where(ours)))
    untold = set(found) - told
    new = findings.c.status == FindingStatus.NEW.value
    db.execute(delete(findings).where(findings.c.id.in_(untold), new))
    db.execute(update(findings).where(findings.c.id.in_(found)).values(partner=null()))
    outbox.enqueue(db, outbox.FINDING, sorted(found), now)
    outbox.enqueue(db, outbox.POST, sorted(set(found.values())), now)


def give_consent(db: Connection, case_id: str, *, actor: str, now: datetime) -> None:
    """Record that the photos' owner agreed to local features; the first record stays."""
    given = db.execute(
        update(cases)
        .where(cases.c.id == case_id, cases.c.consent_at.is_(None))
        .values(consent_at=now, consent_by=actor)
    )
    if given.rowcount:
        audit.record(db, actor=actor, action="local features agreed", subject=case_id, now=now)


def revoke_consent(db: Connection, case_id: str, *, actor: str, now: datetime) -> int:
    """Delete a case's local features and the consent to them; its hashes stay.

    Returns:
        How many photos had features.
    """
    db.execute(update(cases).where(cases.c.id == case_id).values(consent_at=None, consent_by=None))
    gone = _drop(db, local_features, case_id)
    audit.record(db, actor=actor, action=f"local features ended {gone}", subject=case_id, now=now)
    return gone


def has_consent(db: Connection, case_id: str) -> bool:
    """Tell whether local features may be made for a case."""
    return db.scalar(select(cases.c.consent_at).where(cases.c.id == case_id)) is not None


def count_older(db: Connection, recipe: int) -> int:
    """Count fingerprints that were made by an older recipe than this one."""
    statement = select(func.count()).select_from(fingerprints)
    return db.scalar(statement.where(fingerprints.c.recipe < recipe)) or 0


def is_active(db: Connection, case_id: str) -> bool:
    """Tell whether a case exists and is watched for."""
    return db.scalar(select(cases.c.status).where(cases.c.id == case_id)) == CaseStatus.ACTIVE


def active_ids(db: Connection) -> set[str]:
    """List the ids of the cases that are watched for."""
    return set(db.scalars(select(cases.c.id).where(cases.c.status == CaseStatus.ACTIVE.value)))


def every(db: Connection) -> list[Case]:
    """List all cases by id."""
    statement = (
        select(cases, func.count(fingerprints.c.id).label("n"))
        .join(fingerprints, fingerprints.c.case_id == cases.c.id, isouter=True)
        .group_by(cases.c.id)
        .order_by(cases.c.id)
    )
    return [
        Case(
            id=row.id,
            status=CaseStatus(row.status),
            opened_at=row.opened_at,
            withdrawn_at=row.withdrawn_at,
            fingerprints=row.n,
            has_consent=row.consent_at is not None,
        )
        for row in db.execute(statement)
    ]


def active_fingerprints(db: Connection, case_id: str | None = None) -> list[Fingerprint]:
    """List the fingerprints of active cases, or of one of them."""
    statement = (
        select(
            fingerprints,
            *_OF_PARTNERS,
            local_features.c.sealed.label("features"),
            windows.c.sealed.label("windows"),
        )
        .join(partners, partners.c.fingerprint_id == fingerprints.c.id, isouter=True)
        .join(cases, fingerprints.c.case_id == cases.c.id)
        .join(local_features, local_features.c.fingerprint_id == fingerprints.c.id, isouter=True)
        .join(windows, windows.c.fingerprint_id == fingerprints.c.id, isouter=True)
        .where(cases.c.status == CaseStatus.ACTIVE.value)
        .order_by(fingerprints.c.id)
    )
    if case_id is not None:
        statement = statement.where(fingerprints.c.case_id == case_id)
    return [_fingerprint(row) for row in db.execute(statement)]


def _insert(db: Connection, case_id: str, given: list[Fingerprint], *, anew: bool) -> int:
    """Write fingerprints; says how many were not there before."""
    keys = {content_key(one): one for one in reversed(given)}
    if not anew:
        known = _qualities(db, keys)
        _raise_quality(
            db, {key: one for key, one in keys.items() if one.quality > known.get(key, 100)}
        )
        keys = {key: one for key, one in keys.items() if key not in known}
    if not keys:
        return 0
    first = _next_seqs(db, len(keys))
    rows = [
        {
            "id": one.id,
            "seq": first + number,
            "case_id": case_id,
            # The same photo in the same case is enrolled once.
            "content": key,
            "sha256": one.sha256,
            "pdq": list(one.pdq),
            "quality": one.quality,
            "phash": one.phash,
            "recipe": one.recipe,
            "created_at": one.created_at,
            "md5": one.md5,
            "frames": one.frames,
        }
        for number, (key, one) in enumerate(reversed(keys.items()))
    ]
    if not anew:
        return add_new(db, fingerprints, rows)
    added = 0
    for row in rows:
        is_new = db.execute(insert(fingerprints).values(row).on_conflict_do_nothing()).rowcount
        added += is_new
        if not is_new:
            db.execute(
                update(fingerprints)
                .where(fingerprints.c.content == row["content"])
                .values({name: row[name] for name in ("seq", "pdq", "quality", "frames")})
            )
    return added


def _qualities(db: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Look up whose photos are there: numbers are few enough to be used up by many imports."""
    statement = select(fingerprints.c.content, fingerprints.c.quality)
    rows = db.execute(statement.where(fingerprints.c.content.in_(list(keys))))
    return {row.content: row.quality for row in rows}


def _raise_quality(db: Connection, better: dict[str, Fingerprint]) -> None:
    """Take a hash for better than it was said to be before: it may be matched by now."""
    first = _next_seqs(db, len(better)) if better else 0
    for number, (key, one) in enumerate(better.items()):
        db.execute(
            update(fingerprints)
            .where(fingerprints.c.content == key)
            .values(seq=first + number, quality=one.quality)
        )


def _next_seqs(db: Connection, count: int) -> int:
    """Take numbers that were never given before; two writers can't be at it at once.

    Returns:
        The first of them.
    """
    statement = insert(counters).values(name=_COUNTER, value=count)
    statement = statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": counters.c.value + count}
    )
    db.execute(statement)
    return latest_seq(db) - count + 1


def latest_seq(db: Connection) -> int:
    """Give the last number that a fingerprint was given; 0 before the first."""
    return db.scalar(select(counters.c.value).where(counters.c.name == _COUNTER)) or 0


def hashes_between(db: Connection, first: int, last: int) -> Iterator[HashRow]:
    """Read the hashes of numbers from `first` to `last`, in their order."""
    statement = (
        select(fingerprints.c.seq, fingerprints.c.quality, type_coerce(fingerprints.c.pdq, String))
        .where(fingerprints.c.seq.between(first, last))
        .order_by(fingerprints.c.seq)
    )
    for seq, quality, pdq in db.execute(statement).yield_per(_AT_ONCE):
        # A list of hex digits: taken apart at the quotes in a fifth of the time of a parser.
        yield seq, quality, pdq.split('"')[1::2]


def count_between(db: Connection, first: int, last: int) -> int:
    """Count the fingerprints of numbers from `first` to `last`."""
    statement = select(func.count()).where(fingerprints.c.seq.between(first, last))
    return db.scalar(statement) or 0


def seqs_between(db: Connection, first: int, last: int) -> list[int]:
    """List the numbers from `first` to `last` that there are."""
    return list(
        db.scalars(select(fingerprints.c.seq).where(fingerprints.c.seq.between(first, last)))
    )


def of_seqs(db: Connection, seqs: Iterable[int]) -> dict[int, Fingerprint]:
    """Find fingerprints of active cases by their numbers; without their local features."""
    found: dict[int, Fingerprint] = {}
    wanted = iter(seqs)
    while batch := list(islice(wanted, _AT_ONCE)):
        statement = _active().where(fingerprints.c.seq.in_(batch))
        found |= {row.seq: _fingerprint(row) for row in db.execute(statement)}
    return found


def of_content(db: Connection, content: str) -> Fingerprint | None:
    """Find a fingerprint of an active case by its photo (`content_key`)."""
    row = db.execute(_active().where(fingerprints.c.content == content)).first()
    return None if row is None else _fingerprint(row)


def of_file(db: Connection, sha256: str, md5: str | None = None) -> list[Fingerprint]:
    """Find fingerprints of active cases by the file; without their local features."""
    is_it = fingerprints.c.sha256 == sha256
    if md5 is not None:
        is_it |= fingerprints.c.md5 == md5
    return [_fingerprint(row) for row in db.execute(_active().where(is_it))]


def digests_alone(db: Connection) -> tuple[set[str], set[str]]:
    """List the SHA-256 and MD5 digests of photos that nothing but their file can be found by."""
    statement = select(fingerprints.c.sha256, fingerprints.c.md5).where(
        fingerprints.c.quality < MIN_QUALITY,
        fingerprints.c.case_id.in_(
            select(cases.c.id).where(cases.c.status == CaseStatus.ACTIVE.value)
        ),
    )
    rows = db.execute(statement).all()
    return {row.sha256 for row in rows} - {None}, {row.md5 for row in rows} - {None}


def watched(db: Connection, ids: Iterable[str]) -> set[str]:
    """Tell which fingerprints there are, in active cases."""
    return {row.id for row in db.execute(_active().where(fingerprints.c.id.in_(ids)))}


def seqs_with(db: Connection, table: Table) -> list[int]:
    """List the numbers of the fingerprints of active cases that have what is sealed in a table."""
    # In this form the few that have it are looked up, and not all looked through.
    statement = select(fingerprints.c.seq).where(
        fingerprints.c.id.in_(select(table.c.fingerprint_id)),
        fingerprints.c.case_id.in_(
            select(cases.c.id).where(cases.c.status == CaseStatus.ACTIVE.value)
        ),
    )
    return sorted(db.scalars(statement))


def seqs_of_videos(db: Connection) -> list[int]:
    """List the numbers of the videos among the fingerprints of active cases."""
    statement = select(fingerprints.c.seq).where(
        fingerprints.c.frames.is_not(None),
        fingerprints.c.case_id.in_(
            select(cases.c.id).where(cases.c.status == CaseStatus.ACTIVE.value)
        ),
    )
    return sorted(db.scalars(statement))


def is_anything_sealed(db: Connection) -> bool:
    """Tell whether there is anything that needs the key of what is sealed."""
    tables = (local_features, windows, seen_windows)
    return any(db.scalar(select(table.c.sealed).limit(1)) is not None for table in tables)


def with_sealed(
    db: Connection, table: Table, seqs: Iterable[int]
) -> Iterator[tuple[int, Fingerprint, bytes]]:
    """Read fingerprints by their numbers, with what is sealed of them in a table."""
    wanted = iter(seqs)
    while batch := list(islice(wanted, _AT_ONCE)):
        statement = (
            select(fingerprints, table.c.sealed)
            .join(table, table.c.fingerprint_id == fingerprints.c.id)
            .where(fingerprints.c.seq.in_(batch))
            .order_by(fingerprints.c.seq)
        )
        yield from ((row.seq, _fingerprint(row), row.sealed) for row in db.execute(statement))


def seen_files(db: Connection) -> set[str]:
    """List the files of active cases, by sha256, that were seen in a post."""
    seen: set[str] = set()
    for digest in ("sha256", "md5"):
        statement = (
            select(media.c.sha256)
            .join(fingerprints, fingerprints.c[digest] == media.c[digest])
            .join(cases, fingerprints.c.case_id == cases.c.id)
            .where(cases.c.status == CaseStatus.ACTIVE.value)
        )
        seen |= set(db.scalars(statement))
    return seen


def _active() -> Select[Any]:
    """Select the fingerprints of active cases."""
    return (
        select(fingerprints, *_OF_PARTNERS)
        .join(cases, fingerprints.c.case_id == cases.c.id)
        .join(partners, partners.c.fingerprint_id == fingerprints.c.id, isouter=True)
        .where(cases.c.status == CaseStatus.ACTIVE.value)
        .order_by(fingerprints.c.seq)
    )


def _fingerprint(row: Row[Any]) -> Fingerprint:
    """Read a fingerprint from its row."""
    return Fingerprint(
        id=row.id,
        case_id=row.case_id,
        sha256=row.sha256,
        pdq=tuple(row.pdq),
        quality=row.quality,
        phash=row.phash,
        recipe=row.recipe,
        created_at=row.created_at,
        windows=getattr(row, "windows", None),
        features=getattr(row, "features", None),
        md5=row.md5,
        partner=_partner(row),
        frames=row.frames,
    )


def _partner(row: Row[Any]) -> Partner | None:
    """Read whose bare hash a fingerprint is; None: it was made of a photo."""
    name = getattr(row, "partner_name", None)
    if name is not None:
        return Partner(name, row.reference, row.partner_status, row.partner_cases)
    return HASH_LIST if row.phash is None and len(row.pdq) <= 1 else None


def _keep_partners(db: Connection, given: list[Fingerprint]) -> None:
    """Keep what partners say of hashes; also of those that are there."""
    said = [
        (content_key(one), one.partner)
        for one in given
        if one.partner is not None and one.partner != HASH_LIST
    ]
    if not said:
        return
    keys = sorted({key for key, _ in said})
    ours = select(fingerprints.c.content, fingerprints.c.id)
    found = db.execute(ours.where(fingerprints.c.content.in_(keys)))
    ids: dict[str, str] = {row.content: row.id for row in found}
    # Of several who share it, the last one's words are shown.
    rows = {
        ids[key]: {
            "fingerprint_id": ids[key],
            "name": one.name,
            "reference": one.reference,
            "status": one.status,
            "cases": dict(one.cases),
        }
        for key, one in said
    }
    statement = insert(partners)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["fingerprint_id"],
            set_={
                name: statement.excluded[name] for name in ("name", "reference", "status", "cases")
            },
        ),
        list(rows.values()),
    )
    refer = [
        {"fingerprint_id": ids[key], "name": one.name, "reference": one.reference}
        for key, one in said
    ]
    add_new(db, partner_references, refer)


def _keep(db: Connection, table: Table, content: str, sealed: bytes) -> None:
    """Keep what is sealed of a photo; also of one that was enrolled without it before."""
    fingerprint_id = db.scalar(select(fingerprints.c.id).where(fingerprints.c.content == content))
    statement = insert(table).values(fingerprint_id=fingerprint_id, sealed=sealed)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["fingerprint_id"], set_={"sealed": statement.excluded.sealed}
        )
    )


def _drop(db: Connection, table: Table, case_id: str) -> int:
    """Delete what is sealed of a case's photos."""
    ours = select(fingerprints.c.id).where(fingerprints.c.case_id == case_id)
    statement = delete(table).where(table.c.fingerprint_id.in_(ours))
    return db.execute(statement).rowcount
