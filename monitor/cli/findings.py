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
from monitor.models.match import DIGESTS, TURNED, Grade, Match, Placing
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
        "sha256": match.media_sha256,
        "historic": finding.historic,
        **match_row(match),
        "status": finding.status.value,
        "decided_by": finding.decided_by,
        "decided_at": finding.decided_at,
    }


def match_row(match: Match) -> dict[str, object]:
    """Make the part of a line for programs that a match is; null: not of this method."""
    placing = match.placing
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
    match = found.match
    say(f"finding {found.id} of case {found.case_id}: {_judged(found)}")
    for line in (*_how(match), *_context(found)):
        say(line)


def _how(match: Match) -> Iterator[str]:
    """Say by what a picture matches, and how sure that is."""
    if match.method in DIGESTS:
        yield "The post has the enrolled file itself, byte for byte."
    elif match.placing is not None:
        yield from _placed(match, match.placing)
    else:
        yield (
            f"{_where(match)} differs from the enrolled photo in {match.distance} of 256 bits "
            f"(PDQ; up to {THRESHOLD} is a match, unrelated photos differ in about 128)."
        )
        if match.transform != "none":
            yield f"Against it, it is {TURNED[match.transform]}."
        if match.grade is Grade.REVIEW:
            yield "The photo was in quarantine, as it had matched many unlike pictures: not mailed."
    if match.partner is not None:
        yield (
            f"The hash is a partner's ({defang(match.partner.words)}): there is nothing but it, "
            "so only the whole picture is found, and you can't look at the photo."
        )


def _context(found: Finding) -> Iterator[str]:
    """Say where it was found."""
    if found.historic:
        yield f"It was {HISTORIC}."
    yield f"source: {found.source}"
    yield f"post:   {defang(found.post_url)}"
    if found.picture is not None and found.pictures > 1:
        member = f"   {defang(found.member_url)}" if found.member_url else ""
        yield f"where:  picture {found.picture} of {found.pictures}{member}"
    if found.forwarded_from:
        yield f"from:   forwarded from {defang(found.forwarded_from)}"
    yield f"posted: {when(found.posted)}   found: {when(found.found_at)}"
    yield f"photo:  {found.match.fingerprint_id}   media sha256: {found.match.media_sha256}"


def confirm(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is the person's photo."""
    _decide(ctx, finding, FindingStatus.CONFIRMED)


def dismiss(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is not.

    These media never alert again for this case.
    """
    _decide(ctx, finding, FindingStatus.DISMISSED)


def how_near(match: Match) -> str:
    """Say in a word how near a match is: differing bits, or how much of a part is alike."""
    if match.placing is not None:
        return f"{match.placing.agreement:.0%} alike"
    return f"{match.distance} bits"


def _where(match: Match) -> str:
    """Say which part of a post's picture is meant."""
    x, y, width, height = (round(100 * share) for share in match.region)
    if (width, height) == (100, 100):
        return "The post's picture"
    return (
        f"A part of the post's picture ({x} % from its left, {y} % from its top, {width} % wide, "
        f"{height} % high)"
    )


def _placed(match: Match, placing: Placing) -> list[str]:
    """Say where in a post's picture a photo is, how it lies there, and how sure that is."""
    x, y, width, height = (round(100 * share) for share in match.region)
    lines = [
        f"The enrolled photo is in the post's picture, {x} % from its left and {y} % from its top, "
        f"over {width} % of its width and {height} % of its height."
    ]
    if match.transform != "none":
        lines.append(f"It is {TURNED[match.transform]}.")
    if abs(placing.angle) >= 1:
        way = "right" if placing.angle > 0 else "left"
        lines.append(f"It is turned to the {way} by {abs(placing.angle):.0f} degrees.")
    by = (
        f"A part of it was found there by its hash, of which {match.distance} of 255 bits differ"
        if placing.inliers is None
        else f"{count(placing.inliers, 'place')} of it were found again there by local features"
    )
    lines.append(
        f"{by}; {placing.shown:.0%} of the photo is shown, and {placing.agreement:.0%} of that "
        "looks the same."
    )
    if match.grade is Grade.REVIEW:
        lines.append("That is not enough to be sure: only a person can say. No mail was sent.")
    return lines


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
