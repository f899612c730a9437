"""A frame as both ways of decoding give it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame of a video; its pixels are the decoder's, until the next one is asked for.

    Attributes:
        number: How many come before it; where not all were decoded, about so many.
        ms: Since the first frame.
        grey: H x W, its luminance; rows may be apart.
        is_studio: Black is 16 and white 235.
        aspect: Width of a pixel by its height.
    """

    number: int
    ms: int
    grey: NDArray[np.uint8] = field(repr=False)
    is_studio: bool
    aspect: float = 1.0


# Studio range to full range.
_FULL = ((np.arange(256) - 16) * (255 / 219)).clip(0, 255).round().astype(np.uint8)


def small(frame: Shown, area: int, side: int) -> NDArray[np.uint8]:
    """Give a frame's brightness as it is shown, H x W, at most so many pixels.

    Args:
        side: The longest; of a strip of pixels nothing could be made.
    """
    height, width = frame.grey.shape
    across = width * frame.aspect
    scale = min(1.0, side / max(across, height), (area / (across * height)) ** 0.5)
    size = max(1, round(across * scale)), max(1, round(height * scale))
    if size == (width, height):
        grey = np.array(frame.grey)
    else:
        image = Image.fromarray(np.ascontiguousarray(frame.grey))
        grey = np.asarray(image.resize(size, Image.Resampling.BOX))
    return _FULL[grey] if frame.is_studio else grey
