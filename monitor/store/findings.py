"""Findings and the alerts about them, written in the transaction of the post they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, not_, or_, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from monitor.hashes import hamming
from monitor.hashes.pdq import MIN_QUALITY, THRESHOLD
from monitor.ids import make_id
from monitor.models.case import Partner
from monitor.models.finding import Alert, AlertState, Finding, FindingStatus
from monitor.models.match import Grade, Match, Moment, Placing
from monitor.models.post import MediaKind
from monitor.models.source import ACCOUNT
from monitor.store import audit, cases, quarantine
from monitor.store.tables import alerts, findings, media, post_media, posts, sources

MAILED_GRADES = (Grade.EXACT, Grade.STRONG)
# What is linked to is not the post's own.
_THUMB, _VIDEO = MediaKind.VIDEO_THUMB.value, MediaKind.VIDEO.value
_SHOWN = (MediaKind.PHOTO.value, MediaKind.STICKER.value, _THUMB, _VIDEO)


@dataclass(frozen=True, slots=True)
class Alerting:
    """Who is told of new findings.

    Attributes:
        recipients: Names of channels, and whom each tells.
        domain: Right side of the Message-IDs.
        too_much: When a fingerprint matches too much for anybody to be told.
    """

    recipients: tuple[tuple[str, str], ...]
    domain: str
    too_much: quarantine.Rule = field(default_factory=quarantine.Rule)


def add(
    db: Connection,
    *,
    source_id: str,
    post_id: str,
    matches: Sequence[Match],
    alerting: Alerting,
    now: datetime,
    historic: bool = False,
) -> list[str]:
    """Write a post's matches as findings, and an alert for each that is to be mailed.

    A match of a case that was withdrawn in the meantime is dropped. One of a fingerprint that
    suddenly matches many pictures that are unlike each other is kept for review only.

    Args:
        historic: The post was crawled before; it is looked at again.

    Returns:
        Ids of the findings that are new.
    """
    new: list[str] = []
    active = cases.active_ids(db)
    of_cases: dict[str, list[Match]] = {}
    for one in matches:
        of_cases.setdefault(one.case_id, []).append(one)
    for case_id, found in of_cases.items():
        if case_id not in active:
            continue
        given = _to_tell(db, found)
        match, is_too_much = given, False
        # The same bytes are no mistake.
        if given.grade is not Grade.EXACT:
            photo, media_sha256 = given.fingerprint_id, given.media_sha256
            is_held = quarantine.is_held(db, photo)
            is_too_much = not is_held and quarantine.is_too_much(
                db, photo, media_sha256, alerting.too_much, now
            )
            if is_held or is_too_much:
                match = replace(given, grade=Grade.REVIEW)
        # A recompressed copy is another cluster today: each gets its own alert.
        cluster = match.media_sha256
        key = make_id("d", match.case_id, cluster, post_id)
        statement = insert(findings).values(
            id=key,
            case_id=match.case_id,
            cluster=cluster,
            post_id=post_id,
            media_sha256=match.media_sha256,
            fingerprint_id=match.fingerprint_id,
            method=match.method,
            distance=match.distance,
            quality=match.quality,
            transform=match.transform,
            region=list(match.region),
            placing=None if match.placing is None else asdict(match.placing),
            moment=None if match.moment is None else asdict(match.moment),
            grade=match.grade.value,
            partner=None if match.partner is None else asdict(match.partner),
            found_at=now,
            historic=historic,
            held=match.grade is not given.grade,
            status=FindingStatus.NEW.value,
        )
        if db.execute(statement.on_conflict_do_nothing()).rowcount:
            new.append(key)
            if is_too_much:
                quarantine.hold(db, match.fingerprint_id, match.case_id, now)
            if match.grade in MAILED_GRADES and not _is_dismissed(db, match):
                _add_alerts(db, key, match, source_id, alerting, now)
    return new


def every(
    db: Connection,
    *,
    case_id: str | None = None,
    status: FindingStatus | None = None,
    post_id: str | None = None,
) -> list[Finding]:
    """List findings, newest first."""
    statement = _findings().order_by(findings.c.found_at.desc(), findings.c.id)
    if case_id is not None:
        statement = statement.where(findings.c.case_id == case_id)
    if status is not None:
        statement = statement.where(findings.c.status == status.value)
    if post_id is not None:
        statement = statement.where(findings.c.post_id == post_id)
    return [_finding(row) for row in db.execute(statement)]


def get(db: Connection, finding_id: str) -> Finding | None:
    """Find a finding."""
    row = db.execute(_findings().where(findings.c.id == finding_id)).first()
    return None if row is None else _finding(row)


def by_features(db: Connection, sha256: str) -> list[Match]:
    """List what windows or local features found in a file before, in any post."""
    statement = _findings().where(
        findings.c.media_sha256 == sha256, findings.c.placing.is_not(None)
    )
    found = ((_finding(row).match, row.held) for row in db.execute(statement))
    # What was held back then may be let go by now: the photo is asked for anew.
    return [replace(match, grade=Grade.STRONG) if held else match for match, held in found]


def decide(
    db: Connection, finding_id: str, status: FindingStatus, *, actor: str, now: datetime
) -> None:
    """Record a person's judgement of these media.

    A dismissal calls back all alerts about them that wait; a confirmation lets them go again.
    """
    db.execute(
        update(findings)
        .where(findings.c.id == finding_id)
        .values(status=status.value, decided_by=actor, decided_at=now)
    )
    this = select(findings.c.case_id, findings.c.cluster).where(findings.c.id == finding_id)
    alike = select(findings.c.id).where(tuple_(findings.c.case_id, findings.c.cluster).in_(this))
    about = alerts.c.finding_id.in_(alike)
    if status is FindingStatus.DISMISSED:
        waiting = (AlertState.PENDING.value, AlertState.FAILED.value)
        db.execute(
            update(alerts)
            .where(about, alerts.c.state.in_(waiting))
            .values(state=AlertState.CANCELLED.value, error="the finding was dismissed")
        )
    else:
        db.execute(
            update(alerts)
            .where(about, alerts.c.state == AlertState.CANCELLED.value)
            .where(alerts.c.case_id.in_(cases.active_ids(db)))
            .values(state=AlertState.PENDING.value, next_try_at=now, error="")
        )
    audit.record(db, actor=actor, action=status.value, subject=finding_id, now=now)


def count_by_status(db: Connection) -> dict[str, int]:
    """Count findings by status."""
    statement = select(findings.c.status, func.count()).group_by(findings.c.status)
    return dict(db.execute(statement).all())


def count_alerts(db: Connection) -> dict[str, int]:
    """Count alerts by state."""
    statement = select(alerts.c.state, func.count()).group_by(alerts.c.state)
    return dict(db.execute(statement).all())


def every_alert(db: Connection, state: AlertState | None = None) -> list[Alert]:
    """List alerts, newest first."""
    statement = select(alerts).order_by(alerts.c.created_at.desc(), alerts.c.id)
    if state is not None:
        statement = statement.where(alerts.c.state == state.value)
    return [_alert(row) for row in db.execute(statement)]


def due_alerts(
    db: Connection, now: datetime, limit: int, *, channels: Sequence[str] | None = None
) -> list[Alert]:
    """List alerts to send now, oldest first; also those that a crash left between two states.

    Args:
        channels: Only theirs.
    """
    waiting = (AlertState.PENDING.value, AlertState.SENDING.value)
    statement = (
        select(alerts)
        .where(alerts.c.state.in_(waiting), alerts.c.next_try_at <= now)
        .order_by(alerts.c.created_at, alerts.c.id)
        .limit(limit)
    )
    if channels is not None:
        statement = statement.where(alerts.c.channel.in_(channels))
    return [_alert(row) for row in db.execute(statement)]


def set_alert(db: Connection, alert_id: str, state: AlertState, **values: Any) -> None:
    """Move an alert on."""
    db.execute(update(alerts).where(alerts.c.id == alert_id).values(state=state.value, **values))


def retry_alerts(db: Connection, now: datetime) -> int:
    """Have every alert that waits or was given up sent now.

    Returns:
        How many.
    """
    waiting = (AlertState.PENDING.value, AlertState.FAILED.value)
    return db.execute(
        update(alerts)
        .where(alerts.c.state.in_(waiting))
        .values(state=AlertState.PENDING.value, next_try_at=now, attempts=0, refusals=0)
    ).rowcount


def _to_tell(db: Connection, found: Sequence[Match]) -> Match:
    """Choose of the matches of one case, the surest first: one that is not held or dismissed."""
    for one in found if len(found) > 1 else ():
        is_held = one.grade is not Grade.EXACT and quarantine.is_held(db, one.fingerprint_id)
        if not is_held and not _is_dismissed(db, one):
            return one
    return found[0]


def _is_dismissed(db: Connection, match: Match) -> bool:
    """Tell whether a person dismissed these media, or near copies of them, for this case.

    Of a partner's case, for this photo: others are other people's. Videos may have a picture in
    common and show different people: of them, only the very same file counts.
    """
    sha256 = match.media_sha256
    ours = db.execute(select(media).where(media.c.sha256 == sha256)).one()
    dismissed = (
        select(media.c.sha256, media.c.pdq, media.c.pdq_quality, media.c.frames)
        .join(findings, findings.c.media_sha256 == media.c.sha256)
        .where(
            findings.c.case_id == match.case_id,
            findings.c.status == FindingStatus.DISMISSED.value,
        )
        .distinct()
    )
    if match.partner is not None:
        dismissed = dismissed.where(findings.c.fingerprint_id == match.fingerprint_id)
    for one in db.execute(dismissed):
        textured = min(one.pdq_quality, ours.pdq_quality) >= MIN_QUALITY
        are_pictures = one.frames is None and ours.frames is None
        distance = hamming(bytes.fromhex(one.pdq), bytes.fromhex(ours.pdq))
        if one.sha256 == sha256 or (are_pictures and textured and distance <= THRESHOLD):
            return True
    return False


def _add_alerts(
    db: Connection,
    finding_id: str,
    match: Match,
    source_id: str,
    alerting: Alerting,
    now: datetime,
) -> None:
    """Queue one alert a recipient: once for a case, cluster and source.

    Of a partner's case, once for a photo of it.
    """
    photo = () if match.partner is None else (match.fingerprint_id,)
    about = (match.case_id, match.media_sha256, source_id)
    for channel, recipient in alerting.recipients:
        key = make_id("a", *about, channel, recipient, *photo)
        db.execute(
            insert(alerts)
            .values(
                id=key,
                finding_id=finding_id,
                case_id=match.case_id,
                source_id=source_id,
                channel=channel,
                recipient=recipient,
                state=AlertState.PENDING.value,
                attempts=0,
                refusals=0,
                created_at=now,
                next_try_at=now,
                message_id=f"<{key}@{alerting.domain}>",
                error="",
            )
            .on_conflict_do_nothing()
        )


def _findings() -> Select[Any]:
    """Select findings with their context."""
    same = post_media.alias()
    first = (
        select(func.min(same.c.position))
        .where(same.c.post_id == findings.c.post_id, same.c.sha256 == findings.c.media_sha256)
        .where(same.c.kind.in_(_SHOWN))
        # Within a subquery it would else be of all findings there are.
        .correlate(findings)
        .scalar_subquery()
    )
    before = post_media.alias()
    # A video, or a sticker that moves, comes after its small picture, and is one with it.
    follows_its_picture = (
        select(before.c.position)
        .where(
            before.c.post_id == post_media.c.post_id,
            before.c.position == post_media.c.position - 1,
            or_(
                and_(before.c.kind == _THUMB, post_media.c.kind == _VIDEO),
                before.c.origin_id == post_media.c.origin_id.concat(":thumb"),
            ),
        )
        .exists()
    )
    shown = select(func.count()).where(
        post_media.c.post_id == findings.c.post_id,
        post_media.c.kind.in_(_SHOWN),
        not_(follows_its_picture),
    )
    address = select(post_media.c.url).where(
        post_media.c.post_id == findings.c.post_id, post_media.c.position == first
    )
    return (
        select(
            findings,
            posts.c.url,
            posts.c.via,
            address.scalar_subquery().label("picture_url"),
            posts.c.posted,
            posts.c.source_id,
            posts.c.forwarded_from,
            posts.c.native_id,
            posts.c.member_ids,
            sources.c.address,
            media.c.partial,
            shown.where(post_media.c.position <= first).scalar_subquery().label("picture"),
            shown.scalar_subquery().label("pictures"),
        )
        .join(posts, posts.c.id == findings.c.post_id)
        .join(media, media.c.sha256 == findings.c.media_sha256)
        .join(sources, sources.c.id == posts.c.source_id)
    )


def _finding(row: Row[Any]) -> Finding:
    """Read a finding from its row."""
    return Finding(
        id=row.id,
        case_id=row.case_id,
        cluster=row.cluster,
        post_id=row.post_id,
        source_id=row.source_id,
        source=row.address,
        post_url=row.url,
        posted=row.posted,
        found_at=row.found_at,
        match=Match(
            case_id=row.case_id,
            fingerprint_id=row.fingerprint_id,
            media_sha256=row.media_sha256,
            method=row.method,
            distance=row.distance,
            quality=row.quality,
            transform=row.transform,
            grade=Grade(row.grade),
            region=(row.region[0], row.region[1], row.region[2], row.region[3]),
            placing=None if row.placing is None else Placing(**row.placing),
            partner=None if row.partner is None else Partner(**row.partner),
            moment=None if row.moment is None else Moment(**row.moment),
        ),
        historic=row.historic,
        forwarded_from=row.forwarded_from,
        picture=row.picture or None,
        pictures=row.pictures,
        member_url=_member_url(row),
        partial=row.partial,
        held=row.held,
        status=FindingStatus(row.status),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _member_url(row: Row[Any]) -> str | None:
    """Name the message of an album that a picture is; None where that can't be told."""
    ids = [row.native_id, *row.member_ids]
    if row.via == ACCOUNT and row.member_ids and row.picture_url:
        # There, pictures are known by their messages.
        return str(row.picture_url).partition("?")[0]
    # An album's messages have one picture or video each, in the order of their ids.
    if not row.picture or len(ids) == 1 or len(ids) != row.pictures:
        return None
    return f"{row.url.rpartition('/')[0]}/{ids[row.picture - 1]}"


def _alert(row: Row[Any]) -> Alert:
    """Read an alert from its row."""
    return Alert(
        id=row.id,
        finding_id=row.finding_id,
        case_id=row.case_id,
        source_id=row.source_id,
        channel=row.channel,
        recipient=row.recipient,
        state=AlertState(row.state),
        attempts=row.attempts,
        refusals=row.refusals,
        created_at=row.created_at,
        next_try_at=row.next_try_at,
        sent_at=row.sent_at,
        message_id=row.message_id,
        error=row.error,
    )
