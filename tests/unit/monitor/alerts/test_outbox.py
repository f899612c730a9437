from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.alerts.channels import CHANNELS, ChannelUnit
from monitor.alerts.outbox import LONGEST_PAUSE, Delivery, drain
from monitor.cli.demo.mailbox import Mailbox
from monitor.models.finding import Alert, AlertState, Finding, FindingStatus
from monitor.settings import Settings
from monitor.store import cases, findings
from monitor.store.store import Store
from tests.fixtures.stock import NOW, StoppedClock, found, settings_of


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def settings(mailbox: Mailbox, tmp_path: Path) -> Settings:
    mail = {"host": "127.0.0.1", "port": mailbox.port, "from": "haechi@example.org"}
    return settings_of(tmp_path, mail=mail | {"timeout_s": 5.0, "max_attempts": 3})


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def waiting(store: Store) -> Store:
    """A store with one alert that waits."""
    with store.write() as db:
        found(db)
    return store


def the_alert(store: Store) -> Alert:
    with store.read() as db:
        (one,) = findings.every_alert(db)
    return one


def add(store: Store, *numbers: int) -> None:
    with store.write() as db:
        for number in numbers:
            found(db, number=number, name=str(number))


def test_an_alert_is_sent_once(waiting: Store, settings: Settings, mailbox: Mailbox) -> None:
    clock = StoppedClock()
    assert drain(waiting, settings, clock=clock) == Delivery(sent=1)
    clock.move(days=1)
    assert drain(waiting, settings, clock=clock) == Delivery()
    (mail,) = mailbox.mails
    assert mail.recipients == ("team@example.org",)
    assert mail.message["Message-ID"] == the_alert(waiting).message_id
    assert (the_alert(waiting).state, the_alert(waiting).sent_at) == (AlertState.SENT, NOW)


def test_many_alerts_go_over_one_connection(
    store: Store, settings: Settings, mailbox: Mailbox
) -> None:
    add(store, *range(1, 6))
    assert drain(store, settings, clock=StoppedClock()).sent == 5
    assert len({mail.message["Message-ID"] for mail in mailbox.mails}) == 5


def test_a_passing_refusal_is_tried_again_after_a_growing_pause(
    waiting: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    mailbox.answer_next("451 4.3.0 Try again later", times=2)
    pauses = []
    for _ in range(2):
        delivery = drain(waiting, settings, clock=clock)
        assert (delivery.sent, delivery.failed) == (0, 0)
        assert "451 4.3.0 Try again later" in delivery.error
        alert = the_alert(waiting)
        assert alert.state is AlertState.PENDING
        pauses.append(alert.next_try_at - clock())
        assert drain(waiting, settings, clock=clock) == Delivery()
        clock.move(seconds=pauses[-1].total_seconds())
    assert pauses[0] < pauses[1] <= LONGEST_PAUSE
    assert drain(waiting, settings, clock=clock) == Delivery(sent=1)
    assert (len(mailbox.mails), the_alert(waiting).error) == (1, "")


def test_an_alert_that_is_refused_too_often_is_given_up(
    waiting: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    mailbox.answer_next("451 4.3.0 Try again later", times=9)
    for _ in range(settings.mail.max_attempts):
        drain(waiting, settings, clock=clock)
        clock.move(days=1)
    assert the_alert(waiting).state is AlertState.FAILED
    assert mailbox.attempts == settings.mail.max_attempts
    assert drain(waiting, settings, clock=clock) == Delivery()


def test_a_refusal_for_good_is_not_tried_again_until_the_operator_says_so(
    waiting: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    mailbox.answer_next("550 5.7.1 Not wanted")
    delivery = drain(waiting, settings, clock=clock)
    assert (delivery.failed, the_alert(waiting).state) == (1, AlertState.FAILED)
    assert "550 5.7.1 Not wanted" in the_alert(waiting).error
    clock.move(days=1)
    assert drain(waiting, settings, clock=clock) == Delivery()
    with waiting.write() as db:
        assert findings.retry_alerts(db, clock()) == 1
    assert drain(waiting, settings, clock=clock) == Delivery(sent=1)


def test_one_refused_recipient_does_not_stop_the_others(
    store: Store, settings: Settings, mailbox: Mailbox
) -> None:
    told = findings.Alerting((("mail", "gone@example.org"), ("mail", "b@example.org")), "x.org")
    with store.write() as db:
        found(db, alerting=told)
    mailbox.refuse_recipient("gone@example.org")
    delivery = drain(store, settings, clock=StoppedClock())
    assert (delivery.sent, delivery.failed) == (1, 1)
    assert [mail.recipients for mail in mailbox.mails] == [("b@example.org",)]


def test_a_lost_answer_repeats_the_mail_under_the_same_message_id(
    waiting: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    mailbox.drop_next()
    assert "broke off" in drain(waiting, settings, clock=clock).error
    assert the_alert(waiting).state is AlertState.PENDING
    clock.move(hours=1)
    assert drain(waiting, settings, clock=clock).sent == 1
    assert {mail.message["Message-ID"] for mail in mailbox.mails} == {the_alert(waiting).message_id}


@pytest.mark.parametrize("stop", ["stopped", "closing"])
def test_a_server_that_is_down_is_asked_once_and_all_alerts_wait(
    store: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock, stop: str
) -> None:
    add(store, 1, 2, 3)
    if stop == "stopped":
        mailbox.stop()
    else:
        mailbox.answer_next("421 4.3.2 Closing", times=1)
    delivery = drain(store, settings, clock=clock)
    assert (delivery.sent, delivery.failed) == (0, 0)
    assert f"the SMTP server 127.0.0.1:{mailbox.port}" in delivery.error
    assert "connection refused" in delivery.error or "421 4.3.2 Closing" in delivery.error
    with store.read() as db:
        assert findings.count_alerts(db) == {"pending": 3}
    mailbox.stop()
    mailbox.start()
    clock.move(hours=1)
    assert drain(store, settings, clock=clock) == Delivery(sent=3)
    assert len(mailbox.mails) == 3


def test_an_alert_that_a_crash_left_half_sent_is_sent_again_as_the_same_mail(
    waiting: Store, settings: Settings, mailbox: Mailbox
) -> None:
    class Killed(BaseException):
        pass

    class Dying:
        def __init__(self, given: Settings) -> None:
            self._real = CHANNELS["mail"].open(given)

        def check(self) -> str:
            return ""

        def send(self, *about: object) -> None:
            self._real.send(*about)  # type: ignore[arg-type]  # handed through
            raise Killed

        def send_test(self, recipient: str) -> None:
            raise NotImplementedError

        def close(self) -> None:
            self._real.close()

    dying = {"mail": replace(CHANNELS["mail"], open=Dying)}
    with pytest.raises(Killed):
        drain(waiting, settings, clock=StoppedClock(), channels=dying)
    assert the_alert(waiting).state is AlertState.SENDING
    assert drain(waiting, settings, clock=StoppedClock()).sent == 1
    first, second = mailbox.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_nothing_is_sent_for_a_case_that_was_withdrawn(
    waiting: Store, settings: Settings, mailbox: Mailbox
) -> None:
    with waiting.write() as db:
        findings.set_alert(db, the_alert(waiting).id, AlertState.SENDING)
        cases.withdraw(db, "case-1", actor="x", now=NOW)
    assert the_alert(waiting).state is AlertState.SENDING
    assert drain(waiting, settings, clock=StoppedClock()) == Delivery()
    assert (the_alert(waiting).state, mailbox.attempts) == (AlertState.CANCELLED, 0)


def test_nothing_is_sent_about_a_finding_that_was_dismissed(
    waiting: Store, settings: Settings, mailbox: Mailbox
) -> None:
    with waiting.write() as db:
        findings.set_alert(db, the_alert(waiting).id, AlertState.SENDING)
        key = the_alert(waiting).finding_id
        findings.decide(db, key, FindingStatus.DISMISSED, actor="x", now=NOW)
    assert drain(waiting, settings, clock=StoppedClock()) == Delivery()
    assert (the_alert(waiting).state, mailbox.attempts) == (AlertState.CANCELLED, 0)


def test_two_who_send_at_once_send_each_mail_once(
    store: Store, settings: Settings, mailbox: Mailbox
) -> None:
    add(store, *range(1, 9))
    together = threading.Barrier(2)
    sent: list[int] = []

    def work() -> None:
        own = Store(store.url)
        together.wait()
        sent.append(drain(own, settings, clock=StoppedClock()).sent)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 8
    assert len(mailbox.mails) == 8


def test_an_alert_of_a_channel_that_is_gone_waits_and_holds_up_no_other(
    store: Store, settings: Settings, mailbox: Mailbox
) -> None:
    both = findings.Alerting((("pigeon", "roof"), ("mail", "b@example.org")), "x.org")
    with store.write() as db:
        found(db, alerting=both)
    assert drain(store, settings, clock=StoppedClock()).sent == 1
    assert len(mailbox.mails) == 1
    with store.read() as db:
        assert findings.count_alerts(db) == {"pending": 1, "sent": 1}


def test_a_server_that_is_down_for_long_does_not_use_up_the_attempts(
    waiting: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    mailbox.stop()
    for _ in range(settings.mail.max_attempts + 2):
        assert drain(waiting, settings, clock=clock).failed == 0
        clock.move(days=1)
    alert = the_alert(waiting)
    assert (alert.state, alert.refusals) == (AlertState.PENDING, 0)
    mailbox.start()
    mailbox.answer_next("451 4.3.0 Try again later")
    assert drain(waiting, settings, clock=clock).failed == 0
    assert the_alert(waiting).refusals == 1
    clock.move(days=1)
    assert drain(waiting, settings, clock=clock) == Delivery(sent=1)


def broken_for(recipient: str) -> dict[str, ChannelUnit]:
    """The mail channel with a bug that only one recipient meets."""

    class Broken:
        def __init__(self, given: Settings) -> None:
            self._real = CHANNELS["mail"].open(given)

        def check(self) -> str:
            return ""

        def send(self, alert: Alert, finding: Finding) -> None:
            if alert.recipient == recipient:
                raise KeyError("a word of a crawled page")
            self._real.send(alert, finding)

        def send_test(self, recipient: str) -> None:
            raise NotImplementedError

        def close(self) -> None:
            self._real.close()

    return {"mail": replace(CHANNELS["mail"], open=Broken)}


def test_an_alert_that_meets_a_bug_holds_up_no_other_and_is_given_up_at_last(
    store: Store, settings: Settings, mailbox: Mailbox, clock: StoppedClock
) -> None:
    told = findings.Alerting((("mail", "a@example.org"), ("mail", "b@example.org")), "x.org")
    with store.write() as db:
        found(db, alerting=told)
    broken = broken_for("a@example.org")
    delivery = drain(store, settings, clock=clock, channels=broken)
    assert delivery == Delivery(sent=1, error="error in Haechi: KeyError")
    assert [mail.recipients for mail in mailbox.mails] == [("b@example.org",)]
    for _ in range(settings.mail.max_attempts - 1):
        clock.move(days=1)
        drain(store, settings, clock=clock, channels=broken)
    with store.read() as db:
        assert findings.count_alerts(db) == {"failed": 1, "sent": 1}
        (given_up,) = [one for one in findings.every_alert(db) if one.state is AlertState.FAILED]
        assert (given_up.error, given_up.refusals) == ("error in Haechi: KeyError", 3)
    with store.write() as db:
        assert findings.retry_alerts(db, clock()) == 1
    assert drain(store, settings, clock=clock) == Delivery(sent=1)


def test_a_delivery_that_is_told_to_stop_leaves_the_rest_for_the_next(
    store: Store, settings: Settings, mailbox: Mailbox
) -> None:
    add(store, 1, 2, 3)
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(mailbox.mails) > 0)
        return asked[-1]

    assert drain(store, settings, clock=StoppedClock(), stop=stop).sent == 1
    with store.read() as db:
        assert findings.count_alerts(db) == {"pending": 2, "sent": 1}
    assert drain(store, settings, clock=StoppedClock()).sent == 2


def test_a_confirmation_sends_what_a_dismissal_called_back(
    waiting: Store, settings: Settings, mailbox: Mailbox
) -> None:
    key = the_alert(waiting).finding_id
    for status, sent in ((FindingStatus.DISMISSED, 0), (FindingStatus.CONFIRMED, 1)):
        with waiting.write() as db:
            findings.decide(db, key, status, actor="x", now=NOW)
        assert drain(waiting, settings, clock=StoppedClock()).sent == sent
    assert len(mailbox.mails) == 1
