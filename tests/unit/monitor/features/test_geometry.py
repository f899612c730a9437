from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.features.geometry import MIN_INLIERS, place

Floats = NDArray[np.float64]
LONGEST = 640.0


def moved(photo: Floats, degrees: float, scale: float, shift: tuple[float, float]) -> Floats:
    """Turned clockwise, resized and shifted."""
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.c_[
        photo[:, :2] @ matrix.T + shift, photo[:, 2] * scale, (photo[:, 3] + degrees) % 360
    ]


def points(count: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.uniform((0, 0, 3, 0), (640, 480, 20, 360), (count, 4))


@pytest.mark.parametrize("degrees", [0, 33, 90, 200, -5])
@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_a_placement_is_found_among_three_times_as_many_chance_pairs(
    degrees: float, scale: float
) -> None:
    photo = points(80)
    post = moved(photo, degrees, scale, (50, 70))
    post[20:] = points(60, seed=2)
    placement = place(photo, post, LONGEST)
    assert placement is not None
    assert 18 <= placement.inliers <= 26
    assert placement.scale == pytest.approx(scale, rel=0.02)
    found = photo[:20, :2] @ placement.matrix[:, :2].T + placement.matrix[:, 2]
    assert np.abs(found - post[:20, :2]).max() < 0.015 * LONGEST * scale


def test_pairs_that_agree_by_chance_only_are_no_placement() -> None:
    for seed in range(5):
        placement = place(points(60, seed), points(60, seed + 100), LONGEST)
        assert placement is None or placement.inliers <= MIN_INLIERS + 1


@pytest.mark.parametrize("count", range(MIN_INLIERS))
def test_too_few_pairs_are_no_placement(count: int) -> None:
    photo = points(count).reshape(-1, 4)
    assert place(photo, moved(photo, 10, 1, (0, 0)), LONGEST) is None


def test_many_pairs_of_one_spot_are_one_witness() -> None:
    photo = np.tile([[100.0, 100.0, 5.0, 30.0]], (40, 1))
    placement = place(photo, moved(photo, 10, 1, (0, 0)), LONGEST)
    assert placement is None or placement.inliers == 1


def test_a_picture_that_is_squeezed_to_a_line_is_no_placement() -> None:
    photo = points(40)
    post = photo * (1, 0.01, 1, 1)
    assert place(photo, post, LONGEST) is None


def test_the_same_pairs_give_the_same_placement() -> None:
    photo = points(80)
    post = moved(photo, 12, 0.7, (5, 9))
    post[30:] = points(50, seed=3)
    one, two = place(photo, post, LONGEST), place(photo, post, LONGEST)
    assert one is not None
    assert two is not None
    assert np.array_equal(one.matrix, two.matrix)
