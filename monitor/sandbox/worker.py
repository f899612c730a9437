"""A worker: confines itself, then answers items one by one until nobody asks any more.

Started by `monitor.sandbox.box`. Standard input is a socket to whoever started it; the items and
the results are in two files in memory, of which only handles are passed on.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import sys
from importlib import import_module

from monitor.errors import MediaError
from monitor.sandbox._base import ANSWER, DONE, NO_MEMORY, READY, REFUSED, REQUEST, Task, Work
from monitor.sandbox.seccomp import confine

_ASKING = 0
_DIE_WITH_PARENT = 1


def main() -> None:
    """Work as the one argument says, which comes from `monitor.sandbox.box`."""
    setup = json.loads(sys.argv[1])
    # Ctrl-C is for the command that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(setup["parent"])
    task: Task = import_module(setup["task"]).TASK
    work = task.prepare(setup["options"])
    room = mmap.mmap(setup["room"], setup["room_bytes"])
    _limit((setup["memory_mb"] << 20) + len(room), setup["life_s"])
    confine()
    os.write(_ASKING, READY)
    while request := _next():
        (size,) = REQUEST.unpack(request)
        os.write(_ASKING, _answer(task, work, os.pread(setup["items"], size, 0), room))


def _answer(task: Task, work: Work, data: bytes, room: mmap.mmap) -> bytes:
    """Do one item; whatever else is raised ends the worker, which tells enough."""
    try:
        answer = work(data, room)
    except MediaError as error:
        return ANSWER.pack(REFUSED, task.reasons.index(error.reason)) + bytes(task.answer.size)
    except MemoryError:
        return ANSWER.pack(NO_MEMORY, 0) + bytes(task.answer.size)
    return ANSWER.pack(DONE, 0) + task.answer.pack(*answer)


def _next() -> bytes:
    """Wait for an item; empty when nobody is there any more."""
    request = os.read(_ASKING, REQUEST.size)
    return request if len(request) == REQUEST.size else b""


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
