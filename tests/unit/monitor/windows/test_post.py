from __future__ import annotations

import numpy as np
import pytest

from monitor.features.extract import luma
from monitor.windows.post import PostWindows, post_windows
from monitor.windows.pyramid import Pyramid
from tests.fixtures.kernels import WAYS, use
from tests.fixtures.pictures import made
from tests.fixtures.posted import collage, photo, pixels


@pytest.mark.parametrize(
    "picture",
    [
        pixels(photo(1)),
        pixels(collage(photo(7), photo(8), photo(1), photo(9))),
        made("flat", 90, 70),
    ],
)
def test_kernels_and_numpy_hash_the_same_windows(
    picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: list[PostWindows] = []
    for way in WAYS:
        use(way, monkeypatch)
        ways.append(post_windows(Pyramid(luma(picture, 200_000))))
    one, other = ways
    assert (one.boxes == other.boxes).all()
    assert (one.layers == other.layers).all()
    # A coefficient of next to nothing may fall on either side, as sums are rounded otherwise.
    assert np.bitwise_count(one.codes ^ other.codes).sum() <= len(one.codes) / 100
    assert (one.unsure != other.unsure).sum() <= len(one.codes) / 100


def test_the_least_sure_bits_of_keys_come_first() -> None:
    post = post_windows(Pyramid(luma(pixels(photo(1)), 100_000)))
    assert len(post.codes) > 1_000
    assert all(len(set(row)) == 4 for row in post.unsure.tolist())
