"""A hash a line: what partners exchange most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from monitor.errors import Misuse
from monitor.exchange._base import QUALITY, Format, Given, Kind, hash_of, hashes_in, reading
from monitor.models.case import Fingerprint

_LONGEST_LINE: Final = 1000
_QUALITY: Final = re.compile("[0-9]{1,2}|100")
# PDQ sets a half of its bits, give or take a tie; of a digest's, that many are set by chance only.
_LOOKED_AT: Final = 200
_FEWEST: Final = 20
_HALF: Final = range(126, 130)
_CHANCE: Final = 0.5


def _begins(start: bytes) -> bool:
    word = start.splitlines()[0].split(b",")[0].strip() if start else b""
    is_hash = len(word) in (32, 64) and all(digit in b"0123456789abcdefABCDEF" for digit in word)
    return start.startswith(b"#") or is_hash


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read a list: on each line a hash, perhaps its quality after a comma, and other columns.

    Empty lines and those that begin with # are left out. 32 digits are MD5 whatever is said.

    Raises:
        Misuse: It can't be read to its end, or its hashes are of another kind.
    """
    if kind is Kind.PDQ:
        _check_bits(path)
    for number, line in _lines(path):
        word, *more = line.split(",", 2)
        each = Kind.MD5 if len(word.strip()) == 32 else kind
        digits = hash_of(each, word)
        quality = more[0].strip() if more and each is Kind.PDQ else ""
        if digits is None:
            yield Given(f"line {number}", fault=f"is no {kind.value.upper()} hash")
        elif _QUALITY.fullmatch(quality):
            yield Given(f"line {number}", {each: digits}, int(quality))
        else:
            yield Given(f"line {number}", {each: digits}, QUALITY)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines that say something, with their numbers; of an overlong one only the start."""
    with reading(path), path.open("rb") as file:
        number, begins = 0, True
        while part := file.readline(_LONGEST_LINE):
            number += begins
            word = part.decode("latin-1").removeprefix("\xef\xbb\xbf" if number == 1 else "")
            if begins and (word := word.strip()) and not word.startswith("#"):
                yield number, word
            begins = part.endswith(b"\n")


def _check_bits(path: Path) -> None:
    """Refuse SHA-256 digests that are taken for PDQ: they are as long, and would match nothing.

    Raises:
        Misuse: Too few of the first hashes have as many bits set as PDQ sets.
    """
    words = (line.split(",", 1)[0] for _, line in islice(_lines(path), _LOOKED_AT))
    set_bits = [int(one, 16).bit_count() for one in words if hash_of(Kind.PDQ, one)]
    halves = sum(bits in _HALF for bits in set_bits)
    if len(set_bits) >= _FEWEST and halves < _CHANCE * len(set_bits):
        raise Misuse(
            f"{path}: the hashes do not look like PDQ, which sets a half of the bits; "
            "if they are SHA-256 digests, say --kind sha256"
        )


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write a list."""
    for one in fingerprints:
        for digits in hashes_in(one, kind):
            yield f"{digits},{one.quality}\n" if kind is Kind.PDQ else f"{digits}\n"


FORMAT: Final = Format(title="list of hashes, one a line", begins=_begins, read=_read, write=_write)
