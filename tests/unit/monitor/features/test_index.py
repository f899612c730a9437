from __future__ import annotations

import numpy as np
import pytest

from monitor.features import segment
from monitor.features.index import LocalIndex, enrolled_features, probe_of
from tests.fixtures.posted import photo, pixels

PHOTOS = [enrolled_features(pixels(photo(seed))) for seed in range(1, 5)]
PROBES = [probe_of(pixels(photo(seed))) for seed in range(1, 5)]


def _found(bank: LocalIndex) -> list[list[int]]:
    """The photos that are placed well in each of the posts."""
    return [[hit.photo for hit in bank.search(one) if hit.agreement.share > 0.9] for one in PROBES]


def test_photos_are_numbered_in_their_order() -> None:
    bank = LocalIndex(PHOTOS)
    assert len(bank) == 4
    assert _found(bank) == [[0], [1], [2], [3]]
    assert bank.size_of(3) == (PHOTOS[3].features.width, PHOTOS[3].features.height)


def test_a_bank_of_nothing_finds_nothing() -> None:
    assert len(LocalIndex([])) == 0
    assert _found(LocalIndex([])) == [[]] * 4
    assert _found(LocalIndex([]).added([]).dropped([3])) == [[]] * 4


@pytest.mark.parametrize("largest", [1, 2, 100])
def test_photos_added_one_by_one_are_found_like_those_laid_out_at_once(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.features.index.LARGEST", largest)
    monkeypatch.setattr(segment, "LARGEST", largest)
    bank = LocalIndex(PHOTOS[:1])
    for one in PHOTOS[1:]:
        bank = bank.added([one])
    assert _found(bank) == _found(LocalIndex(PHOTOS)) == [[0], [1], [2], [3]]


def test_many_additions_make_few_segments() -> None:
    bank = LocalIndex([])
    for _ in range(40):
        bank = bank.added(PHOTOS[:1])
    assert len(bank._segments) <= 6


def test_a_withdrawn_photo_is_found_no_more_and_others_keep_their_numbers() -> None:
    bank = LocalIndex(PHOTOS)
    assert _found(bank.dropped([1])) == [[0], [], [2], [3]]
    left = bank.dropped([1]).dropped([0, 1, 2, 77])
    assert len(left) == 1
    assert _found(left) == [[], [], [], [3]]
    assert _found(left.added(PHOTOS[:1])) == [[4], [], [], [3]]
    assert left.size_of(3) == (PHOTOS[3].features.width, PHOTOS[3].features.height)


def test_the_number_of_a_withdrawn_photo_is_not_given_again() -> None:
    bank = LocalIndex(PHOTOS[:2]).dropped([0, 1]).added(PHOTOS[:1])
    assert _found(bank) == [[2], [], [], []]


def test_nothing_of_a_withdrawn_photo_stays_in_memory() -> None:
    bank = LocalIndex(PHOTOS)
    bank.dropped([2])
    (one,) = bank._segments
    for array in (one.codes, one.points):
        assert not array[one.rows_of(2)].any()
        assert array[one.rows_of(1)].any()
    assert not one.signs[2].any()


def test_a_bank_does_not_change_when_another_is_made_of_it() -> None:
    bank = LocalIndex(PHOTOS[:1])
    bank.added(PHOTOS[1:])
    assert len(bank) == 1
    assert _found(bank) == [[0], [], [], []]


def test_points_are_kept_near_enough() -> None:
    (one,) = LocalIndex(PHOTOS[:1])._segments
    kept, given = one.points_of(0), PHOTOS[0].features.points
    assert np.abs(kept[:, :2] - given[:, :2]).max() <= 1 / 32
    assert np.abs(np.log2(kept[:, 2] / given[:, 2])).max() < 0.03
    turned = np.abs(kept[:, 3] - given[:, 3])
    assert np.minimum(turned, 360 - turned).max() < 0.71
