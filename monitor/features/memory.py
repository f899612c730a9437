"""Says that memory is lacking in one way, whoever met it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import cv2

# OpenCV's StsNoMem.
_NO_MEMORY: Final = -4


@contextmanager
def lack_of_memory_told() -> Iterator[None]:
    """Make OpenCV's error of lacking memory a MemoryError."""
    try:
        yield
    except cv2.error as error:
        if getattr(error, "code", None) == _NO_MEMORY:
            raise MemoryError("OpenCV") from error
        raise
