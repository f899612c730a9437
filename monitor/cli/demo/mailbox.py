"""A mail server on 127.0.0.1 that keeps every mail and fails in the ways real ones do."""

from __future__ import annotations

import asyncio
import email
import email.policy
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

_START_TIMEOUT_S = 10

# aiosmtpd tells of every command of every client.
logging.getLogger("mail.log").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was taken, with what the envelope said."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


class Mailbox:
    """A mail server, running while the `with` block does.

    Attributes:
        port: 0 takes any free port; after the start the one that was taken. A mailbox that is
            started again keeps it.
        mails: What was taken, in order.
        attempts: How often a client came as far as sending a mail, taken or not.
    """

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.mails: list[Mail] = []
        self.attempts = 0
        self._answers: list[str | None] = []
        self._refused: dict[str, str] = {}
        self._clients: list[SMTP] = []
        self._thread: threading.Thread | None = None
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def answer_next(self, reply: str, times: int = 1) -> None:
        """Turn the next mails down after their text, e.g. with "451 4.3.0 Try again later"."""
        self._answers += [reply] * times

    def drop_next(self, times: int = 1) -> None:
        """Take the next mails, and cut the connection instead of saying so."""
        self._answers += [None] * times

    def refuse_recipient(self, address: str, reply: str = "550 5.1.1 No such user") -> None:
        """Turn one recipient down, from now on."""
        self._refused[address.lower()] = reply

    def start(self) -> None:
        """Listen; returns when the port is open.

        Raises:
            OSError: The port is taken.
        """
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="mailbox"
        )
        self._thread.start()
        try:
            self.port = started.result(_START_TIMEOUT_S)
        except OSError:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Cut all clients and close the port: connections are refused until the next start.

        No thread is left. Stopping twice is fine.
        """
        if self._thread is not None and self._running is not None:
            loop, is_over = self._running
            loop.call_soon_threadsafe(is_over.set)
            self._thread.join()
            self._thread = self._running = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self, started: Future[int]) -> None:
        # aiosmtpd's own Controller can't take port 0 and waits for idle clients when it stops.
        loop = asyncio.get_running_loop()
        is_over = asyncio.Event()
        try:
            server = await loop.create_server(self._client, self.host, self.port)
        except OSError as error:
            started.set_exception(error)
            return
        self._running = loop, is_over
        started.set_result(server.sockets[0].getsockname()[1])
        await is_over.wait()
        server.close()
        for client in self._clients:
            _cut(client)
        self._clients.clear()
        conversations = asyncio.all_tasks() - {asyncio.current_task()}
        if conversations:
            await asyncio.wait(conversations, timeout=_START_TIMEOUT_S)
        await server.wait_closed()

    def _client(self) -> SMTP:
        client = SMTP(self, hostname="mailbox.demo", enable_SMTPUTF8=True)
        self._clients.append(client)
        return client

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, unless told otherwise."""
        if refusal := self._refused.get(address.lower()):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a mail, unless told otherwise."""
        self.attempts += 1
        answer = self._answers.pop(0) if self._answers else "250 OK"
        if answer is not None and not answer.startswith("2"):
            return answer
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.mails.append(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        if answer is None:
            _cut(server)
            await asyncio.sleep(_START_TIMEOUT_S)  # ended by the loss of the connection
        return answer or "250 OK"


def _cut(client: SMTP) -> None:
    if isinstance(client.transport, asyncio.Transport):
        client.transport.abort()
