"""Drains the alerts that wait: each is sent once, and again only when nobody can know.

An alert is `sending` from before its message is handed over until after the server took it. A
crash in between leaves it there: whether the server took it can't be known, so it is sent again
under the same Message-ID, by which mail systems fold the two into one. Losing it would be worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.alerts.channels._base import Channel, Refused
from monitor.alerts.channels.mail import MailChannel
from monitor.alerts.message import compose
from monitor.clock import Clock, utc_now
from monitor.errors import ServiceDown
from monitor.locks import hold
from monitor.models.finding import Alert, AlertState, Finding, FindingStatus
from monitor.settings import Settings
from monitor.store import cases, findings
from monitor.store.store import Store

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one drain did.

    Attributes:
        error: Why alerts still wait; empty when none was refused.
    """

    sent: int = 0
    failed: int = 0
    error: str = ""


def drain(
    store: Store, settings: Settings, *, clock: Clock = utc_now, channel: Channel | None = None
) -> Delivery:
    """Send the alerts that are due, one after another.

    Only one process on a home folder drains at a time; the others return at once.

    Args:
        channel: Given by tests; by default the SMTP server of the settings.
    """
    with store.read() as db:
        if not findings.due_alerts(db, clock(), 1):
            return Delivery()
    with hold(settings.home, "mail", what="another mail delivery", wait=True):
        way_out = channel or MailChannel(settings)
        try:
            return _drain(store, settings, clock, way_out)
        finally:
            way_out.close()


def _drain(store: Store, settings: Settings, clock: Clock, channel: Channel) -> Delivery:
    """Send what is due until nothing is, or the server is down."""
    sent = failed = 0
    error = ""
    while True:
        with store.read() as db:
            due = findings.due_alerts(db, clock(), AT_ONCE)
        if not due:
            return Delivery(sent, failed, error)
        for alert in due:
            finding = _claim(store, alert)
            if finding is None:
                continue
            try:
                channel.send(compose(alert, finding, sender=settings.mail.sender), alert.recipient)
            except Refused as refusal:
                error = str(refusal)
                gave_up = refusal.for_good or alert.attempts + 1 >= settings.mail.max_attempts
                failed += gave_up
                _postpone(store, alert, error, clock(), gave_up=gave_up)
            except ServiceDown as down:
                # The server's fault, not this alert's: it waits for as long as it takes.
                _postpone(store, alert, str(down), clock(), gave_up=False)
                return Delivery(sent, failed, str(down))
            else:
                sent += 1
                with store.write() as db:
                    findings.set_alert(db, alert.id, AlertState.SENT, sent_at=clock(), error="")
                log.info("alert.sent", alert_id=alert.id, finding_id=alert.finding_id)


def _claim(store: Store, alert: Alert) -> Finding | None:
    """Mark an alert as being sent, unless its case was withdrawn or its finding dismissed."""
    with store.write() as db:
        finding = findings.get(db, alert.finding_id)
        if (
            finding is None
            or finding.status is FindingStatus.DISMISSED
            or not cases.is_active(db, alert.case_id)
        ):
            findings.set_alert(
                db, alert.id, AlertState.CANCELLED, error="withdrawn or dismissed before it went"
            )
            return None
        findings.set_alert(db, alert.id, AlertState.SENDING, attempts=alert.attempts + 1)
    return finding


def _postpone(store: Store, alert: Alert, error: str, now: datetime, *, gave_up: bool) -> None:
    """Have an alert sent later, or give it up until an operator says `haechi alerts retry`."""
    pause = min(FIRST_PAUSE * 2 ** min(alert.attempts, 10), LONGEST_PAUSE)
    state = AlertState.FAILED if gave_up else AlertState.PENDING
    with store.write() as db:
        findings.set_alert(db, alert.id, state, next_try_at=now + pause, error=error)
    log.warning("alert.refused", alert_id=alert.id, gave_up=gave_up, reason=error)
