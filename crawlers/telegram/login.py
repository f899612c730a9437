"""Logs accounts in and out, and lets them see channels marked 18+; the only writing there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from telethon import TelegramClient, errors
from telethon.sessions import StringSession
from telethon.tl import functions

from crawlers.telegram import session as sessions
from crawlers.telegram.errors import CannotRead, Unreachable
from crawlers.telegram.line import connected, explained, new_client
from monitor.errors import HaechiError, Misuse, ServiceDown
from monitor.settings import Settings

_TRIES: Final = 3

# Asks the operator; the second argument says whether the answer is to be hidden.
Ask = Callable[[str, bool], Awaitable[str]]


async def log_in(
    settings: Settings, name: str, phone: str, ask: Ask, *, create_key: bool = True
) -> int:
    """Log in and keep the log-in.

    Args:
        phone: Asked for where it is empty.
        create_key: As for `session.ready`.

    Returns:
        Telegram's id of the user.

    Raises:
        Busy: Another process uses the account.
        Misuse: Telegram does not accept what was given.
        ServiceDown: Telegram can't be reached.
    """
    # First: a code is not to be used up for nothing.
    sealing = sessions.ready(settings, create_key=create_key)
    with sessions.held(settings, name):
        session = sessions.fresh(settings)
        async with _connected(settings, session) as client:
            phone = phone or await ask("Phone number, such as +821012345678:", False)
            if not phone:
                raise Misuse("no phone number was given")
            await client.send_code_request(phone)
            await _sign_in(client, phone, ask)
            me = await client.get_me()
            if me is None or me.bot:
                raise Misuse("bots can't read channels: log in with a phone number")
            sessions.save(settings, name, session, sealing)
            return int(me.id)


async def log_out(settings: Settings, name: str) -> None:
    """End a log-in at Telegram.

    Raises:
        Busy: Another process uses the account.
        Misuse: Telegram refuses.
        ServiceDown: Telegram can't be reached.
    """
    with sessions.held(settings, name):
        async with _connected(settings, sessions.load(settings, name)) as client:
            await client(functions.auth.LogOutRequest())


async def allow_sensitive(settings: Settings, name: str) -> None:
    """Let an account see channels that are marked 18+.

    Raises:
        Busy: Another process uses the account.
        Misuse: Telegram does not let it.
        ServiceDown: Telegram can't be reached.
    """
    with sessions.held(settings, name):
        async with _connected(settings, sessions.load(settings, name)) as client:
            now = await client(functions.account.GetContentSettingsRequest())
            if not now.sensitive_enabled and not now.sensitive_can_change:
                raise Misuse(
                    f"Telegram does not let the account {name} see 18+ channels: in some "
                    "countries an account has to show its age in an official app first"
                )
            request = functions.account.SetContentSettingsRequest(sensitive_enabled=True)
            await client(request)


async def _sign_in(client: TelegramClient, phone: str, ask: Ask) -> None:
    """Give the code, and the password where there is one; mistyped ones may be given again."""

    async def by_code(code: str) -> None:
        await client.sign_in(phone, code)

    async def by_password(password: str) -> None:
        await client.sign_in(password=password)

    try:
        await _tried(by_code, lambda again: ask(f"{again}Code that Telegram sent you:", False))
    except errors.SessionPasswordNeededError:
        question = "Password (two-step verification):"
        await _tried(by_password, lambda again: ask(again + question, True))


async def _tried(
    use: Callable[[str], Awaitable[None]], answer: Callable[[str], Awaitable[str]]
) -> None:
    """Use an answer of the operator's; a wrong one may be given again."""
    for left in reversed(range(_TRIES)):
        given = await answer("" if left == _TRIES - 1 else "That was not it. ")
        if not given:
            raise Misuse("nothing was given to log in with")
        try:
            await use(given)
        except (errors.PhoneCodeInvalidError, errors.PasswordHashInvalidError):
            if not left:
                raise
        else:
            return


@asynccontextmanager
async def _connected(settings: Settings, session: StringSession) -> AsyncIterator[TelegramClient]:
    """Connect, and say in one line what Telegram refuses."""
    client = new_client(settings, session)
    try:
        async with connected(client, settings):
            yield client
    except (errors.FloodWaitError, errors.PhonePasswordFloodError) as error:
        wait = getattr(error, "seconds", None)
        left = f"{wait} s" if wait else "some hours"
        raise Misuse(f"Telegram wants to be left alone for {left}: try again then") from error
    except errors.RPCError as error:
        raise Misuse(_SAID.get(type(error), f"Telegram answers {explained(error)}")) from error
    except errors.AuthKeyNotFound as error:
        raise Misuse("Telegram does not know this log-in any more: log in again") from error
    except Unreachable as error:
        raise ServiceDown(str(error)) from error
    except CannotRead as error:
        raise HaechiError(str(error)) from error
    except (ConnectionError, OSError) as error:
        raise ServiceDown("Telegram can't be reached") from error
    except ValueError as error:
        # Telethon's word for an account that has yet to be made.
        raise Misuse("there is no Telegram account with this number") from error


_SAID: Final[dict[type[Exception], str]] = {
    errors.ApiIdInvalidError: "telegram.api_id and api_hash are not a pair of my.telegram.org's",
    errors.PhoneNumberInvalidError: "this is no phone number: give it with its country, as +82...",
    errors.PhoneNumberBannedError: "Telegram has banned this number: another one is needed",
    errors.PhoneNumberFloodError: "too many codes were sent to this number: try again tomorrow",
    errors.PhoneNumberUnoccupiedError: "there is no Telegram account with this number",
    errors.PhoneCodeInvalidError: "this is not the code that Telegram sent",
    errors.PhoneCodeExpiredError: "the code has expired: log in again, for a new one",
    errors.PasswordHashInvalidError: "this is not the password",
    errors.SensitiveChangeForbiddenError: "Telegram does not let this account see 18+ channels",
    errors.AuthKeyUnregisteredError: "Telegram has ended this log-in: log in again",
}
