"""Makes the fingerprints of as many photos as a large bank has, of those of a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from monitor.features.codec import EnrolledFeatures, pack, unpack
from monitor.features.tiles import Tiles
from monitor.windows.photo import EnrolledWindows


def crowd(like: Sequence[EnrolledFeatures], count: int) -> Iterator[EnrolledFeatures]:
    """Make photos: codes of all the given ones', some bits of each changed, at places of one.

    Random codes would be unlike any picture's, and nothing would be looked at closely.
    """
    rng = np.random.default_rng(count)
    codes = np.concatenate([one.features.codes for one in like])
    for number in range(count):
        one = like[number % len(like)]
        shape = one.features.codes.shape
        # Four random bytes and-ed: one bit of 16 is changed.
        changed = np.bitwise_and.reduce(rng.integers(0, 256, (4, *shape), dtype=np.uint8))
        drawn = codes[rng.integers(len(codes), size=len(changed))]
        made = replace(one.features, codes=drawn ^ changed)
        yield unpack(pack(replace(one, features=made)))


def window_crowd(like: Sequence[EnrolledWindows], count: int) -> Iterator[EnrolledWindows]:
    """Make photos' windows in the same way: those of all the given ones, some bits changed."""
    rng = np.random.default_rng(count)
    codes = np.concatenate([one.codes for one in like])
    for number in range(count):
        one = like[number % len(like)]
        drawn = codes[rng.integers(len(codes), size=len(one.codes))]
        changed = rng.integers(0, 1 << 64, (4, *drawn.shape), dtype=np.uint64, endpoint=False)
        # Tiles elsewhere: by its own, a photo would be found.
        order = rng.permutation(len(one.tiles.signs))
        tiles = Tiles(one.tiles.signs[order], one.tiles.textured[order])
        yield replace(one, codes=drawn ^ np.bitwise_and.reduce(changed), tiles=tiles)
