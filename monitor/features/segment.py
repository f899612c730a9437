"""Many photos' local features in a few arrays; what a bank of local features is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from monitor.features.codec import EnrolledFeatures
from monitor.features.lookup import LOOKED_UP, CodeTable, Words, words_of
from monitor.features.tiles import Tiles, packed, unpacked

# Photos of a segment at most: a larger one would take long to lay out anew.
LARGEST = 8_192
_AT_ONCE = 256
# Steps of a feature's size: it says roughly where others lie, and two bytes more of each of 380
# features are much in a large bank.
_PER_OCTAVE = 20


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Some photos' features; never changed, but for a withdrawn photo's, which are blanked.

    Attributes:
        numbers: int64, (p,): of the photos, ascending.
        gone: bool, (p,): was withdrawn.
        starts: int64, (p + 1,): the first row of each photo, and the end.
        sides: uint16, (p, 2): width and height that features were taken at; pixels.
        points: uint16, (n, 3): x and y in 1/16 pixel; size and direction, a byte each.
        codes: uint64, (n, 4).
        signs: uint8, (p, 64, 8): of tiles, packed.
        textured: uint8, (p, 8): the same.
        table: What photos are looked up by.
    """

    numbers: NDArray[np.int64]
    gone: NDArray[np.bool_]
    starts: NDArray[np.int64]
    sides: NDArray[np.uint16]
    points: NDArray[np.uint16]
    codes: Words
    signs: NDArray[np.uint8]
    textured: NDArray[np.uint8]
    table: CodeTable

    def __len__(self) -> int:
        """Say how many photos there are, without those that are gone."""
        return len(self.gone) - int(self.gone.sum())

    @property
    def bytes(self) -> int:
        """Say how much memory it takes."""
        arrays = (self.points, self.codes, self.signs, self.textured)
        return sum(one.nbytes for one in arrays) + self.table.bytes

    def rows_of(self, photo: int) -> slice:
        """Give the rows of the photo at a position."""
        return slice(int(self.starts[photo]), int(self.starts[photo + 1]))

    def points_of(self, photo: int) -> NDArray[np.float64]:
        """Give the places of a photo's features, (n, 4), as in `LocalFeatures`; near enough."""
        x, y, rest = self.points[self.rows_of(photo)].T
        sizes = np.exp2((rest >> 8) / _PER_OCTAVE)
        return np.stack([x / 16, y / 16, sizes, (rest & 255) * (360 / 256)], axis=1)

    def tiles_of(self, photo: int) -> Tiles:
        """Give a photo's tiles."""
        return unpacked(self.signs[photo], self.textured[photo])

    def owners(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the positions of the photos that rows belong to."""
        return np.asarray(np.searchsorted(self.starts, rows, side="right") - 1, np.int64)

    def without(self, numbers: Collection[int]) -> Segment:
        """Take photos out: their features are blanked at once, also for whoever searches now."""
        out = np.isin(self.numbers, np.fromiter(numbers, np.int64)) & ~self.gone
        if not out.any():
            return self
        for photo in np.flatnonzero(out).tolist():
            self.points[self.rows_of(photo)] = 0
            self.codes[self.rows_of(photo)] = 0
        self.signs[out] = 0
        self.textured[out] = 0
        return replace(self, gone=self.gone | out)


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Rows of a segment before they are laid out."""

    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]
    sides: NDArray[np.uint16]
    points: NDArray[np.uint16]
    codes: Words
    signs: NDArray[np.uint8]
    textured: NDArray[np.uint8]


def segments_of(photos: Iterable[EnrolledFeatures], first: int) -> Iterator[Segment]:
    """Lay photos out, numbered from `first` on; they are taken one after the other."""
    left = iter(photos)
    while chosen := list(_blocks(islice(left, LARGEST), first)):
        yield _laid_out(chosen)
        first += sum(len(one.numbers) for one in chosen)


def merged(segments: Iterable[Segment]) -> Segment:
    """Make one segment of several, in their order, without the photos that are gone."""
    return _laid_out([_kept(one) for one in segments])


def _blocks(photos: Iterator[EnrolledFeatures], first: int) -> Iterator[_Block]:
    """Pack photos, some at a time: as objects they take several times the room."""
    while chosen := list(islice(photos, _AT_ONCE)):
        features = [one.features for one in chosen]
        tiles = [packed(one.tiles) for one in chosen]
        yield _Block(
            numbers=np.arange(first, first + len(chosen)),
            counts=np.array([len(one.points) for one in features], np.int64),
            sides=np.array([(one.width, one.height) for one in features], np.uint16),
            points=np.concatenate([_packed(one.points) for one in features]),
            codes=np.concatenate([words_of(one.codes) for one in features]),
            signs=np.stack([signs for signs, _ in tiles]),
            textured=np.stack([textured for _, textured in tiles]),
        )
        first += len(chosen)


def _packed(points: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Pack places of features, (n, 4), into (n, 3)."""
    x, y = np.rint(points[:, :2].T * 16).clip(0, 65_535)
    sizes = np.rint(np.log2(np.maximum(points[:, 2], 1)) * _PER_OCTAVE).clip(0, 255)
    turns = np.rint(points[:, 3] * (256 / 360)) % 256
    return np.stack([x, y, sizes * 256 + turns], axis=1).astype(np.uint16)


def _kept(one: Segment) -> _Block:
    """Take what is not gone out of a segment."""
    kept = ~one.gone
    counts = np.diff(one.starts)
    rows = np.repeat(kept, counts)
    return _Block(
        one.numbers[kept],
        counts[kept],
        one.sides[kept],
        one.points[rows],
        one.codes[rows],
        one.signs[kept],
        one.textured[kept],
    )


def _laid_out(blocks: list[_Block]) -> Segment:
    counts = np.concatenate([one.counts for one in blocks])
    starts = np.concatenate([[0], np.cumsum(counts)])
    codes = np.concatenate([one.codes for one in blocks])
    numbers = np.concatenate([one.numbers for one in blocks])
    # Features are in the order of their strength, part by part.
    first = np.arange(len(codes)) - np.repeat(starts[:-1], counts) < LOOKED_UP
    return Segment(
        numbers=numbers,
        gone=np.zeros(len(numbers), np.bool_),
        starts=starts,
        sides=np.concatenate([one.sides for one in blocks]),
        points=np.concatenate([one.points for one in blocks]),
        codes=codes,
        signs=np.concatenate([one.signs for one in blocks]),
        textured=np.concatenate([one.textured for one in blocks]),
        table=CodeTable(codes, np.flatnonzero(first).astype(np.uint32)),
    )
