"""Generated stand-ins for photographs, so that neither demo nor tests need anybody's picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats: TypeAlias = npt.NDArray[np.float32]

# The scene is painted at a quarter of the size: a photo is soft at that scale, and it is fast.
_COARSE = 4
MIMES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".pdf": "application/pdf",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file: its bytes and the suffix of its format, with the dot."""

    data: bytes
    suffix: str

    @property
    def mime(self) -> str:
        """Media type that belongs to the suffix."""
        return MIMES[self.suffix]


def photograph(seed: int, size: tuple[int, int] = (1080, 1350)) -> Image.Image:
    """Paint a landscape with things in it: 1/f textures, gradients of light, soft edges, grain.

    Args:
        seed: The same seed and size give the same pixels.
        size: Width and height in pixels, 96 or more each.

    Returns:
        An RGB picture. Two seeds are as unlike each other as two photos for a perceptual hash.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    shape = (height // _COARSE, width // _COARSE)
    y, x = np.meshgrid(
        np.linspace(0, 1, shape[0], dtype=np.float32),
        np.linspace(0, 1, shape[1], dtype=np.float32),
        indexing="ij",
    )
    scene = _sky(rng, x, y)
    for level in np.sort(rng.uniform(0.35, 0.9, rng.integers(2, 5))):
        ridge = np.float32(level) + 0.09 * _texture(rng, (1, shape[1]), 1.3)
        scene = _cover(rng, scene, _soft(y - ridge, 0.006), 0.16 * _texture(rng, shape, 1.2))
    for _ in range(rng.integers(6, 11)):
        scene = _thing(rng, scene, x, y)
    scene *= 1 + 0.16 * _texture(rng, shape, 1.15)[..., None]
    scene *= 1 - 0.35 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)[..., None]
    low, high = np.percentile(scene, (1, 99))
    scene = (scene - low) / (high - low) * 255
    painted = Image.fromarray(scene.clip(0, 255).astype(np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = rng.standard_normal((height, width), dtype=np.float32)[..., None] * 2.5
    return Image.fromarray((np.asarray(painted) + grain).clip(0, 255).astype(np.uint8))


def _texture(rng: np.random.Generator, shape: tuple[int, int], slope: float) -> Floats:
    """Noise whose amplitude falls as 1 / frequency**slope, mean 0, deviation 1.

    Source: the spectra of natural images, D. J. Field (1987), where the slope is about 1.
    """
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    frequency = np.hypot(
        np.fft.fftfreq(shape[0])[:, None] * shape[0], np.fft.rfftfreq(shape[1]) * shape[1]
    )
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency**slope, s=shape).astype(np.float32)
    texture: Floats = noise / noise.std()
    return texture


def _soft(signed: Floats, width: float) -> Floats:
    """0 where `signed` is well below zero, 1 well above, with a soft edge of `width`."""
    edge: Floats = 1 / (1 + np.exp(np.clip(-signed / np.float32(width), -30, 30)))
    return edge


def _sky(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """Two colours along a slanted gradient, clouds, and one source of light."""
    first, second = rng.uniform(0.2, 0.95, (2, 3)).astype(np.float32)
    along = y + np.float32(rng.uniform(-0.8, 0.8)) * x
    along = (along - along.min()) / (along.max() - along.min())
    clouds = 0.13 * _texture(rng, (x.shape[0], x.shape[1]), 1.5)
    sun_x, sun_y = rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.45)
    distance = (x - np.float32(sun_x)) ** 2 + (y - np.float32(sun_y)) ** 2
    light = np.float32(rng.uniform(0.1, 0.5)) * np.exp(-distance / 0.02)
    sky: Floats = first + (second - first) * along[..., None] + (clouds + light)[..., None]
    return sky


def _cover(rng: np.random.Generator, scene: Floats, mask: Floats, texture: Floats) -> Floats:
    """Lay a textured colour over the scene where the mask is 1."""
    colour = rng.uniform(0.05, 0.85, 3).astype(np.float32) + texture[..., None]
    covered: Floats = scene + (colour - scene) * mask[..., None]
    return covered


def _thing(rng: np.random.Generator, scene: Floats, x: Floats, y: Floats) -> Floats:
    """A turned body between ellipse and box, lit from one side, with a shadow."""
    centre_x, centre_y = rng.uniform(0.05, 0.95, 2)
    half_width, half_height = rng.uniform(0.05, 0.2, 2)
    angle, power = rng.uniform(0, np.pi), rng.uniform(2, 6)
    away_x, away_y = x - np.float32(centre_x), y - np.float32(centre_y)
    u = (np.cos(angle) * away_x + np.sin(angle) * away_y) / np.float32(half_width)
    v = (np.cos(angle) * away_y - np.sin(angle) * away_x) / np.float32(half_height)
    body = (np.abs(u) ** power + np.abs(v) ** power) ** np.float32(1 / power)
    scene = scene * (1 - 0.35 * np.exp(-((body - 0.9).clip(0) ** 2) / 0.05))[..., None]
    shading = 0.14 * np.clip(u, -1.5, 1.5) + 0.08 * np.sin(np.float32(rng.uniform(4, 16)) * v)
    return _cover(rng, scene, _soft(1 - body, 0.03), shading)


def _encode(picture: Image.Image, suffix: str, **options: int) -> Encoded:
    buffer = io.BytesIO()
    picture.save(buffer, MIMES[suffix].partition("/")[2], **options)
    return Encoded(buffer.getvalue(), suffix)


def original(picture: Image.Image) -> Encoded:
    """The file that its owner has: JPEG at quality 92."""
    return _encode(picture, ".jpg", quality=92)


def recompressed(picture: Image.Image) -> Encoded:
    """JPEG at quality 60, as messengers do."""
    return _encode(picture, ".jpg", quality=60)


def mirrored(picture: Image.Image) -> Encoded:
    """Left and right exchanged."""
    return _encode(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), ".jpg", quality=80)


def resized(picture: Image.Image) -> Encoded:
    """At most 320 pixels a side."""
    small = picture.copy()
    small.thumbnail((320, 320))
    return _encode(small, ".jpg", quality=80)


def as_webp(picture: Image.Image) -> Encoded:
    """WebP at quality 70."""
    return _encode(picture, ".webp", quality=70, method=1)


def as_png(picture: Image.Image) -> Encoded:
    """PNG at half size: large ones would slow the demo down."""
    return _encode(picture.reduce(2), ".png", compress_level=3)


def quarter_turned(picture: Image.Image) -> Encoded:
    """Turned by 90 degrees, clockwise."""
    return _encode(picture.transpose(Image.Transpose.ROTATE_270), ".jpg", quality=80)


def darkened(picture: Image.Image) -> Encoded:
    """A third darker."""
    return _encode(picture.point(lambda value: value * 2 // 3), ".jpg", quality=80)


EDITS: dict[str, Callable[[Image.Image], Encoded]] = {
    edit.__name__: edit
    for edit in (
        original,
        recompressed,
        mirrored,
        resized,
        as_webp,
        as_png,
        quarter_turned,
        darkened,
    )
}
