"""Mail by SMTP: one connection for as many messages as there are."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Final

from monitor.alerts.channels._base import ChannelUnit, Refused
from monitor.alerts.message import compose, compose_notice, compose_test
from monitor.clock import utc_now
from monitor.errors import ServiceDown
from monitor.models.finding import Alert, Finding
from monitor.models.notice import Notice
from monitor.settings import Settings

# "Service not available, closing": the server's word for all mails to come. Source: RFC 5321.
_CLOSING = 421
# What EHLO says this machine is. By default it would be looked up in the DNS, which may take long
# and tells the name of an office's machine to its mail provider.
_OWN_NAME = "haechi.localdomain"


class MailChannel:
    """Sends by the SMTP server of the settings; connects when the first message is sent."""

    def __init__(self, settings: Settings) -> None:
        self._mail = settings.mail
        self._password = settings.mail_password()
        self._smtp: smtplib.SMTP | None = None

    def check(self) -> str:
        """Connect, secure and log in, and send nothing; see `Channel`."""
        self._connected().noop()
        return f"{self._server()} answers"

    def send(self, alert: Alert, finding: Finding) -> None:
        """Send an alert; see `Channel`."""
        self._send(compose(alert, finding, sender=self._mail.sender), alert.recipient)

    def send_notice(self, notice: Notice) -> None:
        """Send a health alert; see `Channel`."""
        self._send(compose_notice(notice, sender=self._mail.sender), notice.recipient)

    def send_test(self, recipient: str) -> None:
        """Send a test; see `Channel`."""
        self._send(compose_test(self._mail.sender, recipient, utc_now()), recipient)

    def _send(self, message: EmailMessage, recipient: str) -> None:
        """Send one message to one recipient."""
        smtp = self._connected()
        try:
            smtp.send_message(message, from_addr=self._mail.sender, to_addrs=[recipient])
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[recipient]
            raise self._refused("the recipient", code, text) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._refused("the sender", error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPDataError as error:
            raise self._refused("the message", error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Refused(f"{self._server()}: {_plain(error)}", for_good=True) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise ServiceDown(f"{self._server()} broke off: {_plain(error)}") from error

    def close(self) -> None:
        """Say good-bye; a server that is gone already is no error."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (smtplib.SMTPException, OSError):
                self._smtp.close()
            self._smtp = None

    def _connected(self) -> smtplib.SMTP:
        """Give the connection, made at the first call.

        Raises:
            ServiceDown: Says what is wrong in words.
        """
        if self._smtp is not None:
            return self._smtp
        mail = self._mail
        smtp: smtplib.SMTP | None = None
        try:
            if mail.security == "tls":
                context = ssl.create_default_context()
                smtp = smtplib.SMTP_SSL(
                    mail.host, mail.port, _OWN_NAME, timeout=mail.timeout_s, context=context
                )
            else:
                smtp = smtplib.SMTP(mail.host, mail.port, _OWN_NAME, timeout=mail.timeout_s)
            if mail.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if mail.username:
                smtp.login(mail.username, self._password or "")
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            if smtp is not None:
                smtp.close()
            raise ServiceDown(
                f"{self._server()} can't be used: {_plain(error)}; check [mail] in haechi.toml"
            ) from error
        self._smtp = smtp
        return smtp

    def _server(self) -> str:
        """Name the server."""
        return f"the SMTP server {self._mail.host}:{self._mail.port}"

    def _refused(self, what: str, code: int, text: bytes | str) -> Refused | ServiceDown:
        """Say that the server refused something; 5xx is for good, 4xx for now, 421 for all."""
        reason = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        line = f"{self._server()} refused {what}: {code} {' '.join(reason.split())[:200]}"
        if code == _CLOSING:
            self.close()
            return ServiceDown(line)
        return Refused(line, for_good=code >= 500)


def _plain(error: Exception) -> str:
    """Say in one line what went wrong; never the password."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login refused ({error.smtp_code}): wrong user name or password"
    if isinstance(error, UnicodeError):
        # Its own text quotes from the password.
        return "host, user name and password must be plain ASCII"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())[:200] or type(error).__name__


CHANNEL: Final = ChannelUnit(
    name="mail", recipients=lambda settings: settings.recipients, open=MailChannel
)
