"""What commands print: tables and lines for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

# A pipe has no width: tables must not be cut for a reader that is a program or a file.
_PIPE_WIDTH = 200

# A column that is cut into pieces narrower than this can't be read any more.
_NARROWEST = 24
_GAP = 2
_BRIEF = 60

# In JSON as escapes: what steers a terminal, ends a line for some reader, or is no text at all.
_UNPRINTED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

Cell = str | int | float | datetime | None


def console() -> Console:
    """Give the console on standard output."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def say(line: str) -> None:
    """Print one line; markup and control characters in it are shown, not obeyed."""
    console().print(Text(visible(line)), soft_wrap=True)


def complain(line: str) -> None:
    """Print one line on standard error."""
    Console(stderr=True, highlight=False).print(Text(visible(line)), soft_wrap=True)


def ask(question: str) -> str:
    """Ask on standard error; the answer comes from the terminal or a pipe, empty when none does."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stderr.write("\n")
    return answer.strip()


def count(number: int, thing: str) -> str:
    """Write a number of things: "1 page", "2 pages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def brief(text: str) -> str:
    """Write a text as one line of at most 60 characters; one that is cut ends with "…"."""
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF else line[: _BRIEF - 1] + "…"


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """Print rows for people, or one line that says why there are none.

    Where the columns would be cut too narrow to be read, each row is a block of lines instead.
    """
    cells = [[visible(_cell(value)) for value in row] for row in rows]
    out = console()
    if not cells:
        say(empty)
    elif _width_needed(columns, cells) <= out.width:
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            grid.add_column(column, overflow="fold")
        for row in cells:
            grid.add_row(*map(Text, row))
        out.print(grid)
    else:
        _print_blocks(out, columns, cells)


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


def _width_needed(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Tell how wide a table of these must be, with long cells folded as far as can be read."""
    widest = (max(map(cell_len, one)) for one in zip(columns, *cells, strict=True))
    return sum(min(one, _NARROWEST) for one in widest) + _GAP * (len(columns) - 1)


def _print_blocks(out: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print each row as lines of name and value; what is empty is left out."""
    indent = max(map(len, columns)) + _GAP
    for number, row in enumerate(cells):
        if number:
            out.print()
        for column, value in zip(columns, row, strict=True):
            if value:
                out.print(Text.assemble((column.ljust(indent), "bold"), value), soft_wrap=True)


def _cell(value: Cell) -> str:
    """Write a table's cell."""
    if isinstance(value, datetime):
        return when(value)
    return "-" if value is None else str(value)


def visible(text: str) -> str:
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
