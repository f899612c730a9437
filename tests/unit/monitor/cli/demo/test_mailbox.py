import smtplib
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from monitor.cli.demo.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


def send(mailbox: Mailbox, *recipients: str) -> dict[str, tuple[int, bytes]]:
    message = EmailMessage()
    message["Subject"] = "새 게시물을 찾았습니다"
    message["From"] = "haechi@example.org"
    message["To"] = ", ".join(recipients)
    message["Message-ID"] = "<1@haechi>"
    message.set_content("안녕하세요.\n.점으로 시작하는 줄\n")
    with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=5) as client:
        return client.send_message(message)


def test_a_mail_is_kept_with_its_envelope(mailbox: Mailbox) -> None:
    send(mailbox, "a@example.org", "b@example.org")
    (mail,) = mailbox.mails
    assert mail.sender == "haechi@example.org"
    assert mail.recipients == ("a@example.org", "b@example.org")
    assert mail.message["Subject"] == "새 게시물을 찾았습니다"
    assert mail.message["Message-ID"] == "<1@haechi>"
    assert mail.message.get_content().splitlines() == ["안녕하세요.", ".점으로 시작하는 줄"]


@pytest.mark.parametrize("code", [451, 550])
def test_a_refusal_reaches_the_client_and_no_mail_is_kept(mailbox: Mailbox, code: int) -> None:
    mailbox.answer_next(f"{code} 5.0.0 Not now", times=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as caught:
            send(mailbox, "a@example.org")
        assert caught.value.smtp_code == code
    assert mailbox.mails == []
    send(mailbox, "a@example.org")
    assert (len(mailbox.mails), mailbox.attempts) == (1, 3)


def test_a_dropped_connection_loses_the_answer_but_not_the_mail(mailbox: Mailbox) -> None:
    mailbox.drop_next()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mailbox, "a@example.org")
    assert len(mailbox.mails) == 1
    send(mailbox, "a@example.org")
    assert len(mailbox.mails) == 2


def test_one_refused_recipient_does_not_stop_the_other(mailbox: Mailbox) -> None:
    mailbox.refuse_recipient("Gone@example.org")
    refused = send(mailbox, "gone@example.org", "here@example.org")
    assert refused["gone@example.org"][0] == 550
    assert mailbox.mails[0].recipients == ("here@example.org",)


def test_a_stopped_mailbox_refuses_connections_and_comes_back_on_its_port(
    mailbox: Mailbox,
) -> None:
    port = mailbox.port
    mailbox.stop()
    mailbox.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mailbox, "a@example.org")
    mailbox.start()
    assert mailbox.port == port
    send(mailbox, "a@example.org")
    assert len(mailbox.mails) == 1


def test_a_port_that_is_taken_is_an_error_and_leaves_no_thread(mailbox: Mailbox) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"):
        Mailbox(mailbox.port).start()
    assert threading.active_count() == before


def test_twenty_starts_and_stops_leave_no_thread() -> None:
    before = threading.active_count()
    for _ in range(20):
        with Mailbox() as mailbox:
            send(mailbox, "a@example.org")
        assert len(mailbox.mails) == 1
    assert threading.active_count() == before


def test_stopping_does_not_wait_for_idle_clients() -> None:
    with Mailbox() as mailbox:
        client = socket.create_connection(("127.0.0.1", mailbox.port), timeout=5)
        assert client.recv(100).startswith(b"220 ")
    assert client.recv(100) == b""
    client.close()
