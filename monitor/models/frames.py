"""What is kept of a video: hashes of its frames, never a frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# x, y, width, height as shares of a picture, 0-1.
Region = tuple[float, float, float, float]
# Of structured elements; see `row_type`.
Rows = NDArray[Any]

WHOLE: Final = (0, 0, 65_535, 65_535)
# Version, hashes a row, rows, milliseconds, frames looked at.
_HEAD: Final = struct.Struct("<BBIII")
_VERSION: Final = 1
# By which `duration_s` tells how long a video is, without all the rest.
HEAD_BYTES: Final = _HEAD.size


@cache
def row_type(turns: int) -> np.dtype[Any]:
    """Give the type of a row.

    It has the number of the frame and its time in ms from the start of the video, the quality of
    its PDQ hash, which part of the frame was hashed (x, y, width, height of 65,535), and the hash
    in so many turns (`monitor.hashes.pdq.DIHEDRAL`), 4 words each.
    """
    return np.dtype(
        [
            ("number", "<u4"),
            ("ms", "<u4"),
            ("quality", "u1"),
            ("region", "<u2", (4,)),
            ("hash", "<u8", (turns, 4)),
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The hashes of a video's frames: of those that were looked at and are unlike the one before.

    Attributes:
        rows: By time; the whole frame before parts of it.
        duration_ms: Of the video.
        looked_at: Frames that were decoded for it.
    """

    rows: Rows
    duration_ms: int
    looked_at: int

    @property
    def turns(self) -> int:
        """Hashes a row."""
        return int(self.rows["hash"].shape[1])

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """Tell of each row whether it is of a whole frame."""
        return np.asarray((self.rows["region"] == np.array(WHOLE, "<u2")).all(axis=1))

    def with_rows(self, rows: Rows) -> Frames:
        """Give these with more rows, in their order."""
        every = np.concatenate([self.rows, rows])
        # A whole frame's region begins at 0, 0, and is the largest.
        area = every["region"][:, 2].astype(np.int64) * every["region"][:, 3]
        order = np.lexsort((-area, every["ms"]))
        return Frames(every[order], self.duration_ms, self.looked_at)


def region_of(row: Any) -> Region:  # noqa: ANN401 - an element of a structured array
    """Give the part of the frame that a row is of, as shares."""
    x, y, width, height = (round(float(one) / 65_535, 4) for one in row["region"])
    return x, y, width, height


def dump(frames: Frames) -> bytes:
    """Pack: 14 bytes, and 17 and 32 a hash for each row."""
    head = _HEAD.pack(
        _VERSION, frames.turns, len(frames.rows), frames.duration_ms, frames.looked_at
    )
    return head + frames.rows.tobytes()


def duration_s(data: bytes) -> float:
    """Say how long a video is, by what `dump` wrote or the beginning of that.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    *_, duration_ms, _ = _head(data)
    return float(duration_ms) / 1000


def load(data: bytes) -> Frames:
    """Read what `dump` wrote.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    turns, count, duration_ms, looked_at = _head(data)
    kind = row_type(turns)
    if len(data) != _HEAD.size + count * kind.itemsize:
        raise ValueError("cut short")
    return Frames(np.frombuffer(data, kind, count, _HEAD.size), duration_ms, looked_at)


def _head(data: bytes) -> tuple[int, int, int, int]:
    """Read the numbers before the rows."""
    if len(data) < _HEAD.size:
        raise ValueError("cut short")
    version, turns, count, duration_ms, looked_at = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise ValueError(f"version {version}")
    return turns, count, duration_ms, looked_at
