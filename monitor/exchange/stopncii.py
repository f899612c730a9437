"""StopNCII's JSON, version 1: pages of hash records, and what it is told of them.

Source: the schema of its FetchHashes and SubmitFeedback calls, as python-threatexchange uses them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import ijson

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

NAME: Final = "StopNCII"

_KINDS: Final = {"ImagePDQ": Kind.PDQ, "VideoMD5": Kind.MD5}
_TYPES: Final = {kind: name for name, kind in _KINDS.items()}
_GONE: Final = frozenset({"withdrawn", "deleted"})
_TOLD: Final = {
    Told.BLOCKED: "Blocked",
    Told.NOT_BLOCKED: "NotBlocked",
    Told.PENDING: "PendingReview",
    Told.QUALITY: "QualityUnknown",
}
_MAX_BYTES: Final = 1 << 30
_MOST_CASES: Final = 100


def _begins(start: bytes) -> bool:
    return (
        start.startswith((b"{", b"["))
        and (b'"hashRecords"' in start or (b'"signalType"' in start and b'"hashValue"' in start))
    ) or (start.startswith(b"{") and b'"nextSetTimestamp"' in start)


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read pages of records: one, or one after the other in the same file.

    Raises:
        Misuse: It can't be read, is too large, or breaks off.
    """
    try:
        with reading(path), Guarded(path, ends=b'"', opening=b"[{", closing=b"]}") as file:
            if path.stat().st_size > _MAX_BYTES:
                raise Misuse(f"{path} is larger than {_MAX_BYTES >> 30} GiB")
            records = ijson.items(file, "hashRecords.item", multiple_values=True)
            for number, record in enumerate(records, 1):
                yield _given(f"record {number}", record)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise Misuse(f"{path} is no JSON of StopNCII from some place on") from error


def _given(place: str, record: Any) -> Given:  # noqa: ANN401 - a file's
    """Read one record."""
    if not isinstance(record, dict):
        return Given(place, fault="is no hash record")
    named, value, status = (record.get(name) for name in ("signalType", "hashValue", "hashStatus"))
    if not isinstance(named, str) or not isinstance(value, str):
        return Given(place, fault="has no signalType or no hashValue")
    kind = _KINDS.get(named)
    if kind is None:
        return Given(place, unusable=word_of(named))
    digits = hash_of(kind, value)
    if digits is None:
        return Given(place, fault=f"has no hash of the type {word_of(named)}")
    said = record.get("caseNumbers")
    numbers = said if isinstance(said, dict) else {}
    # A state that can't be read is no withdrawal.
    standing = {number: said for number, said in numbers.items() if not _is_gone(said)}
    cases = {
        word_of(number): word_of(state) if isinstance(state, str) else ""
        for number, state in list(standing.items())[:_MOST_CASES]
    }
    state = word_of(status) if isinstance(status, str) else ""
    partner = Partner(NAME, reference=digits, status=state, cases=cases)
    # Of all who asked for it, everyone took it back.
    is_gone = _is_gone(state) or (bool(numbers) and not standing)
    return Given(place, {kind: digits}, partner=partner, is_gone=is_gone)


def _is_gone(status: object) -> bool:
    """Tell whether a status says that a hash is to be deleted."""
    return isinstance(status, str) and status.strip().casefold() in _GONE


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write one page of records."""
    yield '{"hashRecords": ['
    count = 0
    for one in fingerprints:
        known = one.partner if one.partner and one.partner.name == NAME else None
        for each in _TYPES:
            for digits in hashes_in(one, each):
                record = {
                    "lastModtimestamp": int(one.created_at.timestamp()),
                    "signalType": _TYPES[each],
                    "hashValue": digits,
                    "hashStatus": known.status if known else "Active",
                    "caseNumbers": dict(known.cases) if known else {},
                }
                yield (",\n" if count else "\n") + json.dumps(record)
                count += 1
    rest = {"count": count, "hasMoreRecords": False, "nextSetTimestamp": int(now.timestamp())}
    yield "\n], " + json.dumps(rest)[1:] + "\n"


def _answer(taken: Iterable[Taken], reason: str) -> Iterator[str]:
    """Write the body of a SubmitFeedback call."""
    feedback = [
        {"hashValue": digits, "feedbackValue": _TOLD[one.told], "tags": []}
        for one in taken
        for kind in _TYPES
        for digits in hashes_in(one.fingerprint, kind)
    ]
    yield json.dumps({"count": len(feedback), "hashFeedbacks": feedback}, indent=1) + "\n"


FORMAT: Final = Format(
    title="StopNCII JSON",
    begins=_begins,
    read=_read,
    write=_write,
    answer=_answer,
    partner=NAME,
    kinds=tuple(_TYPES),
)
