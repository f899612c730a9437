"""Reads a file that is elsewhere from a thread, while the event loop talks to its server."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.errors import MediaError, NotAsked, SourceUnavailable

# Parts begin at multiples of this. A divisor of 1 MiB, as Telegram wants it.
STEP: Final = 512 << 10
# Blocks that one request asks for at most, as long as a file is read on and on.
_LONGEST: Final = 4
# Blocks that are kept: some readings go to and fro between what a file says and where it is.
_KEPT: Final = 8
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a file that is too large, from a server that gives no parts."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """A file that is too large to be held, and that can be had in parts.

    Attributes:
        size: Bytes of all of it, as its server says.
        head: What is known of its beginning; may be empty.
        read: Fetches from a multiple of `STEP` on so many bytes, and not one less. Raises
            MediaError and SourceUnavailable.
    """

    size: int
    head: bytes = field(repr=False)
    read: Callable[[int, int], Coroutine[Any, Any, bytes]] = field(repr=False)


class RemoteStream:
    """Parts as a `monitor.streams.Stream`; made on the event loop, read in another thread."""

    def __init__(
        self,
        parts: Parts,
        *,
        budget: int,
        url: str,
        deadline: float,
        stopping: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            budget: Bytes that are transferred of it at most.
            url: Names it in errors.
            deadline: By `time.monotonic`; nothing is waited for after it.
            stopping: Asked while it waits.
        """
        self._parts = parts
        self._budget = budget
        self._url = url
        self._deadline = deadline
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._spent = len(parts.head)
        self._run = 1
        self._next = 0
        self._keep(0, parts.head)

    @property
    def size(self) -> int:
        """Bytes, as its server says."""
        return self._parts.size

    @property
    def budget(self) -> int:
        """Bytes that may be transferred."""
        return self._budget

    @property
    def step(self) -> int:
        """Bytes that come at once."""
        return STEP

    def read_at(self, start: int, size: int) -> bytes:
        """Read a part; see `monitor.streams.Stream`. Not from the event loop's own thread."""
        end = min(start + size, self.size)
        found = bytearray()
        while start < end:
            number, offset = divmod(start, STEP)
            block = self._block(number, (end - 1) // STEP)
            found += block[offset : offset + end - start]
            start = (number + 1) * STEP
        return bytes(found)

    def _block(self, number: int, last: int) -> bytes:
        """Give a block.

        Args:
            last: Blocks up to this one will be wanted.
        """
        if number not in self._kept:
            start = number * STEP
            end = self._end(number, last)
            # Whatever becomes of it: a server that breaks off has been asked, too.
            self._spent += end - start
            self._keep(number, self._had(start, end - start))
        self._kept.move_to_end(number)
        return self._kept[number]

    def _end(self, number: int, last: int) -> int:
        """Choose where a request ends: further on, the longer it goes straight on.

        Raises:
            MediaError: The budget is used up.
        """
        self._run = min(2 * self._run, _LONGEST) if number == self._next else 1
        wanted = max(self._run, min(last - number + 1, _LONGEST))
        count = next((n for n in range(1, wanted) if number + n in self._kept), wanted)
        start = number * STEP
        end = min(start + count * STEP, self.size)
        left = self._budget - self._spent
        if end - start > left:
            end = start + left - left % STEP
        if end <= start:
            raise MediaError("larger than the limit")
        return end

    def _keep(self, number: int, data: bytes) -> None:
        """Keep whole blocks, and the file's last one, and let go of old ones."""
        for start in range(0, len(data), STEP):
            block = data[start : start + STEP]
            if len(block) == STEP or number * STEP + len(block) == self.size:
                self._kept[number] = block
                number += 1
        self._next = number
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _had(self, start: int, size: int) -> bytes:
        """Have the event loop fetch bytes, and wait for them as long as there is time.

        Raises:
            NotAsked: The crawl is to end.
            SourceUnavailable: There is no time left, or they can't be had.
            MediaError: They can't be had, now or later.
        """
        asked = asyncio.run_coroutine_threadsafe(self._parts.read(start, size), self._loop)
        try:
            while not futures.wait([asked], _POLL_S).done:
                if self._stopping():
                    raise NotAsked("the crawl was stopped", url=self._url)
                if time.monotonic() > self._deadline:
                    # An attempt that failed: it may be as slow the next time.
                    raise SourceUnavailable("the page took too long", url=self._url)
            return asked.result()
        finally:
            asked.cancel()
