"""Packs what is kept of a photo's local features into bytes, and reads them back."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from monitor.features.extract import CODE_BYTES, LocalFeatures, keys_of
from monitor.features.tiles import TILES_BYTES, Tiles, dump_tiles, load_tiles

# Version, width, height, number of features.
_HEAD = struct.Struct("<BHHH")
VERSION = 1
# Coordinates in 1/16 pixel, sizes in 1/32 pixel, directions in 1/65536 turn.
_STEPS = np.array([16, 16, 32, 65_536 / 360])


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledFeatures:
    """What is kept of a photo whose owner agreed to local features."""

    features: LocalFeatures
    tiles: Tiles


def pack(photo: EnrolledFeatures) -> bytes:
    """Pack: 7 bytes, 40 a feature, 520 of tiles."""
    ours = photo.features
    steps = np.rint(ours.points * _STEPS).clip(0, 65_535).astype("<u2")
    return b"".join(
        (
            _HEAD.pack(VERSION, ours.width, ours.height, len(ours.points)),
            steps.tobytes(),
            ours.codes.tobytes(),
            dump_tiles(photo.tiles),
        )
    )


def unpack(data: bytes) -> EnrolledFeatures:
    """Read what `pack` wrote.

    Raises:
        ValueError: It is of another version, or cut short.
    """
    if len(data) < _HEAD.size:
        raise ValueError("cut short")
    version, width, height, count = _HEAD.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"version {version}")
    sizes = (8 * count, CODE_BYTES * count, TILES_BYTES)
    if len(data) != _HEAD.size + sum(sizes):
        raise ValueError("cut short")
    parts, at = [], _HEAD.size
    for size in sizes:
        parts.append(np.frombuffer(data, np.uint8, size, at))
        at += size
    points = (parts[0].view("<u2").reshape(count, 4) / _STEPS).astype(np.float32)
    codes = parts[1].reshape(count, CODE_BYTES)
    return EnrolledFeatures(
        LocalFeatures(width, height, points, codes, keys_of(codes)[:, None]),
        load_tiles(data[-TILES_BYTES:]),
    )
