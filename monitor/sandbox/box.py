"""Keeps a worker at work: starts it, holds it to its limits, ends and replaces it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.errors import HaechiError, MediaError
from monitor.sandbox._base import (
    ANSWER,
    DONE,
    KEPT_BYTES,
    NO_MEMORY,
    READY,
    REFUSED,
    REQUEST,
    Breach,
    Task,
)
from monitor.settings import SandboxSettings

_START_S: Final = 60.0
# Seconds of the clock to those on the processor: a busy machine is no fault of the item.
_PATIENCE: Final = 3
HAS_FILES_IN_MEMORY: Final = hasattr(os, "memfd_create")
_CAN_MOVE_LIMITS: Final = hasattr(resource, "prlimit")

# Nothing of ours: no secret, and no variable by which Python would load something.
_ENVIRONMENT: Final = {
    **{"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
    **{"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
}

Result = TypeVar("Result")


class _Broken(Exception):
    """The worker is to be ended."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(breach)
        self.breach = breach


@dataclass(slots=True)
class _Worker:
    """A running worker; one whose answer is not believed is ended like one that died."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    items_left: int


class Sandbox:
    """One task's worker, of which there is none until it is needed; safe for several threads.

    Of what a worker answers only numbers are read, and each is checked: a hostile file may have
    taken it over. What it leaves in the shared memory is copied before it is looked at.
    """

    def __init__(
        self,
        module: str,
        task: Task,
        settings: SandboxSettings,
        *,
        options: Mapping[str, int],
        room: int,
    ) -> None:
        """Prepare; nothing is started.

        Args:
            module: Where the worker finds `task`, as `TASK`.
            options: For the task; not secret.
            room: Bytes that the results of one item may take.
        """
        self.breaches: Counter[Breach] = Counter()
        self.starts = 0
        self._module = module
        self._task = task
        self._settings = settings
        self._options = dict(options)
        self._room = room
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._files: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def pid(self) -> int | None:
        """The process of the worker, if there is one."""
        return None if self._worker is None else self._worker.process.pid

    @property
    def answer_bytes(self) -> int:
        """All that a worker writes of an item."""
        return ANSWER.size + self._task.answer.size

    def close(self) -> None:
        """End the worker; another is started if it is needed again."""
        with self._lock:
            self._end()
            for handle in self._files or ():
                os.close(handle)
            self._files = None

    def run(self, data: bytes, take: Callable[[tuple[int, ...], Output], Result]) -> Result:
        """Have one item done.

        An item on which the worker died is tried once more by a new one: something else may have
        ended it, or an item before this one have harmed it.

        Args:
            take: Makes the result of the answer's numbers and what was left in the shared memory;
                raises ValueError if these can't be.

        Raises:
            MediaError: The worker refused the item, or broke a limit because of it.
            HaechiError: No worker can be started.
        """
        with self._lock:
            try:
                return self._tried(data, take)
            except _Broken as broken:
                if broken.breach is Breach.TIME:
                    raise MediaError(broken.breach) from None
            try:
                return self._tried(data, take)
            except _Broken as broken:
                raise MediaError(broken.breach) from None

    def _tried(self, data: bytes, take: Callable[[tuple[int, ...], Output], Result]) -> Result:
        """Have one item done; a worker of which more than that is to be said is ended."""
        worker = self._ready()
        try:
            return self._exchange(worker, data, take)
        except MediaError:
            raise
        except _Broken as broken:
            self.breaches[broken.breach] += 1
            self._end()
            raise
        except BaseException:
            # It may not have answered yet.
            self._end()
            raise

    def _exchange(
        self, worker: _Worker, data: bytes, take: Callable[[tuple[int, ...], Output], Result]
    ) -> Result:
        """Hand over an item and read its answer."""
        items, room = self._opened()
        _put(items, data)
        try:
            _grant(worker.process.pid, self._settings.seconds)
        except OSError:
            raise _Broken(self._ending(worker)) from None
        worker.items_left -= 1
        answer = self._asked(worker, REQUEST.pack(len(data)), self.answer_bytes)
        status, number = ANSWER.unpack_from(answer)
        if len(data) > KEPT_BYTES:
            os.ftruncate(items, 0)
        if status == REFUSED and number < len(self._task.reasons):
            raise MediaError(self._task.reasons[number])
        if status == NO_MEMORY:
            raise _Broken(Breach.MEMORY)
        if status != DONE:
            raise _Broken(Breach.CRASH)
        output = Output(room, self._room)
        try:
            return take(self._task.answer.unpack_from(answer, ANSWER.size), output)
        except ValueError:
            raise _Broken(Breach.CRASH) from None
        finally:
            if output.size > KEPT_BYTES:
                os.ftruncate(room, 0)
                os.ftruncate(room, self._room)

    def _asked(self, worker: _Worker, request: bytes, size: int) -> bytes:
        """Wait for an answer of so many bytes, within the time."""
        deadline = time.monotonic() + _PATIENCE * self._settings.seconds
        answer = b""
        try:
            worker.line.sendall(request)
            while len(answer) < size:
                worker.line.settimeout(max(0.001, deadline - time.monotonic()))
                part = worker.line.recv(size - len(answer))
                if not part:
                    raise _Broken(self._ending(worker))
                answer += part
        except TimeoutError:
            raise _Broken(Breach.TIME) from None
        except OSError:
            raise _Broken(self._ending(worker)) from None
        return answer

    @staticmethod
    def _ending(worker: _Worker) -> Breach:
        """Tell why a worker is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if worker.process.wait(5) == -signal.SIGXCPU:
                return Breach.TIME
        return Breach.CRASH

    def _ready(self) -> _Worker:
        """Give a worker that may do one more item."""
        worker = self._worker
        if worker is not None and (worker.items_left < 1 or worker.process.poll() is not None):
            self._end()
        if self._worker is None:
            self._worker = self._started()
        return self._worker

    def _started(self) -> _Worker:
        """Start a worker and wait until it is confined.

        Raises:
            HaechiError: It can't be, or does not answer.
        """
        mine, theirs = socket.socketpair()
        items, room = self._opened()
        setup = {
            "task": self._module,
            "options": self._options,
            "parent": os.getpid(),
            "items": items,
            "room": room,
            "room_bytes": self._room,
            "memory_mb": self._settings.memory_mb,
            "life_s": 0 if _CAN_MOVE_LIMITS else self._settings.items * self._settings.seconds,
        }
        # -P: the folder that a command is started in is no place to import from.
        command = (sys.executable, "-P", "-m", "monitor.sandbox.worker", json.dumps(setup))
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own module, arguments are numbers
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    # Decoders print what files hold.
                    stderr=subprocess.DEVNULL,
                    pass_fds=(items, room),
                    env=_ENVIRONMENT,
                    cwd="/",
                )
            except OSError as error:
                mine.close()
                raise HaechiError(f"no picture can be opened safely: {error.strerror}") from error
        self.starts += 1
        worker = self._worker = _Worker(process, mine, self._settings.items)
        mine.settimeout(_START_S)
        try:
            is_ready = mine.recv(1) == READY
        except OSError:
            is_ready = False
        if not is_ready:
            self._end()
            raise HaechiError(
                "no picture can be opened safely: the process that opens them does not start "
                "(haechi doctor)"
            )
        return worker

    def _end(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.process.kill()
            self._worker.process.wait()
            self._worker.line.close()
            self._worker = None

    def _opened(self) -> tuple[int, int]:
        """Give the files in memory of the items and of the results."""
        if self._files is None:
            items, room = _file_in_memory("items"), _file_in_memory("room")
            os.ftruncate(room, self._room)
            self._files = items, room
        return self._files


class Output:
    """What a worker left in the shared memory.

    Attributes:
        size: Bytes that were read.
    """

    def __init__(self, handle: int, room: int) -> None:
        self._handle = handle
        self._room = room
        self.size = 0

    def pixels(self, height: int, width: int) -> NDArray[np.uint8]:
        """Copy pixels out, so that nobody changes them any more.

        Returns:
            H x W x 3, C-contiguous, read-only.

        Raises:
            ValueError: There is no such room.
        """
        self.size = height * width * 3
        if not 0 < self.size <= self._room:
            raise ValueError("more than there is room for")
        rgb = np.empty((height, width, 3), dtype=np.uint8)
        left = memoryview(rgb.data).cast("B")
        # Read, not mapped: a mapping can be pulled away under the reader.
        while left and (done := os.preadv(self._handle, [left], self.size - len(left))):
            left = left[done:]
        if left:
            raise ValueError("less than was said")
        rgb.flags.writeable = False
        return rgb


def _file_in_memory(name: str) -> int:
    """Make a file that has no name anywhere; where the system knows none in memory, on disk."""
    if HAS_FILES_IN_MEMORY:
        return os.memfd_create(f"haechi-{name}")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _put(handle: int, data: bytes) -> None:
    """Write an item from the file's beginning."""
    done = 0
    while done < len(data):
        done += os.pwrite(handle, memoryview(data)[done:], done)


def _grant(pid: int, seconds: int) -> None:
    """Let a process have so many more seconds on the processor; then the kernel ends it.

    From outside, as a worker that was taken over would grant itself more; where that can't be done
    the worker has a limit for its whole life.

    Raises:
        OSError: There is no such process any more.
    """
    if not _CAN_MOVE_LIMITS:
        return
    # The clock of another process. Source: Linux, include/linux/posix-timers.h, CPUCLOCK_SCHED.
    used = time.clock_gettime((~pid << 3) | 2)
    hard = resource.prlimit(pid, resource.RLIMIT_CPU)[1]
    resource.prlimit(pid, resource.RLIMIT_CPU, (math.ceil(used) + seconds, hard))
