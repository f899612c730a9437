"""What a task declares, and the few bytes that its two sides exchange."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

# The size of the item, which itself is in shared memory.
REQUEST: Final = struct.Struct("<Q")
# A status, and the number of a reason; what the task answers follows.
ANSWER: Final = struct.Struct("<BB")
READY: Final = b"\x01"
DONE, REFUSED, NO_MEMORY = range(3)

# Shared memory that stays filled between items: those of ordinary size are fastest so.
KEPT_BYTES: Final = 32 << 20


class Breach(StrEnum):
    """Why a worker was ended: the reason that is told of the item."""

    TIME = "takes too long to decode"
    MEMORY = "needs too much memory"
    CRASH = "crashed the decoder"


# Of the file and the memory in which the results are left; see `Task.answer`.
Work: TypeAlias = Callable[[bytes, mmap.mmap], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Task:
    """What workers of a module do; the module's `TASK`.

    Attributes:
        answer: The numbers that are told of an item that was done, beside what is left in the
            shared memory.
        reasons: All phrases by which an item is refused (a MediaError); their numbers are sent.
        prepare: Imports all that the work will need, as a worker can open no file later, and
            gives the work.
    """

    answer: struct.Struct
    reasons: tuple[str, ...]
    prepare: Callable[[Mapping[str, int]], Work]
