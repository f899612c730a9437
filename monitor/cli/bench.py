"""`haechi bench`: measures Haechi beside its peers, in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.bench import BENCHES
from monitor.cli.output import AsJson, emit, say, table
from monitor.errors import Misuse


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="Which; without it, they are listed.")] = "",
    photos: Annotated[Path | None, typer.Argument(help="A folder of photos, where used.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure; figures are medians of interleaved runs."""
    if not name:
        for key, one in BENCHES.items():
            say(f"{key}: {one.help}")
        return
    if name not in BENCHES:
        raise Misuse(f"no bench {name!r}; there are: {', '.join(BENCHES)}")
    rows = BENCHES[name].run(photos)
    if as_json:
        for row in rows:
            emit(row)
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table(columns, [[row.get(key) for key in columns] for row in rows], empty="no figures")
