"""Which processes work on a home folder."""

from __future__ import annotations

import time
from pathlib import Path

from tests.integration.world import Home


def of_home(home: Home) -> list[str]:
    """List the command lines that name a home folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:
            continue
        if str(home.folder) in words:
            found.append(" ".join(words))
    return found


def wait_until_gone(home: Home, seconds: float) -> list[str]:
    """Wait for the end of all processes of a home folder; lists those that stay longer."""
    deadline = time.monotonic() + seconds
    while (left := of_home(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
