"""Makes clips of photos that move as what people film does: by hand, with things in front."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from monitor.bench._edits import Photo, Random, font, pick
from monitor.bench._films import Film, Frame, Size

Floats: TypeAlias = NDArray[np.float64]

# Mostly what messengers make of a film; phones are held upright or not.
SIZES: Final[tuple[Size, ...]] = (*((640, 360),) * 3, *((360, 640),) * 2, (1280, 720))
_RATES: Final = (24, 25, 30)
# Pixels that a photo has beyond the frame, for it to be moved about: share of the frame's sides.
_ROOM: Final = 1.35
_FIELDS: Final = 3
_TITLES: Final = (
    "ROOM SEVEN",
    "DAILY CLIPS",
    "ARCHIVE 99",
    "NIGHT CHANNEL",
    "FILM CLUB",
    "LOOP TV",
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a shot is filmed.

    Attributes:
        drift: How far the view moves and zooms in a shot, share of the frame.
        shake: Deviation of the hand, share of the frame.
        pace: Of what moves in front: frames' widths a second.
        light: By how much the light changes.
    """

    drift: float
    shake: float
    pace: float
    light: float


QUIET: Final = Manner(drift=0.01, shake=0.0015, pace=0.01, light=0.02)
ORDINARY: Final = Manner(drift=0.10, shake=0.006, pace=0.08, light=0.08)
QUICK: Final = Manner(drift=0.25, shake=0.015, pace=0.3, light=0.15)


@dataclass(frozen=True, slots=True)
class Plan:
    """A clip to be made.

    Attributes:
        seed: Of all that is drawn.
        shots: Seconds of each.
        intro: The title sequence that it begins with, by its number; None: none.
    """

    seed: tuple[int, ...]
    size: Size
    fps: int
    manner: Manner
    shots: tuple[float, ...]
    intro: int | None = None


def plan(seed: Sequence[int], *, intro: int | None = None) -> Plan:
    """Draw what a clip is like: one quiet shot, or 2 to 4 of 2 to 8 s; 8 to 20 s and its intro."""
    rng = np.random.default_rng(seed)
    manner = pick(rng, (QUIET, ORDINARY, ORDINARY, QUICK))
    shots = rng.uniform(8, 14, 1) if manner is QUIET else rng.uniform(2, 8, int(rng.integers(2, 5)))
    shots *= np.clip(shots.sum(), 8, 20) / shots.sum()
    size = pick(rng, SIZES)
    return Plan(tuple(seed), size, pick(rng, _RATES), manner, tuple(shots.tolist()), intro)


def clip(planned: Plan, photos: Sequence[Photo]) -> Film:
    """Make a clip.

    Args:
        photos: What is seen: of each shot, one is behind, and parts of others are in front.
    """
    lead_s = 0.0 if planned.intro is None else intro_seconds(planned.intro)

    def start() -> Iterator[Frame]:
        if planned.intro is not None:
            yield from intro(planned.intro, planned.size, planned.fps)
        for number, seconds in enumerate(planned.shots):
            rng = np.random.default_rng([*planned.seed, number])
            shot = _Shot(planned, seconds, photos[number % len(photos)], photos, rng)
            for at in range(shot.count):
                yield shot.frame(at)

    return Film(start, planned.size, planned.fps, lead_s + sum(planned.shots))


def intro_seconds(number: int) -> float:
    """Tell how long a title sequence lasts, 2-4 s."""
    return 2.0 + 0.5 * (number % 5)


def intro(number: int, size: Size, fps: float) -> Iterator[Frame]:
    """Show a title sequence: the same in every clip that has it, but for its size."""
    rng = np.random.default_rng([7, number])
    width, height = size
    low, high = height * 5 // 6, height * 6 // 7
    shades = rng.uniform(0, 255, (3, 4, 3)).astype(np.uint8)
    ground = cv2.resize(shades, size, interpolation=cv2.INTER_CUBIC)
    letters = _words(f"{_TITLES[number % len(_TITLES)]} {number}", width, size)
    count = round(intro_seconds(number) * fps)
    spots = rng.uniform(0.1, 0.9, (5, 2)) * size
    pushes = rng.uniform(-0.15, 0.15, (5, 2)) * size
    colours = rng.integers(0, 256, (5, 3)).tolist()
    for at in range(count):
        when = at / fps
        frame = np.asarray(ground, np.uint8).copy()
        for spot, push, colour in zip(spots, pushes, colours, strict=True):
            centre = (spot + push * when).astype(int).tolist()
            cv2.circle(frame, centre, round(min(size) * (0.08 + 0.03 * when)), colour, -1,
                       cv2.LINE_AA)  # fmt: skip
        done = round(width * (at + 1) / count)
        cv2.rectangle(frame, (0, low), (done, high), (255, 255, 255), -1)
        yield laid(frame, letters, min(1.0, when / 0.6))


def _words(text: str, width: int, size: Size) -> Frame:
    """Write in the middle; RGBA, what shows through is black."""
    page = Image.new("RGBA", size)
    draw = ImageDraw.Draw(page)
    draw.text((size[0] / 2, size[1] / 2), text, "white", font(max(14, width // 11)), anchor="mm",
              stroke_width=2, stroke_fill="black")  # fmt: skip
    return premultiplied(page)


def premultiplied(page: Photo) -> Frame:
    """Give H x W x 4, of which the colours are as bright as they are laid on."""
    pixels = np.asarray(page.convert("RGBA")).copy()
    alpha = pixels[..., 3:].astype(np.uint16)
    pixels[..., :3] = pixels[..., :3] * alpha // 255
    return pixels


def laid(frame: Frame, layer: Frame, share: float = 1.0) -> Frame:
    """Lay an RGBA layer of the same size over a frame, `share` of its full strength."""
    alpha = cv2.cvtColor(layer[..., 3], cv2.COLOR_GRAY2RGB)
    kept = cv2.multiply(frame, cv2.bitwise_not(alpha), scale=1 / 255)
    full = cv2.add(kept, cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB))
    mixed = full if share >= 1 else cv2.addWeighted(full, share, frame, 1 - share, 0)
    return np.asarray(mixed, np.uint8)


class _Shot:
    """One shot: what is behind, what moves in front, the hand, the light and the sensor.

    Attributes:
        count: Frames.
    """

    def __init__(
        self, planned: Plan, seconds: float, behind: Photo, photos: Sequence[Photo], rng: Random
    ) -> None:
        self.size, self.fps = planned.size, planned.fps
        self.count = round(seconds * planned.fps)
        manner = planned.manner
        width, height = self.size
        large = (round(width * _ROOM), round(height * _ROOM))
        self._ground = np.asarray(ImageOps.fit(behind, large, Image.Resampling.LANCZOS))
        at = np.linspace(0, 1, self.count)
        # Where the view is (share of the frame), how near, how it is turned.
        ends = rng.uniform(-1, 1, (2, 2)) * manner.drift / 2
        hand = _smooth(rng, self.count, self.fps, 4) * manner.shake
        self._view = ends[0] + (ends[1] - ends[0]) * at[:, None] + hand[:, :2]
        self._near = 1 + manner.drift * rng.uniform(-0.4, 0.6) * at + 0.2 * hand[:, 2]
        self._turn = 0.3 * hand[:, 3]
        pieces = 1 + int(rng.random() < 0.5)
        self._pieces = [self._piece(pick(rng, photos), manner, rng) for _ in range(pieces)]
        self._light = 1 + _smooth(rng, self.count, self.fps, 3, every_s=2) * manner.light
        noise = float(rng.uniform(1, 4))
        shape = (_FIELDS, height + 32, width + 32, 3)
        self._noise = (rng.standard_normal(shape, np.float32) * noise).astype(np.int16)
        self._places = rng.integers(0, (_FIELDS, 32, 32), (self.count, 3)).tolist()

    def _piece(
        self, photo: Photo, manner: Manner, rng: Random
    ) -> tuple[Frame, Callable[[int], Floats]]:
        """Cut a part with a soft edge out of a photo, and give how it is laid on the frame."""
        width, height = self.size
        side = round(min(self.size) * float(rng.uniform(0.35, 0.6)))
        cut = _cut_out(photo, side, rng)
        first = rng.uniform(0.1, 0.9, 2) * self.size
        way = float(rng.uniform(0, 2 * np.pi))
        push = np.array((np.cos(way), 0.5 * np.sin(way))) * manner.pace * width / self.fps
        sway = _smooth(rng, self.count, self.fps, 3, every_s=0.8) * manner.pace

        def placed(at: int) -> Floats:
            # It turns round at the frame's edges.
            x, y = _folded(first + push * at + sway[at, :2] * width * 0.3, (width, height))
            near, turn = 1 + 0.5 * sway[at, 2], 0.6 * sway[at, 0]
            return _affine((side / 2, side / 2), (x, y), near, turn)

        return cut, placed

    def frame(self, at: int) -> Frame:
        """Give a frame, by its number."""
        width, height = self.size
        middle = (self._ground.shape[1] / 2, self._ground.shape[0] / 2)
        x, y = (self._view[at] + 0.5) * (width, height)
        seen = _affine(middle, (float(x), float(y)), float(self._near[at]), float(self._turn[at]))
        ground = cv2.warpAffine(self._ground, seen, self.size, borderMode=cv2.BORDER_REFLECT)
        frame = np.asarray(ground, np.uint8)
        for cut, placed in self._pieces:
            # What is filmed by the same hand shakes with the rest.
            moved = placed(at)
            moved[:, 2] += (self._view[at] - self._view[0]) * (width, height)
            frame = laid(frame, np.asarray(cv2.warpAffine(cut, moved, self.size), np.uint8))
        level = np.arange(256)[:, None] * self._light[at]
        table = level.clip(0, 255).astype(np.uint8)[None]
        field, top, left = self._places[at]
        noise = self._noise[field, top : top + height, left : left + width]
        return np.asarray(cv2.add(cv2.LUT(frame, table), noise, dtype=cv2.CV_8U), np.uint8)


def _smooth(rng: Random, count: int, fps: float, columns: int, every_s: float = 0.25) -> Floats:
    """Draw what wanders about 0 with a deviation of 1, changing every so many seconds."""
    knots = rng.standard_normal((int(count / fps / every_s) + 4, columns))
    at = np.arange(count) / fps / every_s
    number = at.astype(int)
    share = (1 - np.cos(np.pi * (at - number)))[:, None] / 2
    drawn: Floats = knots[number] * (1 - share) + knots[number + 1] * share
    return drawn


def _folded(place: Floats, size: Size) -> tuple[float, float]:
    """Reflect a place into the frame."""
    around = np.array(size, np.float64)
    inside = np.abs((place % (2 * around)) - around)
    return float(inside[0]), float(inside[1])


def _affine(
    middle: tuple[float, float], to: tuple[float, float], near: float, turn: float
) -> Floats:
    """Give the 2 x 3 matrix that takes a middle to a place, enlarged and turned (radians)."""
    cos, sin = near * np.cos(turn), near * np.sin(turn)
    linear = np.array(((cos, -sin), (sin, cos)))
    return np.column_stack((linear, np.array(to) - linear @ np.array(middle)))


def _cut_out(photo: Photo, side: int, rng: Random) -> Frame:
    """Cut a part along a curve, with a soft edge; RGBA."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.full(angles.shape, 0.38)
    for waves in (2, 3, 5):
        radius += 0.08 / waves * np.sin(waves * angles + rng.uniform(0, 6))
    outline = np.stack((np.cos(angles), np.sin(angles)), axis=1) * radius[:, None] * side + side / 2
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in outline], fill=255)
    middle = (float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.2, 0.8)))
    width, height = (max(side, share // 2) for share in photo.size)
    part = ImageOps.fit(photo, (width, height), centering=middle)
    part = ImageOps.fit(part, (side, side), centering=middle)
    part.putalpha(mask.filter(ImageFilter.GaussianBlur(side / 50)))
    return premultiplied(part)
