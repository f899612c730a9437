"""Finds what a process started, to end it or to see what it costs."""

from __future__ import annotations

import contextlib
from pathlib import Path


def descendants(root: int) -> list[int]:
    """List the processes that a process started, and those that these did.

    Nowhere but on Linux is there anything to list them by.
    """
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name may hold anything, also a parenthesis.
            parent = int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found = [root]
    for one in found:
        found += children.get(one, [])
    return found[1:]
