"""Tells what holds of the sandbox on this machine, by trying it in a worker."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import MediaError
from monitor.sandbox import probe_task
from monitor.sandbox._base import Breach
from monitor.sandbox.box import Sandbox
from monitor.settings import SandboxSettings


@dataclass(frozen=True, slots=True)
class Found:
    """One property of the sandbox, tried.

    Attributes:
        detail: What holds, or what does not.
    """

    what: str
    holds: bool
    detail: str


def try_out(settings: SandboxSettings) -> Iterator[Found]:
    """Try to break out of a worker in each way that is closed; takes some seconds.

    Raises:
        HaechiError: No worker can be started.
    """
    limits = settings.model_copy(update={"seconds": 1})
    task, module = probe_task.TASK, probe_task.__name__
    with (
        tempfile.NamedTemporaryFile() as file,
        Sandbox(module, task, limits, options={}) as sandbox,
    ):

        def fails(deed: str, breach: Breach | None = None) -> bool:
            """Tell whether the kernel refuses a deed, or ends it by the breach that is given."""
            try:
                was_done = sandbox.run(deed.encode(), lambda answer, _: bool(answer[0]))
            except MediaError as error:
                return error.reason == breach
            return not was_done

        def found(what: str, holds: bool, yes: str, no: str) -> Found:
            return Found(f"sandbox, {what}", holds, yes if holds else no)

        yield found("network", fails("reach"), "no socket can be made", "sockets can be made")
        yield found("reading", fails(f"read {file.name}"), "no file can be opened", "files can be")
        is_unwritten = fails(f"write {file.name}") and not Path(file.name).stat().st_size
        yield found("writing", is_unwritten, "no byte can be written", "files can be written")
        starts_none = fails(f"start {sys.executable}") and fails("multiply")
        yield found("programs", starts_none, "none can be started", "programs can be started")
        size = 2 * (limits.memory_mb << 20)
        is_limited = fails(f"allocate {size}", Breach.MEMORY)
        yield found("memory", is_limited, f"{limits.memory_mb} MiB at most", "not limited")
        is_ended = fails("spin", Breach.TIME)
        yield found("time", is_ended, f"{settings.seconds} s a picture", "not limited")
