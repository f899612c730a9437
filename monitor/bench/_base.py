"""What every benchmark declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = dict[str, str | float | int]


@dataclass(frozen=True, slots=True)
class Bench:
    """A measurement of speed, run by hand.

    Attributes:
        help: One line for the command line.
        run: Given a folder of photos, or None for pictures made on the spot; prints nothing.
    """

    name: str
    help: str
    run: Callable[[Path | None], list[Row]]
