"""The 64-bit DCT hash of the imagehash package, for lists that partners made with it."""

from __future__ import annotations

from typing import Final

import imagehash
import numpy as np
from PIL import Image

from monitor.hashes._base import HashValue, MediaHash
from monitor.pictures import Picture


def _compute(picture: Picture) -> HashValue:
    bits = imagehash.phash(Image.fromarray(picture.rgb)).hash
    return HashValue(np.packbits(bits).tobytes())


HASH: Final = MediaHash(name="phash", bits=64, threshold=10, compute=_compute)
