"""The worker's side of decoding pictures; imports as little as it can."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

import numpy as np

from monitor.pictures import MIMES, REASONS, PictureLimits, decode, warm_up
from monitor.sandbox._base import Ask, Task, Work

# Height and width; the kind of file, how it is to be turned, whether there are more frames, and
# whether it was cut short.
_ANSWER: Final = struct.Struct("<IIBBBB")


def _prepare(options: Mapping[str, int], _ask: Ask) -> Work:
    """Give the worker's side."""
    limits = PictureLimits(**options)
    warm_up()

    def work(data: bytes, room: memoryview) -> tuple[tuple[int, ...], memoryview]:
        picture = decode(data, limits, buffer=room)
        rgb = picture.rgb
        numbers = (
            *(picture.height, picture.width, MIMES.index(picture.mime), picture.orientation),
            *(picture.has_more_frames, picture.is_cut_short),
        )
        is_there = len(room) > 0 and np.may_share_memory(rgb, np.frombuffer(room, np.uint8))
        return numbers, room[: rgb.nbytes] if is_there else rgb.data

    return work


TASK: Final = Task(answer=_ANSWER, reasons=REASONS, prepare=_prepare)
