"""NCMEC's hash sharing XML, version 2, and what it is told of an entry.

Source: the schema of its entries and feedback calls, as python-threatexchange uses them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from monitor.errors import Misuse
from monitor.exchange._base import (
    Format,
    Given,
    Kind,
    Taken,
    Told,
    hash_of,
    hashes_in,
    reading,
    word_of,
)
from monitor.exchange._guard import Guarded
from monitor.models.case import Fingerprint, Partner

NAME: Final = "NCMEC"

_NAMESPACE: Final = "https://hashsharing.ncmec.org/hashsharing/v2"
_KINDS: Final = {"pdq": Kind.PDQ, "md5": Kind.MD5}
_ENTRIES: Final = frozenset({"image", "video"})
_DELETED: Final = "deleted"
_AT_ONCE: Final = 1 << 16
_DEEPEST: Final = 16
_LONGEST_WORD: Final = 200
# Of an entry: nothing else in it is read.
_MOST_WORDS: Final = 100
# Entries have a member's number and an id of the member's, whose own ours have none.
_OURS: Final = "0"


class _TooMuch(Exception):
    """A file is deeper than any of the schema."""


class _Entries:
    """Takes what the parser reads, entry by entry; keeps nothing of what is no entry."""

    def __init__(self) -> None:
        self.found: list[Given] = []
        self._path: list[str] = []
        self._count = 0
        self._words: dict[str, str] = {}
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        name = tag.rpartition("}")[2].lower()
        self._path.append(name)
        self._text = []
        if len(self._path) > _DEEPEST:
            raise _TooMuch
        if len(self._path) == 3:
            self._words = {}
        if name == "member" and len(self._path) == 4:
            self._words["member"] = word_of(attributes.get("id", ""))

    def data(self, text: str) -> None:
        """Take a piece of text."""
        if len(self._text) < _LONGEST_WORD:
            self._text.append(text[:_LONGEST_WORD])

    def end(self, tag: str) -> None:
        """End an element."""
        name = self._path.pop()
        inside = self._path[3:]
        is_word = (inside == [] and name in ("id", "classification")) or inside == ["fingerprints"]
        if len(self._path) >= 3 and is_word and len(self._words) < _MOST_WORDS:
            self._words[name] = word_of("".join(self._text))
        self._text = []
        if len(self._path) == 2:
            kind = name.removeprefix(_DELETED)
            if kind in _ENTRIES:
                self._count += 1
                self.found.append(_given(f"entry {self._count}", self._words, name != kind))
            self._words = {}

    def close(self) -> None:
        """End the document."""


def _begins(start: bytes) -> bool:
    return start.startswith(b"<") and b"queryresult" in start.lower()


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read the entries of a query's result, some at a time.

    Raises:
        Misuse: It can't be read, is no XML, or is hostile.
    """
    entries = _Entries()
    parser = XMLParser(target=entries, forbid_dtd=True)
    try:
        with reading(path), Guarded(path, ends=b">") as file:
            while part := file.read(_AT_ONCE):
                parser.feed(part)
                yield from entries.found
                entries.found.clear()
            parser.close()
    except DefusedXmlException:
        reason = "it declares a document type or entities, which no file of hashes needs"
        raise Misuse(f"{path} is refused: {reason}") from None
    except _TooMuch:
        raise Misuse(f"{path} is refused: its elements are nested too deep") from None
    except ParseError as error:
        line = error.position[0]
        raise Misuse(f"{path} is no XML from line {line} on") from None
    except (LookupError, ValueError):
        # As Python's own parser says of an encoding that it does not have.
        raise Misuse(f"{path} is refused: it names an encoding that is not known") from None
    yield from entries.found


def _given(place: str, words: dict[str, str], is_gone: bool) -> Given:
    """Read one entry."""
    member, number = words.get("member", ""), words.get("id", "")
    if not number:
        return Given(place, fault="has no id")
    partner = Partner(
        NAME,
        reference=f"{member}/{number}",
        status="Deleted" if is_gone else "Active",
        cases={number: words.get("classification", "")},
    )
    if is_gone:
        return Given(place, partner=partner, is_gone=True)
    hashes: dict[Kind, str] = {}
    for name, kind in _KINDS.items():
        if name in words:
            digits = hash_of(kind, words[name])
            if digits is None:
                return Given(place, fault=f"has no {name.upper()} hash where it says so")
            hashes[kind] = digits
    if hashes:
        return Given(place, hashes, partner=partner)
    others = sorted(set(words) - {"member", "id", "classification"})
    return Given(place, unusable=", ".join(others) or "without hashes")


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write a query's result."""
    latest = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<queryResult xmlns="{_NAMESPACE}">\n<images maxTimestamp="{latest}">\n'
    for one in fingerprints:
        known = one.partner if one.partner and one.partner.name == NAME else None
        member, _, number = known.reference.partition("/") if known else (_OURS, "", one.id)
        classified = next(iter(known.cases.values()), "") if known else ""
        # Of a screenshot and the photo in it, each is an entry.
        for place, pdq in enumerate(list(hashes_in(one, Kind.PDQ)) or [""]):
            parts = [f"<pdq>{pdq}</pdq>"] if pdq else []
            if not place:
                parts = [f"<md5>{md5}</md5>" for md5 in hashes_in(one, Kind.MD5)] + parts
            if not parts:
                continue
            named = number + (f"-{place}" if place else "")
            yield f"<image><member id={quoteattr(member)}/><id>{escape(named)}</id>"
            if classified:
                yield f"<classification>{escape(classified)}</classification>"
            yield f"<fingerprints>{''.join(parts)}</fingerprints></image>\n"
    yield "</images>\n</queryResult>\n"


def _answer(taken: Iterable[Taken], reason: str) -> Iterator[str]:
    """Write the feedback calls, one a line: the path to PUT to, and the body.

    What is pending is not told: NCMEC takes for or against only. Why something is against is said
    by the id of a reason, which each member reads from `feedback/TYPE/reasons`.
    """
    for one in taken:
        known = one.fingerprint.partner
        vote = {Told.BLOCKED: "affirmative", Told.NOT_BLOCKED: "negative"}.get(one.told)
        if known is None or vote is None:
            continue
        for name, kind in _KINDS.items():
            if any(hashes_in(one.fingerprint, kind)):
                path = f"/v2/entries/{known.reference}/{name.upper()}/feedback"
                why = f"<reasonIds><guid>{escape(reason)}</guid></reasonIds>" if reason else ""
                inner = f"<{vote}>{why if vote == 'negative' else ''}</{vote}>"
                body = f'<feedbackSubmission xmlns="{_NAMESPACE}">{inner}</feedbackSubmission>'
                yield json.dumps({"put": path, "body": body}) + "\n"


FORMAT: Final = Format(
    title="NCMEC XML",
    begins=_begins,
    read=_read,
    write=_write,
    answer=_answer,
    partner=NAME,
    kinds=tuple(_KINDS.values()),
)
