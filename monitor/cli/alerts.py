"""`haechi alerts`: what was mailed, what waits, and whether mail works."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.alerts.channels import CHANNELS, Refused
from monitor.alerts.rules import alerting
from monitor.cli.deliver import deliver_mail
from monitor.cli.groups import ListingGroup
from monitor.cli.home import opened
from monitor.cli.output import AsJson, count, emit, say, table
from monitor.clock import utc_now
from monitor.errors import HaechiError, NotConfigured
from monitor.models.finding import AlertState
from monitor.store import findings, notices

State = Annotated[AlertState | None, typer.Option(help="Only those of this state.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=ListingGroup, help="List alerts, test mail, retry refused ones.")
    group.command("list")(list_alerts)
    group.command("test")(send_test)
    group.command("retry")(retry)
    app.add_typer(group, name="alerts")


def list_alerts(ctx: typer.Context, state: State = None, as_json: AsJson = False) -> None:
    """List alerts, newest first; the default."""
    with opened(ctx) as home, home.store.read() as db:
        found = findings.every_alert(db, state)
        others = sum(findings.count_alerts(db).values())
    if as_json:
        for one in found:
            emit(one)
        return
    table(
        ("alert", "case", "finding", "to", "state", "attempts", "sent", "error"),
        [
            (
                one.id,
                one.case_id,
                one.finding_id,
                one.recipient,
                one.state.value,
                one.attempts,
                one.sent_at,
                one.error,
            )
            for one in found
        ],
        empty=f"no alerts of this state; {count(others, 'other')}" if others else "no alerts yet",
    )


def send_test(ctx: typer.Context) -> None:
    """Send a test to everyone who gets alerts.

    Where it can't be sent, it is said in words what is wrong.
    """
    with opened(ctx) as home:
        told = alerting(home.settings).recipients
        if not told:
            raise NotConfigured("nobody gets alerts: set mail.to in haechi.toml")
        for name, recipient in told:
            channel = CHANNELS[name].open(home.settings)
            try:
                channel.send_test(recipient)
            except Refused as refusal:
                raise HaechiError(str(refusal)) from refusal
            finally:
                channel.close()
            say(f"{name}: a test to {recipient} was taken")


def retry(ctx: typer.Context) -> None:
    """Send now what waits or was given up."""
    with opened(ctx) as home:
        with home.store.write() as db:
            waiting = findings.retry_alerts(db, utc_now()) + notices.retry(db, utc_now())
        delivered = deliver_mail(home)
        say(f"{count(waiting, 'alert')} waited, {delivered.sent} sent")
        if code := delivered.tell():
            raise typer.Exit(code)
