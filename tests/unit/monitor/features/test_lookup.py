from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.features import lookup
from monitor.features.extract import CODE_BYTES, keys_of
from monitor.features.lookup import AS_NEAR, FAR, MAX_DISTANCE, CodeTable, two_nearest, words_of
from tests.fixtures import kernels


@pytest.fixture(params=kernels.WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    kernels.use(request.param, monkeypatch)
    return str(request.param)


def _codes(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, CODE_BYTES), dtype=np.uint8)


def _off_by(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Turn bits over that no key has."""
    singles = np.packbits(np.eye(256, dtype=np.uint8), axis=1)
    turned = np.zeros(256, np.uint8)
    turned[np.flatnonzero(keys_of(singles) == 0)[:bits]] = 1
    return codes ^ np.packbits(turned)


def _met(
    table: CodeTable, voters: NDArray[np.uint8], keys: NDArray[np.uint32] | None = None
) -> tuple[list[list[int]], list[int]]:
    nearest = np.full(len(voters), MAX_DISTANCE, np.int64)
    keys = keys_of(voters)[:, None] if keys is None else keys
    found = table.meet(words_of(voters), keys, nearest)
    kept = found[found[:, 2] <= nearest[found[:, 0]] + AS_NEAR]
    return sorted(kept.tolist()), nearest.tolist()


@pytest.mark.usefixtures("way")
def test_a_row_is_met_under_its_key_up_to_the_greatest_distance() -> None:
    codes = _codes(40, 1)
    table = CodeTable(words_of(codes), np.arange(40, dtype=np.uint32))
    for bits in (0, 1, MAX_DISTANCE):
        assert _met(table, _off_by(codes[7:8], bits)) == ([[0, 7, bits]], [bits])
    assert _met(table, _off_by(codes[7:8], MAX_DISTANCE + 1)) == ([], [MAX_DISTANCE])


@pytest.mark.usefixtures("way")
def test_only_rows_that_are_looked_up_are_met() -> None:
    codes = _codes(4, 2)
    table = CodeTable(words_of(codes), np.array([0, 2], np.uint32))
    assert [row for _, row, _ in _met(table, codes)[0]] == [0, 2]
    assert _met(CodeTable(words_of(codes), np.array([], np.uint32)), codes)[0] == []


@pytest.mark.usefixtures("way")
def test_what_is_much_further_than_the_nearest_does_not_tell() -> None:
    codes = np.concatenate([_off_by(_codes(1, 3), bits) for bits in (0, AS_NEAR, AS_NEAR + 1)])
    table = CodeTable(words_of(codes), np.arange(3, dtype=np.uint32))
    assert [row for _, row, _ in _met(table, codes[:1])[0]] == [0, 1]


@pytest.mark.usefixtures("way")
def test_more_rows_than_there_is_room_for_are_all_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_ROOM", 2)
    codes = np.repeat(_codes(1, 4), 9, axis=0)
    table = CodeTable(words_of(codes), np.arange(9, dtype=np.uint32))
    assert [row for _, row, _ in _met(table, codes[:1])[0]] == list(range(9))


@pytest.mark.usefixtures("way")
def test_what_very_many_features_have_tells_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_MAX_BUCKET", 8)
    codes = np.concatenate([np.repeat(_codes(1, 5), 9, axis=0), _codes(1, 6)])
    table = CodeTable(words_of(codes), np.arange(10, dtype=np.uint32))
    assert [row for _, row, _ in _met(table, codes[[0, 9]])[0]] == [9]


def test_kernels_and_numpy_meet_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.concatenate([_off_by(_codes(60, 7), bits) for bits in (0, 3, 20, 66)])
    keys = np.stack([keys_of(codes[:60]), keys_of(codes[:60]) ^ np.uint32(1)], axis=1)
    table = CodeTable(words_of(codes), np.arange(len(codes), dtype=np.uint32))
    results = []
    for way in kernels.WAYS:
        kernels.use(way, monkeypatch)
        results.append(_met(table, _off_by(codes[:60], 4), keys))
    assert results[0] == results[1]
    assert len(results[0][0]) == 120


def test_kernels_and_numpy_find_the_same_two_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = _codes(30, 8), _codes(50, 9)
    theirs[:30] = _off_by(ours, 5)
    theirs[30:40] = _off_by(ours[:10], 5)
    results = []
    for way in kernels.WAYS:
        kernels.use(way, monkeypatch)
        results.append(two_nearest(words_of(ours), words_of(theirs)).tolist())
    assert results[0] == results[1]
    assert results[0][0] == [0, 5, 5]
    assert results[0][29] == [29, 5, FAR]
