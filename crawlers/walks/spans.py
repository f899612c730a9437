"""Ranges of ids that were read: what lies between them is a hole that a later crawl fills."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.models.post import Json

# Lowest and highest, both within.
Span = tuple[int, int]


def spans_in(stored: Json) -> tuple[Span, ...]:
    """Read ranges from a checkpoint.

    Raises:
        ValueError: It holds something else.
    """
    spans: list[Span] = []
    for pair in stored if isinstance(stored, list) else ():
        match pair:
            case [int(low), int(high)] if low <= high:
                spans.append((low, high))
            case _:
                raise ValueError("a stored span is a pair of ids, the smaller one first")
    return merge(spans)


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Unite ranges that touch or overlap; ascending."""
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)
