from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.windows.codes import (
    KEY_BITS,
    NEGATIVE,
    SIDE,
    TURNS,
    coefficients,
    key_places,
    keys_of,
    one_sidedness,
    pack,
    texture,
    turn_matrix,
    turned,
    undone,
    unpack,
)

WINDOWS = np.random.default_rng(1).normal(128, 40, (20, SIDE, SIDE)).astype(np.float32)
CODES = pack(coefficients(WINDOWS) > 0)


def altered(windows: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    if turn & 1:
        windows = windows[:, :, ::-1]
    if turn & 2:
        windows = windows[:, ::-1]
    if turn & 4:
        windows = windows.transpose(0, 2, 1)
    return np.ascontiguousarray(-windows if turn & NEGATIVE else windows)


def test_codes_are_unpacked_as_they_were() -> None:
    assert (pack(unpack(CODES)) == CODES).all()


@pytest.mark.parametrize("turn", range(TURNS))
def test_the_codes_of_a_turned_picture_follow_from_those_of_the_picture(turn: int) -> None:
    expected = pack(coefficients(altered(WINDOWS, turn)) > 0)
    # A coefficient of next to nothing may fall on either side.
    assert np.bitwise_count(turned(CODES, turn) ^ expected).sum() <= 2
    assert (turned(turned(CODES, turn), undone(turn)) == CODES).all()


def test_keys_are_the_lowest_frequencies_in_any_turn() -> None:
    down, across = key_places()
    assert len(down) == KEY_BITS
    assert set(zip(down, across, strict=True)) == set(zip(across, down, strict=True))
    bits = unpack(CODES)[:, down, across]
    assert (keys_of(CODES) == (bits << np.arange(KEY_BITS)).sum(axis=1)).all()


def test_points_go_where_a_turn_takes_them() -> None:
    corner = np.array([10.0, 20.0, 1.0])
    assert (turn_matrix(1, 100, 50) @ corner)[:2].tolist() == [90, 20]
    assert (turn_matrix(2, 100, 50) @ corner)[:2].tolist() == [10, 30]
    assert (turn_matrix(4, 100, 50) @ corner)[:2].tolist() == [20, 10]


def test_an_edge_is_one_sided_and_noise_is_not() -> None:
    edge = np.repeat(np.arange(SIDE) < 11, SIDE).reshape(1, SIDE, SIDE).astype(np.float32) * 200
    edge += np.random.default_rng(2).normal(0, 0.1, edge.shape).astype(np.float32)
    assert one_sidedness(coefficients(WINDOWS) > 0).max() < 0.3
    assert one_sidedness(np.ones((1, 16, 16), np.bool_))[0] > 0.9


def test_texture_is_told_in_grey_levels() -> None:
    wave = 10 * np.cos(np.pi * (np.arange(SIDE) + 0.5) / SIDE)
    found = coefficients(np.outer(wave, wave / 10)[None].astype(np.float32))
    assert texture(found[:, :5, :5])[0] == pytest.approx(10, rel=0.01)
