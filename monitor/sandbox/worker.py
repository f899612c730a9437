"""A worker: confines itself, then answers items one by one until nobody asks any more.

Started by `monitor.sandbox.box`. Standard input is a socket to whoever started it.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import sys
from functools import partial
from importlib import import_module

from monitor.errors import MediaError
from monitor.sandbox._base import (
    ANSWER,
    ASKS,
    DONE,
    NO_MEMORY,
    PART,
    PART_SIZE,
    READY,
    REFUSED,
    REQUEST,
    ROOM_BYTES,
    Task,
    Work,
)
from monitor.sandbox.seccomp import confine

_ASKING = 0
_DIE_WITH_PARENT = 1
_PART_BYTES = 1 << 20


def main() -> None:
    """Work as the one argument says, which comes from `monitor.sandbox.box`."""
    setup = json.loads(sys.argv[1])
    # Ctrl-C is for the command that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(setup["parent"])
    task: Task = import_module(setup["task"]).TASK
    work = task.prepare(setup["options"], partial(_ask, task))
    room = _mapped(setup["room"])
    _limit((setup["memory_mb"] << 20) + len(room), setup["life_s"])
    confine()
    os.write(_ASKING, READY)
    while True:
        _do(task, work, room)


def _mapped(handle: int | None) -> memoryview:
    """Give the shared memory; none where there is none."""
    return memoryview(bytearray() if handle is None else mmap.mmap(handle, ROOM_BYTES))


def _do(task: Task, work: Work, room: memoryview) -> None:
    """Wait for an item and do it; nothing of it outlives this, or the next would find no room."""
    size, is_shared = REQUEST.unpack(_read(REQUEST.size))
    data = bytes(room[:size]) if is_shared else _read(size)
    answer, content = _answer(task, work, data, room)
    is_shared = len(content) <= len(room)
    if is_shared and content.obj is not room.obj:
        room[: len(content)] = content
    _write(memoryview(answer))
    if not is_shared:
        _write(content)


def _answer(task: Task, work: Work, data: bytes, room: memoryview) -> tuple[bytes, memoryview]:
    """Do one item; whatever else is raised ends the worker, which tells enough."""
    nothing = bytes(task.answer.size)
    try:
        numbers, content = work(data, room)
    except MediaError as error:
        reason = task.reasons.index(error.reason)
        return ANSWER.pack(REFUSED, reason) + nothing, memoryview(b"")
    except MemoryError:
        return ANSWER.pack(NO_MEMORY, 0) + nothing, memoryview(b"")
    return ANSWER.pack(DONE, 0) + task.answer.pack(*numbers), content.cast("B")


def _ask(task: Task, start: int, size: int) -> bytes | None:
    """Ask for a part of the stream that is at hand; None: it can't be had."""
    asking = ANSWER.pack(ASKS, 0) + bytes(task.answer.size) + PART.pack(start, size)
    _write(memoryview(asking))
    (given,) = PART_SIZE.unpack(_read(PART_SIZE.size))
    return None if given < 0 else _read(given)


def _read(size: int) -> bytes:
    """Wait for so many bytes; ends the process when nobody is there any more."""
    parts: list[bytes] = []
    while size:
        part = os.read(_ASKING, min(size, _PART_BYTES))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(left: memoryview) -> None:
    """Hand all of it over."""
    while left:
        left = left[os.write(_ASKING, left) :]


def _end_with(parent: int) -> None:
    """Have the kernel end this process with the one that started it, where it can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _limit(memory: int, life_s: int) -> None:
    """Limit what is limited by the process itself; nothing raises it again.

    Args:
        memory: Bytes of address space.
        life_s: Seconds on the processor in all, 0 where the other side limits those of each item.
    """
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
        # Also of files that are open already.
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 16,
    }
    if life_s:
        limits[resource.RLIMIT_CPU] = life_s
    # A write beyond the limit is an error, as any other.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (lowest, lowest))
        except (OSError, ValueError):
            # Not every system has every limit; `haechi doctor` tries which hold.
            continue


if __name__ == "__main__":
    main()
