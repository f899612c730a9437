"""The command `haechi`: wires everything together; nothing imports it."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from monitor import __version__
from monitor.cli import alerts, bench, cases, crawl, findings, index, init, scan, search
from monitor.cli import sources as sources_commands
from monitor.cli import status as status_commands
from monitor.cli.demo import command as demo
from monitor.cli.output import complain
from monitor.errors import HaechiError
from monitor.logs import places_of

log = structlog.get_logger(__name__)

app = typer.Typer(
    name="haechi",
    help="Haechi (해치) watches public channels and forums for reposts of enrolled photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    init,
    demo,
    cases,
    sources_commands,
    crawl,
    scan,
    search,
    findings,
    alerts,
    index,
    status_commands,
    bench,
):
    module.register(app)


def _tell_version(wanted: bool) -> None:
    """Print the version, whatever else is asked for."""
    if wanted:
        typer.echo(f"haechi {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            help="The folder that `haechi init` made [default: HAECHI_HOME or this folder]."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Remember what all commands share."""
    ctx.obj = home


def main() -> None:
    """Run; every error is one line and an exit code."""
    # What is kept is personal data: its files are their owner's only.
    os.umask(0o077)
    # A photo that is being enrolled must not end up in a dump of this process's memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        app(prog_name="haechi")
    except HaechiError as error:
        complain(f"haechi: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as bug:  # noqa: BLE001 - the last resort: one line, and where to look
        places = places_of(bug)
        log.error("command.bug", error=type(bug).__name__, places=places)
        complain(f"haechi: an error in Haechi itself: {type(bug).__name__} at {places[-1]}")
        sys.exit(1)


if __name__ == "__main__":
    main()
