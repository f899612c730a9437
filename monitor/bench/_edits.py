"""What people do to a photo before they post it again."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

Photo = Image.Image
Random = np.random.Generator
# Gives some photo of somebody else's.
Stranger = Callable[[], Photo]
Edit = Callable[[Photo, Stranger, Random], Photo]

_Choice = TypeVar("_Choice")

# Pixels: the longer side that messengers send.
_POSTED = 1_280
_COLOURS = ("white", "black", "crimson", "gold", "deepskyblue", "hotpink", "limegreen")
_PHRASES = (
    "found this one today", "who knows her", "class of 2-4", "more in the room", "last summer",
    "part 3 of 7", "look at the sky", "send yours", "third floor, left", "no sleep again",
    "weekend", "real or not", "25 new ones tonight", "ask the admin", "good morning", "same place",
)  # fmt: skip


def pick(rng: Random, choices: Sequence[_Choice]) -> _Choice:
    """Choose one."""
    return choices[int(rng.integers(len(choices)))]


def phrase(rng: Random) -> str:
    """Make something that people write."""
    return pick(rng, _PHRASES)


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give Pillow's own font, so that every machine draws the same."""
    return ImageFont.load_default(size)


def widened(photo: Photo, width: int) -> Photo:
    """Bring a photo to a width; its shape stays."""
    height = max(1, round(photo.height * width / photo.width))
    return photo.resize((width, height), Image.Resampling.LANCZOS)


def _within(photo: Photo, longest: int) -> Photo:
    small = photo.copy()
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return small


def _pixels(photo: Photo) -> NDArray[np.float32]:
    return np.asarray(photo, np.float32)


def _picture(pixels: NDArray[np.floating]) -> Photo:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def as_posted(photo: Photo, rng: Random) -> bytes:
    """Encode as messengers do: at most 1280 pixels a side, mostly as JPEG."""
    out = io.BytesIO()
    kind = pick(rng, ("JPEG", "JPEG", "JPEG", "JPEG", "WEBP", "PNG"))
    quality = {} if kind == "PNG" else {"quality": int(rng.integers(55, 90))}
    _within(photo.convert("RGB"), _POSTED).save(out, kind, **quality)
    return out.getvalue()


def recompressed(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Sent on, and sent on again."""
    for _ in range(3):
        photo = _resaved(_within(photo, int(rng.integers(640, _POSTED))), int(rng.integers(50, 80)))
    return photo


def _resaved(photo: Photo, quality: int) -> Photo:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def small(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A preview of 160 to 320 pixels."""
    return _within(photo, int(rng.integers(160, 320)))


def low_quality(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Blocks all over, then made larger again."""
    poor = _resaved(_within(photo, 420), int(rng.integers(10, 18)))
    return widened(poor, poor.width * 2)


def mirrored(photo: Photo, _stranger: Stranger, _rng: Random) -> Photo:
    """Left and right exchanged."""
    return ImageOps.mirror(photo)


def quarter_turned(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Lying on a side, or upside down."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return photo.transpose(pick(rng, turns))


def tilted(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Turned by 3 to 8 degrees, with corners of one colour."""
    degrees = float(rng.uniform(3, 8)) * pick(rng, (-1, 1))
    return photo.rotate(degrees, Image.Resampling.BICUBIC, expand=bool(rng.random() < 0.5),
                        fillcolor=pick(rng, _COLOURS))  # fmt: skip


def _cropped(share: float, photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A share of the width and of the height is cut off, anywhere."""
    width, height = round(photo.width * (1 - share)), round(photo.height * (1 - share))
    left = int(rng.integers(photo.width - width + 1))
    top = int(rng.integers(photo.height - height + 1))
    return photo.crop((left, top, left + width, top + height))


def half(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """One half of it."""
    across, down = photo.size
    halves = ((0, 0, across // 2, down), (across // 2, 0, across, down),
              (0, 0, across, down // 2), (0, down // 2, across, down))  # fmt: skip
    return photo.crop(pick(rng, halves))


def squeezed(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Narrower or flatter than it was, by 15 to 35 %."""
    factor = float(rng.uniform(0.65, 0.85))
    if rng.random() < 0.5:
        return photo.resize((round(photo.width * factor), photo.height))
    return photo.resize((photo.width, round(photo.height * factor)))


def cut_out(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """Cut along a curve round its middle, and laid on something else."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 0.38 + sum(
        0.07 / wave * np.sin(wave * angles + rng.uniform(0, 2 * np.pi)) for wave in (2, 3, 5)
    )
    x = photo.width * (0.5 + radius * np.cos(angles))
    y = photo.height * (0.5 + radius * np.sin(angles))
    mask = Image.new("L", photo.size)
    outline = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    ground = Image.new("RGB", photo.size, pick(rng, _COLOURS))
    if rng.random() < 0.5:
        ground = ImageOps.fit(stranger(), photo.size)
    ground.paste(photo, mask=mask.filter(ImageFilter.GaussianBlur(2)))
    return ground


def part_replaced(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """A part of it is out of another photo, as a swapped face is."""
    width, height = (round(side * float(rng.uniform(0.25, 0.4))) for side in photo.size)
    left = int(rng.integers(photo.width - width))
    top = int(rng.integers(photo.height - height))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((4, 4, width - 5, height - 5), fill=255)
    changed = photo.copy()
    part = ImageOps.fit(stranger(), (width, height))
    changed.paste(part, (left, top), mask.filter(ImageFilter.GaussianBlur(5)))
    return changed


def captioned(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Lines of text across it, some on a bar."""
    changed = photo.copy()
    draw = ImageDraw.Draw(changed, "RGBA")
    for _ in range(int(rng.integers(2, 5))):
        letters = font(max(16, photo.width // int(rng.integers(10, 20))))
        at = (float(rng.uniform(0, 0.4)) * photo.width, float(rng.uniform(0, 0.9)) * photo.height)
        text = phrase(rng)
        if rng.random() < 0.4:
            left, top, right, bottom = draw.textbbox(at, text, letters)
            draw.rectangle((left - 12, top - 8, right + 12, bottom + 8), fill=(0, 0, 0, 170))
        draw.text(at, text, pick(rng, _COLOURS), letters, stroke_width=2, stroke_fill="black")
    return changed


def stickered(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Faces, hearts and bars stuck over it."""
    changed = photo.copy()
    draw = ImageDraw.Draw(changed)
    for _ in range(int(rng.integers(3, 6))):
        side = min(photo.size) * float(rng.uniform(0.14, 0.26))
        x = float(rng.uniform(0, photo.width - side))
        y = float(rng.uniform(0, photo.height - side))
        box = (x, y, x + side, y + side)
        if rng.random() < 0.3:
            draw.rectangle((x, y, x + 1.6 * side, y + 0.4 * side), fill="black")
            continue
        draw.ellipse(box, fill=pick(rng, _COLOURS), outline="black", width=3)
        for eye in (0.32, 0.68):
            middle = x + eye * side
            draw.ellipse((middle - 5, y + 0.35 * side, middle + 5, y + 0.35 * side + 12), "black")
        draw.arc((x + side / 4, y + side / 4, x + 3 * side / 4, y + 3 * side / 4), 20, 160, "black",
                 width=5)  # fmt: skip
    return changed


def scribbled(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Drawn on with a finger."""
    changed = photo.copy()
    draw = ImageDraw.Draw(changed)
    for _ in range(int(rng.integers(4, 8))):
        steps = rng.normal(0, 0.09, (24, 2)).cumsum(axis=0) + rng.uniform(0.2, 0.8, 2)
        line = [(float(x) * photo.width, float(y) * photo.height) for x, y in steps]
        draw.line(line, fill=pick(rng, _COLOURS), width=max(5, photo.width // 80), joint="curve")
    return changed


def watermarked(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """The same words over and over, seen through."""
    text = f"{pick(rng, ('roomseven', 'dailypics', 'archive99'))}.example"
    letters = font(max(14, photo.width // 14))
    layer = Image.new("RGBA", (2 * max(photo.size),) * 2)
    draw = ImageDraw.Draw(layer)
    for y in range(0, layer.height, photo.width // 5):
        for x in range(0, layer.width, photo.width // 2):
            draw.text((x + y % 3 * 40, y), text, (255, 255, 255, 105), letters)
    layer = layer.rotate(float(rng.uniform(15, 40)))
    left, top = (layer.width - photo.width) // 2, (layer.height - photo.height) // 2
    layer = layer.crop((left, top, left + photo.width, top + photo.height))
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


def logo(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A sign in a corner, always the same."""
    changed = photo.copy()
    draw = ImageDraw.Draw(changed)
    side = round(photo.width * 0.24)
    x = pick(rng, (12, photo.width - side - 12))
    y = pick(rng, (12, photo.height - side - 12))
    draw.rounded_rectangle((x, y, x + side, y + side), side // 6, fill="midnightblue")
    for ring, colour in ((0.08, "orange"), (0.18, "white"), (0.28, "midnightblue")):
        inset = ring * side
        draw.ellipse((x + inset, y + inset, x + side - inset, y + side - inset), fill=colour)
    draw.text((x + side / 2, y + side / 2), "PIX24", "white", font(max(10, side // 7)), anchor="mm")
    draw.line((x + side / 5, y + side - 14, x + 4 * side / 5, y + side - 14), "red", 6)
    return changed


def tinted(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Grey, brighter, darker, flatter, or of another colour."""
    pixels = _pixels(photo)
    grey = pixels.mean(axis=2, keepdims=True)
    return _picture(
        pick(
            rng,
            (
                np.repeat(grey, 3, axis=2),
                pixels * 1.5,
                pixels * 0.55,
                128 + (pixels - 128) * 0.55,
                128 + (pixels - 128) * 1.7,
                grey + (pixels - grey) * 2.2,
                pixels * np.array([1.2, 1.0, 0.75], np.float32),
                pixels * np.array([0.8, 0.95, 1.25], np.float32),
            ),
        )
    )


def film_filter(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A photo app's filter: lifted blacks, dark corners, a cast, grain."""
    pixels = 255 * (_pixels(photo) / 255) ** np.float32(rng.uniform(0.6, 1.6))
    y = np.linspace(-1, 1, photo.height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, photo.width, dtype=np.float32)
    pixels *= (1 - 0.4 * (x * x + y * y))[..., None]
    cast = rng.uniform(0, 50, 3).astype(np.float32)
    grain = rng.normal(0, 7, (photo.height, photo.width, 1)).astype(np.float32)
    return _picture(pixels * np.float32(0.78) + cast + grain)


def softened(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Blurred by a few pixels."""
    return photo.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.5, 3.2))))


def noisy(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Grain of every pixel by itself."""
    noise = rng.normal(0, rng.uniform(12, 26), (photo.height, photo.width, 3))
    return _picture(_pixels(photo) + noise.astype(np.float32))


EDITS: dict[str, Edit] = {
    "crop_10": partial(_cropped, 0.10),
    "crop_25": partial(_cropped, 0.25),
    "crop_40": partial(_cropped, 0.40),
} | {
    edit.__name__: edit
    for edit in (
        recompressed, small, low_quality, mirrored, quarter_turned, tilted, half, squeezed,
        cut_out, part_replaced, captioned, stickered, scribbled, watermarked, logo, tinted,
        film_filter, softened, noisy,
    )
}  # fmt: skip
