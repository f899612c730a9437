"""Forum software, one file each: HTML in, boards, threads and posts out."""

from __future__ import annotations

import sys

from crawlers.engines._base import ForumEngine
from monitor.discovery import discover
from monitor.models.source import GENERIC

# Below this a page only resembles the software.
MIN_CONFIDENCE = 0.5

ENGINES = discover(sys.modules[__name__], "ENGINE", ForumEngine)


def recognise(html: str, url: str) -> tuple[str, float] | None:
    """Tell which software made a page.

    Returns:
        The engine's name and how sure it is, 0.5-1; below that the generic one, for a page
        that looks like a forum's but of no software that is known; None for any other.
    """
    sure = {name: engine.recognise(html, url) for name, engine in ENGINES.items()}
    name = max(sure, key=lambda name: sure[name], default=None)
    if name is None or sure[name] < MIN_CONFIDENCE:
        return (GENERIC, sure[GENERIC]) if sure[GENERIC] > 0 else None
    return name, sure[name]
