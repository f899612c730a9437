"""What others do with the same picture: Pillow, and the reference implementation of PDQ."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor.hashes.pdq import PdqHash

try:
    import pdqhash
except ImportError:
    pdqhash = None

IS_THERE = pdqhash is not None


def reference_pdq(rgb: NDArray[np.uint8]) -> PdqHash:
    """Hash by the reference, which must be there."""
    vector, quality = pdqhash.compute(rgb)
    return PdqHash(np.packbits(vector.astype(np.uint8)).tobytes(), quality)


def pillow_rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode a file by Pillow alone."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
