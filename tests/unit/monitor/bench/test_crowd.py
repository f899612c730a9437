from __future__ import annotations

import numpy as np

from monitor.bench._crowd import crowd
from monitor.features.index import enrolled_features
from tests.fixtures.posted import photo, pixels

LIKE = [enrolled_features(pixels(photo(seed, (200, 150)))) for seed in (1, 2)]


def test_a_crowd_has_as_many_photos_as_asked_for_each_with_other_codes() -> None:
    made = list(crowd(LIKE, 5))
    assert len(made) == 5
    for number, one in enumerate(made):
        like = LIKE[number % 2].features
        assert one.features.codes.shape == like.codes.shape
        assert np.abs(one.features.points - like.points)[:, :2].max() < 0.1
    assert len({one.features.codes.tobytes() for one in made}) == 5


def test_the_same_crowd_is_made_again() -> None:
    first, again = ([one.features.codes.tobytes() for one in crowd(LIKE, 3)] for _ in range(2))
    assert first == again
