"""The home folder that a command works on."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from monitor import logs
from monitor.settings import Settings, find_home, load
from monitor.store.store import Store


@dataclass(frozen=True)
class Home:
    """An opened home folder."""

    settings: Settings
    store: Store


def folder(ctx: typer.Context) -> Path:
    """Tell which home folder is meant: --home, HAECHI_HOME or the current folder."""
    return find_home(ctx.find_root().obj)


@contextmanager
def opened(ctx: typer.Context, *, log_to_stderr: bool = False) -> Iterator[Home]:
    """Open the home folder of a command.

    Raises:
        NotConfigured: There is no configuration, or it is wrong.
        StoreError: The store is missing, damaged or of another version.
    """
    settings = load(folder(ctx))
    store = Store(settings.store_url)
    try:
        store.check()
        logs.configure(settings.home, to_stderr=log_to_stderr)
        yield Home(settings, store)
    finally:
        store.close()


def actor() -> str:
    """Name the operating system's user, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
