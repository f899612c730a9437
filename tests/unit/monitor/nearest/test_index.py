from __future__ import annotations

import numpy as np
import pytest

from monitor.nearest import index as module
from monitor.nearest.index import Index
from monitor.nearest.segment import made
from tests.fixtures.hashes import drawn, planted, told

WORDS = drawn(1, 500)
OWNERS = np.arange(500, dtype=np.uint32)
NEAR = planted(1, WORDS, [distance % 41 for distance in range(82)])
EXPECTED = {(q, q, q % 41) for q in range(82) if q % 41 <= 31}


def test_empty_index_finds_nothing() -> None:
    assert told(Index().search(NEAR)) == set()
    assert len(Index()) == 0


def test_additions_count_at_once_and_beside_segments() -> None:
    index = Index([made(WORDS[:30], OWNERS[:30])])
    for start in range(30, 500, 7):
        index.add(WORDS[start : start + 7], OWNERS[start : start + 7])
        assert len(index) == min(start + 7, 500)
        (last,) = told(index.search(WORDS[start : start + 1]))
        assert last == (0, start, 0)
    assert told(index.search(NEAR)) == EXPECTED


@pytest.mark.parametrize("step", [3, 60, 500])
def test_what_is_too_much_to_scan_is_put_into_tables(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(module, "MOST_SCANNED", 50)
    monkeypatch.setattr(module, "MOST_ROWS", 200)
    index = Index()
    for start in range(0, 500, step):
        index.add(WORDS[start : start + step], OWNERS[start : start + step])
    assert len(index) == 500
    assert index._newer <= 50
    assert told(index.search(NEAR)) == EXPECTED
