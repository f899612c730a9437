"""What a task declares, and the few bytes that its two sides exchange."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

# The size of the item, and whether it is in the shared memory or follows.
REQUEST: Final = struct.Struct("<Q?")
# A status, and the number of a reason; the task's numbers and what they are about follow.
ANSWER: Final = struct.Struct("<BB")
# What is of ordinary size is handed over in shared memory, where the system has such: a busy
# machine would otherwise change between the two processes twenty times a picture.
ROOM_BYTES: Final = 32 << 20
# Where a part of a stream begins, and how long it is at most; its bytes follow their number, which
# is less than none where they can't be had.
PART: Final = struct.Struct("<QQ")
PART_SIZE: Final = struct.Struct("<q")
READY: Final = b"\x01"
# The last: a part of a stream is asked for, and the answer is still to come.
DONE, REFUSED, NO_MEMORY, ASKS = range(4)


class Breach(StrEnum):
    """Why a worker was ended: the reason that is told of the item."""

    TIME = "takes too long to decode"
    MEMORY = "needs too much memory"
    CRASH = "crashed the decoder"


# Asks who gave the item for a part of a stream: where it begins, and how long it is at most.
Ask: TypeAlias = Callable[[int, int], bytes | None]
# Given the item and the shared memory, gives the numbers of `Task.answer`, and bytes whose number
# follows from them; they may be the first of the shared memory.
Work: TypeAlias = Callable[[bytes, memoryview], tuple[tuple[int, ...], memoryview]]


@dataclass(frozen=True, slots=True)
class Task:
    """What workers of a module do; the module's `TASK`.

    Attributes:
        answer: The numbers that are told of an item that was done, before its bytes.
        reasons: All phrases by which an item is refused (a MediaError); their numbers are sent.
        prepare: Imports all that the work will need, as a worker can open no file later, and
            gives the work; it may ask for parts of a stream, of which None can't be had.
    """

    answer: struct.Struct
    reasons: tuple[str, ...]
    prepare: Callable[[Mapping[str, int], Ask], Work]
