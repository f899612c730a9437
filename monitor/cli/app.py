"""All commands of `haechi`, as one; nothing but `monitor.cli.main` imports it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import typer

from monitor import __version__
from monitor.cli import (
    alerts,
    bench,
    cases,
    channels,
    crawl,
    enrol,
    exchange,
    findings,
    index,
    init,
    scan,
    search,
)
from monitor.cli import sources as sources_commands
from monitor.cli import status as status_commands
from monitor.cli import telegram as telegram_commands
from monitor.cli.demo import command as demo

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
    enrol,
    exchange,
    cases,
    sources_commands,
    channels,
    telegram_commands,
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

# In a list of commands, a help that is given as short is folded; any other one is cut.
for group in (app, *(one.typer_instance for one in app.registered_groups)):
    for command in group.registered_commands if group else ():
        command.short_help = (inspect.getdoc(command.callback) or "").partition("\n\n")[0]


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
