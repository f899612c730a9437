"""Deterministic ids: doing a thing twice names the same thing."""

from __future__ import annotations

import hashlib


def make_id(prefix: str, *parts: str) -> str:
    """Derive an id from what identifies a thing.

    Args:
        prefix: A letter or two that says what it is.
        parts: In a fixed order; separated by a byte that none can hold.

    Returns:
        The prefix and 20 hex digits (80 bits: a clash among 10^9 things is one in 10^6).
    """
    joined = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return prefix + hashlib.sha256(joined).hexdigest()[:20]
