"""Turns a hostile file into pixels, or says in one phrase why it can't."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError, features

from monitor.errors import MediaError

# Pillow logs what it finds in a file: that is hostile text, and it may name a person.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

# By the name that Pillow gives to what it decoded. MPO is what some phones' JPEGs are: several
# pictures in one file, the first being the photo.
_MIME: Final = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "DIB": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
_OPTIONAL: Final = {"WEBP": "webp", "AVIF": "avif"}
FORMATS: Final = tuple(
    name
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    if name not in _OPTIONAL or features.check(_OPTIONAL[name])
)
# How much smaller the colours of an ordinary JPEG are.
_SAMPLINGS: Final = ("444", "422", "420", "440", "411", "Gray")
# Sizes at which a rough look is made, and the shorter side it needs.
_PARTS: Final = (2, 4, 8)
_ROUGH_SIDE: Final = 256
_DEEP_GREY: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")
# What an orientation tag asks for; 1, and whatever it should not be, for nothing.
_SHOWN: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is read at all.

    Attributes:
        max_pixels: Checked before any pixel is decoded; Pillow itself refuses 179 million.
        max_side: Pixels; the longest a JPEG can be.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        data: The file.
        rgb: H x W x 3, C-contiguous, read-only: the first frame as it is stored (an orientation
            tag is ignored, as the reference of PDQ does), what shows through is white.
        mime: From the content.
    """

    data: bytes = field(repr=False)
    rgb: NDArray[np.uint8] = field(repr=False)
    mime: str

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.rgb.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class RoughPicture:
    """A picture decoded at a fraction of its size: enough for a first look.

    Attributes:
        grey: H x W, its luminance.
        height, width: Of the whole picture; pixels.
    """

    grey: NDArray[np.uint8] = field(repr=False)
    height: int
    width: int


def decode(data: bytes, limits: PictureLimits = PictureLimits()) -> Picture:
    """Decode the first frame of a file.

    Not for several threads at once: warnings are silenced for the whole process meanwhile.

    Raises:
        MediaError: The file is empty, too large, no picture, of another format, damaged or cut
            short.
    """
    if not data:
        raise MediaError("empty file")
    if len(data) > limits.max_bytes:
        raise MediaError("file too large")
    if (rgb := _ordinary_jpeg(data, limits)) is not None:
        return Picture(data=data, rgb=rgb, mime=_MIME["JPEG"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What Pillow raises on garbage is an open set, and its texts quote the file: the cause
        # is dropped, so that no log can show it.
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image, limits)
                mime = _MIME[image.format or ""]
                rgb = np.asarray(_to_rgb(image))
        except MediaError:
            raise
        except Exception as error:  # noqa: BLE001 one file must not stop a crawl
            raise MediaError(_reason(error)) from None
    return Picture(data=data, rgb=rgb, mime=mime)


def as_shown(picture: Picture) -> Picture:
    """Turn a picture as its orientation tag says: as people see it.

    Posts are looked at as they are stored; whoever crops a photo goes by what is shown. All turns
    of a photo are watched for, so it is found either way.
    """
    # Of a TIFF, Pillow turns the pixels by itself.
    if picture.mime == _MIME["TIFF"]:
        return picture
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(picture.data), formats=FORMATS) as image:
                turn = _SHOWN.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        except Exception:  # noqa: BLE001 a damaged tag is as none
            return picture
    if turn is None:
        return picture
    rgb = np.asarray(Image.fromarray(picture.rgb).transpose(turn))
    return replace(picture, rgb=rgb)


def decode_roughly(data: bytes, limits: PictureLimits = PictureLimits()) -> RoughPicture | None:
    """Decode a JPEG's luminance at a half, a quarter or an eighth of its size, as its DCT allows.

    Returns:
        None for all that is no ordinary JPEG, too small for it, or faulty.
    """
    if len(data) > limits.max_bytes or (size := _ordinary_size(data, limits)) is None:
        return None
    height, width = size
    part = max((one for one in _PARTS if min(size) >= one * _ROUGH_SIDE), default=None)
    if part is None:
        return None
    try:
        grey = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY",
            fastdct=True,
            min_height=-(-height // part),
            min_width=-(-width // part),
            min_factor=1,
        )
    except (ValueError, MemoryError):
        return None
    return RoughPicture(grey[:, :, 0], height, width)


def _ordinary_jpeg(data: bytes, limits: PictureLimits) -> NDArray[np.uint8] | None:
    """Decode a JPEG as most are, in half the time that Pillow takes.

    Returns:
        The very pixels that Pillow gives, read-only; None for all that is unusual, faulty or over
        the limits: Pillow decodes it, or says why not.
    """
    if _ordinary_size(data, limits) is None:
        return None
    try:
        rgb: NDArray[np.uint8] = simplejpeg.decode_jpeg(data)
    except (ValueError, MemoryError):
        return None
    rgb.flags.writeable = False
    return rgb


def _ordinary_size(data: bytes, limits: PictureLimits) -> tuple[int, int] | None:
    """Read the height and width of a JPEG as most are, within the limits."""
    # Of several pictures in one file, Pillow knows which is the first.
    if not data.startswith(b"\xff\xd8\xff") or b"MPF\0" in data:
        return None
    try:
        height, width, colours, sampling = simplejpeg.decode_jpeg_header(data)
    except (ValueError, MemoryError):
        return None
    is_ordinary = colours in ("YCbCr", "Gray") and sampling in _SAMPLINGS
    if not is_ordinary or _is_too_large(width, height, limits):
        return None
    return height, width


def _is_too_large(width: int, height: int, limits: PictureLimits) -> bool:
    return width * height > limits.max_pixels or max(width, height) > limits.max_side


def _check_size(image: Image.Image, limits: PictureLimits) -> None:
    if _is_too_large(image.width, image.height, limits):
        raise MediaError("too many pixels")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, MemoryError):
        return "needs too much memory"
    if isinstance(error, OSError) and "truncated" in str(error).lower():
        return "truncated"
    return "damaged"


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode in _DEEP_GREY:
        # Pillow would cut everything above 255 off.
        deep = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.rint(deep.clip(0, 65_535) / 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise MediaError("unknown range of brightness")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
