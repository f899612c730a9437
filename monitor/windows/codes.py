"""The 256-bit code of a square window: the signs of its lowest DCT coefficients."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Pixels a side of a window when it is hashed; 16 frequencies each way, the mean left out.
SIDE: Final = 32
FREQUENCIES: Final = 16
WORDS: Final = 4
# How a picture may be turned: bit 0 mirrored left to right, bit 1 top to bottom, then bit 2
# mirrored over the diagonal from the upper left; bit 3: its colours inverted.
TURNS: Final = 16
NEGATIVE: Final = 8
KEY_BITS: Final = 21
# Bits of a window's key that may be wrong.
UNSURE: Final = 4
# Grey levels that the lowest frequencies of a window, 5 each way, amount to: less is plain ground.
LOWEST: Final = 5
MIN_TEXTURE: Final = 2.0

Codes = NDArray[np.uint64]
Signs = NDArray[np.bool_]

_BLOCK: Final = FREQUENCIES // 2
# Of a word, the odd columns and the odd rows: a mirror image changes the signs of these.
_NONE, _MEAN = np.uint64(0), np.uint64(1)
_RIGHT, _DOWN = np.uint64(0xAAAAAAAAAAAAAAAA), np.uint64(0xFF00FF00FF00FF00)
_EXCHANGES: Final = (
    (np.uint64(7), np.uint64(0x00AA00AA00AA00AA)),
    (np.uint64(14), np.uint64(0x0000CCCC0000CCCC)),
    (np.uint64(28), np.uint64(0x00000000F0F0F0F0)),
)
# Of each row of word 0: first bit, how many, and where they are in the key. The same frequencies
# both ways, so that a turned key is a key.
_KEY_ROWS: Final = ((1, 4, 0), (8, 5, 4), (16, 5, 9), (24, 4, 14), (32, 3, 18))


def _basis() -> NDArray[np.float32]:
    frequency, pixel = np.mgrid[0:FREQUENCIES, 0:SIDE]
    return np.asarray(np.cos(np.pi * (pixel + 0.5) * frequency / SIDE), np.float32)


BASIS: Final = _basis()


def coefficients(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform windows, (n, 32, 32), to (n, 16, 16), vertical frequency first."""
    return np.asarray(BASIS @ windows @ BASIS.T)


def texture(lowest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tell how many grey levels windows' lowest coefficients, (n, 5, 5), amount to, (n,)."""
    squares = np.square(lowest.reshape(len(lowest), -1)[:, 1:])
    return np.asarray(np.sqrt(squares.sum(axis=1)) * (4 / SIDE**2))


def pack(positive: Signs) -> Codes:
    """Lay signs, (n, 16, 16), out as codes, (n, 4).

    Word 0 has the lowest 8 x 8 frequencies, 1 those further right, 2 further down, 3 both; bit
    8 i + j of a word is row i and column j of its block.
    """
    blocks = positive.reshape(-1, 2, _BLOCK, 2, _BLOCK).transpose(0, 1, 3, 2, 4)
    bits = np.ascontiguousarray(blocks).reshape(-1, WORDS, _BLOCK**2)
    packed = np.packbits(bits, axis=2, bitorder="little")
    codes = packed.view("<u8").reshape(-1, WORDS).astype(np.uint64)
    # The mean's says nothing.
    codes[:, 0] &= ~_MEAN
    return codes


def unpack(codes: Codes) -> Signs:
    """Give the signs of codes, (n, 4)."""
    packed = np.ascontiguousarray(codes, "<u8").view(np.uint8)
    bits = np.unpackbits(packed, axis=1, bitorder="little")
    blocks = bits.reshape(-1, 2, 2, _BLOCK, _BLOCK).transpose(0, 1, 3, 2, 4)
    return blocks.reshape(-1, FREQUENCIES, FREQUENCIES).astype(np.bool_)


def turned(codes: Codes, turn: int) -> Codes:
    """Give the codes, (n, 4), that the windows would have in a turned picture, exactly."""
    mask = (_RIGHT if turn & 1 else _NONE) ^ (_DOWN if turn & 2 else _NONE)
    changed = codes ^ mask
    if turn & 4:
        changed = _transposed(changed)[:, [0, 2, 1, 3]]
    if turn & NEGATIVE:
        changed = ~changed
        changed[:, 0] &= ~_MEAN
    return changed


def undone(turn: int) -> int:
    """Give the turn that takes a turned picture back."""
    return turn & ~3 | (turn & 1) << 1 | (turn & 2) >> 1 if turn & 4 else turn


def _transposed(words: Codes) -> Codes:
    """Exchange the rows and columns of 8 x 8 bits (Warren, Hacker's Delight, 7-3)."""
    for shift, mask in _EXCHANGES:
        moved = (words ^ (words >> shift)) & mask
        words = words ^ moved ^ (moved << shift)
    return words


def keys_of(codes: Codes) -> NDArray[np.uint32]:
    """Give what codes, (n, 4), are looked up by: their 21 lowest frequencies, (n,)."""
    words = codes[:, 0]
    keys = np.zeros(len(words), np.uint64)
    for start, count, at in _KEY_ROWS:
        part = (words >> np.uint64(start)) & np.uint64((1 << count) - 1)
        keys |= part << np.uint64(at)
    return keys.astype(np.uint32)


def key_places() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the vertical and the horizontal frequency of each bit of a key, (21,)."""
    bits = [start + bit for start, count, _ in _KEY_ROWS for bit in range(count)]
    return np.divmod(np.array(bits, np.intp), _BLOCK)


def turn_matrix(turn: int, width: float, height: float) -> NDArray[np.float64]:
    """Take a picture's points to where they are when it is turned, (3, 3)."""
    matrix = np.eye(3)
    if turn & 1:
        matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
    if turn & 2:
        matrix = np.array([[1.0, 0, 0], [0, -1, height], [0, 0, 1]]) @ matrix
    if turn & 4:
        matrix = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]]) @ matrix
    return matrix


def one_sidedness(positive: Signs) -> NDArray[np.float64]:
    """Tell how far windows, (n, 16, 16), are ruled by one edge, gradient or ground; 0-1.

    A matrix of signs that is nearly of rank 1 is what many unlike pictures have: the share of its
    largest singular value in its sum of squares.
    """
    matrix = np.where(positive, 1.0, -1.0)
    matrix[:, 0, 0] = 0
    largest = np.linalg.svd(matrix, compute_uv=False)[:, 0]
    return np.asarray(largest**2 / (FREQUENCIES**2 - 1))
