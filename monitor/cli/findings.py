"""`haechi findings`: what was found, for a person to judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from monitor.alerts.defang import defang
from monitor.cli.cases import need_case
from monitor.cli.deliver import deliver_index
from monitor.cli.groups import ListingGroup
from monitor.cli.home import actor, opened
from monitor.cli.output import AsJson, count, emit, say, table, when
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.hashes.pdq import THRESHOLD
from monitor.models.finding import HISTORIC, Finding, FindingStatus
from monitor.models.match import DIGESTS, TURNED, Grade, Match, Moment, Placing
from monitor.store import findings, outbox

FindingId = Annotated[str, typer.Argument(help="The finding's id.")]
OnlyCase = Annotated[str, typer.Option("--case", help="Only this case.")]
OnlyStatus = Annotated[FindingStatus | None, typer.Option(help="Only those of this status.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=ListingGroup, help="List, show, confirm and dismiss findings.")
    group.command("list")(list_findings)
    group.command("show")(show)
    group.command("confirm")(confirm)
    group.command("dismiss")(dismiss)
    app.add_typer(group, name="findings")


def row(finding: Finding) -> dict[str, object]:
    """Make the line of a finding for programs."""
    match = finding.match
    return {
        "id": finding.id,
        "source": finding.source,
        "post": finding.post_url,
        "picture": finding.picture,
        "pictures": finding.pictures,
        "member": finding.member_url,
        "forwarded_from": finding.forwarded_from,
        "posted": finding.posted,
        "found": finding.found_at,
        "sha256": None if finding.partial else match.media_sha256,
        "media_id": match.media_sha256,
        "historic": finding.historic,
        **match_row(match),
        "status": finding.status.value,
        "decided_by": finding.decided_by,
        "decided_at": finding.decided_at,
    }


def match_row(match: Match) -> dict[str, object]:
    """Make the part of a line for programs that a match is; null: not of this method."""
    placing, moment = match.placing, match.moment
    return {
        "case": match.case_id,
        "photo": match.fingerprint_id,
        "method": match.method,
        "distance": match.distance,
        "inliers": None if placing is None else placing.inliers,
        "agreement": None if placing is None else placing.agreement,
        "shown": None if placing is None else placing.shown,
        "quality": match.quality,
        "region": list(match.region),
        "transform": match.transform,
        "angle": None if placing is None else placing.angle,
        "scale": None if placing is None else placing.scale,
        "start_s": None if moment is None else moment.start_s,
        "end_s": None if moment is None else moment.end_s,
        "length_s": None if moment is None else moment.length_s,
        "share": None if moment is None else moment.share,
        "frames": None if moment is None else moment.frames,
        "clip_start_s": None if moment is None else moment.clip_start_s,
        "clip_end_s": None if moment is None else moment.clip_end_s,
        "clip_share": None if moment is None else moment.clip_share,
        "grade": match.grade.value,
        "partner": None if match.partner is None else asdict(match.partner),
    }


def print_table(found: list[Finding], *, empty: str = "nothing was found") -> None:
    """Print findings for people."""
    table(
        ("finding", "case", "source", "post", "near", "grade", "turned", "status"),
        [
            (
                one.id,
                one.case_id,
                one.source,
                defang(one.post_url),
                how_near(one.match),
                one.match.grade.value,
                one.match.transform,
                f"{one.status.value}, historic" if one.historic else one.status.value,
            )
            for one in found
        ],
        empty=empty,
    )


def list_findings(
    ctx: typer.Context, case: OnlyCase = "", status: OnlyStatus = None, as_json: AsJson = False
) -> None:
    """List findings, newest first; the default."""
    with opened(ctx) as home:
        if case:
            need_case(home, case)
        with home.store.read() as db:
            found = findings.every(db, case_id=case or None)
    shown = [one for one in found if status in (None, one.status)]
    if as_json:
        for one in shown:
            emit(row(one))
        return
    others = f"no findings of this status; {count(len(found), 'other')}"
    print_table(shown, empty=others if found else "nothing was found")


def show(ctx: typer.Context, finding: FindingId, as_json: AsJson = False) -> None:
    """Say what was found, and how sure it is."""
    with opened(ctx) as home, home.store.read() as db:
        found = findings.get(db, finding)
    if found is None:
        raise Misuse(f"no finding {finding!r}; see `haechi findings`")
    if as_json:
        emit(row(found))
        return
    say(f"finding {found.id} of case {found.case_id}: {_judged(found)}")
    for line in (*_how(found), *_context(found)):
        say(line)


def _how(found: Finding) -> Iterator[str]:
    """Say by what a picture or video matches, and how sure that is."""
    match = found.match
    if match.method in DIGESTS:
        yield "The post has the enrolled file itself, byte for byte."
    else:
        if match.moment is not None:
            yield _when(match, match.moment)
        yield from _near(match) if match.placing is None else _placed(match, match.placing)
        if found.held:
            yield (
                f"The {match.enrolled} was in quarantine, as it had matched many unlike pictures: "
                "not mailed."
            )
        elif match.grade is Grade.REVIEW:
            yield "That is not enough to be sure: only a person can say. No mail was sent."
    if match.partner is not None:
        whole = "whole frames are found, as they are," if match.enrolled == "video" else ""
        yield (
            f"The hash is a partner's ({defang(match.partner.words)}): there is nothing but it, "
            f"so only {whole or 'the whole picture is found,'} and you can't look at the "
            f"{match.enrolled}."
        )


def _when(match: Match, moment: Moment) -> str:
    """Say when something is shown in a video, and how much of it that is."""
    if match.posted == "picture":
        return f"The post's picture shows a moment of the enrolled video, at {moment.clip_when}."
    length = f"which lasts {moment.length}"
    share = f"{moment.share or 0:.0%} of those that were looked at"
    if match.enrolled == "photo":
        return (
            f"The enrolled photo is shown at {moment.when} of the post's video, {length}; "
            f"{count(moment.frames, 'frame')} of it match, {share}."
        )
    return (
        f"What the enrolled video shows at {moment.clip_when} is shown at {moment.when} of the "
        f"post's video, {length}: {moment.clip_share or 0:.0%} of the enrolled video's frames, and "
        f"{count(moment.frames, 'frame')} of the post's, {share}."
    )


def _near(match: Match) -> Iterator[str]:
    """Say by how much of a hash two differ."""
    known = f"(PDQ; up to {THRESHOLD} is a match, unrelated photos differ in about 128)"
    of = "the enrolled photo" if match.enrolled == "photo" else "the enrolled video's frame"
    if match.method == "vpdq":
        if not match.is_whole:
            yield f"It is in a part of the frame ({_place(match)})."
        yield (
            f"The median of the frames that match differs from {of} in {match.distance} of 256 "
            f"bits {known}."
        )
    else:
        yield f"{_where(match)} differs from {of} in {match.distance} of 256 bits {known}."
    if match.transform != "none":
        yield f"Against it, it is {TURNED[match.transform]}."


def _context(found: Finding) -> Iterator[str]:
    """Say where it was found."""
    if found.historic:
        yield f"It was {HISTORIC}."
    yield f"source: {found.source}"
    yield f"post:   {defang(found.post_url)}"
    match = found.match
    if found.picture is not None and found.pictures > 1:
        member = f"   {defang(found.member_url)}" if found.member_url else ""
        yield f"where:  {match.posted} {found.picture} of {found.pictures}{member}"
    if found.forwarded_from:
        yield f"from:   forwarded from {defang(found.forwarded_from)}"
    yield f"posted: {when(found.posted)}   found: {when(found.found_at)}"
    file = "media id (parts of it were had)" if found.partial else "media sha256"
    yield f"{match.enrolled}:  {match.fingerprint_id}   {file}: {match.media_sha256}"


def confirm(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is the person's photo or video."""
    _decide(ctx, finding, FindingStatus.CONFIRMED)


def dismiss(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is not.

    These media never alert again for this case.
    """
    _decide(ctx, finding, FindingStatus.DISMISSED)


def how_near(match: Match) -> str:
    """Say in a few words how near a match is, and when: differing bits, or how much is alike."""
    near = f"{match.distance} bits"
    if match.placing is not None:
        near = f"{match.placing.agreement:.0%} alike"
    if match.moment is None:
        return near
    if match.posted == "picture":
        return f"{near}, still of {match.moment.clip_when}"
    return f"{near}, at {match.moment.when}"


def _where(match: Match) -> str:
    """Say which part of a post's picture or frame is meant."""
    whole = "The post's picture" if match.posted == "picture" else "The whole frame"
    if match.is_whole:
        return whole
    part = "the post's picture" if match.posted == "picture" else "the frame"
    return f"A part of {part} ({_place(match)})"


def _place(match: Match) -> str:
    """Say where a part is."""
    x, y, width, height = match.percents
    return f"{x} % from its left, {y} % from its top, {width} % wide, {height} % high"


def _placed(match: Match, placing: Placing) -> Iterator[str]:
    """Say where in a post's picture a photo is, how it lies there, and how sure that is."""
    x, y, width, height = match.percents
    shown = "the post's picture" if match.posted == "picture" else "the frame"
    what = "photo" if match.enrolled == "photo" else "video's frame"
    yield (
        f"The enrolled {what} is in {shown}, {x} % from its left and {y} % from its top, "
        f"over {width} % of its width and {height} % of its height."
    )
    if match.transform != "none":
        yield f"It is {TURNED[match.transform]}."
    if abs(placing.angle) >= 1:
        way = "right" if placing.angle > 0 else "left"
        yield f"It is turned to the {way} by {abs(placing.angle):.0f} degrees."
    by = (
        f"A part of it was found there by its hash, of which {match.distance} of 255 bits differ"
        if placing.inliers is None
        else f"{count(placing.inliers, 'place')} of it were found again there by local features"
    )
    yield (
        f"{by}; {placing.shown:.0%} of the {what} is shown, and {placing.agreement:.0%} of that "
        "looks the same."
    )


def _judged(finding: Finding) -> str:
    """Say who judged a finding, when and how."""
    if finding.decided_by is None:
        return "new, nobody has judged it yet"
    return f"{finding.status} by {finding.decided_by} at {when(finding.decided_at)}"


def _decide(ctx: typer.Context, finding: str, status: FindingStatus) -> None:
    """Record a judgement and have the index know of it; mail is left to the next delivery."""
    with opened(ctx) as home:
        now = utc_now()
        with home.store.write() as db:
            before = findings.get(db, finding)
            if before is None:
                raise Misuse(f"no finding {finding!r}; see `haechi findings`")
            if before.status is status:
                say(f"finding {finding} was {_judged(before)}; nothing is changed")
                return
            findings.decide(db, finding, status, actor=actor(), now=now)
            outbox.enqueue(db, outbox.FINDING, [finding], now)
        indexed = deliver_index(home)
        replaced = "" if before.decided_by is None else f"; before, it was {_judged(before)}"
        say(f"finding {finding} is {status}{replaced}")
        if code := indexed.tell():
            raise typer.Exit(code)
