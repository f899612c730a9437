"""Looks through a video: hashes its frames, and takes some stills to be looked at closely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.errors import MediaError
from monitor.hashes.pdq import MIN_QUALITY, PdqHash, grey_pdq
from monitor.models.frames import WHOLE, Frames, row_type
from monitor.streams import Stream
from monitor.videos.animation import Animation, is_animation
from monitor.videos.container import Container
from monitor.videos.inner import Box, Inner
from monitor.videos.limits import UNREADABLE, VideoLimits, Way
from monitor.videos.shown import Shown, small

# Bits by which a frame differs from the one before it at most that shows the same.
SAME: Final = 6
# Frames that are unlike, after which what moves is told from what stands round it; and the most
# pixels of each that are kept until then.
_UNLIKE: Final = 12
_KEPT_AREA: Final = 500_000
# Of pictures that are looked at closely: bits by which one differs from the one before, the time
# between two at first, and how many there are.
_NEW: Final = 36
_APART_MS: Final = {Way.POST: 700, Way.ENROLLED: 400, Way.EVERY: 0}
PICTURES: Final = 64
# Of a post one stands for each scene, and one more where a scene goes on. Measured: of two
# photographs the tones differ by more in 98 of 100 pairs, of two moments of a scene mostly by less.
_OTHER_SCENE: Final = 0.25
_GOES_ON_MS: Final = 6_000
_LEAST_MAINS: Final = 3
_SAMPLED: Final = 64
_TONES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A picture of a video, to be looked at closely and let go.

    Attributes:
        ms: When it is shown.
        quality: Of its hash.
        digest: Its PDQ hash.
        grey: H x W, at the size that features are taken at.
        is_main: It stands for its scene; others are looked at where one of these shows something.
    """

    ms: int
    quality: int
    digest: bytes
    grey: NDArray[np.uint8]
    is_main: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What was seen of a video.

    Attributes:
        width, height: Pixels.
        stills: By time; one at least.
        is_cut_short: Not all of it was looked at.
    """

    mime: str
    width: int
    height: int
    frames: Frames
    stills: tuple[Still, ...]
    is_cut_short: bool


def watch(stream: Stream, limits: VideoLimits) -> Watched:
    """Look through a video, in this process: foreign ones are for a sandbox.

    Raises:
        MediaError: One of `monitor.videos.limits.REASONS`.
        MemoryError: It is lacking.
    """
    head = stream.read_at(0, 16)
    opened: Animation | Container
    if is_animation(head):
        opened = Animation(stream.read_at(0, stream.size), limits)
    else:
        opened = Container(stream, limits)
    try:
        seen = _Seen(limits)
        for frame in opened.frames():
            if seen.is_full:
                break
            seen.take(frame)
        return seen.summed_up(opened)
    finally:
        opened.close()


class _Seen:
    """What is kept while a video is looked through."""

    def __init__(self, limits: VideoLimits) -> None:
        self._limits = limits
        self._way = Way(limits.way)
        self._rows: list[tuple[int, int, int, tuple[int, ...], tuple[bytes, ...]]] = []
        self._looked_at = 0
        self._last: PdqHash | None = None
        self._last_ms = 0
        self._stills = _Stills(limits)
        self._inner = Inner()
        self._waiting: list[Shown] | None = [] if self._way is not Way.EVERY else None
        self._box: Box | None = None

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= self._limits.max_rows

    def take(self, frame: Shown) -> None:
        self._looked_at += 1
        self._last_ms = frame.ms
        if min(frame.grey.shape) < 1:
            return
        hashed, turns = grey_pdq(frame.grey, is_studio=frame.is_studio)
        if self._way is Way.EVERY:
            self._keep(frame, hashed, turns, WHOLE)
            self._stills.offer(frame, hashed)
            return
        if self._last is not None and _bits(self._last.digest, hashed.digest) <= SAME:
            return
        self._last = hashed
        self._stills.offer(frame, hashed)
        # Also of too little texture to match on: they tell when what was before them ended.
        self._keep(frame, hashed, turns, WHOLE)
        self._inner.add(frame.grey)
        if self._waiting is not None:
            self._waiting.append(_kept(frame))
            if len(self._waiting) == _UNLIKE:
                self._settle()
        elif self._box is not None:
            self._keep_part(frame)

    def summed_up(self, opened: Animation | Container) -> Watched:
        if self._waiting is not None:
            self._settle()
        stills = self._stills.chosen()
        if not stills:
            raise MediaError(UNREADABLE)
        kind = row_type(len(self._rows[0][4]) if self._rows else self._turns)
        rows = np.zeros(len(self._rows), kind)
        for at, (number, ms, quality, region, digests) in enumerate(self._rows):
            hashes = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 4)
            rows[at] = (number, ms, quality, region, hashes)
        # What is said of its length may be anything.
        duration_ms = max(opened.duration_ms, self._last_ms)
        frames = Frames(rows[:0], min(duration_ms, 0xFFFF_FFFF), self._looked_at).with_rows(rows)
        return Watched(
            opened.mime,
            opened.width,
            opened.height,
            frames,
            stills,
            opened.is_cut_short or self.is_full,
        )

    @property
    def _turns(self) -> int:
        return 8 if self._way is Way.ENROLLED else 1

    def _keep(
        self, frame: Shown, hashed: PdqHash, turns: tuple[bytes, ...], region: tuple[int, ...]
    ) -> None:
        row = (frame.number, frame.ms, hashed.quality, region, turns[: self._turns])
        self._rows.append(row)

    def _settle(self) -> None:
        """Tell what moves from what stands round it, for all frames so far."""
        self._box = self._inner.box()
        waiting, self._waiting = self._waiting or [], None
        if self._box is not None:
            for frame in waiting:
                self._keep_part(frame)

    def _keep_part(self, frame: Shown) -> None:
        """Hash the part of a frame that moves."""
        left, top, right, bottom = self._box or (0.0, 0.0, 1.0, 1.0)
        height, width = frame.grey.shape
        part = frame.grey[
            round(top * height) : round(bottom * height), round(left * width) : round(right * width)
        ]
        hashed, turns = grey_pdq(part, is_studio=frame.is_studio)
        if hashed.quality >= MIN_QUALITY:
            shares = (left, top, right - left, bottom - top)
            region = tuple(round(65_535 * one) for one in shares)
            self._keep(frame, hashed, turns, region)


class _Stills:
    """Chooses pictures to be looked at closely; of a long video so many, spread over it."""

    def __init__(self, limits: VideoLimits) -> None:
        self._way = Way(limits.way)
        self._apart_ms = _APART_MS[self._way]
        self._area, self._side = limits.still_area, limits.still_side
        self._kept: list[Still] = []
        self._best: Still | None = None
        # Of the last one that stands for its scene: its tones, and whether the scene just began,
        # so that it may be half of the one before.
        self._tones = np.zeros(0)
        self._begins = False

    def offer(self, frame: Shown, hashed: PdqHash) -> None:
        if not self._kept and (self._best is None or hashed.quality > self._best.quality):
            self._best = self._of(frame, hashed, is_main=True)
        if self._way is Way.EVERY or hashed.quality < MIN_QUALITY:
            return
        if self._kept:
            last = self._kept[-1]
            since = frame.ms - last.ms
            if _bits(last.digest, hashed.digest) < _NEW or since < self._apart_ms:
                return
        is_main = self._way is Way.ENROLLED or self._is_main(frame)
        self._kept.append(self._of(frame, hashed, is_main=is_main))
        while len(self._kept) > PICTURES:
            self._thin_out()

    def chosen(self) -> tuple[Still, ...]:
        if not self._kept:
            return () if self._best is None else (self._best,)
        # A short video may be of one scene that hardly any moment stands for.
        spread = np.linspace(0, len(self._kept) - 1, min(_LEAST_MAINS, len(self._kept)))
        few = sum(one.is_main for one in self._kept) < _LEAST_MAINS
        mains = {round(at) for at in spread.tolist()} if few else set()
        return tuple(
            replace(one, is_main=True) if at in mains else one for at, one in enumerate(self._kept)
        )

    def _is_main(self, frame: Shown) -> bool:
        """Tell whether a frame stands for its scene."""
        tones = _tones(frame)
        mains = [at for at, one in enumerate(self._kept) if one.is_main]
        if not mains:
            self._tones, self._begins = tones, True
            return True
        since = frame.ms - self._kept[mains[-1]].ms
        is_other = float(np.abs(tones - self._tones).sum()) / 2 > _OTHER_SCENE
        if not is_other and since < _GOES_ON_MS:
            if not self._begins:
                return False
            self._kept[mains[-1]] = replace(self._kept[mains[-1]], is_main=False)
        self._tones, self._begins = tones, is_other
        return True

    def _thin_out(self) -> None:
        """Let some go: those that stand for no scene, then those that follow others soon."""
        mains = [one for one in self._kept if one.is_main]
        if 1 < len(mains) < len(self._kept):
            self._kept = mains
            return
        self._apart_ms = max(1_000, 2 * self._apart_ms)
        kept = self._kept[:1]
        for one in self._kept[1:]:
            if one.ms - kept[-1].ms >= self._apart_ms:
                kept.append(one)
        self._kept = kept

    def _of(self, frame: Shown, hashed: PdqHash, *, is_main: bool) -> Still:
        grey = small(frame, self._area, self._side)
        return Still(frame.ms, hashed.quality, hashed.digest, grey, is_main)


_Tones = NDArray[np.float64]


def _tones(frame: Shown) -> _Tones:
    """Count how much of each quarter of a frame is how bright; sums up to 1."""
    down, across = (max(1, length // _SAMPLED) for length in frame.grey.shape)
    sampled = frame.grey[::down, ::across] // (256 // _TONES)
    quarters = (
        part for half in np.array_split(sampled, 2) for part in np.array_split(half, 2, axis=1)
    )
    counted = [np.bincount(part.ravel(), minlength=_TONES) for part in quarters]
    return np.asarray(np.concatenate(counted) / sampled.size)


def _kept(frame: Shown) -> Shown:
    """Keep a frame beyond the next one, smaller where it is large."""
    height, width = frame.grey.shape
    step = max(1, round((height * width / _KEPT_AREA) ** 0.5))
    grey = np.array(frame.grey[::step, ::step])
    return Shown(frame.number, frame.ms, grey, frame.is_studio, frame.aspect)


def _bits(one: bytes, other: bytes) -> int:
    """Count the bits by which two hashes differ."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
