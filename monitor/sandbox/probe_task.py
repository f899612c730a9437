"""The worker's side of `haechi doctor`: tries what no worker may be able to do."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Final

from monitor.sandbox._base import Ask, Task, Work

# Whether it could be done.
_ANSWER: Final = struct.Struct("<?")
_REFUSALS: Final = frozenset({errno.EPERM, errno.EACCES, errno.EFBIG, errno.EMFILE, errno.EAGAIN})


def _reach(_: str) -> None:
    socket.socket().close()


def _read(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _write(path: str) -> None:
    os.write(os.open(path, os.O_WRONLY), b"x")


def _start(program: str) -> None:
    os.execv(program, [program])  # noqa: S606 - it is to be refused


def _multiply(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)


def _allocate(size: str) -> None:
    bytearray(int(size))


def _spin(_: str) -> None:
    while True:
        pass


_DEEDS: Final[dict[str, Callable[[str], None]]] = {
    **{"reach": _reach, "read": _read, "write": _write, "start": _start},
    **{"multiply": _multiply, "allocate": _allocate, "spin": _spin},
}


def _prepare(_options: Mapping[str, int], _ask: Ask) -> Work:
    """Give the worker's side: an item is a deed and what to do it on."""

    def work(data: bytes, _room: memoryview) -> tuple[tuple[int, ...], memoryview]:
        deed, _, thing = data.decode().partition(" ")
        try:
            _DEEDS[deed](thing)
        except OSError as error:
            if error.errno in _REFUSALS:
                return (False,), memoryview(b"")
            raise
        return (True,), memoryview(b"")

    return work


TASK: Final = Task(answer=_ANSWER, reasons=(), prepare=_prepare)
