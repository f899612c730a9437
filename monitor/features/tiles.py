"""Checks a placement by hashes: the photo's tiles against what lies there in the post."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.compiled import kernels
from monitor.features.extract import Luma

# The photo's frame: TILES x TILES tiles of SIDE x SIDE pixels, whatever the photo's shape.
TILES = 8
SIDE = 24
FRAME = TILES * SIDE
BITS = 63
# Of packed tiles: 8 a tile, and a bit that tells whether it has texture.
TILES_BYTES = 8 * TILES * TILES + TILES * TILES // 8
# Bits that differ: independent tiles differ in some 31, the same in under 12.
MAX_DISTANCE = 18

_MIN_TEXTURE = 4.0
# A placement is exact to some pixels of the frame; each tile is looked for so far around.
_SHIFT = 3
_PAD = _SHIFT + 1
_MIN_SHOWN = 0.9
# Seconds that kernels save of a comparison.
KERNELS, _SAVED_S = "monitor.features._tile_kernels", 1e-3
_CORE = slice(TILES // 4, TILES - TILES // 4)


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """A photo's tiles.

    Attributes:
        signs: uint8, (64, 63): 1 where a DCT coefficient of the tile is positive.
        textured: bool, (64,): the tile has something to compare.
    """

    signs: NDArray[np.uint8]
    textured: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a post agrees with a photo, in tiles.

    Attributes:
        shown: Tiles that lie within the post.
        compared: Of these, textured ones.
        agreeing: Of these, the same.
        core: Agreeing tiles of the 16 in the middle: frames, captions and chrome lie round it.
        core_textured: Textured tiles of these 16, whether they lie within the post or not.
    """

    shown: int
    compared: int
    agreeing: int
    core: int = 0
    core_textured: int = TILES * TILES // 4

    @property
    def share(self) -> float:
        """Agreeing of compared, 0-1."""
        return self.agreeing / self.compared if self.compared else 0.0


def tiles_of(grey: Luma) -> Tiles:
    """Take the tiles of a photo to be enrolled."""
    frame = cv2.resize(grey, (FRAME, FRAME), interpolation=cv2.INTER_AREA)
    coefficients = _coefficients(np.asarray(frame, np.float32))
    return Tiles(
        signs=(coefficients > 0).astype(np.uint8),
        textured=np.abs(coefficients).mean(axis=1) > _MIN_TEXTURE,
    )


def packed(tiles: Tiles) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pack tiles: signs, (64, 8), and which are textured, (8,)."""
    return np.packbits(tiles.signs, axis=1), np.packbits(tiles.textured)


def unpacked(signs: NDArray[np.uint8], textured: NDArray[np.uint8]) -> Tiles:
    """Give the tiles that were `packed`."""
    return Tiles(
        signs=np.unpackbits(signs, axis=1)[:, :BITS],
        textured=np.unpackbits(textured).astype(np.bool_),
    )


def dump_tiles(tiles: Tiles) -> bytes:
    """Write tiles in TILES_BYTES."""
    return b"".join(one.tobytes() for one in packed(tiles))


def load_tiles(data: bytes) -> Tiles:
    """Read what `dump_tiles` wrote."""
    signs, textured = np.split(np.frombuffer(data, np.uint8), [8 * TILES * TILES])
    return unpacked(signs.reshape(-1, 8), textured)


def agreement(
    tiles: Tiles, width: int, height: int, grey: Luma, matrix: NDArray[np.float64]
) -> Agreement:
    """Compare a photo's tiles with a post, put into the photo's frame.

    Args:
        width, height: Of the picture that the photo's features were taken from.
        grey: The post, mirrored where the placement is of its mirror image.
        matrix: Takes the photo's pixels to the post's.
    """
    to_photo = np.array(
        [
            [width / FRAME, 0, (0.5 - _PAD) * width / FRAME - 0.5],
            [0, height / FRAME, (0.5 - _PAD) * height / FRAME - 0.5],
            [0, 0, 1],
        ]
    )
    whole = np.vstack([matrix, [0, 0, 1]]) @ to_photo
    scale = abs(whole[0, 0] * whole[1, 1] - whole[0, 1] * whole[1, 0]) ** 0.5
    if scale > 1.5:
        # Made smaller with a filter first: the warp looks at four pixels only.
        grey, shrink = _smaller(grey, 1 / scale)
        whole = shrink @ whole
    size = (FRAME + 2 * _PAD,) * 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(grey, whole[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    shown = _shares_within(grey.shape, whole) > _MIN_SHOWN
    compared = shown & tiles.textured
    nearest = _nearest(tiles.signs, compared, np.asarray(warped, np.float32))
    agreeing = (nearest <= MAX_DISTANCE) & compared
    return Agreement(
        shown=int(shown.sum()),
        compared=int(compared.sum()),
        agreeing=int(agreeing.sum()),
        core=_in_core(agreeing),
        core_textured=_in_core(tiles.textured),
    )


def _shares_within(shape: tuple[int, ...], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell how much of each tile lies within the post, 0-1, (64,).

    Args:
        shape: Of the post.
        whole: (3, 3): takes the pixels of the frame, with those round it, to the post's.
    """
    last = FRAME + 2 * _PAD - 1
    corners = whole[:2] @ [[0, last, 0, last], [0, 0, last, last], [1, 1, 1, 1]]
    if corners.min() >= 0 and (corners.max(axis=1) <= (shape[1] - 1, shape[0] - 1)).all():
        return np.ones(TILES * TILES)
    size = (FRAME + 2 * _PAD,) * 2
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    inside = np.asarray(cv2.warpAffine(np.ones(shape[:2], np.uint8), whole[:2], size, flags=flags))
    parts = inside[_PAD:-_PAD, _PAD:-_PAD].reshape(TILES, SIDE, TILES, SIDE)
    return np.asarray(parts.mean(axis=(1, 3))).ravel()


def _in_core(tiles: NDArray[np.bool_]) -> int:
    """Count tiles of the middle."""
    return int(tiles.reshape(TILES, TILES)[_CORE, _CORE].sum())


def _smaller(grey: Luma, factor: float) -> tuple[Luma, NDArray[np.float64]]:
    """Make a picture smaller; gives it and the map of the old pixels to the new."""
    height, width = grey.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = size[0] / width, size[1] / height
    return small, np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]])


def _nearest(
    signs: NDArray[np.uint8], compared: NDArray[np.bool_], frame: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Count the bits of each tile that differ where it fits best, (64,).

    Args:
        signs: (64, 63).
        compared: (64,): of other tiles the counts mean nothing.
        frame: The post in the photo's frame, with _PAD pixels round it.
    """
    nearest = np.full(TILES * TILES, BITS, np.int64)
    fast = kernels(KERNELS, _SAVED_S)
    if fast is not None:
        fast.nearest(signs, compared, frame, _basis(), nearest)
        return nearest
    for dx in range(-_SHIFT, _SHIFT + 1):
        strips = _along_rows(frame[:, _PAD + dx : _PAD + dx + FRAME])
        reach = min(_SHIFT, _SHIFT + 1 - abs(dx))
        shifted = np.stack(
            [strips[_PAD + dy : _PAD + dy + FRAME] for dy in range(-reach, reach + 1)]
        )
        differing = (_down_columns(shifted) > 0) != signs
        nearest = np.minimum(nearest, differing.sum(axis=2).min(axis=0))
    return nearest


def _coefficients(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the low DCT coefficients of each tile, (64, 63), without the mean."""
    return np.asarray(_down_columns(_along_rows(frame)[None])[0])


def _along_rows(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform (n, FRAME) tile by tile to (n, 64): horizontal frequencies of each tile."""
    return np.asarray((frame.reshape(-1, SIDE) @ _basis().T).reshape(len(frame), -1))


def _down_columns(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform (n, FRAME, 64) to the coefficients of each tile but the mean, (n, 64, 63)."""
    both = _basis() @ rows.reshape(-1, TILES, SIDE, 8 * TILES)
    both = both.reshape(-1, TILES, 8, TILES, 8).transpose(0, 1, 3, 2, 4)
    return np.asarray(both.reshape(-1, TILES * TILES, 64)[:, :, 1:])


@lru_cache(maxsize=1)
def _basis() -> NDArray[np.float32]:
    """Give the first 8 rows of the DCT-II of a tile."""
    i, j = np.mgrid[0:8, 0:SIDE]
    return np.asarray(np.cos(np.pi * (j + 0.5) * i / SIDE), np.float32)
