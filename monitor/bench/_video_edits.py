"""What people do to a clip before they post it again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from monitor.bench._clips import laid, premultiplied
from monitor.bench._edits import Photo, Random, font, logo, phrase, pick
from monitor.bench._films import Coding, Film, Frame, Size, encoded, paced

# What most are posted as, and what some are.
_CODINGS: Final = (
    *(("mp4", "libx264"),) * 5,
    ("webm", "libvpx-vp9"),
    ("mp4", "libx265"),
)


@dataclass(frozen=True, slots=True)
class Strangers:
    """What others filmed and photographed; each call gives another."""

    photo: Callable[[], Photo]
    film: Callable[[], Film]


@dataclass(frozen=True, slots=True)
class Edited:
    """A post's video before it is a file.

    Attributes:
        frames: To be gone through once.
        fps: Frames a second.
        start_s, end_s: Where what was edited is shown.
        coding: None: as posts are.
    """

    frames: Iterator[Frame] = field(repr=False)
    fps: float
    start_s: float
    end_s: float
    coding: Coding | None = None


VideoEdit = Callable[[Film, Strangers, Random], Edited]


def as_posted(edited: Edited, rng: Random) -> bytes:
    """Encode as messengers and sites do."""
    kind, codec = pick(rng, _CODINGS)
    crf = int(rng.integers(24, 31))
    gop = pick(rng, (round(edited.fps), round(2 * edited.fps), None))
    # x265 and VP9 have no such numbers of their own.
    coding = Coding(kind, codec, crf if codec != "libvpx-vp9" else crf + 8, gop or 250)
    if codec == "libx264":
        coding = Coding(kind, codec, crf, gop)
    return encoded(edited.frames, edited.fps, edited.coding or coding)


def _changed(film: Film, change: Callable[[Frame], Frame], coding: Coding | None = None) -> Edited:
    """Change each frame by itself; all of the clip is there."""
    return Edited(map(change, film.start()), film.fps, 0, film.seconds, coding)


def fitted(frame: Frame, size: Size) -> Frame:
    """Fill a size; what does not fit is cut off."""
    height, width = frame.shape[:2]
    share = max(size[0] / width, size[1] / height)
    part = (round(size[0] / share), round(size[1] / share))
    left, top = (width - part[0]) // 2, (height - part[1]) // 2
    cut = frame[top : top + part[1], left : left + part[0]]
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA))


def _even(number: float) -> int:
    return 2 * round(number / 2)


def within(size: Size, most: Size) -> Size:
    """Give the largest size of the same shape, within another."""
    share = min(most[0] / size[0], most[1] / size[1])
    return _even(size[0] * share), _even(size[1] * share)


def recompressed(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """Poor, and of 240 rows (or columns)."""
    width, height = film.size
    share = 240 / min(width, height)
    size = (_even(width * share), _even(height * share))
    coding = Coding(crf=35, gop=pick(rng, (round(2 * film.fps), None)))
    return _changed(film, lambda frame: _resized(frame, size), coding)


def _resized(frame: Frame, size: Size) -> Frame:
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def trimmed(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """A fifth of it, from anywhere."""
    seconds = film.seconds / 5
    return Edited(_part(film, rng, seconds), film.fps, 0, seconds)


def _part(film: Film, rng: Random, seconds: float) -> Iterator[Frame]:
    """Give so many seconds, from anywhere."""
    first = round(float(rng.uniform(0, film.seconds - seconds)) * film.fps)
    return itertools.islice(film.start(), first, first + round(seconds * film.fps))


def barred(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """Black bars above and below, or left and right."""
    page = _with_bars(film.size, float(rng.uniform(1.3, 1.9)))
    return _changed(film, lambda frame: pasted(np.zeros((*page[::-1], 3), np.uint8), frame))


def _with_bars(size: Size, more: float) -> Size:
    """Give a square-ish page for a clip: a landscape one gets bars above and below."""
    width, height = size
    return (width, _even(height * more)) if width > height else (_even(width * more), height)


def pasted(page: Frame, frame: Frame) -> Frame:
    """Put a frame into the middle of a page."""
    top, left = (page.shape[0] - frame.shape[0]) // 2, (page.shape[1] - frame.shape[1]) // 2
    page[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
    return page


def blur_barred(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """Itself, blurred and enlarged, above and below or left and right."""
    page = _with_bars(film.size, float(rng.uniform(1.6, 2.6)))
    return _changed(film, lambda frame: pasted(blurred(frame, page), frame))


def blurred(frame: Frame, size: Size) -> Frame:
    """Fill a size with a blurred enlargement."""
    small = fitted(frame, (max(2, size[0] // 16), max(2, size[1] // 16)))
    soft = cv2.GaussianBlur(small, (0, 0), 2)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR))


def mirrored(film: Film, _strangers: Strangers, _rng: Random) -> Edited:
    """Left and right exchanged."""
    return _changed(film, lambda frame: np.ascontiguousarray(frame[:, ::-1]))


def labelled(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """A logo in a corner, and captions that change over the lower third."""
    return Edited(labels(film, rng), film.fps, 0, film.seconds)


def labels(film: Film, rng: Random) -> Iterator[Frame]:
    """Lay a logo and captions over each frame."""
    sign = _sign(film.size, rng)
    lasting = float(rng.uniform(1.2, 3))
    caption: Frame | None = None
    until = 0
    for number, frame in enumerate(film.start()):
        if number >= until or caption is None:
            caption = _caption(film.size, rng)
            until += round(lasting * film.fps)
        yield laid(laid(frame, sign), caption)


def _sign(size: Size, rng: Random) -> Frame:
    """Draw a logo in a corner of a page."""
    page = Image.new("RGBA", size)
    side = round(min(size) * 0.22)
    page.paste(_logo(side), (pick(rng, (12, size[0] - side - 12)), 12))
    return premultiplied(page)


def _logo(side: int) -> Photo:
    """Draw the logo that always is the same."""
    drawn = logo(Image.new("RGB", (400, 400)), lambda: Image.new("RGB", (1, 1)), _first())
    where = drawn.getbbox() or (0, 0, 400, 400)
    return drawn.crop(where).resize((side, side), Image.Resampling.LANCZOS)


def _first() -> Random:
    return np.random.default_rng(0)


def _caption(size: Size, rng: Random) -> Frame:
    """Write two lines on a bar over the lower third."""
    width, height = size
    page = Image.new("RGBA", size)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, height * 0.7, width, height * 0.93), fill=(0, 0, 0, 150))
    colour = pick(rng, ("white", "gold", "hotpink"))
    for line in range(2):
        at = (width / 2, height * (0.76 + 0.11 * line))
        draw.text(at, phrase(rng), colour, font(max(12, width // 17)), anchor="mm")
    return premultiplied(page)


def hastened(film: Film, _strangers: Strangers, _rng: Random) -> Edited:
    """A tenth faster."""
    return Edited(paced(film.start(), 1.1), film.fps, 0, film.seconds / 1.1)


def screen_recorded(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """Played in an app on a phone or a desktop, and that recorded: a bar moves, a clock goes on."""
    is_phone = rng.random() < 0.6
    screen = pick(rng, ((540, 1170), (590, 1280))) if is_phone else (1280, 720)
    shown = within(film.size, (screen[0], screen[1] - 360) if is_phone else (860, 540))
    left = (screen[0] - shown[0]) // 2 if is_phone else 60
    top = int(rng.integers(120, max(121, screen[1] - shown[1] - 240))) if is_phone else 90
    page = np.asarray(_chrome(screen, (left, top, *shown), rng))
    minutes = int(rng.integers(60 * 23))
    seconds = int(rng.integers(60))

    def frames() -> Iterator[Frame]:
        clock: tuple[int, Frame] | None = None
        for number, frame in enumerate(film.start()):
            made: Frame = page.copy()
            made[top : top + shown[1], left : left + shown[0]] = _resized(frame, shown)
            share = number / film.fps / film.seconds
            low = top + shown[1] + 14
            cv2.line(made, (left, low), (left + shown[0], low), (120, 120, 120), 4)
            cv2.line(made, (left, low), (left + round(shown[0] * share), low), (230, 40, 40), 4)
            minute = (minutes * 60 + seconds + int(number / film.fps)) // 60
            if clock is None or clock[0] != minute:
                clock = (minute, _clock(minute))
            made[8:40, 20:120] = clock[1]
            yield made

    return Edited(frames(), film.fps, 0, film.seconds)


def _clock(minute: int) -> Frame:
    picture = Image.new("RGB", (100, 32), "#202225")
    text = f"{minute // 60}:{minute % 60:02d}"
    ImageDraw.Draw(picture).text((4, 4), text, "white", font(22))
    return np.asarray(picture)


def _chrome(screen: Size, box: tuple[int, int, int, int], rng: Random) -> Photo:
    """Draw an app round a video: a bar above, titles and buttons below or beside it."""
    left, top, width, height = box
    page = Image.new("RGB", screen, pick(rng, ("#202225", "#ffffff", "#101418")))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, screen[0], 48), fill="#202225")
    ink = "black" if page.getpixel((5, 60)) == (255, 255, 255) else "white"
    is_beside = screen[0] > screen[1]
    x, y = (left + width + 40, 80) if is_beside else (20, top + height + 40)
    draw.text((x, y), phrase(rng), ink, font(26))
    while (y := y + 70) < screen[1] - 60:
        draw.ellipse((x, y, x + 44, y + 44), fill=pick(rng, ("teal", "purple", "tomato")))
        draw.text((x + 60, y + 4), phrase(rng), ink, font(18))
        draw.rectangle((x + 60, y + 32, x + 60 + int(rng.integers(80, 260)), y + 38), fill="grey")
    return page


def within_longer(film: Film, strangers: Strangers, rng: Random) -> Edited:
    """Somewhere in 3 to 5 times as much of what others filmed."""
    more_s = film.seconds * float(rng.uniform(3, 5))
    before = round(more_s * float(rng.uniform(0.1, 0.9)) * film.fps)
    before_s = before / film.fps

    def frames() -> Iterator[Frame]:
        yield from _others(film, strangers, before_s)
        yield from film.start()
        yield from _others(film, strangers, more_s - before_s)

    return Edited(frames(), film.fps, before_s, before_s + film.seconds)


def _others(film: Film, strangers: Strangers, seconds: float) -> Iterator[Frame]:
    """Show so much of what others filmed, in the size and at the rate of a film."""

    def every() -> Iterator[Frame]:
        while True:
            one = strangers.film()
            for frame in paced(one.start(), one.fps / film.fps):
                yield fitted(frame, film.size)

    return itertools.islice(every(), round(seconds * film.fps))


def mirrored_barred_poor(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """Mirrored, put between bars, and poor."""
    page = _with_bars(film.size, float(rng.uniform(1.3, 1.9)))

    def change(frame: Frame) -> Frame:
        return pasted(np.zeros((*page[::-1], 3), np.uint8), frame[:, ::-1])

    return _changed(film, change, Coding(crf=32, gop=None))


def animated_gif(film: Film, _strangers: Strangers, rng: Random) -> Edited:
    """At most 6 s as a GIF: 10 frames a second, 320 pixels."""
    seconds = min(6.0, film.seconds)
    size = within(film.size, (320, 320))
    part = paced(_part(film, rng, seconds), film.fps / 10)
    frames = (_resized(frame, size) for frame in part)
    return Edited(frames, 10, 0, seconds, Coding("gif"))


VIDEO_EDITS: dict[str, VideoEdit] = {
    edit.__name__: edit
    for edit in (
        recompressed, trimmed, barred, blur_barred, mirrored, labelled, hastened, screen_recorded,
        within_longer, mirrored_barred_poor, animated_gif,
    )
}  # fmt: skip
