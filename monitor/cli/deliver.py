"""What a command does after it made findings: have them indexed and mailed."""

from __future__ import annotations

from monitor.alerts import outbox as mail
from monitor.cli.home import Home
from monitor.cli.output import complain
from monitor.errors import HaechiError
from monitor.search import drain as index


def deliver(home: Home) -> tuple[int, int]:
    """Index and mail what waits; what a service refuses waits on and is told in one line.

    Returns:
        How many documents were indexed and how many mails sent.
    """
    indexed = sent = 0
    try:
        indexed = index.drain(home.store, home.settings)
    except HaechiError as error:
        complain(f"haechi: not indexed yet: {error}")
    try:
        delivery = mail.drain(home.store, home.settings)
    except HaechiError as error:
        complain(f"haechi: not mailed yet: {error}")
    else:
        sent = delivery.sent
        if delivery.error:
            complain(f"haechi: alerts wait: {delivery.error}; then: haechi alerts retry")
    return indexed, sent
