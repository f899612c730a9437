"""What a command does after it made findings: have them indexed and mailed."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.alerts import outbox as mail
from monitor.cli.home import Home
from monitor.cli.output import complain, count
from monitor.errors import HaechiError, ServiceDown
from monitor.models.finding import AlertState
from monitor.search import drain as index
from monitor.store import findings, outbox


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of what waited to be indexed and mailed.

    Attributes:
        sent: How many mails went out.
        troubles: One line each for what was not delivered, and the way out.
        exit_code: 3 when something waits for a service, 1 when something was refused for good.
    """

    sent: int = 0
    troubles: tuple[str, ...] = ()
    exit_code: int = 0

    def tell(self) -> int:
        """Print the troubles, after all else that the command prints; returns the exit code."""
        for line in self.troubles:
            complain(f"haechi: {line}")
        return self.exit_code


def deliver(home: Home) -> Delivered:
    """Index and mail what waits; what a service refuses waits on."""
    indexed, mailed = deliver_index(home), deliver_mail(home)
    return Delivered(
        sent=mailed.sent,
        troubles=indexed.troubles + mailed.troubles,
        exit_code=max(indexed.exit_code, mailed.exit_code),
    )


def deliver_index(home: Home) -> Delivered:
    """Index what waits."""
    try:
        index.drain(home.store, home.settings)
    except HaechiError as error:
        with home.store.read() as db:
            waiting, _ = outbox.backlog(db)
        line = f"{count(waiting, 'change')} not indexed yet: {error}"
        return Delivered(troubles=(line,), exit_code=error.exit_code)
    return Delivered()


def deliver_mail(home: Home) -> Delivered:
    """Mail what waits; alerts that an earlier failure put off count as waiting, too."""
    try:
        delivery = mail.drain(home.store, home.settings)
    except HaechiError as error:
        return Delivered(troubles=(f"not mailed yet: {error}",), exit_code=error.exit_code)
    with home.store.read() as db:
        waiting = findings.every_alert(db, AlertState.PENDING)
    troubles: list[str] = []
    if waiting:
        reason = next((one.error for one in waiting if one.error), "it was not tried yet")
        troubles.append(
            f"{count(len(waiting), 'alert')} not mailed yet: {reason}; "
            "`haechi run` tries again by itself, you can by: haechi alerts retry"
        )
    if delivery.failed:
        troubles.append(
            f"{count(delivery.failed, 'alert')} refused for good: {delivery.error}; "
            "when that is mended: haechi alerts retry"
        )
    code = ServiceDown.exit_code if waiting else HaechiError.exit_code if delivery.failed else 0
    return Delivered(delivery.sent, tuple(troubles), code)
