"""What all formats share: what is read of an entry, and what is written of a fingerprint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from monitor.errors import Misuse
from monitor.hashes import RECIPE
from monitor.ids import make_id
from monitor.models.case import Fingerprint, Partner
from monitor.store.cases import new_fingerprint_id

# Of a file, by which its format is told.
START_BYTES: Final = 4096
# Partners share what is good enough to match on, and most do not say how good it is.
QUALITY: Final = 100

_LONGEST_WORD: Final = 100
# Bytes that tell one file from another.
_OF_CONTENT: Final = 64 << 20

_DIGITS: Final = {32: re.compile(r"[0-9a-f]{32}"), 64: re.compile(r"[0-9a-f]{64}")}


class Kind(StrEnum):
    """Hashes that can be matched."""

    PDQ = "pdq"
    MD5 = "md5"
    SHA256 = "sha256"


class Told(StrEnum):
    """What a partner is told of a hash, by what people judged of its findings."""

    # It is the person's photo.
    BLOCKED = "blocked"
    # It is not.
    NOT_BLOCKED = "not blocked"
    # Found, and nobody has judged it yet.
    PENDING = "pending"
    # It matched many pictures that are unlike each other: nothing is to be matched by it.
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Given:
    """What a file says in one place.

    Attributes:
        place: Where, in words: "line 7".
        hashes: By kind, hex digits in lower case.
        quality: PDQ quality, 0-100.
        partner: Whose hash it is, and what they say of it.
        is_gone: The partner withdrew or deleted it.
        unusable: The kind of hash where it is none that can be matched; empty: it can.
        fault: Why it was left out; empty: it is right.
        whole: A fingerprint made by Haechi itself, in its place.
    """

    place: str
    hashes: Mapping[Kind, str] | None = None
    quality: int = QUALITY
    partner: Partner | None = None
    is_gone: bool = False
    unusable: str = ""
    fault: str = ""
    whole: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a partner is told of one of their hashes."""

    fingerprint: Fingerprint
    told: Told


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files of hashes.

    Attributes:
        title: How people call it.
        begins: Tells whether a file of it may begin so; blanks before are left out.
        read: Gives what is in a file, entry by entry, however large it is. Raises Misuse where
            the file is not of the format after all, or hostile.
        write: Gives the parts of a file of fingerprints, those that the format can carry.
        answer: The same of what a partner is told, with the partner's id of a reason why something
            is against; None: nobody expects an answer.
        partner: Whose files these are: all of them are one case, so that what is taken back is
            found; empty: anybody's.
        kinds: Hashes that it can carry; a plain list has those of one kind.
        has_frames: It can carry the hashes of a video's frames.
        is_of_one: A file of it is of one photo or video: several are a folder of files.
    """

    title: str
    begins: Callable[[bytes], bool]
    read: Callable[[Path, Kind], Iterator[Given]]
    write: Callable[[Iterable[Fingerprint], Kind, datetime], Iterator[str]]
    answer: Callable[[Iterable[Taken], str], Iterator[str]] | None = None
    partner: str = ""
    kinds: tuple[Kind, ...] = tuple(Kind)
    has_frames: bool = False
    is_of_one: bool = False


def hash_of(kind: Kind, word: str) -> str | None:
    """Give a hash's hex digits in lower case; None where it is none of this kind."""
    digits = word.strip().lower()
    return digits if _DIGITS[32 if kind is Kind.MD5 else 64].fullmatch(digits) else None


def word_of(text: str) -> str:
    """Keep what may be shown of a word of a file."""
    return "".join(letter for letter in text.strip()[:_LONGEST_WORD] if letter.isprintable())


def to_fingerprint(given: Given, case_id: str, now: datetime) -> Fingerprint | None:
    """Make the fingerprint of an entry; None where it has none."""
    if given.whole is not None:
        return replace(given.whole, case_id=case_id)
    if not given.hashes:
        return None
    pdq = given.hashes.get(Kind.PDQ)
    return Fingerprint(
        id=new_fingerprint_id(),
        case_id=case_id,
        sha256=given.hashes.get(Kind.SHA256),
        md5=given.hashes.get(Kind.MD5),
        pdq=(pdq,) if pdq else (),
        quality=given.quality if pdq else 0,
        phash=None,
        recipe=RECIPE,
        created_at=now,
        partner=given.partner,
    )


def hashes_in(one: Fingerprint, kind: Kind) -> Iterator[str]:
    """Give a fingerprint's hashes of a kind that others know: of turns, only the picture as it is.

    Of a screenshot and the photo in it, both.
    """
    if kind is Kind.PDQ:
        yield from one.pdq[::8]
    elif digest := one.sha256 if kind is Kind.SHA256 else one.md5:
        yield digest


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in one line that a file can't be read.

    Raises:
        Misuse: It can't.
    """
    try:
        yield
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error


def save(parts: Iterable[str], path: Path) -> None:
    """Write a file that only its owner can read.

    Raises:
        Misuse: It can't be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, 0o600)
            file.writelines(parts)
    except OSError as error:
        raise Misuse(f"can't write {path}: {(error.strerror or 'error').lower()}") from error


def case_of(path: Path) -> str:
    """Make a case id from a file's content: the same file is the same case.

    Raises:
        Misuse: It can't be read.
    """
    with reading(path), path.open("rb") as file:
        return make_id("case-", file.read(_OF_CONTENT).hex())[:17]
