"""The enrolled videos, laid out for exact search of their frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.hashes.pdq import MIN_QUALITY
from monitor.models.frames import Frames
from monitor.nearest.index import Index
from monitor.nearest.scan import Words

_NONE: Final[Mapping[int, Frames]] = MappingProxyType({})
# Queries, of which each may be near each frame there is.
_AT_ONCE: Final = 1_000
_TURNS: Final = 8


@dataclass(frozen=True, slots=True)
class ClipHit:
    """A frame of an enrolled video that is near a hash.

    Attributes:
        query: Which hash.
        number: Of the video's fingerprint.
        ms: When in the video.
        turn: Which of `monitor.hashes.pdq.DIHEDRAL` of it.
        distance: Bits that differ.
    """

    query: int
    number: int
    ms: int
    turn: int
    distance: int


class ClipIndex:
    """Frames of videos by the number of their fingerprint; an addition makes another index."""

    def __init__(self, clips: Mapping[int, Frames] = _NONE) -> None:
        """Lay videos out."""
        self._clips: dict[int, Frames] = {}
        self._nearest = Index()
        # By the first owner of each: its number, and the times of its rows.
        self._firsts: list[int] = []
        self._numbers: list[int] = []
        self._times: list[NDArray[np.int64]] = []
        self._following = 0
        for number, frames in clips.items():
            self._add(number, frames)

    def __len__(self) -> int:
        """Say how many videos there are."""
        return len(self._clips)

    @property
    def numbers(self) -> set[int]:
        """List the numbers of the videos."""
        return set(self._clips)

    def frames_of(self, number: int) -> Frames:
        """Give the hashes of a video."""
        return self._clips[number]

    def changed(self, gone: set[int], new: Mapping[int, Frames]) -> ClipIndex:
        """Give an index without some videos, and with others."""
        kept = {number: one for number, one in self._clips.items() if number not in gone}
        return ClipIndex(kept | dict(new))

    def search(self, queries: Words) -> list[ClipHit]:
        """Find near frames.

        Of each video and turn, the nearest frame to each query, and the nearest query to each
        frame: of two videos of one still scene, all frames of the one are near all of the other.

        Args:
            queries: Q x 4.
        """
        if not self._following:
            return []
        parts = [
            self._nearest_each(start, queries[start : start + _AT_ONCE])
            for start in range(0, len(queries), _AT_ONCE)
        ]
        return [one for part in parts for one in part]

    def _nearest_each(self, start: int, queries: Words) -> list[ClipHit]:
        """Find near frames of some queries, of which the first has the number `start`."""
        near = self._nearest.search(queries)
        near = near[np.argsort(near[:, 2], kind="stable")]
        query, owner = near[:, 0], near[:, 1]
        clip = np.searchsorted(self._firsts, owner, side="right") - 1
        turns = np.array([self._clips[one].turns for one in self._numbers], np.int64)[clip]
        row, turn = np.divmod(owner - np.array(self._firsts, np.int64)[clip], turns)
        _, by_query = np.unique(
            (query * len(self._firsts) + clip) * _TURNS + turn, return_index=True
        )
        _, by_frame = np.unique(owner, return_index=True)
        return [
            ClipHit(
                start + int(query[at]),
                self._numbers[clip[at]],
                int(self._times[clip[at]][row[at]]),
                int(turn[at]),
                int(near[at, 2]),
            )
            for at in np.union1d(by_query, by_frame).tolist()
        ]

    def _add(self, number: int, frames: Frames) -> None:
        self._clips[number] = frames
        rows = frames.rows[frames.rows["quality"] >= MIN_QUALITY]
        hashes = np.ascontiguousarray(rows["hash"]).reshape(-1, 4).astype(np.uint64)
        if not len(hashes):
            return
        owners = np.arange(self._following, self._following + len(hashes), dtype=np.uint32)
        self._nearest.add(hashes, owners)
        self._firsts.append(self._following)
        self._numbers.append(number)
        self._times.append(rows["ms"].astype(np.int64))
        self._following += len(hashes)
