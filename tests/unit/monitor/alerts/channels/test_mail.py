from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.alerts.channels import Refused
from monitor.alerts.channels.mail import MailChannel
from monitor.cli.demo.mailbox import Mailbox
from monitor.errors import ServiceDown
from tests.fixtures.stock import settings_of


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@contextmanager
def server(*answers: bytes) -> Iterator[int]:
    """A mail server that says its lines, one a request, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client, client.makefile("rwb") as stream:
                stream.write(b"220 hello\r\n")
                for answer in answers:
                    stream.flush()
                    if not stream.readline():
                        return
                    stream.write(answer + b"\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def channel(home: Path, port: int, **mail: Any) -> MailChannel:
    given = {"host": "127.0.0.1", "port": port, "timeout_s": 3.0, **mail}
    return MailChannel(settings_of(home, mail=given))


def complaint(way_out: MailChannel) -> str:
    with pytest.raises(ServiceDown) as caught:
        way_out.check()
    way_out.close()
    text = str(caught.value)
    assert "\n" not in text
    assert "127.0.0.1" in text
    return text


def test_a_server_without_starttls_is_named(tmp_path: Path, mailbox: Mailbox) -> None:
    text = complaint(channel(tmp_path, mailbox.port, security="starttls"))
    assert "STARTTLS" in text


def test_a_plain_server_is_no_server_for_tls(tmp_path: Path, mailbox: Mailbox) -> None:
    assert "can't be used" in complaint(channel(tmp_path, mailbox.port, security="tls"))


def test_a_server_without_login_is_named(tmp_path: Path, mailbox: Mailbox) -> None:
    text = complaint(channel(tmp_path, mailbox.port, username="haechi"))
    assert "AUTH" in text


@pytest.mark.parametrize("word", ["secret-word", "비밀번호"])
def test_a_refused_login_is_told_in_words_and_without_the_password(
    tmp_path: Path, word: str
) -> None:
    (tmp_path / "smtp.password").write_text(f"{word}\n")
    with server(b"250-me\r\n250 AUTH LOGIN PLAIN", b"535 no", b"535 no", b"535 no") as port:
        secret = {"username": "haechi", "password_file": "smtp.password"}
        text = complaint(channel(tmp_path, port, **secret))
    assert "user name" in text
    assert word[:1] not in text or word.isascii()
    assert word not in text


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert "timed out" in complaint(channel(tmp_path, port, timeout_s=0.3))


def test_a_host_that_is_no_name_is_told(tmp_path: Path) -> None:
    way_out = MailChannel(settings_of(tmp_path, mail={"host": "a" * 70}))
    with pytest.raises(ServiceDown, match="can't be used"):
        way_out.check()


def test_an_address_that_the_server_can_not_take_is_one_refusal_for_good(tmp_path: Path) -> None:
    with server(b"250 me", b"221 bye") as port:
        way_out = channel(tmp_path, port)
        with pytest.raises(Refused) as caught:
            way_out.send_test("담당자@example.org")
        assert caught.value.for_good
        way_out.close()


def test_a_refusal_of_the_sender_is_told_as_one(tmp_path: Path) -> None:
    with server(b"250 me", b"553 not you", b"250 ok", b"221 bye") as port:
        way_out = channel(tmp_path, port)
        with pytest.raises(Refused, match="refused the sender: 553 not you") as caught:
            way_out.send_test("team@example.org")
        assert caught.value.for_good
        way_out.close()
