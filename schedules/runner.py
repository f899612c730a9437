"""Starts one crawl: a subprocess with a time and a memory limit, one at a time a source."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from monitor.clock import Clock, utc_now
from monitor.errors import HaechiError
from monitor.locks import hold, is_held, sign, source_lock
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source, SourceState
from monitor.settings import Settings
from monitor.store import runs, sources
from monitor.store.store import Store

log = structlog.get_logger(__name__)

# After a request to stop, the page at hand gets this long to reach the store.
STOP_GRACE_S = 8.0
_POLL_S = 0.1

# The memory limit counts address space. On a machine of many cores the C library and the linear
# algebra would each reserve their share of it for every core.
_FRUGAL = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

Progress = Callable[[Counts], None]
Heard = Callable[[dict[str, Any]], None]


def crawl(
    source: Source,
    store: Store,
    settings: Settings,
    *,
    progress: Progress = lambda _: None,
    stop: threading.Event | None = None,
    clock: Clock = utc_now,
    anew: bool = False,
) -> Run:
    """Crawl one source now and wait for the end.

    Args:
        anew: Ask again, too, what Telegram answered with no for a day.
        progress: Told the run's counts after every page.
        stop: Set to end the crawl early; the page at hand is committed.

    Returns:
        The run as it is in the history.

    Raises:
        Busy: This source is being crawled already.
    """
    with hold(
        settings.state_folder, source_lock(source.id), what=f"another crawl of {source.address}"
    ) as lock:
        close_interrupted(store, settings, clock, mine=source.id)
        with store.write() as db:
            run_id = runs.start(db, source.id, clock())
        process = _start([source.id, run_id, *(["--anew"] if anew else [])], settings, [lock])
        sign(lock, process.pid)
        killed, stopped = "", True
        try:
            killed = _wait(
                process,
                settings.crawl.time_limit_s,
                lambda line: progress(Counts(**line)),
                stop,
            )
            stopped = stop is not None and stop.is_set()
        finally:
            # Also when the waiting itself was broken off, as by Ctrl-C.
            _end(process)
            _close(
                store,
                source.id,
                run_id,
                process.returncode,
                killed,
                stopped=stopped,
                clock=clock,
            )
    with store.read() as db:
        run = runs.get(db, run_id)
    if run is None:
        raise LookupError(run_id)
    if run.outcome is Outcome.STOPPED and run.counts.pages:
        with store.write() as db:
            sources.reached(db, source.id, clock(), new_posts=run.counts.posts_new)
    return run


def crawl_group(
    group: Sequence[Source],
    store: Store,
    settings: Settings,
    *,
    ended: Callable[[Run], None] = lambda _: None,
    stop: threading.Event | None = None,
    clock: Clock = utc_now,
) -> None:
    """Crawl sources one after the other in one process, over the same connections.

    A source that another process crawls just now is left to it. Where one of them ends the process,
    another one goes on with those that are left.

    Args:
        ended: Told of each run that ended, while others go on.
        stop: Set to end early; the page at hand is committed.

    Raises:
        HaechiError: The process ended by itself before the first crawl.
    """
    close_interrupted(store, settings, clock)
    left = [one.id for one in group]
    while left and not (stop is not None and stop.is_set()):
        reached: list[str] = []

        def tell(run: Run, reached: list[str] = reached) -> None:
            reached.append(run.source_id)
            ended(run)

        if _group(left, store, settings, tell, stop, clock) == 0:
            return
        if not reached:
            raise HaechiError("the crawl ended by itself before it began; see logs/haechi.log")
        left = left[max(map(left.index, reached)) + 1 :]


def _group(
    left: list[str],
    store: Store,
    settings: Settings,
    ended: Callable[[Run], None],
    stop: threading.Event | None,
    clock: Clock,
) -> int:
    """Crawl sources in one process.

    Returns:
        Its exit code; not 0: it was killed, or ended by itself, in the last crawl it began.
    """
    process = _start(["--group", *left], settings)

    def heard(line: dict[str, Any]) -> None:
        run = None
        if isinstance(line.get("run"), str):
            with store.read() as db:
                run = runs.get(db, line["run"])
        if run is not None:
            ended(run)

    killed = ""
    try:
        killed = _wait(process, settings.crawl.time_limit_s, heard, stop, is_group=True)
    finally:
        _end(process)
        with store.read() as db:
            cut = [run for run in runs.open_runs(db) if run.source_id in left]
        for run in cut:
            if is_held(settings.state_folder, source_lock(run.source_id)):
                continue
            stopped = stop is not None and stop.is_set()
            code = process.returncode
            _close(store, run.source_id, run.id, code, killed, stopped=stopped, clock=clock)
            with store.read() as db:
                closed = runs.get(db, run.id)
            if closed is not None:
                ended(closed)
    return process.returncode


def as_it_is(run: Run, settings: Settings) -> Run:
    """Tell a run that was cut off, and that no crawl has closed yet, from one that goes on."""
    if run.outcome is not Outcome.RUNNING or is_held(
        settings.state_folder, source_lock(run.source_id)
    ):
        return run
    return replace(run, outcome=Outcome.INTERRUPTED)


def close_interrupted(
    store: Store, settings: Settings, clock: Clock = utc_now, *, mine: str | None = None
) -> int:
    """Close the runs that a crash left open.

    Args:
        mine: A source whose lock the caller holds.

    Returns:
        How many there were.
    """
    with store.read() as db:
        cut = [
            run
            for run in runs.open_runs(db)
            if run.source_id == mine or as_it_is(run, settings).outcome is Outcome.INTERRUPTED
        ]
    if cut:
        with store.write() as db:
            for run in cut:
                runs.end(db, run.id, Outcome.INTERRUPTED, "Haechi was ended in mid-crawl", clock())
    return len(cut)


def _start(
    arguments: Sequence[str], settings: Settings, locks: Sequence[int] = ()
) -> subprocess.Popen[str]:
    """Start a process that crawls; a lock that it inherits is free only when both are gone."""
    command = [
        # -P: the folder that a command is started in is no place to import from.
        *(sys.executable, "-P", "-m", "crawlers", *arguments),
        *("--home", str(settings.home), "--memory-mb", str(settings.crawl.memory_mb)),
    ]
    return subprocess.Popen(  # noqa: S603 - our own module, arguments are ids
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=locks,
        env=_environment(settings),
        start_new_session=True,
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Give a crawl's environment: without the mail password, which it has no use for."""
    hidden = "HAECHI_" if settings.is_sealed else "HAECHI_MAIL__PASSWORD"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    return kept | _FRUGAL


def _wait(
    process: subprocess.Popen[str],
    limit_s: float,
    heard: Heard,
    stop: threading.Event | None,
    *,
    is_group: bool = False,
) -> str:
    """Wait for the end, within the time limit.

    Args:
        heard: Told of each line of its standard output.
        is_group: Several crawls: the limit is for each, and begins anew with each line.

    Returns:
        Why the process was killed; empty when it was not.
    """
    deadline = time.monotonic() + limit_s

    def on_line(line: dict[str, Any]) -> None:
        nonlocal deadline
        if is_group:
            deadline = time.monotonic() + limit_s
        heard(line)

    readers = [
        threading.Thread(target=_read_progress, args=(process, on_line), daemon=True),
        threading.Thread(target=_read_traceback, args=(process,), daemon=True),
    ]
    for reader in readers:
        reader.start()
    asked_at: float | None = None
    killed = ""
    while process.poll() is None:
        now = time.monotonic()
        if asked_at is None and (stop is not None and stop.is_set()):
            asked_at = now
            process.send_signal(signal.SIGTERM)
        if asked_at is not None and now > asked_at + STOP_GRACE_S:
            killed = "did not stop in time"
        elif now > deadline:
            killed = f"over its time limit of {limit_s:g} s (crawl.time_limit_s)"
        if killed:
            _kill(process)
            break
        time.sleep(_POLL_S)
    process.wait()
    for reader in readers:
        reader.join(timeout=5)
    return killed


def _read_progress(process: subprocess.Popen[str], heard: Heard) -> None:
    """Pass on what the crawl tells, one JSON object a page."""
    if process.stdout is None:
        return
    for line in process.stdout:
        try:
            heard(json.loads(line))
        except (ValueError, TypeError):
            log.warning("crawl.unreadable_progress")


def _read_traceback(process: subprocess.Popen[str]) -> None:
    """Log where a crawl broke off: places in our code, and no message, which may quote a page."""
    if process.stderr is None:
        return
    places: deque[str] = deque(maxlen=20)
    for line in process.stderr:
        if re.match(r'  File "[^"]+", line \d+', line):
            places.append(" ".join(line.split()))
    if places:
        log.error("crawl.traceback", places=list(places))


def _kill(process: subprocess.Popen[str]) -> None:
    """End the crawl and everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    """Leave nothing behind, also when waiting was interrupted."""
    if process.poll() is None:
        _kill(process)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _close(
    store: Store,
    source_id: str,
    run_id: str,
    code: int | None,
    killed: str,
    *,
    stopped: bool,
    clock: Clock,
) -> None:
    """Close the run where the crawl could not do so itself."""
    with store.write() as db:
        run = runs.get(db, run_id)
        if run is None or run.outcome is not Outcome.RUNNING:
            return
        if killed or stopped:
            outcome = Outcome.STOPPED if stopped else Outcome.KILLED
            error = killed
        else:
            outcome = Outcome.FAILED
            error = f"the crawl ended by itself ({_ending(code)}); see logs/haechi.log"
        runs.end(db, run_id, outcome, error, clock())
        if outcome is not Outcome.STOPPED:
            sources.failed(db, source_id, SourceState.FAILING, error)
    log.warning("crawl.ended_badly", source=source_id, run=run_id, reason=error)


def _ending(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
