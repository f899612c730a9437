from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.demo.mailbox import Mailbox
from monitor.store.store import Store
from tests.fixtures.stock import found

Haechi = Callable[..., Any]


@pytest.fixture
def mailbox(folder: Path) -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        path = folder / "haechi.toml"
        path.write_text(path.read_text().replace("port = 9\n", f"port = {mailbox.port}\n"))
        yield mailbox


def test_a_test_mail_reaches_everyone_who_gets_alerts(at_home: Haechi, mailbox: Mailbox) -> None:
    ended = at_home("alerts", "test")
    assert ended.code == 0
    assert "team@example.org" in ended.out
    (mail,) = mailbox.mails
    assert "시험" in str(mail.message["Subject"])


def test_a_server_that_does_not_answer_is_told_in_words(at_home: Haechi) -> None:
    ended = at_home("alerts", "test")
    assert ended.code == 3
    assert ended.err == (
        "haechi: the SMTP server 127.0.0.1:9 can't be used: connection refused; "
        "check [mail] in haechi.toml\n"
    )


def test_a_refused_test_is_a_failure_in_the_servers_words(
    at_home: Haechi, mailbox: Mailbox
) -> None:
    mailbox.answer_next("550 5.7.1 \x1b[2JNot wanted")
    ended = at_home("alerts", "test")
    assert ended.code == 1
    assert "550 5.7.1" in ended.err
    assert "\x1b" not in ended.err


def test_with_nobody_to_tell_a_test_is_misuse(at_home: Haechi, folder: Path) -> None:
    (folder / "haechi.toml").write_text('[operator]\ncontact = "https://example.org/"\n')
    ended = at_home("alerts", "test")
    assert ended.code == 2
    assert "mail.to" in ended.err


def test_what_waits_is_sent_when_the_server_is_back(
    at_home: Haechi, store: Store, folder: Path
) -> None:
    with store.write() as db:
        found(db)
    ended = at_home("alerts", "retry")
    assert ended.code == 3
    assert "connection refused" in ended.err
    (row,) = at_home("alerts", "list", "--json").rows
    assert (row["state"], row["attempts"]) == ("pending", 1)
    assert "connection refused" in at_home("alerts").out
    with Mailbox() as mailbox:
        path = folder / "haechi.toml"
        path.write_text(path.read_text().replace("port = 9\n", f"port = {mailbox.port}\n"))
        ended = at_home("alerts", "retry")
        assert ended.code == 0
        assert "1 alert waited, 1 sent" in ended.out
        assert len(mailbox.mails) == 1
    (row,) = at_home("alerts", "list", "--state", "sent", "--json").rows
    assert row["sent_at"]


def test_a_mail_that_is_refused_for_good_is_a_failure_and_no_service_that_is_down(
    at_home: Haechi, store: Store, mailbox: Mailbox
) -> None:
    with store.write() as db:
        found(db)
    mailbox.answer_next("550 5.1.1 No such user")
    ended = at_home("alerts", "retry")
    assert ended.code == 1
    assert "1 alert refused for good" in ended.err
    assert "550 5.1.1" in ended.err
    assert at_home("alerts", "retry").code == 0


def test_an_alert_that_was_put_off_before_is_told_again(at_home: Haechi, store: Store) -> None:
    with store.write() as db:
        found(db)
    for _ in range(2):
        ended = at_home("hunt")
        assert ended.code == 3
        assert "0 alerts mailed" in ended.out
        assert "1 alert not mailed yet" in ended.err
        assert "connection refused" in ended.err
        assert "haechi alerts retry" in ended.err


def test_a_state_that_no_alert_has_is_told_apart_from_no_alerts(
    at_home: Haechi, store: Store
) -> None:
    assert at_home("alerts", "--state", "failed").out == "no alerts yet\n"
    with store.write() as db:
        found(db)
    for command in (("alerts",), ("alerts", "list")):
        told = at_home(*command, "--state", "failed").out
        assert told == "no alerts of this state; 1 other\n"
