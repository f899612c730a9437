"""An exact index that grows: segments that don't change, and what is newer, which is scanned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor.nearest.scan import NONE, Near, Words, read_only, scan
from monitor.nearest.segment import Owners, Segment, made
from monitor.nearest.tables import MOST_ROWS, RADIUS

# Newer hashes that are scanned; of more, tables are made in memory.
MOST_SCANNED: Final = 200_000


class Index:
    """Hashes of owners; an addition counts at once, and nothing is made anew as a whole."""

    def __init__(self, segments: Sequence[Segment] = ()) -> None:
        """Begin with segments."""
        self._segments = list(segments)
        self._planes = np.empty((4, 0), np.uint64)
        self._owners: Owners = np.empty(0, np.uint32)
        self._newer = 0

    def __len__(self) -> int:
        """Tell how many hashes there are."""
        return self._newer + sum(len(one.owners) for one in self._segments)

    def add(self, words: Words, owners: Owners) -> None:
        """Add hashes.

        Args:
            words: N x 4.
            owners: N.
        """
        if len(words) > MOST_SCANNED:
            for start in range(0, len(words), MOST_ROWS):
                part = slice(start, start + MOST_ROWS)
                self._segments.append(made(words[part], owners[part]))
            return
        end = self._newer + len(words)
        if end > len(self._owners):
            # Doubled, so that many small additions copy each hash a few times at most.
            room = max(end, 2 * len(self._owners)) - self._newer
            self._planes = np.pad(self._planes[:, : self._newer], ((0, 0), (0, room)))
            self._owners = np.pad(self._owners[: self._newer], (0, room))
        self._planes[:, self._newer : end] = words.T
        self._owners[self._newer : end] = owners
        self._newer = end
        if self._newer > MOST_SCANNED:
            newer = np.ascontiguousarray(self._planes[:, :end].T)
            self._segments.append(made(newer, self._owners[:end].copy()))
            self._newer = 0

    def search(self, queries: Words, radius: int = RADIUS) -> Near:
        """Find all hashes within a radius of each query.

        Args:
            queries: Q x 4.
            radius: Beyond `RADIUS` all hashes are looked at.

        Returns:
            By query, owner and distance, in no order.
        """
        found = [one.search(queries, radius) for one in self._segments]
        if self._newer:
            a, b, c, d = (read_only(plane[: self._newer]) for plane in self._planes)
            near = scan((a, b, c, d), queries, radius)
            near[:, 1] = self._owners[near[:, 1]]
            found.append(near)
        return np.concatenate(found) if found else NONE
