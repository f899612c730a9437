"""`haechi alerts`: what was mailed, what waits, and whether mail works."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.alerts.channels import CHANNELS, Refused
from monitor.alerts.rules import alerting
from monitor.cli.deliver import deliver_mail
from monitor.cli.home import opened
from monitor.cli.output import AsJson, count, emit, say, table
from monitor.clock import utc_now
from monitor.errors import HaechiError, NotConfigured
from monitor.models.finding import AlertState
from monitor.store import findings

State = Annotated[AlertState | None, typer.Option(help="Only those of this state.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List alerts, test mail, retry what was refused.")
    group.callback(invoke_without_command=True)(_default)
    group.command("list")(list_alerts)
    group.command("test")(send_test)
    group.command("retry")(retry)
    app.add_typer(group, name="alerts")


def _default(ctx: typer.Context, state: State = None, as_json: AsJson = False) -> None:
    """List the alerts when no other command is given."""
    if ctx.invoked_subcommand is None:
        list_alerts(ctx, state=state, as_json=as_json)


def list_alerts(ctx: typer.Context, state: State = None, as_json: AsJson = False) -> None:
    """List alerts, newest first."""
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
    """Send everyone who gets alerts a test, and say in words what is wrong when it can't be."""
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
            waiting = findings.retry_alerts(db, utc_now())
        delivered = deliver_mail(home)
        say(f"{count(waiting, 'alert')} waited, {delivered.sent} sent")
        if code := delivered.tell():
            raise typer.Exit(code)
