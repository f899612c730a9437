"""Reads a partner's list of PDQ hashes, however long it is: one a line, 64 hex digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.errors import Misuse
from monitor.hashes import RECIPE
from monitor.models.case import Fingerprint
from monitor.store.cases import new_fingerprint_id

# Partners share what is good enough to match on, and do not say how good it is.
QUALITY: Final = 100

_HASH: Final = re.compile(rb"[0-9a-fA-F]{64}")
_LONGEST_LINE: Final = 1000


def is_hash_list(path: Path) -> bool:
    """Tell whether a file begins as a list does: with a hash, or a line that says what it is.

    Raises:
        Misuse: It can't be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST_LINE).lstrip()
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error
    return start.startswith(b"#") or _HASH.match(start) is not None


def read(path: Path, case_id: str, now: datetime) -> Iterator[tuple[int, Fingerprint | None]]:
    """Read a list; empty lines and those that begin with # are left out.

    Yields:
        The number of each other line, and its fingerprint; None where it is no hash.

    Raises:
        Misuse: It can't be read to its end.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                word = line.strip()
                if word and not word.startswith(b"#"):
                    yield number, _fingerprint(word, case_id, now)
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error


def _fingerprint(word: bytes, case_id: str, now: datetime) -> Fingerprint | None:
    """Make a fingerprint of one hash; None where it is none."""
    if not _HASH.fullmatch(word):
        return None
    return Fingerprint(
        id=new_fingerprint_id(),
        case_id=case_id,
        sha256=None,
        pdq=(word.decode("ascii").lower(),),
        quality=QUALITY,
        phash=None,
        recipe=RECIPE,
        created_at=now,
    )
