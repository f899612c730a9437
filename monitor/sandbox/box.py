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
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.errors import HaechiError, MediaError, SourceUnavailable
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
    Breach,
    Task,
)
from monitor.settings import SandboxSettings
from monitor.streams import Stream

_START_S: Final = 60.0
# Seconds of the clock to those on the processor: a busy machine is no fault of the item.
_PATIENCE: Final = 3
_MOST_ASKED: Final = 8 << 20
_CAN_MOVE_LIMITS: Final = hasattr(resource, "prlimit")

# Nothing of ours: no secret, and no variable by which Python would load something.
_ENVIRONMENT: Final = {
    **{"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
    **{"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    # The C library keeps the memory of a picture for the next one: getting it anew takes time.
    **dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(ROOM_BYTES)),
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
    taken it over. Nothing is unpickled; what is in shared memory is copied, then looked at.
    """

    def __init__(
        self,
        module: str,
        task: Task,
        settings: SandboxSettings,
        *,
        options: Mapping[str, int],
    ) -> None:
        """Prepare; nothing is started.

        Args:
            module: Where the worker finds `task`, as `TASK`.
            options: For the task; not secret.
        """
        self.breaches: Counter[Breach] = Counter()
        self.starts = 0
        self._module = module
        self._task = task
        self._settings = settings
        self._options = dict(options)
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._room: int | None = None

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
        """What a worker writes of an item before its content."""
        return ANSWER.size + self._task.answer.size

    def close(self) -> None:
        """End the worker; another is started if it is needed again."""
        with self._lock:
            self._end()
            if self._room is not None:
                os.close(self._room)
                self._room = None

    def run(
        self,
        data: bytes,
        take: Callable[[tuple[int, ...], Output], Result],
        stream: Stream | None = None,
    ) -> Result:
        """Have one item done.

        An item on which the worker died is tried once more by a new one: something else may have
        ended it, or an item before this one have harmed it.

        Args:
            take: Makes the result of the answer's numbers and what comes after them, of which it
                reads all; raises ValueError if these can't be.
            stream: Of which the worker may ask for parts; what they take is no time of its own.

        Raises:
            MediaError: The worker refused the item, or broke a limit because of it.
            HaechiError: No worker can be started.
        """
        with self._lock:
            try:
                return self._tried(data, take, stream)
            except _Broken as broken:
                if broken.breach is Breach.TIME:
                    raise MediaError(broken.breach) from None
            try:
                return self._tried(data, take, stream)
            except _Broken as broken:
                raise MediaError(broken.breach) from None

    def _tried(
        self,
        data: bytes,
        take: Callable[[tuple[int, ...], Output], Result],
        stream: Stream | None,
    ) -> Result:
        """Have one item done; a worker of which more than that is to be said is ended."""
        worker = self._ready()
        try:
            return self._exchange(worker, data, take, stream)
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
        self,
        worker: _Worker,
        data: bytes,
        take: Callable[[tuple[int, ...], Output], Result],
        stream: Stream | None,
    ) -> Result:
        """Hand over an item and read its answer."""
        worker.items_left -= 1
        output = Output(worker.line, _PATIENCE * self._settings.seconds, self._room)
        try:
            _grant(worker.process.pid, self._settings.seconds)
            worker.line.settimeout(output.left_s)
            is_shared = self._shared(data)
            worker.line.sendall(REQUEST.pack(len(data), is_shared))
            if not is_shared:
                worker.line.sendall(data)
            status, number, answer = self._answer(output)
            while status == ASKS and stream is not None:
                self._serve(worker.line, output, stream)
                status, number, answer = self._answer(output)
            if status == REFUSED and number < len(self._task.reasons):
                raise MediaError(self._task.reasons[number])
            if status == NO_MEMORY:
                raise _Broken(Breach.MEMORY)
            if status != DONE:
                raise _Broken(Breach.CRASH)
            return take(self._task.answer.unpack_from(answer, ANSWER.size), output)
        except ValueError:
            raise _Broken(Breach.CRASH) from None
        except TimeoutError:
            raise _Broken(Breach.TIME) from None
        except OSError:
            raise _Broken(self._ending(worker)) from None

    def _answer(self, output: Output) -> tuple[int, int, bytearray]:
        """Read an answer: its status, the number of a reason, and all of it."""
        answer = bytearray(self.answer_bytes)
        output.read_into(memoryview(answer))
        status, number = ANSWER.unpack_from(answer)
        return status, number, answer

    def _serve(self, line: socket.socket, output: Output, stream: Stream) -> None:
        """Give a worker a part of a stream."""
        asked = bytearray(PART.size)
        output.read_into(memoryview(asked))
        start, size = PART.unpack(asked)
        began = time.monotonic()
        try:
            part = stream.read_at(start, min(size, _MOST_ASKED))
        except (MediaError, SourceUnavailable):
            part = None
        output.wait_longer(time.monotonic() - began)
        line.settimeout(output.left_s)
        line.sendall(PART_SIZE.pack(-1 if part is None else len(part)))
        line.sendall(part or b"")

    def _shared(self, data: bytes) -> bool:
        """Put an item into the shared memory, if there is such and it has room."""
        if self._room is None or len(data) > ROOM_BYTES:
            return False
        return os.pwrite(self._room, data, 0) == len(data)

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
        if self._room is None:
            self._room = _memory()
        setup = {
            "room": self._room,
            "task": self._module,
            "options": self._options,
            "parent": os.getpid(),
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
                    pass_fds=() if self._room is None else (self._room,),
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


class Output:
    """What a worker sends of one item, until its time is over."""

    def __init__(self, line: socket.socket, seconds: float, room: int | None = None) -> None:
        self._line = line
        self._room = room
        self._deadline = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds, more than none."""
        return max(0.001, self._deadline - time.monotonic())

    def wait_longer(self, seconds: float) -> None:
        """Let a worker have time that was not its own."""
        self._deadline += seconds

    def read_into(self, left: memoryview) -> None:
        """Read until it is full.

        Raises:
            OSError: It came too late (TimeoutError), or there is no worker any more.
        """
        while left:
            self._line.settimeout(self.left_s)
            done = self._line.recv_into(left)
            if not done:
                raise ConnectionResetError
            left = left[done:]

    def pixels(self, *shape: int) -> NDArray[np.uint8]:
        """Read pixels.

        Returns:
            Of the shape, C-contiguous, read-only.

        Raises:
            OSError: They came too late (TimeoutError), or there is no worker any more.
        """
        pixels = np.empty(shape, dtype=np.uint8)
        left = memoryview(pixels.data).cast("B")
        if self._room is None or len(left) > ROOM_BYTES:
            self.read_into(left)
        # Read, not mapped: it is the worker's to change, and perhaps to make shorter.
        elif os.preadv(self._room, [left], 0) != len(left):
            raise ConnectionResetError
        pixels.flags.writeable = False
        return pixels


def _memory() -> int | None:
    """Make memory that can be shared; None where the system has none, or files may not grow."""
    if not hasattr(os, "memfd_create"):
        return None
    handle = os.memfd_create("haechi")
    try:
        os.ftruncate(handle, ROOM_BYTES)
    except OSError:
        os.close(handle)
        return None
    return handle


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
