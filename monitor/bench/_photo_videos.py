"""What people make of a photo when they post it in a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageOps

from monitor.bench._edits import Photo, Random, pick
from monitor.bench._films import Frame, Size
from monitor.bench._video_edits import Edited, Strangers, blurred, pasted, within

PhotoEdit = Callable[[Photo, Strangers, Random], Edited]

_RATE: Final = 24.0
_SIZES: Final[tuple[Size, ...]] = ((1280, 720), (720, 1280), (640, 360))


def slideshow(photo: Photo, strangers: Strangers, rng: Random) -> Edited:
    """Shown for 1.5 to 4 s among others' photos: cross-faded, slowly zoomed, between bars."""
    size = pick(rng, _SIZES)
    count = int(rng.integers(4, 8))
    at = int(rng.integers(count))
    lengths = rng.uniform(1.5, 4, count)
    fade_s = pick(rng, (0.0, 0.4, 0.6))
    photos = [photo if number == at else strangers.photo() for number in range(count)]
    shown = [
        _Slide(one, size, round(length * _RATE), rng)
        for one, length in zip(photos, lengths, strict=True)
    ]
    start = sum(one.count for one in shown[:at]) / _RATE
    return Edited(
        _faded(shown, round(fade_s * _RATE)), _RATE, start, start + shown[at].count / _RATE
    )


class _Slide:
    """A photo of a slideshow.

    Attributes:
        count: Frames.
    """

    def __init__(self, photo: Photo, size: Size, count: int, rng: Random) -> None:
        self.size, self.count = size, count
        self._zoom = float(rng.uniform(0, 0.08)) * pick(rng, (-1, 0, 1, 1))
        is_alike = (photo.width > photo.height) == (size[0] > size[1])
        if is_alike and rng.random() < 0.4:
            self._page = np.asarray(ImageOps.fit(photo, size, Image.Resampling.LANCZOS))
            return
        pixels = np.asarray(photo)
        is_soft = rng.random() < 0.6
        page = blurred(pixels, size) if is_soft else np.zeros((*size[::-1], 3), np.uint8)
        small = photo.resize(within(photo.size, size), Image.Resampling.LANCZOS)
        self._page = pasted(page, np.asarray(small))

    def frame(self, at: int) -> Frame:
        """Give a frame by its number, also some after the last."""
        near = 1 + max(self._zoom, 0) - self._zoom * (1 - at / self.count)
        width, height = self.size
        moved = np.array(((near, 0, width / 2 * (1 - near)), (0, near, height / 2 * (1 - near))))
        return np.asarray(cv2.warpAffine(self._page, moved, self.size))


def _faded(shown: Sequence[_Slide], fade: int) -> Iterator[Frame]:
    """Show slides, each faded into over so many frames."""
    last: _Slide | None = None
    for one in shown:
        for at in range(one.count):
            frame = one.frame(at)
            if last is not None and at < fade:
                share = (at + 1) / (fade + 1)
                frame = np.asarray(
                    cv2.addWeighted(frame, share, last.frame(last.count + at), 1 - share, 0)
                )
            yield frame
        last = one


def photo_in_part(photo: Photo, strangers: Strangers, rng: Random) -> Edited:
    """Shown for 2 to 5 s in a part of the frame, over a film of somebody else's."""
    film = strangers.film()
    width, height = film.size
    share = float(rng.uniform(0.3, 0.5))
    inset = photo.resize(within(photo.size, (round(width * share) + 40, round(height * 0.6))))
    inset = ImageOps.expand(inset, 4, "white")
    box = (
        int(rng.integers(0, width - inset.width)),
        int(rng.integers(0, height - inset.height)),
    )
    pixels = np.asarray(inset)
    count = round(film.seconds * film.fps)
    length = min(round(float(rng.uniform(2, 5)) * film.fps), count // 2)
    first = int(rng.integers(1, count - length))

    def frames() -> Iterator[Frame]:
        for number, frame in enumerate(film.start()):
            made = frame
            if first <= number < first + length:
                made = frame.copy()
                made[box[1] : box[1] + inset.height, box[0] : box[0] + inset.width] = pixels
            yield made

    return Edited(frames(), film.fps, first / film.fps, (first + length) / film.fps)


PHOTO_EDITS: dict[str, PhotoEdit] = {edit.__name__: edit for edit in (slideshow, photo_in_part)}
