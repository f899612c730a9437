"""Turns a hostile file into pixels, or says in one phrase why it can't."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, ImageFile, UnidentifiedImageError, features

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
    "HEIF": "image/heif",
}
MIMES: Final = tuple(dict.fromkeys(_MIME.values()))
_OPTIONAL: Final = {"WEBP": "webp", "AVIF": "avif"}
FORMATS: Final = tuple(
    name
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
    if name not in _OPTIONAL or features.check(_OPTIONAL[name])
)
NOT_A_PICTURE: Final = "not a picture of a known format"
# All that `decode` says of what it refuses.
REASONS: Final = (
    *("empty file", "file too large", "too many pixels", "truncated", "damaged"),
    *(NOT_A_PICTURE, "unknown range of brightness"),
)
_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# How much smaller the colours of an ordinary JPEG are.
_SAMPLINGS: Final = ("444", "422", "420", "440", "411", "Gray")
# Sizes at which a rough look is made, and the shorter side it needs.
_PARTS: Final = (2, 4, 8)
_ROUGH_SIDE: Final = 256
_DEEP_GREY: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_ROWS_AT_ONCE: Final = 256
# Of a file that was cut short, this share of the rows must be there: of less, little is found.
_ENOUGH: Final = 0.5
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

    def are_exceeded_by(self, width: int, height: int) -> bool:
        """Tell whether a picture of this size is too large."""
        return width * height > self.max_pixels or max(width, height) > self.max_side


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        data: The file.
        rgb: H x W x 3, C-contiguous, read-only: the first frame as it is stored (an orientation
            tag is ignored, as the reference of PDQ does), what shows through is white.
        mime: From the content.
        orientation: What the tag says, 1-8; 1 where the pixels are as they are to be shown.
        has_more_frames: This is the first of an animation, or of several pictures in one file.
        is_cut_short: The file ends too soon; of the picture these are the rows that are there.
    """

    data: bytes = field(repr=False)
    rgb: NDArray[np.uint8] = field(repr=False)
    mime: str
    orientation: int = field(default=1, repr=False)
    has_more_frames: bool = field(default=False, repr=False)
    is_cut_short: bool = field(default=False, repr=False)

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


def check_bytes(data: bytes, limits: PictureLimits) -> None:
    """Refuse what is not worth looking at.

    Raises:
        MediaError: The file is empty or too large.
    """
    if not data:
        raise MediaError("empty file")
    if len(data) > limits.max_bytes:
        raise MediaError("file too large")


def decode(
    data: bytes, limits: PictureLimits = PictureLimits(), *, buffer: memoryview | None = None
) -> Picture:
    """Decode the first frame of a file, in this process: foreign files are for a sandbox.

    A JPEG or PNG that was cut short gives the rows that are there, if they are half of all.

    Not for several threads at once: warnings are silenced for the whole process meanwhile.

    Args:
        buffer: The pixels of most JPEGs are put there if they fit, which saves a copy.

    Raises:
        MediaError: One of `REASONS`.
        MemoryError: It is lacking.
    """
    check_bytes(data, limits)
    if (rgb := _ordinary_jpeg(data, limits, buffer=buffer)) is not None:
        turn = _orientation(data) if b"Exif\0" in data else 1
        return Picture(data=data, rgb=rgb, mime=_MIME["JPEG"], orientation=turn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _opened(data, limits)
        except MediaError as error:
            if error.reason != "truncated":
                raise
        return _cut_short(data, limits)


def as_shown(picture: Picture) -> Picture:
    """Turn a picture as its orientation tag says: as people see it.

    Posts are looked at as they are stored; whoever crops a photo goes by what is shown. All turns
    of a photo are watched for, so it is found either way.
    """
    turn = _SHOWN.get(picture.orientation)
    if turn is None:
        return picture
    rgb = np.asarray(Image.fromarray(picture.rgb).transpose(turn))
    return replace(picture, rgb=rgb, orientation=1)


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


@cache
def warm_up() -> None:
    """Load all decoders: a process that can open no file any more needs them before."""
    import pillow_heif

    # Threads are neither needed nor allowed where foreign files are decoded.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
    Image.init()


def _opened(data: bytes, limits: PictureLimits) -> Picture:
    """Decode by Pillow.

    Raises:
        MediaError: One of `REASONS`.
        MemoryError: It is lacking.
    """
    warm_up()
    # What Pillow raises on garbage is an open set, and its texts quote the file: the cause is
    # dropped, so that no log can show it.
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, limits)
            mime = _MIME[image.format or ""]
            rgb = np.asarray(_to_rgb(image, limits))
            return Picture(
                data=data,
                rgb=rgb,
                mime=mime,
                orientation=_orientation_of(image),
                has_more_frames=_has_more_frames(image),
            )
    except (MediaError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 one file must not stop a crawl
        raise MediaError(_reason(error)) from None


def _cut_short(data: bytes, limits: PictureLimits) -> Picture:
    """Decode what there is of a JPEG or PNG that ends too soon, as browsers show it.

    Raises:
        MediaError: It is too little.
        MemoryError: It is lacking.
    """
    rgb = _ordinary_jpeg(data, limits, is_whole=False)
    if rgb is not None:
        picture = Picture(data=data, rgb=rgb, mime=_MIME["JPEG"], orientation=_orientation(data))
    elif not data.startswith(_PNG):
        raise MediaError("truncated")
    else:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            picture = _opened(data, limits)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    # What is missing is of one colour.
    there = picture.height
    while there > 1 and np.array_equal(picture.rgb[there - 2], picture.rgb[-1]):
        there -= 1
    if there < _ENOUGH * picture.height:
        raise MediaError("truncated")
    rows = picture.rgb[: picture.height if there == picture.height else there - 1]
    return replace(picture, rgb=rows, is_cut_short=True)


def _orientation(data: bytes) -> int:
    """Read the orientation tag of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _orientation_of(image)
        except Exception:  # noqa: BLE001 a damaged tag is as none
            return 1


def _orientation_of(image: Image.Image) -> int:
    """Read the orientation tag; what it should not be is as none."""
    # Of a TIFF, Pillow turns the pixels by itself.
    if image.format == "TIFF":
        return 1
    try:
        tag = image.getexif().get(ExifTags.Base.Orientation, 1)
        is_known = tag in _SHOWN
    except Exception:  # noqa: BLE001 a damaged tag is as none
        return 1
    return tag if is_known else 1


def _has_more_frames(image: Image.Image) -> bool:
    """Tell whether a file holds more than the one picture that was decoded."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 what can't be read is not there
        return False


def _ordinary_jpeg(
    data: bytes, limits: PictureLimits, *, is_whole: bool = True, buffer: memoryview | None = None
) -> NDArray[np.uint8] | None:
    """Decode a JPEG as most are, in half the time that Pillow takes.

    Args:
        is_whole: Nothing may be wrong with it; else, what is missing is grey.
        buffer: Where the pixels are put, if they fit.

    Returns:
        The very pixels that Pillow gives, read-only; None for all that is unusual, faulty or over
        the limits: Pillow decodes it, or says why not.
    """
    size = _ordinary_size(data, limits, is_whole=is_whole)
    if size is None:
        return None
    if buffer is not None and len(buffer) < size[0] * size[1] * 3:
        buffer = None
    try:
        rgb: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, buffer=buffer, strict=is_whole)
    except (ValueError, MemoryError):
        return None
    rgb.flags.writeable = False
    return rgb


def _ordinary_size(
    data: bytes, limits: PictureLimits, *, is_whole: bool = True
) -> tuple[int, int] | None:
    """Read the height and width of a JPEG as most are, within the limits."""
    # Of several pictures in one file, Pillow knows which is the first.
    if not data.startswith(_JPEG) or (is_whole and b"MPF\0" in data):
        return None
    try:
        height, width, colours, sampling = simplejpeg.decode_jpeg_header(data)
    except (ValueError, MemoryError):
        return None
    is_ordinary = colours in ("YCbCr", "Gray") and sampling in _SAMPLINGS
    if not is_ordinary or limits.are_exceeded_by(width, height):
        return None
    return height, width


def _check_size(image: Image.Image, limits: PictureLimits) -> None:
    if limits.are_exceeded_by(image.width, image.height):
        raise MediaError("too many pixels")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return NOT_A_PICTURE
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, OSError) and "truncated" in str(error).lower():
        return "truncated"
    return "damaged"


def _to_rgb(image: Image.Image, limits: PictureLimits) -> Image.Image:
    image.load()
    # Some formats know only now.
    _check_size(image, limits)
    if image.mode in _DEEP_GREY:
        # Pillow would cut everything above 255 off.
        deep = np.asarray(image)
        grey = np.empty(deep.shape, dtype=np.uint8)
        for top in range(0, len(deep), _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            grey[rows] = (deep[rows].astype(np.int64).clip(0, 65_535) + 128) // 257
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "F":
        raise MediaError("unknown range of brightness")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
