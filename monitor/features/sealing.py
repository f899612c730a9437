"""Encrypts local features: who reads the database without the key learns nothing of a photo."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor.errors import NotConfigured
from monitor.settings import Settings

KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens with one key: AES-256-GCM (NIST SP 800-38D), a random nonce each."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, name: str) -> bytes:
        """Encrypt; it opens only under the same name, so rows can't be exchanged."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Decrypt.

        Raises:
            ValueError: It was sealed with another key or under another name, or is damaged.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise ValueError("another key, or damaged") from None


def sealer(settings: Settings, *, create: bool = False) -> Sealer | None:
    """Give the sealer of a home folder: its key is `features.key` or in `features.key_file`.

    Args:
        create: Make the key file where there is no key yet.

    Returns:
        None where there is no key and none was to be made.

    Raises:
        NotConfigured: The key can't be read or written, or is none.
    """
    if settings.features.key is not None:
        return Sealer(_decoded(settings.features.key.get_secret_value(), "HAECHI_FEATURES__KEY"))
    path = settings.home / settings.features.key_file
    try:
        if create and not path.exists():
            _write(path)
        return Sealer(_decoded(path.read_text(encoding="ascii"), str(path)))
    except FileNotFoundError as error:
        if create:
            raise NotConfigured(f"features.key_file: {path}: its folder does not exist") from error
        return None
    except OSError as error:
        raise NotConfigured(f"features.key_file: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        # Without its cause, which quotes the file.
        raise NotConfigured(f"features.key_file: {path} holds no key") from None


def _write(path: Path) -> None:
    """Write a new key, whole or not at all, for its owner only."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # Fails where another process made one meanwhile: that one counts.
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def _decoded(text: str, origin: str) -> bytes:
    """Read a key.

    Raises:
        NotConfigured: It is none.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise NotConfigured(
            f"{origin} holds no key: 32 random bytes in base64, such as `openssl rand -base64 32`"
        )
    return key
