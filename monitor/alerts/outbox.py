"""Drains the alerts that wait: each is sent once, and again only when nobody can know.

An alert is `sending` from before its message is handed over until after the server took it. A
crash in between leaves it there: whether the server took it can't be known, so it is sent again
under the same Message-ID, by which mail systems fold the two into one. Losing it would be worse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.alerts.channels import CHANNELS, Channel, ChannelUnit, Refused
from monitor.clock import Clock, utc_now
from monitor.errors import ServiceDown
from monitor.locks import hold
from monitor.logs import places_of
from monitor.models.finding import Alert, AlertState, Finding, FindingStatus
from monitor.models.notice import Notice
from monitor.settings import Settings
from monitor.store import cases, findings, notices
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
    store: Store,
    settings: Settings,
    *,
    clock: Clock = utc_now,
    channels: Mapping[str, ChannelUnit] = CHANNELS,
    stop: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Send the alerts that are due, one after another.

    Only one process on a home folder drains at a time; the others wait for it.

    Args:
        channels: The ways out, by name.
        stop: Asked before each alert; what is left waits for the next call.
    """
    with store.read() as db:
        told = notices.due(db, clock(), 1, channels=list(channels))
        if not findings.due_alerts(db, clock(), 1) and not told:
            return Delivery()
    with (
        hold(settings.state_folder, "mail", what="another delivery of alerts", wait=True),
        ExitStack() as stack,
    ):
        ways: dict[str, Channel] = {}
        for name, unit in channels.items():
            ways[name] = unit.open(settings)
            stack.callback(ways[name].close)
        found = _drain(store, settings, clock, ways, stop)
        told_of = _drain_notices(store, settings, clock, ways, stop)
    return Delivery(
        found.sent + told_of.sent, found.failed + told_of.failed, found.error or told_of.error
    )


def _drain(
    store: Store,
    settings: Settings,
    clock: Clock,
    ways: Mapping[str, Channel],
    stop: Callable[[], bool],
) -> Delivery:
    """Send what is due until nothing is, or every channel is down."""
    sent = failed = 0
    error = ""
    up = set(ways)
    while True:
        with store.read() as db:
            due = findings.due_alerts(db, clock(), AT_ONCE, channels=sorted(up))
        if not due:
            return Delivery(sent, failed, error)
        for alert in due:
            if stop():
                return Delivery(sent, failed, error)
            finding = _claim(store, alert) if alert.channel in up else None
            if finding is None:
                continue
            try:
                ways[alert.channel].send(alert, finding)
            except Exception as problem:  # noqa: BLE001 - one alert must not hold up all others
                trouble = _trouble(problem, alert, settings)
                error = trouble.error
                failed += trouble.gave_up
                _postpone(store, alert, trouble, clock())
                if trouble.is_down:
                    up.discard(alert.channel)
            else:
                sent += 1
                with store.write() as db:
                    findings.set_alert(db, alert.id, AlertState.SENT, sent_at=clock(), error="")
                log.info("alert.sent", alert_id=alert.id, finding_id=alert.finding_id)


def _drain_notices(
    store: Store,
    settings: Settings,
    clock: Clock,
    ways: Mapping[str, Channel],
    stop: Callable[[], bool],
) -> Delivery:
    """Send the health alerts that are due, after those about findings."""
    sent = failed = 0
    error = ""
    up = set(ways)
    while True:
        with store.read() as db:
            due = notices.due(db, clock(), AT_ONCE, channels=sorted(up))
        if not due:
            return Delivery(sent, failed, error)
        for notice in due:
            if stop():
                return Delivery(sent, failed, error)
            if notice.channel not in up:
                continue
            with store.write() as db:
                attempts = notice.attempts + 1
                notices.set_state(db, notice.id, AlertState.SENDING, attempts=attempts)
            try:
                ways[notice.channel].send_notice(notice)
            except Exception as problem:  # noqa: BLE001 - one must not hold up all others
                trouble = _trouble(problem, notice, settings)
                error = trouble.error
                failed += trouble.gave_up
                if trouble.is_down:
                    up.discard(notice.channel)
                with store.write() as db:
                    notices.set_state(
                        db, notice.id, trouble.state, **trouble.values(notice.attempts, clock())
                    )
                log.warning("notice.refused", notice_id=notice.id, reason=error)
            else:
                sent += 1
                with store.write() as db:
                    notices.set_state(db, notice.id, AlertState.SENT, sent_at=clock(), error="")
                log.info("notice.sent", notice_id=notice.id, source_id=notice.source_id)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a message did not go out, and what becomes of it.

    Attributes:
        refusals: How often the message itself was refused, this time included.
        is_down: Not its fault: it and those after it wait for as long as it takes.
    """

    error: str
    refusals: int
    gave_up: bool
    is_down: bool

    @property
    def state(self) -> AlertState:
        """Where the message stands: given up until an operator says `haechi alerts retry`."""
        return AlertState.FAILED if self.gave_up else AlertState.PENDING

    def values(self, attempts: int, now: datetime) -> dict[str, str | int | datetime]:
        """Give the columns to set of a message that was tried so often before."""
        doublings: int = 2 ** min(attempts, 10)
        pause = min(FIRST_PAUSE * doublings, LONGEST_PAUSE)
        return {"next_try_at": now + pause, "error": self.error, "refusals": self.refusals}


def _trouble(problem: Exception, told: Alert | Notice, settings: Settings) -> _Trouble:
    """Tell what an error of a channel means for a message."""
    if isinstance(problem, ServiceDown):
        return _Trouble(str(problem), told.refusals, gave_up=False, is_down=True)
    refusals = told.refusals + 1
    is_spent = refusals >= settings.mail.max_attempts
    if isinstance(problem, Refused):
        return _Trouble(str(problem), refusals, problem.for_good or is_spent, is_down=False)
    error = f"error in Haechi: {type(problem).__name__}"
    log.error("alert.bug", alert_id=told.id, error=error, places=places_of(problem))
    return _Trouble(error, refusals, is_spent, is_down=False)


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


def _postpone(store: Store, alert: Alert, trouble: _Trouble, now: datetime) -> None:
    """Have an alert sent later, or give it up."""
    with store.write() as db:
        findings.set_alert(db, alert.id, trouble.state, **trouble.values(alert.attempts, now))
    gave_up, reason = trouble.gave_up, trouble.error
    log.warning("alert.refused", alert_id=alert.id, gave_up=gave_up, reason=reason)
