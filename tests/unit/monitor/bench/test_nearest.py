from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.bench import BENCHES, Options, _indexes, nearest


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_ROUNDS", 1)
    monkeypatch.setattr(nearest, "_HASHES", 3_000)
    monkeypatch.setattr(nearest, "_LARGE", 7_000)
    monkeypatch.setattr(nearest, "_BATCH", 5)
    monkeypatch.setattr(nearest, "MOST_ROWS", 4_000)


@pytest.mark.parametrize("large", [False, True])
def test_planted_neighbours_are_counted_and_none_is_missed(options: Options, large: bool) -> None:
    rows = BENCHES["nearest"].run(replace(options, large=large))
    ours = [row for row in rows if row["way"] == nearest._OURS]
    assert {row["hashes"] for row in ours} == ({3_000, 7_000} if large else {3_000})
    assert {(row["missed"], row["beyond"], row["times_ours"]) for row in ours} == {(0, 0, 1.0)}


def test_a_peer_that_is_not_there_is_one_line(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_indexes, "faiss", None)
    monkeypatch.setattr(_indexes, "exchanged", None)
    ways = [row["way"] for row in nearest.run(options)]
    assert [one for one in ways if one != nearest._OURS] == [
        "faiss IndexBinaryFlat: not installed (pip install faiss-cpu)",
        "python-threatexchange PDQIndex: not installed (pip install threatexchange)",
    ]
