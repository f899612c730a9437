"""Spaces the requests to one host over all processes of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

# Longer than this nobody waits in mid-crawl: the host is left to the next scheduled crawl.
LONGEST_WAIT_S = 300.0
_LONGEST_HOLD_S = 86_400.0


class Pace:
    """Hands out times at which a host may be asked; kept in one small file a host.

    Two crawls of one host (Telegram channels all live on one) thus share its pace.
    """

    def __init__(self, folder: Path, delay_s: float) -> None:
        self._folder = folder
        self._delay_s = delay_s
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def reserve(self, host: str, delay_s: float = 0.0) -> float:
        """Take the host's next free time, unless it is too far off.

        Args:
            host: Its name, with the port.
            delay_s: Seconds that the host wants between two requests.

        Returns:
            Seconds to wait until then; 0 when it is now. More than the larger of LONGEST_WAIT_S
            and the delay: the host wants to be left alone, and nothing was taken.
        """
        longest = max(LONGEST_WAIT_S, self._delay_s)

        def take(free: float, now: float) -> float:
            return free if free > now + longest else free + max(delay_s, self._delay_s)

        return self._move(host, take)

    def hold_off(self, host: str, seconds: float) -> None:
        """Ask nothing of a host for a while, as it asked; for a day at most."""
        self._move(host, lambda free, now: max(free, now + min(seconds, _LONGEST_HOLD_S)))

    def is_too_long(self, wait_s: float) -> bool:
        """Tell whether a wait is one for the next crawl."""
        return wait_s > max(LONGEST_WAIT_S, self._delay_s)

    def _move(self, host: str, following: Callable[[float, float], float]) -> float:
        """Move the host's next free time on; gives the seconds until the one before."""
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
            furthest = now + 2 * max(_LONGEST_HOLD_S, self._delay_s)
            free = free if now < free <= furthest else now
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{following(free, now):.6f}".encode(), 0)
        finally:
            os.close(handle)
        return free - now
