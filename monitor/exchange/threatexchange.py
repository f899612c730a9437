"""Tables of signals in CSV, with a line of headings, as python-threatexchange writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.exchange._base import Format, Given, Kind, hash_of, hashes_in, reading, word_of
from monitor.models.case import Fingerprint, Partner

NAME: Final = "ThreatExchange"

# The columns of a local dataset, and those of descriptors that were queried.
_TYPE: Final = ("signal_type", "type")
_HASH: Final = ("signal_str", "indicator")
_ID: Final = ("id", "collab")
_COLUMNS: Final = ("signal_type", "signal_str", "collab", "category", "tags")
_KINDS: Final = {
    **dict.fromkeys(("pdq", "hash_pdq"), Kind.PDQ),
    **dict.fromkeys(("md5", "video_md5", "photo_md5", "hash_md5", "hash_video_md5"), Kind.MD5),
    **dict.fromkeys(("sha256", "hash_sha256"), Kind.SHA256),
}
_NAMES: Final = {Kind.PDQ: "pdq", Kind.MD5: "video_md5", Kind.SHA256: "sha256"}
_GONE: Final = frozenset({"withdrawn", "deleted", "non_malicious", "expired"})
_LONGEST_LINE: Final = 10_000


def _begins(start: bytes) -> bool:
    heads = _heads(start.splitlines()[0].decode("latin-1")) if start else []
    return any(one in heads for one in _TYPE) and any(one in heads for one in _HASH)


def _heads(line: str) -> list[str]:
    return [one.strip().lower() for one in next(csv.reader([line]), [])]


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read the rows of a table.

    Raises:
        Misuse: It can't be read to its end.
    """
    with reading(path), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        heads = _heads(file.readline(_LONGEST_LINE))
        number = 1
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if line.strip():
                yield _given(f"line {number}", heads, line)


def _given(place: str, heads: list[str], line: str) -> Given:
    """Read one row; a cell has no line breaks in it."""
    try:
        row = dict(zip(heads, next(csv.reader([line], strict=True)), strict=True))
    except (csv.Error, ValueError):
        return Given(place, fault="has not the columns of the first line")
    named, word = (next((row[one] for one in names if one in row), "") for names in (_TYPE, _HASH))
    kind = _KINDS.get(named.strip().lower())
    if kind is None:
        return Given(place, unusable=word_of(named) or "without a type")
    digits = hash_of(kind, word)
    if digits is None:
        return Given(place, fault=f"has no hash of the type {word_of(named)}")
    number = word_of(next((row[one] for one in _ID if row.get(one)), ""))
    status = word_of(row.get("status") or row.get("category") or "")
    cases = {number: status} if number else {}
    # Several may share one hash: each takes back their own.
    partner = Partner(NAME, reference=f"{number}/{digits}", status=status, cases=cases)
    return Given(place, {kind: digits}, partner=partner, is_gone=status.lower() in _GONE)


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write a table."""
    yield _line(_COLUMNS)
    for one in fingerprints:
        known = one.partner if one.partner and one.partner.name == NAME else None
        number = next(iter(known.cases), "") if known else ""
        for each, name in _NAMES.items():
            for digits in hashes_in(one, each):
                yield _line((name, digits, number, known.status if known else "", ""))


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    # A spreadsheet takes what begins so for a formula.
    safe = [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells]
    csv.writer(out, lineterminator="\n").writerow(safe)
    return out.getvalue()


FORMAT: Final = Format(
    title="ThreatExchange CSV", begins=_begins, read=_read, write=_write, partner=NAME
)
