"""Spaces the requests to one host over all processes of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from pathlib import Path

# A site that asks for a longer pause is left alone until its next scheduled crawl.
LONGEST_WAIT_S = 300.0


class Pace:
    """Hands out times at which a host may be asked; kept in one small file a host.

    Two crawls of one host (Telegram channels all live on one) thus share its pace.
    """

    def __init__(self, folder: Path, delay_s: float) -> None:
        self._folder = folder
        self._delay_s = delay_s
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def reserve(self, host: str) -> float:
        """Take the host's next free time.

        Returns:
            Seconds to wait until then; 0 when it is now.
        """
        return self._move(host, 0.0) - time.time()

    def hold_off(self, host: str, seconds: float) -> None:
        """Ask nothing of a host for a while, as it asked."""
        self._move(host, min(seconds, LONGEST_WAIT_S))

    def _move(self, host: str, hold_s: float) -> float:
        """Give the next free time and move it on, by the delay or by what the host asked for."""
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = time.time()
            kept = os.pread(handle, 32, 0)
            try:
                free = float(kept)
            except ValueError:
                free = now
            # A clock that was set back must not stop the crawl for years.
            free = free if now < free <= now + 2 * LONGEST_WAIT_S else now
            following = max(free, now + hold_s) if hold_s else free + self._delay_s
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{following:.6f}".encode(), 0)
        finally:
            os.close(handle)
        return free
