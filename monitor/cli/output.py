"""What commands print: tables and lines for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

# A pipe has no width: tables must not be cut for a reader that is a program or a file.
_PIPE_WIDTH = 200

# In JSON as escapes: what steers a terminal, ends a line for some reader, or is no text at all.
_UNPRINTED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Cell = str | int | float | datetime | None


def console() -> Console:
    """Give the console on standard output."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def say(line: str) -> None:
    """Print one line; markup and control characters in it are shown, not obeyed."""
    console().print(Text(_visible(line)), soft_wrap=True)


def complain(line: str) -> None:
    """Print one line on standard error."""
    Console(stderr=True, highlight=False).print(Text(_visible(line)), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """Print rows for people, or one line that says why there are none."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_visible(_cell(value))) for value in row))
    if grid.row_count:
        console().print(grid)
    else:
        say(empty)


def emit(thing: object) -> None:
    """Print one thing as one line of JSON."""
    line = json.dumps(_plain(thing), ensure_ascii=False)
    sys.stdout.write(_UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress]:
    """Show a bar on standard error while work goes on; it leaves nothing behind."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


def when(moment: datetime | None) -> str:
    """Write an instant for people, in UTC."""
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _cell(value: Cell) -> str:
    """Write a table's cell."""
    if isinstance(value, datetime):
        return when(value)
    return "-" if value is None else str(value)


def _visible(text: str) -> str:
    """Show control characters instead of obeying them: crawled text must not steer a terminal."""
    return "".join(
        char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text
    )


def _plain(thing: Any) -> Any:  # noqa: ANN401 - the edge to JSON
    """Turn a thing of ours into what JSON knows."""
    if is_dataclass(thing) and not isinstance(thing, type):
        return _plain(asdict(thing))
    if isinstance(thing, dict):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple, set)):
        return [_plain(value) for value in thing]
    if isinstance(thing, datetime):
        return thing.astimezone(UTC).isoformat()
    return thing
