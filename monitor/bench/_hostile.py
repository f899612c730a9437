"""Files as attackers and broken disks make them: every format damaged, and bombs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from monitor.bench._base import Painter
from monitor.pictures import FORMATS, warm_up

_SIZE: Final = (320, 240)
# One file in so many is left as it is, and one in so many is a bomb.
_GOOD: Final = 10
_BOMB: Final = 100
_EXTREMES: Final = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class HostileFile:
    """One file of a trial.

    Attributes:
        kind: Its format, or "bomb".
        is_good: Nothing was done to it.
    """

    kind: str
    data: bytes
    is_good: bool = False


def good_files(paint: Painter) -> list[HostileFile]:
    """Make pictures of every format and of their common varieties."""
    warm_up()
    photo, other = paint(1, _SIZE), paint(2, _SIZE)
    deep = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)

    def moving() -> dict[str, Any]:
        return {"save_all": True, "append_images": [other.copy()]}

    # Copies are saved: Pillow leaves notes on what it saved, and heeds them.
    made: list[tuple[str, Image.Image, Mapping[str, Any]]] = [
        *((name, photo, {}) for name in FORMATS),
        *(("JPEG", photo.convert(mode), {}) for mode in ("L", "CMYK")),
        *(("JPEG", photo, {"progressive": True}), ("MPO", photo, moving())),
        *(("PNG", photo.convert(mode), {}) for mode in ("P", "RGBA", "1")),
        *(("PNG", deep, {}), ("PNG", photo, moving()), ("GIF", photo, moving())),
        *(("TIFF", photo, {"compression": one}) for one in ("tiff_lzw", "jpeg", "tiff_deflate")),
        *((name, photo, moving()) for name in ("WEBP", "AVIF", "TIFF") if name in FORMATS),
        *(("WEBP", photo, {"lossless": True}) for name in FORMATS if name == "WEBP"),
        ("HEIF", photo.convert("RGBA"), {}),
    ]
    return [
        HostileFile("JPEG" if name == "MPO" else name, _saved(image, name, options), is_good=True)
        for name, image, options in made
    ]


def hostile_files(
    good: list[HostileFile],
    number: int,
    seed: int,
    bombs: Sequence[Callable[[], bytes]],
    bomb: str = "bomb",
) -> Iterator[HostileFile]:
    """Damage files in ways that are drawn, with good ones and bombs in between.

    Args:
        bombs: What makes them; they are counted as `bomb`.
    """
    rng = np.random.default_rng(seed)
    for turn in range(number):
        one = good[int(rng.integers(len(good)))]
        if turn % _BOMB == 1:
            make = bombs[turn // _BOMB % len(bombs)]
            yield HostileFile(bomb, make())
        elif turn % _GOOD == 0:
            yield one
        else:
            other = good[int(rng.integers(len(good)))]
            way = _WAYS[int(rng.integers(len(_WAYS)))]
            yield HostileFile(one.kind, way(one.data, other.data, rng))


def _saved(image: Image.Image, name: str, options: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    image.copy().save(out, name, **options)
    return out.getvalue()


def _flipped(data: bytes, _: bytes, rng: Rng) -> bytes:
    """Turn some bits, most of them early: that is where sizes and offsets are."""
    changed = bytearray(data)
    for _one in range(int(rng.integers(1, 33))):
        reach = len(data) if rng.integers(2) else min(len(data), 200)
        changed[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _cut(data: bytes, _: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(1, len(data)))]


def _spliced(data: bytes, other: bytes, rng: Rng) -> bytes:
    """Begin as one file and go on as another."""
    return data[: int(rng.integers(len(data)))] + other[int(rng.integers(len(other))) :]


def _field_changed(data: bytes, _: bytes, rng: Rng) -> bytes:
    """Put an extreme number where a header may have one."""
    changed = bytearray(data)
    size = (1, 2, 4)[int(rng.integers(3))]
    at = int(rng.integers(max(1, min(len(data), 400) - size)))
    if rng.integers(4) == 0:
        # Some have their tables at the end.
        at = max(0, len(data) - size - int(rng.integers(1_000)))
    value = _EXTREMES[int(rng.integers(len(_EXTREMES)))] & ((1 << 8 * size) - 1)
    changed[at : at + size] = value.to_bytes(size, "big" if rng.integers(2) else "little")
    return bytes(changed)


def _repeated(data: bytes, _: bytes, rng: Rng) -> bytes:
    """Repeat a part many times."""
    start = int(rng.integers(len(data)))
    part = data[start : start + int(rng.integers(1, 2_000))]
    return data[:start] + part * int(rng.integers(2, 200)) + data[start:]


_WAYS: Final[tuple[Callable[[bytes, bytes, Rng], bytes], ...]] = (
    *(_flipped, _cut, _spliced, _field_changed, _repeated),
)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def large_png(width: int, height: int, *more: bytes) -> bytes:
    """Make a PNG of one bit a pixel, as it is said to be or far smaller."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(min(height * ((width + 7) // 8 + 1), 50_000_000)), 9)
    parts = (head, *more, _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _text_bomb() -> bytes:
    packed = zlib.compress(bytes(100_000_000), 9)
    return large_png(64, 64, *[_chunk(b"zTXt", b"a\0\0" + packed)] * 20)


def _gif() -> bytes:
    """Make a GIF of the largest size, with hardly a pixel in it."""
    screen = struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + screen + frame + b";"


def slow_jpeg(side: int = 7_000, scans: int = 1_000) -> bytes:
    """Make a JPEG that is within all limits of size and takes minutes: it has many scans."""
    data = _saved(Image.new("L", (side, side), 128), "JPEG", {"progressive": True})
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def _resized(name: str, size: bytes) -> bytes:
    """Make a file that says to be as large as can be, by each place in which it says so."""
    data = _saved(Image.new("RGB", (64, 48), "teal"), name, {})
    if name == "WEBP":
        at = data.index(b"\x9d\x01\x2a") + 3
        return data[:at] + b"\xff\x3f\xff\x3f" + data[at + 4 :]
    return data.replace(struct.pack(">II", 64, 48), size)


BOMBS: Final[tuple[Callable[[], bytes], ...]] = (
    lambda: large_png(50_000, 50_000),
    _text_bomb,
    _gif,
    slow_jpeg,
    lambda: _resized("HEIF", struct.pack(">II", 30_000, 30_000)),
    lambda: _resized("HEIF", struct.pack(">II", 7_000, 7_000)),
    lambda: _resized("AVIF", struct.pack(">II", 65_000, 700)),
    lambda: _resized("WEBP", b""),
    lambda: large_png(7_000, 7_000),
    lambda: large_png(65_535, 760),
)
