"""Kills a job at a given commit, and notes its network calls, by the environment.

Python imports this by itself where its folder is on PYTHONPATH. The variables:
    FAULT_LOG: a file that gets one line for every point before and after a commit, of all
        processes of the job.
    FAULT_AT: number of the line at which to kill.
    FAULT_WHOM: "all" (as when the power fails) or "self".
    NET_LOG: a file that gets one line for every connection, look-up of a name and
        listening, of all processes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import sqlite3.dbapi2
import sys
from typing import Any

_LOG = os.environ.get("FAULT_LOG")
# The process that a test started; the others inherit its number.
_ROOT = int(os.environ.setdefault("FAULT_ROOT", str(os.getpid())))


def _point(when: str, file: str) -> None:
    """Write a line; kill if it is the one."""
    who = "main" if os.getpid() == _ROOT else "crawl"
    line = f"{who} {when} {os.path.basename(file)}".ljust(63) + "\n"  # noqa: PTH119 - kept cheap
    log = os.open(str(_LOG), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    fcntl.flock(log, fcntl.LOCK_EX)
    os.write(log, line.encode())
    number = os.fstat(log).st_size // len(line)
    os.close(log)
    if str(number) == os.environ.get("FAULT_AT"):
        if os.environ["FAULT_WHOM"] == "all":
            os.kill(_ROOT, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


class _Counted(sqlite3.Connection):
    """Tells of every commit, of SQLAlchemy (`commit`) and of the search index (`COMMIT`)."""

    _file = ""

    def commit(self) -> None:
        if not self.in_transaction:
            return super().commit()
        _point("before", self._file)
        super().commit()
        return _point("after", self._file)

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, *given)
        _point("before", self._file)
        cursor = super().execute(sql)
        _point("after", self._file)
        return cursor


def _connect(database: Any, *given: Any, **named: Any) -> Any:
    """Open a database whose commits are counted."""
    connection = _real(database, *given, **{"factory": _Counted, **named})
    connection._file = str(database)
    return connection


if _LOG:
    _real = sqlite3.connect
    sqlite3.connect = sqlite3.dbapi2.connect = _connect


def _note(event: str, given: tuple[Any, ...]) -> None:
    """Write down what a process does with the network."""
    if event in ("socket.connect", "socket.bind"):
        what = given[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        what = given[0]
    else:
        return
    log = os.open(os.environ["NET_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(log, f"{event.removeprefix('socket.')} {what!r}\n".encode())
    os.close(log)


if "NET_LOG" in os.environ:
    sys.addaudithook(_note)
