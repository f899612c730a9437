"""Finds enrolled photos inside a post by hashes of their parts: near windows, then a check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.features.tiles import FRAME, Agreement, agreement
from monitor.windows.codes import NEGATIVE, WORDS, turn_matrix, turned, unpack
from monitor.windows.lookup import WindowTable
from monitor.windows.photo import EnrolledWindows, codes_of, dump, load
from monitor.windows.post import PostWindows
from monitor.windows.pyramid import Matrix, Pyramid, scale_of
from monitor.windows.refine import refine

# Pairs of windows that are looked at closely: of all photos, and of one.
_CANDIDATES: Final = 28
_QUICK_CANDIDATES: Final = 8
_EACH: Final = 6
# Where there are so many, those of more bits are chance.
_FAR: Final = 82
_FAR_CANDIDATES: Final = 12
# Tiles that agree where a photo need not be placed any better.
_SETTLED: Final = 24
_ALTERED_TURNS: Final = (0, 1)
# Photos that are laid out anew with each that is added; and the most that are searched apart.
_SMALL: Final = 2_000
_MOST_SEGMENTS: Final = 3
# More have the same few photos, or are chance.
_MOST_PAIRS: Final = 5_000
_STEP: Final = 0.03
# The share of tiles that agrees where a placement need not be made better.
_PLACED: Final = 0.6
# With fewer tiles, it is chance.
_PROMISING: Final = 3
_LARGEST: Final = 2
_WITHIN: Final = 0.52
# Bits of a window that differ where it fits best; more is chance.
MAX_FITTED: Final = 70


@dataclass(frozen=True, slots=True, eq=False)
class WindowHit:
    """A photo placed in a post.

    Attributes:
        photo: Its index in the bank.
        matrix: (2, 3): takes the photo's pixels to the post's.
        inverted: The post's colours are the photo's negative.
        distance: Bits of 255 that differ in the window that gave the placement.
        agreement: How far the photo's tiles agree with the post.
    """

    photo: int
    matrix: NDArray[np.float64]
    inverted: bool
    distance: int
    agreement: Agreement


class WindowIndex:
    """The windows of all photos of the bank.

    A bank is not changed, but for the blanking of what is withdrawn: what is added makes another
    one that shares most of it.
    """

    def __init__(self, photos: Iterable[EnrolledWindows] = ()) -> None:
        """Lay photos out; they are numbered in their order, from 0 on."""
        # Packed: a large bank would take three times the memory.
        self._photos: dict[int, bytes] = {}
        self._following = 0
        self._segments: tuple[_Segment, ...] = ()
        if new := dict(enumerate(map(dump, photos))):
            self._photos, self._following = new, len(new)
            self._segments = (_segment(new),)

    def __len__(self) -> int:
        """Say how many photos there are."""
        return len(self._photos)

    def added(self, photos: Iterable[EnrolledWindows]) -> WindowIndex:
        """Give a bank of more photos; they are numbered after all that ever were in this one."""
        new = dict(enumerate(map(dump, photos), self._following))
        other = WindowIndex()
        other._photos = self._photos | new
        other._following = self._following + len(new)
        segments = list(self._segments)
        # A small bank is one; of a large one, what is new is laid out apart until it is much.
        while segments and (
            len(segments) == _MOST_SEGMENTS or len(segments[-1].numbers) <= max(_SMALL, len(new))
        ):
            last = segments.pop().numbers
            new = {one: other._photos[one] for one in last if one in other._photos} | new
        other._segments = (*segments, _segment(new)) if new else tuple(segments)
        return other

    def dropped(self, numbers: Collection[int]) -> WindowIndex:
        """Give a bank without some photos; of these, nothing is left in memory."""
        other = WindowIndex()
        gone = set(numbers)
        other._photos = {key: one for key, one in self._photos.items() if key not in gone}
        other._following = self._following
        other._segments = self._segments
        for segment in self._segments:
            segment.table.blank(np.isin(segment.photos, list(gone)))
        return other

    def size_of(self, photo: int) -> tuple[int, int]:
        """Give the width and height that a photo's windows were taken at; pixels."""
        one = load(self._photos[photo])
        return one.width, one.height

    @property
    def bytes(self) -> int:
        """Say how much memory the photos take."""
        return sum(map(len, self._photos.values())) + sum(one.bytes for one in self._segments)

    def search(self, post: PostWindows) -> list[WindowHit]:
        """Find photos in a post; the best placement of each."""
        best: dict[int, WindowHit] = {}
        for photo, one, window, turn, matrix in self._candidates(post):
            if photo in best and best[photo].agreement.agreeing >= _SETTLED:
                continue
            negative = bool(turn & NEGATIVE)
            fitted, distance = _fit(one, window, post.picture, matrix, _STEP, negative)
            if distance > MAX_FITTED:
                continue
            for placed in (fitted, *_grown(one, post.picture, fitted, negative)):
                checked = _check(one, post.picture, placed, negative)
                hit = WindowHit(photo, placed[:2], negative, distance, checked)
                if photo not in best or _weight(hit) > _weight(best[photo]):
                    best[photo] = hit
                if checked.share >= _PLACED or checked.agreeing < _PROMISING:
                    break
        return sorted(best.values(), key=_weight, reverse=True)

    def _candidates(
        self, post: PostWindows
    ) -> Iterator[tuple[int, EnrolledWindows, int, int, Matrix]]:
        """Give the nearest pairs: photo, its window, its turn, and the placement they imply."""
        seen: Counter[int] = Counter()
        most = _QUICK_CANDIDATES if post.is_quick else _CANDIDATES
        for number, segment, row, turn, distance in self._pairs(post):
            if distance > _FAR and seen.total() >= _FAR_CANDIDATES:
                return
            photo = int(self._segments[segment].photos[row])
            # Blanked, it may still be near to what is blank.
            if photo not in self._photos:
                continue
            if seen[photo] == _EACH:
                continue
            seen[photo] += 1
            window = int(self._segments[segment].windows[row])
            one = load(self._photos[photo])
            yield photo, one, window, turn, _placement(one, window, turn, post, number)
            if seen.total() == most:
                return

    def _pairs(self, post: PostWindows) -> list[list[int]]:
        """List near windows, nearest first.

        What was squeezed or tilted is looked for as it is and mirrored only.

        Returns:
            Window of the post, segment, row there, turn of the photo, and distance of each.
        """
        first = post.upright
        found = [np.empty((0, 5), np.intp)]
        for number, segment in enumerate(self._segments):
            upright = segment.table.near(post.codes[:first], post.unsure[:first], _MOST_PAIRS)
            rest = post.codes[first:], post.unsure[first:]
            altered = segment.table.near(*rest, _MOST_PAIRS, _ALTERED_TURNS)
            altered[:, 0] += first
            found += [np.insert(one, 1, number, axis=1) for one in (upright, altered)]
        pairs = np.concatenate(found)
        nearest = np.argsort(pairs[:, 4], kind="stable")[:_MOST_PAIRS]
        rows: list[list[int]] = pairs[nearest].tolist()
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Some photos' windows.

    Attributes:
        numbers: Of the photos.
        photos, windows: (n,): the photo of each row, and which of its windows it is.
    """

    table: WindowTable
    numbers: tuple[int, ...]
    photos: NDArray[np.int32]
    windows: NDArray[np.int32]

    @property
    def bytes(self) -> int:
        """Say how much memory it takes."""
        return self.table.bytes + self.photos.nbytes + self.windows.nbytes


def _segment(photos: Mapping[int, bytes]) -> _Segment:
    """Lay photos out."""
    codes = [codes_of(one) for one in photos.values()]
    counts = [len(one) for one in codes]
    return _Segment(
        WindowTable(np.concatenate([np.empty((0, WORDS), np.uint64), *codes])),
        tuple(photos),
        np.repeat(np.fromiter(photos, np.int32, len(counts)), counts),
        np.concatenate(
            [np.empty(0, np.int32), *(np.arange(one, dtype=np.int32) for one in counts)]
        ),
    )


def _placement(
    photo: EnrolledWindows, window: int, turn: int, post: PostWindows, number: int
) -> Matrix:
    """Give the map of the photo's pixels to the post's that puts one window on another."""
    turning = turn_matrix(turn, photo.width, photo.height)
    x, y, width, height = photo.boxes[window].astype(np.float64)
    corners = np.array([[x, y, 1], [x + width, y + height, 1]]) @ turning.T
    low, high = corners[:, :2].min(axis=0), corners[:, :2].max(axis=0)
    left, top, across, down = post.boxes[number].astype(np.float64)
    scale = np.array([across, down]) / (high - low)
    onto = np.diag([*scale, 1.0])
    onto[:2, 2] = (left, top) - low * scale
    return np.asarray(post.matrices[post.layers[number]] @ onto @ turning)


def _fit(
    photo: EnrolledWindows,
    window: int,
    post: Pyramid,
    matrix: Matrix,
    step: float,
    negative: bool,
) -> tuple[Matrix, int]:
    """Move a placement until one of the photo's windows fits best."""
    code = photo.codes[window : window + 1]
    wanted = unpack(turned(code, NEGATIVE) if negative else code)[0]
    return refine(post, matrix, photo.boxes[window], wanted, step)


def _grown(
    photo: EnrolledWindows, post: Pyramid, matrix: Matrix, negative: bool
) -> Iterator[Matrix]:
    """Fit the photo's largest windows in the post: a small one places the rest too roughly."""
    left, top, across, down = photo.boxes.T.astype(np.float64)
    inside = np.ones(len(left), np.bool_)
    for (a, b, c), end in zip(matrix[:2], post.grey.shape[::-1], strict=True):
        sides = np.array([a * across, b * down])
        middle = a * left + b * top + c + sides.sum(axis=0) / 2
        # Of the corner that is the farthest out.
        inside &= np.abs(middle - end / 2) + np.abs(sides).sum(axis=0) / 2 <= _WITHIN * end
    sizes = np.where(inside, photo.boxes[:, 2] * photo.boxes[:, 3], 0)
    for window in np.argsort(-sizes, kind="stable")[:_LARGEST]:
        if sizes[window]:
            grown, distance = _fit(photo, window, post, matrix, _STEP / 2, negative)
            if distance <= MAX_FITTED:
                yield grown


def _check(photo: EnrolledWindows, post: Pyramid, matrix: Matrix, negative: bool) -> Agreement:
    """Compare a photo's tiles with a post."""
    grey, shrink = post.level(scale_of(matrix) * (photo.width * photo.height) ** 0.5 / FRAME)
    if negative:
        grey = np.asarray(255 - grey, np.uint8)
    # From corners of pixels to their middles.
    whole = shrink @ matrix
    whole[:2, 2] += whole[:2, :2].sum(axis=1) / 2 - 0.5
    return agreement(photo.tiles, photo.width, photo.height, grey, whole[:2])


def _weight(hit: WindowHit) -> tuple[int, int]:
    """Order hits: by what agrees, then by how well the window fits."""
    return hit.agreement.agreeing, -hit.distance
