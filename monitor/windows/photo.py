"""What is kept of an enrolled photo so that a part of it is found: hashes of its squares."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import Luma, luma
from monitor.features.tiles import TILES_BYTES, Tiles, dump_tiles, load_tiles, tiles_of
from monitor.windows.codes import (
    LOWEST,
    MIN_TEXTURE,
    SIDE,
    WORDS,
    Codes,
    coefficients,
    one_sidedness,
    pack,
    texture,
)

# Squares by their side as a share of the photo's shorter side, and how far one is from the next
# as a share of that side: whatever two thirds of a photo are posted hold some of them whole.
_SQUARES: Final = ((1.0, 0.7), (0.66, 0.2), (0.45, 0.2), (0.33, 0.2))
# Over this, a square's hash is that of many pictures.
_MAX_ONE_SIDED: Final = 0.4
# Version, width, height, number of windows.
_HEAD: Final = struct.Struct("<BHHH")
VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledWindows:
    """Hashes of a photo's parts.

    Attributes:
        width, height: Of the picture that they were taken from; pixels.
        boxes: float32, (n, 4): x, y, width, height of each window; pixels.
        codes: uint64, (n, 4).
        tiles: To check a placement of the photo.
    """

    width: int
    height: int
    boxes: NDArray[np.float32]
    codes: Codes
    tiles: Tiles


def enrolled_windows(rgb: NDArray[np.uint8]) -> EnrolledWindows:
    """Take what is kept of a photo, H x W x 3."""
    return windows_in(luma(rgb))


def windows_in(grey: Luma) -> EnrolledWindows:
    """Take what is kept of a picture, H x W, at the size that `luma` gives it."""
    height, width = grey.shape
    boxes = _boxes(width, height)
    found = coefficients(np.stack([_small(grey, *box) for box in boxes.tolist()]))
    positive = found > 0
    kept = texture(found[:, :LOWEST, :LOWEST]) > MIN_TEXTURE
    kept &= one_sidedness(positive) <= _MAX_ONE_SIDED
    return EnrolledWindows(width, height, boxes[kept], pack(positive[kept]), tiles_of(grey))


def _boxes(width: int, height: int) -> NDArray[np.float32]:
    """List the squares of a photo, and the whole of it."""
    short = min(width, height)
    boxes = [(0.0, 0.0, float(width), float(height))]
    # Of a tiny picture, a part is a handful of pixels.
    for share, apart in _SQUARES if short >= 2 * SIDE else ():
        side = share * short
        columns, rows = (_starts(length - side, apart * short) for length in (width, height))
        boxes += [(x, y, side, side) for y in rows for x in columns]
    return np.array(boxes, np.float32)


def _starts(room: float, apart: float) -> list[float]:
    """Spread squares over the room there is for them."""
    return [float(one) for one in np.linspace(0, room, 1 + max(0, round(room / apart)))]


def _small(grey: Luma, x: float, y: float, width: float, height: float) -> NDArray[np.float32]:
    """Cut a window out and make it as small as it is hashed."""
    part = grey[round(y) : round(y + height), round(x) : round(x + width)]
    return np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def dump(photo: EnrolledWindows) -> bytes:
    """Pack: 7 bytes, 520 of tiles, 40 a window."""
    return b"".join(
        (
            _HEAD.pack(VERSION, photo.width, photo.height, len(photo.codes)),
            dump_tiles(photo.tiles),
            np.rint(photo.boxes).astype("<u2").tobytes(),
            photo.codes.astype("<u8").tobytes(),
        )
    )


def load(data: bytes) -> EnrolledWindows:
    """Read what `dump` wrote.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    width, height, count = _head(data)
    at = _HEAD.size + TILES_BYTES
    boxes = np.frombuffer(data, "<u2", 4 * count, at).reshape(count, 4).astype(np.float32)
    return EnrolledWindows(width, height, boxes, codes_of(data), load_tiles(data[_HEAD.size : at]))


def codes_of(data: bytes) -> Codes:
    """Read the codes alone of what `dump` wrote.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    count = _head(data)[2]
    codes = np.frombuffer(data, "<u8", WORDS * count, len(data) - 8 * WORDS * count)
    return codes.reshape(count, WORDS).astype(np.uint64)


def _head(data: bytes) -> tuple[int, int, int]:
    """Read width, height and the number of windows.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    if len(data) < _HEAD.size:
        raise ValueError("cut short")
    version, width, height, count = _HEAD.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"version {version}")
    if len(data) != _HEAD.size + TILES_BYTES + count * (4 * 2 + WORDS * 8):
        raise ValueError("cut short")
    return width, height, count
