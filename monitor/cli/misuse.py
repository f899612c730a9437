"""One line for a command line that can't be understood."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from monitor.cli.output import complain


def tell(error: typer.TyperException) -> int:
    """Say what is wrong and where the help is; for a command that was told nothing, its help.

    Returns:
        The exit code.
    """
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if context is not None and text == context.get_help():
        sys.stderr.write(f"{text}\n")
        return error.exit_code
    if isinstance(error, typer.BadParameter) and isinstance(error.__cause__, ValidationError):
        text = _wrong_value(error, error.__cause__)
    what = " ".join(text.split()).rstrip(".")
    command = "haechi" if context is None else context.command_path
    complain(f"haechi: {what[:1].lower()}{what[1:]}; see {command} --help")
    return error.exit_code


def _wrong_value(error: typer.BadParameter, cause: ValidationError) -> str:
    """Name a value that an option does not take, and those that it does."""
    first = cause.errors(include_url=False)[0]
    option = "value" if error.param is None else error.param.get_error_hint().strip("'")
    if first["type"] == "value_error":
        # It names both.
        return f"{option}: {first['msg'].removeprefix('Value error, ')}"
    low, high = getattr(error.param, "min", None), getattr(error.param, "max", None)
    limits = (
        "" if low is None else f" of at least {low}" if high is None else f" from {low} to {high}"
    )
    return f"{option}: {str(first['input'])!r} is not a whole number{limits}"
