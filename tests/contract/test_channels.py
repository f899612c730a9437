"""Every way out for alerts behaves alike towards the outbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.alerts.channels import CHANNELS, ChannelUnit
from monitor.clock import utc_now
from monitor.errors import ServiceDown
from monitor.models.notice import NoticeKind
from monitor.store import findings, notices
from tests.fixtures.stock import found, new_store, settings_of, the_finding

# A section for every channel. Port 9 on loopback: nobody answers there.
NOBODY = {"mail": {"host": "127.0.0.1", "port": 9, "timeout_s": 2.0, "to": ["team@example.org"]}}


@pytest.fixture(params=list(CHANNELS.values()), ids=list(CHANNELS))
def unit(request: pytest.FixtureRequest) -> ChannelUnit:
    one: ChannelUnit = request.param
    return one


def test_a_unit_is_named_after_its_file(unit: ChannelUnit) -> None:
    assert CHANNELS[unit.name] is unit


def test_opening_touches_nothing_and_closing_twice_is_fine(
    unit: ChannelUnit, tmp_path: Path
) -> None:
    channel = unit.open(settings_of(tmp_path, **NOBODY))
    channel.close()
    channel.close()
    assert list(tmp_path.iterdir()) == []


def test_a_receiving_side_that_is_away_is_a_service_that_is_down(
    unit: ChannelUnit, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, **NOBODY)
    recipients = unit.recipients(settings)
    assert recipients, f"give NOBODY a [{unit.name}] section that turns the channel on"
    store = new_store(tmp_path)
    told = findings.Alerting(((unit.name, recipients[0]),), "example.org")
    with store.write() as db:
        found(db, alerting=told)
        (alert,) = findings.every_alert(db)
        notices.add(db, alert.source_id, NoticeKind.CHANGED, "It changed.", told, utc_now())
        (notice,) = notices.due(db, utc_now(), 9, channels=[unit.name])
    finding = the_finding(store)
    store.close()
    channel = unit.open(settings)
    for attempt in (
        channel.check,
        lambda: channel.send(alert, finding),
        lambda: channel.send_notice(notice),
        lambda: channel.send_test(recipients[0]),
    ):
        with pytest.raises(ServiceDown) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    channel.close()
