"""Tables of hashes in a file that many processes map and none changes."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from monitor.nearest.scan import Near, Words
from monitor.nearest.tables import BANDS, MOST_ROWS, RADIUS, Tables, build, layout

# Another one where files of before can't be used: they are made anew.
_MAGIC: Final = b"HAECHI-NEAREST-2"
# Magic, rows, depth, tag bits, first and last number, how many numbers, digest of the rest.
_HEADER: Final = struct.Struct("<16sQQQQQQ32s")
# Parts of a file begin at lines of the cache; the digest folds it in blocks of this many bytes.
_LINE: Final = 64
_FOLD: Final = 1 << 16

Owners = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Hashes that don't change any more.

    Attributes:
        owners: Whose each row of the tables is.
        first, last: The range of numbers that it stands for, as its maker counts.
        members: How many of these there were.
        file: None: in memory only.
    """

    tables: Tables
    owners: Owners
    first: int = 0
    last: int = 0
    members: int = 0
    file: Path | None = None

    def search(self, queries: Words, radius: int = RADIUS) -> Near:
        """Find what is within a radius of each query: query, owner and distance."""
        found = self.tables.search(queries, radius)
        found[:, 1] = self.owners[found[:, 1]]
        return found


def made(
    words: Words, owners: Owners, *, first: int = 0, last: int = 0, members: int = 0
) -> Segment:
    """Make a segment in memory.

    Args:
        words: N x 4.
        owners: N.
    """
    tables, order = build(words)
    return Segment(tables, owners[order], first, last, members)


def write(segment: Segment, folder: Path) -> Path:
    """Write a segment to a new file, whole or not at all; survives the machine's power.

    Raises:
        OSError: It can't be written.
    """
    tables = segment.tables
    parts = (tables.words, segment.owners, tables.starts, tables.entries)
    plan = tables.layout
    numbers = (
        *(len(segment.owners), plan.depth, plan.tag_bits),
        *(segment.first, segment.last, segment.members),
    )
    header = _HEADER.pack(_MAGIC, *numbers, _digest(numbers, parts))
    final = folder / f"{segment.first}-{segment.last}-{uuid4().hex[:8]}.segment"
    draft = final.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header.ljust(_LINE * 2, b"\0"))
            for part in parts:
                file.write(part.data)
                file.write(bytes(_whole(part.nbytes) - part.nbytes))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(final)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return final


def opened(path: Path) -> Segment:
    """Map a segment's file.

    Raises:
        ValueError: It is damaged, or of another version.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        size = os.fstat(file.fileno()).st_size
        if len(header) < _HEADER.size:
            raise ValueError("cut short")
        magic, *numbers, digest = _HEADER.unpack(header)
        rows, depth, tag_bits, first, last, members = numbers
        if magic != _MAGIC or rows > MOST_ROWS:
            raise ValueError("of another version")
        plan = layout(rows)
        if (plan.depth, plan.tag_bits) != (depth, tag_bits):
            raise ValueError("of another version")
        shapes: list[tuple[tuple[int, ...], Any]] = [
            ((rows, 4), np.uint64),
            ((rows,), np.uint32),
            ((BANDS, (1 << depth) + 1), np.uint32),
            ((BANDS - 1, rows), np.uint32),
        ]
        sizes = [prod(shape) * np.dtype(kind).itemsize for shape, kind in shapes]
        if size != 2 * _LINE + sum(_whole(one) for one in sizes):
            raise ValueError("cut short")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    starts = accumulate((_whole(one) for one in sizes), initial=2 * _LINE)
    words, owners, buckets, entries = (
        np.frombuffer(mapped, kind, prod(shape), start).reshape(shape)
        for (shape, kind), start in zip(shapes, starts, strict=False)
    )
    # Rows that point outside of the tables would be read as they are: all of it is checked.
    if _digest(tuple(numbers), (words, owners, buckets, entries)) != digest:
        raise ValueError("damaged")
    return Segment(Tables(plan, words, buckets, entries), owners, first, last, members, path)


def _whole(size: int) -> int:
    """Round a size up to whole lines."""
    return -(-size // _LINE) * _LINE


def _digest(numbers: tuple[int, ...], parts: Iterable[NDArray[Any]]) -> bytes:
    """Digest a file: blocks are folded into one first, as that takes a tenth of the time."""
    digest = hashlib.sha256(repr(numbers).encode())
    for part in parts:
        data = part.reshape(-1).view(np.uint8)
        whole = len(data) - len(data) % _FOLD
        folded = data[:whole].view(np.uint64).reshape(-1, _FOLD // 8)
        digest.update(np.bitwise_xor.reduce(folded, axis=0).tobytes())
        digest.update(data[whole:].tobytes())
    return digest.digest()
