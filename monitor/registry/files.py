"""The hashes of the bank in files, which a process maps and need not read.

The store is the truth: what is in no file is read from it, whatever is near is looked up in it, and
files that are damaged or missing, hold what was withdrawn or are of another store are made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from sqlalchemy import Connection

from monitor.locks import hold
from monitor.nearest.scan import Words
from monitor.nearest.segment import Owners, Segment, made, opened, write
from monitor.nearest.tables import MOST_ROWS
from monitor.registry.prints import HASHES_OF_ONE, laid_out
from monitor.store import audit, cases
from monitor.store.store import Store

log = structlog.get_logger(__name__)

# Fingerprints that are in no file: each process reads them from the store.
MOST_UNFILED: Final = 20_000
# Fingerprints read at a time.
_AT_ONCE: Final = 50_000
# A file is made one with the next when it is not this many times as large: so there are few, and a
# hash is written as often as the bank doubles.
_LARGER: Final = 2
_LIST: Final = "files.json"

# First and last number, how many fingerprints, their hashes and whose these are.
Block = tuple[int, int, int, Words, Owners]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range of numbers.

    Attributes:
        members: How many fingerprints of it there are now.
        segment: What a file has of it; None: it is in the store only.
    """

    first: int
    last: int
    members: int
    segment: Segment | None = None

    @property
    def rows(self) -> int:
        """Tell how many hashes it may have."""
        return self.members * 8 if self.segment is None else len(self.segment.owners)

    @property
    def is_as_stored(self) -> bool:
        """Tell whether the file has what the store has: numbers come once, and go."""
        return self.segment is not None and self.segment.members == self.members


@dataclass(frozen=True, slots=True)
class _Listed:
    """Which files count, and what they were made of.

    Attributes:
        version, mark: Of the store then, by `monitor.store.audit`.
    """

    version: int = 0
    mark: str = ""
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Filed:
    """The segments in files, by their numbers."""

    version: int
    mark: str
    segments: list[Segment]

    def of(self, db: Connection) -> list[Segment]:
        """Give them where they were made of this store, or of one that it is a later state of.

        Another one, or one that was restored from a backup, gives the same numbers to others.
        """
        if not self.segments or audit.mark(db, self.version) == self.mark:
            return self.segments
        log.warning("bank.files_of_another_store", version=self.version)
        return []


def folder_of(state: Path) -> Path:
    """Name the folder of the files, in that of the store."""
    return state / "bank"


def stamp(folder: Path) -> tuple[int, int]:
    """Tell one state of the files from another."""
    try:
        status = (folder / _LIST).stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def load(folder: Path) -> Filed:
    """Map the files; what can't be used is left out and logged.

    To be called before the look at the store that they are used with: to an older one, newer files
    are those of another store.
    """
    segments: list[Segment] = []
    listed = _listed(folder)
    for name in listed.files:
        try:
            segments.append(opened(folder / name))
        except (OSError, ValueError) as error:
            # Another process may just have put others in their place.
            if name in _listed(folder).files:
                log.warning("bank.file_unusable", file=name, reason=str(error))
    segments.sort(key=lambda one: one.first)
    return Filed(listed.version, listed.mark, segments)


def missing(segments: Sequence[Segment], last: int) -> Iterator[tuple[int, int]]:
    """List the ranges of numbers up to `last` that no segment stands for."""
    following = 1
    for one in segments:
        if one.first > following:
            yield following, one.first - 1
        following = one.last + 1
    if last >= following:
        yield following, last


def blocks(db: Connection, first: int, last: int) -> Iterator[Block]:
    """Read a range of numbers from the store, some at a time."""
    rows = cases.hashes_between(db, first, last)
    while some := list(islice(rows, _AT_ONCE)):
        yield some[0][0], some[-1][0], len(some), *laid_out(some)


def keep_up(store: Store, state: Path) -> None:
    """Bring the files up to date after fingerprints came or went; only as much as is needed.

    Enrolments and withdrawals are in force before: this is for the speed of later processes, and
    so that no hash of a withdrawn photo stays on the disk.

    Raises:
        OSError: They can't be written.
        StoreError: The store can't be read.
    """
    folder = folder_of(state)
    folder.mkdir(mode=0o700, exist_ok=True)
    with hold(state, "bank", what="another enrolment", wait=True):
        filed = load(folder)
        with store.read() as db:
            version = audit.version(db)
            mark = audit.mark(db, version)
            groups = _groups(_pieces(db, filed.of(db)))
            kept: list[str] = []
            for group in groups:
                one = group[0]
                if len(group) == 1 and one.is_as_stored and one.segment and one.segment.file:
                    kept.append(one.segment.file.name)
                else:
                    kept += [write(segment, folder).name for segment in _segments(db, group)]
        if kept != _listed(folder).files:
            _list(folder, _Listed(version, mark or "", kept))
        for path in folder.iterdir():
            if path.name not in (*kept, _LIST):
                path.unlink()


def _pieces(db: Connection, segments: list[Segment]) -> list[_Piece]:
    """List what is to be in files: the segments there are, and what lies between and after them."""
    last = cases.latest_seq(db)
    pieces = [
        _Piece(one.first, one.last, cases.count_between(db, one.first, one.last), one)
        for one in segments
    ]
    for first, until in missing(segments, last):
        members = cases.count_between(db, first, until)
        if members > (MOST_UNFILED if until == last else 0):
            pieces.append(_Piece(first, until, members))
    return sorted(pieces, key=lambda one: one.first)


def _groups(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Say which pieces go into one file."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        groups.append([piece])
        while len(groups) > 1:
            before, after = groups[-2:]
            members = [sum(one.members for one in group) for group in (before, after)]
            rows = sum(one.rows for one in before + after)
            if members[0] > _LARGER * members[1] or rows > MOST_ROWS:
                break
            groups[-2:] = [before + after]
    return groups


def _segments(db: Connection, group: list[_Piece]) -> Iterator[Segment]:
    """Make the segments of a group; more than one where there is too much for one."""
    kept: list[Block] = []
    for piece in group:
        for block in _blocks(db, piece):
            if kept and sum(len(one[4]) for one in kept) + len(block[4]) > MOST_ROWS:
                yield _joined(kept)
                kept = []
            kept.append(block)
    if any(block[2] for block in kept):
        yield _joined(kept)


def _blocks(db: Connection, piece: _Piece) -> Iterator[Block]:
    """Give the hashes of a piece, from its file where there is one."""
    if piece.segment is None:
        yield from blocks(db, piece.first, piece.last)
        return
    words, owners = piece.segment.tables.words, piece.segment.owners
    if not piece.is_as_stored:
        there = np.isin(owners // HASHES_OF_ONE, cases.seqs_between(db, piece.first, piece.last))
        words, owners = words[there], owners[there]
    yield piece.first, piece.last, piece.members, words, owners


def _joined(parts: list[Block]) -> Segment:
    """Make one segment."""
    return made(
        np.concatenate([one[3] for one in parts]),
        np.concatenate([one[4] for one in parts]),
        first=parts[0][0],
        last=parts[-1][1],
        members=sum(one[2] for one in parts),
    )


def _listed(folder: Path) -> _Listed:
    """Read which files count; none where the list is missing, damaged or of another version."""
    try:
        given = json.loads((folder / _LIST).read_bytes())
        listed = _Listed(int(given["version"]), str(given["mark"]), list(map(str, given["files"])))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return _Listed()
    return replace(listed, files=[one for one in listed.files if Path(one).name == one])


def _list(folder: Path, listed: _Listed) -> None:
    """Have these files count from now on: the ones before are not looked at any more."""
    draft = folder / f"{_LIST}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(listed), file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / _LIST)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
