"""`haechi findings`: what was found, for a person to judge."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.alerts.defang import defang
from monitor.cli.cases import AsJson, need_case
from monitor.cli.deliver import deliver_index
from monitor.cli.home import actor, opened
from monitor.cli.output import count, emit, say, table, when
from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.hashes.pdq import THRESHOLD
from monitor.models.finding import Finding, FindingStatus
from monitor.models.match import TURNED
from monitor.store import findings, outbox

FindingId = Annotated[str, typer.Argument(help="The finding's id.")]
OnlyCase = Annotated[str, typer.Option("--case", help="Only this case.")]
OnlyStatus = Annotated[FindingStatus | None, typer.Option(help="Only those of this status.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List, show, confirm and dismiss findings.")
    group.callback(invoke_without_command=True)(_default)
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
        "case": finding.case_id,
        "source": finding.source,
        "post": finding.post_url,
        "posted": finding.posted,
        "found": finding.found_at,
        "sha256": match.media_sha256,
        "photo": match.fingerprint_id,
        "method": match.method,
        "distance": match.distance,
        "quality": match.quality,
        "region": list(match.region),
        "transform": match.transform,
        "grade": match.grade.value,
        "status": finding.status.value,
        "decided_by": finding.decided_by,
        "decided_at": finding.decided_at,
    }


def print_table(found: list[Finding], *, empty: str = "nothing was found") -> None:
    """Print findings for people."""
    table(
        ("finding", "case", "source", "post", "distance", "grade", "turned", "status"),
        [
            (
                one.id,
                one.case_id,
                one.source,
                defang(one.post_url),
                one.match.distance,
                one.match.grade.value,
                one.match.transform,
                one.status.value,
            )
            for one in found
        ],
        empty=empty,
    )


def _default(
    ctx: typer.Context, case: OnlyCase = "", status: OnlyStatus = None, as_json: AsJson = False
) -> None:
    """List the findings when no other command is given."""
    if ctx.invoked_subcommand is None:
        list_findings(ctx, case=case, status=status, as_json=as_json)


def list_findings(
    ctx: typer.Context, case: OnlyCase = "", status: OnlyStatus = None, as_json: AsJson = False
) -> None:
    """List findings, newest first."""
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
    """Say in words what was found and how sure it is."""
    with opened(ctx) as home, home.store.read() as db:
        found = findings.get(db, finding)
    if found is None:
        raise Misuse(f"no finding {finding!r}; see `haechi findings`")
    if as_json:
        emit(row(found))
        return
    match = found.match
    say(f"finding {found.id} of case {found.case_id}: {_judged(found)}")
    if match.method == "sha256":
        say("The post has the enrolled file itself, byte for byte.")
    else:
        say(
            f"The post's picture differs from the enrolled photo in {match.distance} of 256 bits "
            f"(PDQ; up to {THRESHOLD} is a match, unrelated photos differ in about 128)."
        )
        if match.transform != "none":
            say(f"Against it, it is {TURNED[match.transform]}.")
    say(f"source: {found.source}")
    say(f"post:   {defang(found.post_url)}")
    say(f"posted: {when(found.posted)}   found: {when(found.found_at)}")
    say(f"photo:  {match.fingerprint_id}   media sha256: {match.media_sha256}")


def confirm(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is the person's photo."""
    _decide(ctx, finding, FindingStatus.CONFIRMED)


def dismiss(ctx: typer.Context, finding: FindingId) -> None:
    """Record that it is not; these media never alert again for this case."""
    _decide(ctx, finding, FindingStatus.DISMISSED)


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
