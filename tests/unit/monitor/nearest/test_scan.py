from __future__ import annotations

import numpy as np
import pytest

from monitor.nearest.scan import Words, scan, to_planes
from tests.fixtures.hashes import all_near, drawn, planted, told


@pytest.mark.parametrize("count", [0, 1, 2, 2047, 2048, 2049, 40_000])
def test_scan_finds_what_is_near_and_nothing_else(count: int) -> None:
    words = drawn(count, count)
    queries = np.concatenate([drawn(2, 3), *_near(words)])
    for radius in (0, 31):
        found = scan(to_planes(words), queries, radius)
        assert told(found) == all_near(words, queries, radius)


def test_more_is_near_than_there_was_room_for() -> None:
    words = np.zeros((3000, 4), np.uint64)
    queries = np.zeros((2, 4), np.uint64)
    assert len(told(scan(to_planes(words), queries, 0))) == 6000


def test_no_query_finds_nothing() -> None:
    assert scan(to_planes(drawn(1, 9)), drawn(1, 0), 31).shape == (0, 3)


def _near(words: Words) -> list[Words]:
    """Make queries that are 0, 1, 2 ... bits from the first hashes."""
    return [planted(1, words, list(range(min(41, len(words)))))] if len(words) else []
