"""Who is told of a new finding."""

from __future__ import annotations

from datetime import timedelta

from monitor.alerts.channels import CHANNELS
from monitor.settings import Settings
from monitor.store.findings import Alerting
from monitor.store.quarantine import Rule


def alerting(settings: Settings) -> Alerting:
    """Give everyone who gets alerts, by every channel that is set up."""
    return Alerting(
        recipients=tuple(
            (unit.name, recipient)
            for unit in CHANNELS.values()
            for recipient in unit.recipients(settings)
        ),
        domain=settings.mail.sender.rpartition("@")[2],
        too_much=Rule(
            unlike=settings.quarantine.unlike_pictures,
            within=timedelta(hours=settings.quarantine.within_hours),
        ),
    )
