"""Locks between processes on one home folder; the kernel frees them however a process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import Busy


def source_lock(source_id: str) -> str:
    """Name the lock under which one source is crawled."""
    return f"source-{source_id}"


@contextmanager
def hold(home: Path, name: str, *, what: str, wait: bool = False) -> Iterator[int]:
    """Hold a named lock while the block runs.

    Args:
        home: The home folder; locks are files under `run/`.
        name: File name of the lock.
        what: Says in the error who holds it: "another `haechi run`".
        wait: Wait for it instead of failing.

    Yields:
        The lock's file descriptor: a child that inherits it holds the lock as well.

    Raises:
        Busy: Another process holds it and `wait` is off.
    """
    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _lock(handle, wait=wait)
        except BlockingIOError as error:
            owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise Busy(
                f"{what} is at work on {home} (process {owner or 'unknown'}); "
                "wait for it or stop it first"
            ) from error
        sign(handle, os.getpid())
        yield handle
    finally:
        os.close(handle)


def sign(handle: int, pid: int) -> None:
    """Name the process at work, for whoever finds the lock held.

    Args:
        handle: As `hold` gave it.
        pid: Of the holder, or of a child that inherited the lock and may outlive it.
    """
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(pid).encode(), 0)


def _lock(handle: int, *, wait: bool) -> None:
    """Take the lock; without `wait` it is tried for half a second, as `is_held` may hold it."""
    if wait:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    for attempt in range(6):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt == 5:
                raise
            time.sleep(0.1)
        else:
            return


def is_held(home: Path, name: str) -> bool:
    """Tell whether some process holds a named lock now."""
    path = home / "run" / f"{name}.lock"
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
