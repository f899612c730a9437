"""vPDQ's hashes of one video, a frame a line, as ThreatExchange's `vpdq` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.exchange._base import Format, Given, Kind, reading
from monitor.hashes import RECIPE
from monitor.models.case import Fingerprint
from monitor.models.frames import WHOLE, Frames, dump, load, row_type
from monitor.store.cases import new_fingerprint_id
from monitor.videos.watch import SAME

# Some 800,000 frames: seven hours at 30 a second.
MAX_BYTES: Final = 64 << 20

_LONGEST_LINE: Final = 200
# Number of the frame, quality, hash, seconds from the start.
_LINE: Final = re.compile(
    rb"([0-9]{1,9}),(100|[0-9]{1,2}),([0-9a-fA-F]{64}),([0-9]{1,6}(?:\.[0-9]{1,9})?)"
)

_Row = tuple[int, int, int, tuple[int, ...], bytes]


def fingerprint_of(frames: Frames, now: datetime) -> Fingerprint:
    """Make the fingerprint of a video of which there are hashes of whole frames only.

    Args:
        frames: Of whichever turns; the first is kept.
    """
    rows = frames.rows[frames.is_whole]
    kept = np.zeros(len(rows), row_type(1))
    for name in ("number", "ms", "quality", "region"):
        kept[name] = rows[name]
    kept["hash"] = rows["hash"][:, :1]
    return Fingerprint(
        id=new_fingerprint_id(),
        case_id="",
        sha256=None,
        pdq=(),
        quality=int(kept["quality"].max(initial=0)),
        phash=None,
        recipe=RECIPE,
        created_at=now,
        frames=dump(Frames(kept, frames.duration_ms, frames.looked_at)),
    )


def _begins(start: bytes) -> bool:
    return bool(start) and _LINE.fullmatch(start.splitlines()[0].strip()) is not None


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read a file as one video; of frames in a row that show the same, the first is kept.

    Raises:
        Misuse: It can't be read, or a line of it: a video that is known in part is not matched
            as it should be.
    """
    rows: list[_Row] = []
    count = last_ms = 0
    last: int | None = None
    with reading(path), path.open("rb") as file:
        if path.stat().st_size > MAX_BYTES:
            raise Misuse(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            word = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
            if not word:
                continue
            row = _row(word)
            if row is None:
                raise Misuse(
                    f"{path}: line {number} is no frame of vPDQ: frame,quality,hash,seconds; "
                    "nothing of it was taken"
                )
            count, last_ms = count + 1, max(last_ms, row[1])
            hashed = int.from_bytes(row[-1])
            if last is None or (last ^ hashed).bit_count() > SAME:
                rows.append(row)
                last = hashed
    if rows:
        made = np.zeros(len(rows), row_type(1))
        for at, (frame, ms, quality, region, digest) in enumerate(rows):
            made[at] = (frame, ms, quality, region, np.frombuffer(digest, "<u8").reshape(1, 4))
        frames = Frames(made[:0], last_ms, count).with_rows(made)
        yield Given("line 1", whole=fingerprint_of(frames, utc_now()))


def _row(word: bytes) -> _Row | None:
    """Read a line; None: it is none of a frame."""
    found = _LINE.fullmatch(word)
    if found is None:
        return None
    frame, quality, digits, seconds = found.groups()
    ms = round(1000 * float(seconds))
    return int(frame), ms, int(quality), WHOLE, bytes.fromhex(digits.decode())


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write the whole frames of a video, as they are."""
    for one in fingerprints:
        if one.frames is None:
            continue
        frames = load(one.frames)
        for row in frames.rows[frames.is_whole]:
            digits = row["hash"][0].tobytes().hex()
            yield f"{row['number']},{row['quality']},{digits},{row['ms'] / 1000:.3f}\n"


FORMAT: Final = Format(
    title="vPDQ of a video, a frame a line",
    begins=_begins,
    read=_read,
    write=_write,
    kinds=(),
    has_frames=True,
    is_of_one=True,
)
