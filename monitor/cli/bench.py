"""`haechi bench`: measures Haechi, in speed beside its peers and in what it finds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.bench import BENCHES, Options, Row
from monitor.cli.demo.pictures import photograph
from monitor.cli.output import AsJson, emit, progress, say, table
from monitor.errors import Misuse


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="Which; without it, they are listed.")] = "",
    photos: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of photos; for reposts also one with enrol/, posts/ and truth.json "
            '({post: {"of": enrolled stem or null, "edit": name}}), for vpdq one with published '
            "hashes (NAME.txt) and videos/NAME.mp4 [default: painted pictures].",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    enrol: Annotated[
        int | None, typer.Option(min=1, help="reposts, video: photos to enrol [default: 12].")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="reposts, video, hostile: another seed, other files [default: 1]."
        ),
    ] = None,
    screenshots: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="reposts: share of the enrolled photos that are screenshots or framed "
            "[default: 0.33].",
        ),
    ] = None,
    beside: Annotated[
        int | None,
        typer.Option(
            min=0, help="reposts: generated photos that are enrolled beside [default: none]."
        ),
    ] = None,
    files: Annotated[
        int | None, typer.Option(min=1, help="hostile: files in all [default: 10000].")
    ] = None,
    large: Annotated[
        bool | None,
        typer.Option(
            "--large", help="matching: 100,000 enrolled photos too; video: 20 of each edit."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure speed, or what is found of edited reposts; writes nothing, keeps no photo."""
    if not name:
        for key, one in BENCHES.items():
            say(f"{key}: {one.help}")
        return
    if name not in BENCHES:
        raise Misuse(f"no bench {name!r}; there are: {', '.join(BENCHES)}")
    given: dict[str, Any] = {
        key: value
        for key, value in {
            "enrol": enrol, "seed": seed, "screenshots": screenshots, "beside": beside,
            "files": files, "large": large,
        }.items()
        if value is not None
    }  # fmt: skip
    for key in given:
        if key not in BENCHES[name].takes:
            raise Misuse(f"bench {name} takes no --{key}")
    with progress(name) as bar:
        rows = BENCHES[name].run(
            Options(
                paint=photograph,
                photos=photos,
                progress=lambda done, total: bar.update(
                    bar.task_ids[0], completed=done, total=total
                ),
                **given,
            )
        )
    if as_json:
        for row in rows:
            emit(row)
        return
    # Rows of other figures are a table of their own: one of all would be full of gaps.
    for columns, alike in itertools.groupby(rows, key=_columns):
        table(columns, [list(row.values()) for row in alike], empty="no figures")


def _columns(row: Row) -> tuple[str, ...]:
    """List what a row has figures of."""
    return tuple(row)
