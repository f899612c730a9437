"""PDQ: finds copies that were recompressed, resized or tinted, and is what partners exchange.

The bits and the quality are those of `pdqhash` 0.2.8 given the same pixels. Everything up to the
median is linear, so a fast product gives it; where the result is too near to call for float32
roundings, the reference's own order of additions decides.

Source: Meta, ThreatExchange, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.hashes import _pdq_linear as linear
from monitor.hashes import _pdq_reference_order as reference
from monitor.hashes._base import HashValue, MediaHash
from monitor.pictures import Picture, RoughPicture

# What was done to the picture that has this hash, in `numpy` terms on its H x W x 3 array `a`:
#   none             a
#   rot90            np.rot90(a), a quarter turn counter-clockwise
#   rot180           np.rot90(a, 2)
#   rot270           np.rot90(a, 3), a quarter turn clockwise
#   flip_x           a[::-1], top and bottom change places
#   flip_y           a[:, ::-1], left and right change places: the mirror image
#   transpose        a.transpose(1, 0, 2), mirrored over the diagonal from the upper left
#   anti_transpose   np.rot90(a, 2).transpose(1, 0, 2), over the one from the upper right
DIHEDRAL: Final = (
    "none",
    "rot90",
    "rot180",
    "rot270",
    "flip_x",
    "flip_y",
    "transpose",
    "anti_transpose",
)
MIN_QUALITY: Final = 50
THRESHOLD: Final = 31
BYTES: Final = 32
# Of 126 photographs as JPEGs of four sizes and all qualities, the farthest was 6 bits away.
ROUGHNESS: Final = 8

# The reference refuses to hash a picture with a shorter side.
_SMALLEST_SIDE: Final = 5
_GRADIENTS_PER_QUALITY: Final = 90
_STUDIO_BLACK, _STUDIO_WHITE = 16, 235

_ODD: Final = np.arange(reference.FREQUENCIES) % 2 == 1
_DOWN: Final = np.where(_ODD, 1, -1).astype(np.int8)[:, None]
_ACROSS: Final = _DOWN.T
# A flip negates every other row or column of the coefficients: frequency 1 is the first.
_SIGNS: Final = np.stack(np.broadcast_arrays(np.int8(1), _DOWN, _ACROSS, _DOWN * _ACROSS))
# For each of DIHEDRAL: which signs, and whether rows and columns change places.
_TURNS: Final = (
    (0, False),
    (2, True),
    (3, False),
    (1, True),
    (1, False),
    (2, False),
    (0, True),
    (3, True),
)


@dataclass(frozen=True, slots=True)
class PdqHash:
    """A PDQ hash.

    Attributes:
        digest: 32 bytes; `digest.hex()` is the form that is published and exchanged. (`pdqhash`
            gives the same bits, first bit first: `np.packbits` of its vector is this digest.)
        quality: 0-100; under MIN_QUALITY the picture has too little texture to match on.
    """

    digest: bytes
    quality: int


def pdq(rgb: NDArray[np.uint8]) -> PdqHash:
    """Hash a picture.

    Args:
        rgb: H x W x 3. With a side under 5 pixels hash and quality are 0.

    Raises:
        ValueError: The array is not H x W x 3 bytes.
    """
    return _hash(rgb, turns=_TURNS[:1])[0]


def dihedral(rgb: NDArray[np.uint8]) -> tuple[bytes, ...]:
    """Hash a picture and its seven turns and mirror images.

    Args:
        rgb: H x W x 3. With a side under 5 pixels the hashes are 0.

    Returns:
        32 bytes for each of DIHEDRAL.

    Raises:
        ValueError: The array is not H x W x 3 bytes.
    """
    return pdq_and_dihedral(rgb)[1]


def pdq_and_dihedral(rgb: NDArray[np.uint8]) -> tuple[PdqHash, tuple[bytes, ...]]:
    """Give what `pdq` and `dihedral` give for hardly more than the cost of one.

    The first of the eight hashes is the plain one. Only for a nearly flat picture of 64x64 may
    they differ, because the reference filters such a picture for the eight but not for the one.

    Raises:
        ValueError: The array is not H x W x 3 bytes.
    """
    return _hash(rgb, turns=_TURNS)


def rough_pdq(rough: RoughPicture) -> PdqHash:
    """Hash a picture that was decoded at a fraction of its size: a prefilter, and no hash to keep.

    Returns:
        A hash within `ROUGHNESS` bits of the whole picture's, and about its quality.
    """
    small = linear.rough_small_picture(rough.grey, rough.height, rough.width)
    ones = _above_median(linear.coefficients(small)[None])
    return PdqHash(_digests(ones, _TURNS[:1])[0], _quality(small, 0.0))


def grey_pdq(grey: NDArray[np.uint8], *, is_studio: bool) -> tuple[PdqHash, tuple[bytes, ...]]:
    """Hash a video's frame by its luminance as it is coded, and its seven turns and mirror images.

    Of 1,355 frames the hash was at most 10 bits from that of the frame's red, green and blue.

    Args:
        grey: H x W; rows may be apart. With a side under 5 pixels the hashes are 0.
        is_studio: Black is 16 and white 235, as in most videos. Source: ITU-R BT.709.

    Returns:
        The hash, and 32 bytes for each of DIHEDRAL.
    """
    if min(grey.shape) < _SMALLEST_SIDE:
        return PdqHash(bytes(BYTES), 0), (bytes(BYTES),) * len(_TURNS)
    small = linear.small_grey_picture(grey)
    if is_studio:
        small = (small - _STUDIO_BLACK) * (255 / (_STUDIO_WHITE - _STUDIO_BLACK))
    digests = _digests(_above_median(_SIGNS * linear.coefficients(small)), _TURNS)
    return PdqHash(digests[0], _quality(small, 0.0)), digests


def _hash(
    rgb: NDArray[np.uint8], turns: tuple[tuple[int, bool], ...]
) -> tuple[PdqHash, tuple[bytes, ...]]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError("PDQ needs an H x W x 3 array of bytes")
    if min(rgb.shape[:2]) < _SMALLEST_SIDE:
        return PdqHash(bytes(BYTES), 0), (bytes(BYTES),) * len(turns)
    rgb = np.ascontiguousarray(rgb)
    return _hash_if_certain(rgb, turns) or _hash_in_reference_order(rgb, turns)


def _hash_if_certain(
    rgb: NDArray[np.uint8], turns: tuple[tuple[int, bool], ...]
) -> tuple[PdqHash, tuple[bytes, ...]] | None:
    height, width = rgb.shape[:2]
    small = linear.small_picture(rgb)
    signs = _SIGNS if len(turns) > 1 else _SIGNS[:1]
    signed = signs * linear.coefficients(small)
    ones = _above_median(signed)
    slack = linear.coefficient_slack(height, width)
    lowest_one = np.where(ones, signed - slack, np.inf).min(axis=(1, 2))
    highest_zero = np.where(ones, -np.inf, signed + slack).max(axis=(1, 2))
    # Of coefficients that tie here, the reference's roundings may raise any above the median.
    tie = ones.sum(axis=(1, 2)) != ones[0].size // 2
    gradient_slack = linear.gradient_slack(height, width)
    quality = _quality(small, -gradient_slack)
    if (
        tie.any()
        or (lowest_one <= highest_zero).any()
        or quality != _quality(small, gradient_slack)
    ):
        return None
    digests = _digests(ones, turns)
    return PdqHash(digests[0], quality), digests


def _hash_in_reference_order(
    rgb: NDArray[np.uint8], turns: tuple[tuple[int, bool], ...]
) -> tuple[PdqHash, tuple[bytes, ...]]:
    small = reference.small_picture(rgb, keep_64=True)
    coefficients = reference.coefficients(small)
    digests = _digests(_above_median(_SIGNS * coefficients), turns)
    plain = PdqHash(digests[0], _quality(small, 0.0))
    if len(turns) > 1 and rgb.shape[:2] == small.shape:
        coefficients = reference.coefficients(reference.small_picture(rgb, keep_64=False))
        digests = _digests(_above_median(_SIGNS * coefficients), turns)
    return plain, digests


def _above_median(signed: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Compare coefficients, ... x 16 x 16, with their lower median: the 128th smallest."""
    flat = signed.reshape(len(signed), -1)
    half = flat.shape[1] // 2 - 1
    median = np.partition(flat, half, axis=1)[:, half]
    return signed > median[:, None, None]


def _digests(ones: NDArray[np.bool_], turns: tuple[tuple[int, bool], ...]) -> tuple[bytes, ...]:
    # The coefficient of the lowest frequencies is the last bit, as in the published form.
    return tuple(
        np.packbits((ones[which].T if transposed else ones[which]).ravel()[::-1]).tobytes()
        for which, transposed in turns
    )


def _quality(small: NDArray[np.floating], slack: float) -> int:
    """Add up the whole hundredths by which neighbours in the 64x64 picture differ.

    Args:
        slack: Added to each difference before its fraction is dropped.
    """
    # In this order: the reference multiplies and divides in float32.
    down = np.abs(small[:-1] - small[1:]) * 100 / 255 + slack
    across = np.abs(small[:, :-1] - small[:, 1:]) * 100 / 255 + slack
    total = int(down.astype(np.int32).sum()) + int(across.astype(np.int32).sum())
    return min(100, total // _GRADIENTS_PER_QUALITY)


def _compute(picture: Picture) -> HashValue:
    value = pdq(picture.rgb)
    return HashValue(value.digest, value.quality)


HASH: Final = MediaHash(name="pdq", bits=256, threshold=THRESHOLD, compute=_compute)
