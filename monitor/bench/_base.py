"""What every benchmark declares, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import Image

Row: TypeAlias = dict[str, str | float | int | None]
# A seed, and width and height in pixels.
Painter: TypeAlias = Callable[[int, tuple[int, int]], Image.Image]


@dataclass(frozen=True, slots=True)
class Options:
    """What a benchmark is told; each takes some of it.

    Attributes:
        paint: Makes a picture like a photo, where no folder is given.
        photos: A folder of photos; for vpdq, of hashes and their videos.
        enrol: Photos that are enrolled; the others are strangers'.
        screenshots: Share of the enrolled photos that are screenshots or framed, 0-1.
        beside: Generated photos that are enrolled beside these.
        files: Of a trial with hostile ones.
        large: The slow part too.
        progress: Told how many steps of how many are done.
    """

    paint: Painter
    photos: Path | None = None
    enrol: int = 12
    seed: int = 1
    screenshots: float = 0.33
    beside: int = 0
    files: int = 10_000
    large: bool = False
    progress: Callable[[int, int], None] = lambda _done, _total: None


@dataclass(frozen=True, slots=True)
class Bench:
    """A measurement, run by hand.

    Attributes:
        help: One line for the command line.
        run: Prints nothing.
        takes: The options that it takes, beside `photos`.
    """

    name: str
    help: str
    run: Callable[[Options], list[Row]]
    takes: frozenset[str] = frozenset()
