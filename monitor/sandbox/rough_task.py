"""The worker's side of a first look at pictures; imports as little as it can."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

import numpy as np

from monitor.errors import MediaError
from monitor.pictures import PictureLimits, decode_roughly
from monitor.sandbox._base import Ask, Task, Work

# Height and width of the whole picture, and of what is given of it.
_ANSWER: Final = struct.Struct("<IIII")
_NONE: Final = "none to be had"


def _prepare(options: Mapping[str, int], _ask: Ask) -> Work:
    """Give the worker's side."""
    limits = PictureLimits(**options)

    def work(data: bytes, _room: memoryview) -> tuple[tuple[int, ...], memoryview]:
        rough = decode_roughly(data, limits)
        if rough is None:
            raise MediaError(_NONE)
        grey = np.ascontiguousarray(rough.grey)
        return (rough.height, rough.width, *grey.shape), grey.data

    return work


TASK: Final = Task(answer=_ANSWER, reasons=(_NONE,), prepare=_prepare)
