"""An account's log-in as a file: encrypted, for its owner only, used by one process at a time."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from telethon.crypto import rsa
from telethon.sessions import StringSession

from monitor.errors import Misuse, NotConfigured
from monitor.features.sealing import Sealer, sealer
from monitor.locks import hold, is_held
from monitor.models.source import PREVIEW
from monitor.settings import Settings

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_SUFFIX: Final = ".session"
_PATIENCE_S: Final = 5


class LogIn(StringSession):  # type: ignore[misc]  # Telethon has no types
    """A log-in that keeps nothing of the people and channels that answers show."""

    def process_entities(self, tlo: object) -> None:
        """Keep nothing."""


def check_name(name: str) -> str:
    """Check an operator's word for an account: it becomes a file's name.

    Raises:
        Misuse: It is none.
    """
    if not _NAME.fullmatch(name) or name == PREVIEW:
        raise Misuse(
            f"{name!r} is no name for an account: give small letters, digits, - and _, such as main"
        )
    return name


@contextmanager
def held(settings: Settings, name: str) -> Iterator[None]:
    """Hold an account: the same log-in used twice at once is ended by Telegram.

    Raises:
        Busy: Another process uses it.
    """
    what = f"another process with the Telegram account {name}"
    with hold(_folder(settings), f"account-{name}", what=what):
        yield


@asynccontextmanager
async def waited_for(settings: Settings, name: str) -> AsyncIterator[None]:
    """Hold an account; another process that uses it for a moment is waited for.

    Raises:
        Busy: It uses it longer.
    """
    for _ in range(_PATIENCE_S):
        if not is_held(_folder(settings), f"account-{name}"):
            break
        await asyncio.sleep(1)
    with held(settings, name):
        yield


def load(settings: Settings, name: str) -> StringSession:
    """Open an account's log-in.

    Raises:
        NotConfigured: It is not there, can't be read, or was sealed with another key.
    """
    path = _path(settings, name)
    try:
        sealed = path.read_bytes()
    except FileNotFoundError as error:
        again = f"log in with `haechi telegram login {name}`"
        raise NotConfigured(f"the Telegram account {name} has no log-in here: {again}") from error
    except OSError as error:
        raise NotConfigured(f"can't read {path}: {error.strerror}") from error
    sealing = sealer(settings)
    if sealing is None:
        raise NotConfigured(
            f"the key that {path} was sealed with is not there ({settings.features.key_file}): "
            f"bring it back, or log in again with `haechi telegram login {name}`"
        )
    try:
        session = LogIn(sealing.open(sealed, _label(name)).decode("ascii"))
    except ValueError as error:
        raise NotConfigured(
            f"{path} was sealed with another key, or is damaged: bring the key back, or log in "
            f"again with `haechi telegram login {name}`"
        ) from error
    return _at_home(settings, session)


def fresh(settings: Settings) -> StringSession:
    """Make a log-in that nobody has used yet."""
    return _at_home(settings, LogIn())


def _at_home(settings: Settings, session: StringSession) -> StringSession:
    """Point a log-in at the data centre of the settings, where they name one."""
    if settings.telegram.dc:
        number, _, address = settings.telegram.dc.partition(" ")
        host, _, port = address.rpartition(":")
        session.set_dc(int(number), host, int(port))
    return session


def ready(settings: Settings, *, create_key: bool) -> Sealer:
    """Give what seals log-ins.

    Args:
        create_key: Make the key where there is none; a lost one is not to be replaced.

    Raises:
        NotConfigured: The key is not there, or can't be read or written.
    """
    sealing = sealer(settings, create=create_key)
    if sealing is None:
        raise NotConfigured(
            f"the key {settings.features.key_file} is not there, and what is stored was sealed "
            "with it: bring it back from its copy first"
        )
    return sealing


def save(settings: Settings, name: str, session: StringSession, sealing: Sealer) -> Path:
    """Keep a log-in, whole or not at all.

    Returns:
        Its file.

    Raises:
        NotConfigured: The file can't be written.
    """
    path = _path(settings, name)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(sealing.seal(session.save().encode("ascii"), _label(name)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise NotConfigured(f"can't write {path}: {error.strerror}") from error
    return path


def remove(settings: Settings, name: str) -> None:
    """Delete an account's log-in, if it is there."""
    _path(settings, name).unlink(missing_ok=True)


def trust(settings: Settings) -> None:
    """Take the key of the data centre of the settings for Telegram's own; for this process.

    Raises:
        NotConfigured: The file can't be read, or holds no RSA key.
    """
    if settings.telegram.dc_public_key is None:
        return
    path = settings.home / settings.telegram.dc_public_key
    try:
        rsa.add_key(path.read_text(encoding="ascii"), old=False)
    except OSError as error:
        raise NotConfigured(
            f"telegram.dc_public_key: can't read {path}: {error.strerror}"
        ) from error
    except (ValueError, IndexError) as error:
        raise NotConfigured(
            f"telegram.dc_public_key: {path} holds no RSA key in PEM (PKCS#1)"
        ) from error


def _folder(settings: Settings) -> Path:
    return settings.home / settings.telegram.sessions


def _path(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{name}{_SUFFIX}"


def _label(name: str) -> str:
    return f"telegram:{name}"
