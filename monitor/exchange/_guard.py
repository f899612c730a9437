"""Reads foreign files piece by piece, and refuses what would harm their parser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

from monitor.errors import Misuse

# Between two looks; what a parser makes of so much is little, however it is nested.
_PIECE: Final = 4096
_DEEPEST: Final = 64
# Measured: the JSON parser's library dies of a number of 20,000 digits.
_LONG_NUMBER: Final = re.compile(rb"[0-9]{200}")
_CARRIED: Final = 200
_LONGEST_WORD: Final = 1 << 20


class Guarded:
    """A file of JSON or XML: depth, numbers and words are those of a file of hashes."""

    def __init__(
        self, path: Path, *, ends: bytes, opening: bytes = b"", closing: bytes = b""
    ) -> None:
        """Open it.

        Args:
            ends: What there is at least one of in a mebibyte.
            opening, closing: What nests.

        Raises:
            OSError: It can't be opened.
        """
        self._path = path
        self._file = path.open("rb")
        self._ends, self._opening, self._closing = ends, opening, closing
        self._depth = self._since = 0
        self._tail = b""

    def read(self, size: int = -1) -> bytes:
        """Read some bytes at most.

        Raises:
            Misuse: They are not as a file of hashes has them.
        """
        piece = self._file.read(_PIECE if size < 0 else min(size, _PIECE))
        self._depth += sum(map(piece.count, _letters(self._opening)))
        self._depth -= sum(map(piece.count, _letters(self._closing)))
        self._since = 0 if self._ends in piece else self._since + len(piece)
        if self._depth > _DEEPEST:
            raise Misuse(f"{self._path} is refused: it is nested too deep")
        if self._since > _LONGEST_WORD:
            raise Misuse(f"{self._path} is refused: a word in it is too long")
        if self._opening and _LONG_NUMBER.search(self._tail + piece):
            raise Misuse(f"{self._path} is refused: a number in it is too long")
        self._tail = piece[-_CARRIED:]
        return piece

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()


def _letters(of: bytes) -> list[bytes]:
    return [bytes([one]) for one in of]
