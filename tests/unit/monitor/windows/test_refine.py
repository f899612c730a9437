from __future__ import annotations

import numpy as np
import pytest

from monitor.features.extract import luma
from monitor.windows.codes import unpack
from monitor.windows.photo import enrolled_windows
from monitor.windows.pyramid import Pyramid
from monitor.windows.refine import refine
from tests.fixtures.kernels import WAYS, use
from tests.fixtures.posted import photo, pixels

PHOTO = enrolled_windows(pixels(photo(1)))
POST = Pyramid(luma(pixels(photo(1))))
LARGEST = int((PHOTO.boxes[:, 2] * PHOTO.boxes[:, 3]).argmax())


def about(x: float, y: float, size: float, turn: float) -> np.ndarray:
    """Move, size and turn about the middle of the photo."""
    a, b = size * np.cos(turn), size * np.sin(turn)
    linear = np.array([[a, -b], [b, a]])
    middle = np.array([PHOTO.width, PHOTO.height]) / 2
    shift = middle - linear @ middle + (x, y)
    return np.vstack([np.c_[linear, shift], [0, 0, 1]])


@pytest.mark.parametrize("way", WAYS)
def test_a_placement_that_is_a_little_off_is_put_right(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(way, monkeypatch)
    wanted = unpack(PHOTO.codes[LARGEST : LARGEST + 1])[0]
    placed, distance = refine(POST, about(9, -7, 1.04, 0.03), PHOTO.boxes[LARGEST], wanted)
    assert distance <= 20
    corners = np.array([[0, 0, 1], [PHOTO.width, PHOTO.height, 1]])
    assert np.abs(corners @ (placed - np.eye(3)).T).max() < 0.02 * PHOTO.width


def test_kernels_and_numpy_place_a_window_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = []
    for way in WAYS:
        use(way, monkeypatch)
        for window, box in enumerate(PHOTO.boxes):
            wanted = unpack(PHOTO.codes[window : window + 1])[0]
            # Beyond the border, too.
            off = about(window - 30, 20 - window, 0.9 + window / 300, window / 99)
            ways.append((way, *refine(POST, off, box, wanted)))
    half = len(ways) // 2
    assert half > 50
    for (_, one, near), (_, other, as_near) in zip(ways[:half], ways[half:], strict=True):
        assert near == as_near
        assert np.allclose(one, other)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 40), (40, 3)])
def test_kernels_and_numpy_read_a_tiny_post_the_same(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Pyramid(np.random.default_rng(1).integers(0, 255, size, np.uint8))
    found = []
    for way in WAYS:
        use(way, monkeypatch)
        wanted = unpack(PHOTO.codes[:1])[0]
        found.append(refine(post, np.eye(3) * (0.05, 0.05, 1), PHOTO.boxes[0], wanted)[1])
    assert abs(found[0] - found[1]) <= 2
