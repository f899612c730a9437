from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.bench import BENCHES, Options, Row
from monitor.bench._base import Bench

Haechi = Callable[..., Any]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What a bench that measures nothing was told."""
    options: list[Options] = []

    def run(given: Options) -> list[Row]:
        options.append(given)
        return [{"way": "a", "ms": 1.5}, {"way": "b", "ms": None}]

    bench = Bench(name="nothing", help="Nothing.", run=run, takes=frozenset({"enrol"}))
    monkeypatch.setitem(BENCHES, "nothing", bench)
    return options


def test_benches_are_listed_where_none_is_named(haechi: Haechi) -> None:
    assert all(f"{name}: " in haechi("bench").out for name in BENCHES)


def test_rows_are_objects_a_line(haechi: Haechi, told: list[Options], tmp_path: Path) -> None:
    ended = haechi("bench", "nothing", tmp_path, "--enrol", "3", "--json")
    assert ended.rows == [{"way": "a", "ms": 1.5}, {"way": "b", "ms": None}]
    assert (told[0].photos, told[0].enrol, told[0].seed) == (tmp_path, 3, 1)


def test_rows_of_other_figures_are_a_table_of_their_own(
    haechi: Haechi, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[Row] = [{"way": "a", "ms": 1.5}, {"way": "b", "ms": 2.5}, {"what": "all", "mb": 7}]
    bench = Bench(name="mixed", help="Mixed.", run=lambda _: rows)
    monkeypatch.setitem(BENCHES, "mixed", bench)
    lines = [line.split() for line in haechi("bench", "mixed").out.splitlines()]
    assert lines == [["way", "ms"], ["a", "1.5"], ["b", "2.5"], ["what", "mb"], ["all", "7"]]


def test_an_option_of_another_bench_is_refused(haechi: Haechi, told: list[Options]) -> None:
    ended = haechi("bench", "nothing", "--screenshots", "0.5")
    assert ended.code == 2
    assert "bench nothing takes no --screenshots" in ended.err
    assert not told


def test_a_bench_that_is_not_there_is_misuse(haechi: Haechi) -> None:
    ended = haechi("bench", "nought")
    assert ended.code == 2
    assert "reposts" in ended.err
