from __future__ import annotations

import numpy as np
import pytest

from monitor.nearest import tables
from monitor.nearest.scan import Words
from monitor.nearest.tables import BANDS, RADIUS, WIDTH, build, layout
from tests.fixtures.hashes import all_near, drawn, planted, told, turned


def found_in(words: Words, queries: Words) -> set[tuple[int, int, int]]:
    """Search, and give rows as they were given."""
    made, order = build(words)
    found = made.search(queries)
    found[:, 1] = order[found[:, 1]]
    return told(found)


@pytest.mark.parametrize("count", [1, 2, 41, 300, 5_000, 70_000])
def test_each_planted_hash_up_to_the_radius_is_found_and_none_beyond(count: int) -> None:
    words = drawn(count, count)
    distances = [distance % 41 for distance in range(min(count, 123))]
    queries = planted(2, words, distances)
    expected = {(row, row, far) for row, far in enumerate(distances) if far <= RADIUS}
    assert found_in(words, queries) == expected


@pytest.mark.parametrize("spread", range(1, 5))
@pytest.mark.parametrize("count", [1, 400, 5_000])
def test_differences_that_are_spread_over_the_bands_in_the_worst_way_are_found(
    spread: int, count: int
) -> None:
    # Two bits in 15 bands and one in the last is all that a look-up may rely on.
    words = drawn(spread, count)
    word = words[-1]
    bits = [
        WIDTH * band + (3 * spread * band + 5 * i) % WIDTH for band in range(BANDS) for i in (0, 1)
    ]
    for left_out in range(BANDS):
        query = turned(word, [bit for i, bit in enumerate(bits) if i != 2 * left_out])
        assert found_in(words, query[None]) == {(0, count - 1, 31)}
        assert not found_in(words, turned(query, [bits[2 * left_out]])[None])


def test_no_hashes_and_no_queries_find_nothing() -> None:
    assert found_in(drawn(1, 0), drawn(1, 2)) == set()
    assert found_in(drawn(1, 5), drawn(1, 0)) == set()


def test_equal_hashes_are_all_found() -> None:
    words = np.repeat(drawn(3, 2), [4000, 3], axis=0)
    assert len(found_in(words, words[:1])) == 4000
    assert len(found_in(words, words[-1:])) == 3


def test_many_hashes_of_little_difference_are_compared_one_by_one() -> None:
    # All share most bands, so that every bucket is crowded.
    words = np.zeros((9000, 4), np.uint64)
    words[:, 0] = np.arange(9000) % 512
    words = np.concatenate([drawn(4, 500), words])
    queries = np.concatenate([words[-2:], words[:2], turned(words[-1], list(range(80, 111)))[None]])
    assert found_in(words, queries) == all_near(words, queries, RADIUS)


def test_look_ups_read_a_small_part_of_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("scanned")

    monkeypatch.setattr(tables.Tables, "_scanned", refuse)
    words = drawn(5, 30_000)
    assert found_in(words, planted(5, words, [20] * 9)) == {(row, row, 20) for row in range(9)}


def test_tables_take_at_most_a_hundred_bytes_a_hash() -> None:
    for count in (200_000, 1_000_000, tables.MOST_ROWS):
        plan = layout(count)
        starts = BANDS * ((1 << plan.depth) + 1) * 4
        owner = 4
        assert 32 + owner + 4 * (BANDS - 1) + starts / count < 100
        assert plan.tag_bits + (count - 1).bit_length() <= 32


def test_beyond_the_radius_of_the_tables_all_is_looked_at() -> None:
    words = drawn(6, 3000)
    queries = planted(6, words, [20, 31, 39, 40])
    made, order = build(words)
    found = made.search(queries, 39)
    assert {(q, order[row], far) for q, row, far in found.tolist()} == {
        (0, 0, 20),
        (1, 1, 31),
        (2, 2, 39),
    }
