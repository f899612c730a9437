"""Files that are read in parts: a video may be larger than what is held in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import SEEK_END
from typing import BinaryIO, Protocol


class Stream(Protocol):
    """A file that is somewhere else; asked by one thread at a time.

    Attributes:
        size: Bytes of all of it.
        budget: Bytes that may be read of it in all; what is read twice may count twice.
        step: Bytes that one reading costs at least, however little is asked for: the place of a
            part that is far from the last one is better chosen once than often.
    """

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def budget(self) -> int:
        """Bytes."""

    @property
    def step(self) -> int:
        """Bytes."""

    def read_at(self, start: int, size: int) -> bytes:
        """Read a part.

        Args:
            start: From 0 on; at the end or beyond, there is nothing.
            size: The most that is wanted.

        Returns:
            Less than wanted only at the end of the file.

        Raises:
            SourceUnavailable: It can't be had now.
            MediaError: It can't be had, or the budget is used up.
        """


@dataclass(frozen=True, slots=True)
class Held:
    """A file in memory."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    @property
    def budget(self) -> int:
        """Bytes: there is no need to be sparing."""
        return len(self.data)

    @property
    def step(self) -> int:
        """Bytes."""
        return 1

    def read_at(self, start: int, size: int) -> bytes:
        """Give a part."""
        return self.data[start : start + size]


class OnDisk:
    """A file of this machine."""

    def __init__(self, file: BinaryIO) -> None:
        """Take an open file."""
        self._file = file
        self._size = file.seek(0, SEEK_END)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    @property
    def budget(self) -> int:
        """Bytes: there is no need to be sparing."""
        return self._size

    @property
    def step(self) -> int:
        """Bytes."""
        return 1

    def read_at(self, start: int, size: int) -> bytes:
        """Give a part."""
        self._file.seek(start)
        return self._file.read(size)
