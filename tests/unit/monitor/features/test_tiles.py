from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.features.extract import luma
from monitor.features.tiles import TILES, Agreement, agreement, tiles_of
from tests.fixtures.kernels import WAYS, use
from tests.fixtures.pictures import made
from tests.fixtures.posted import on_ground, photo, pixels

GREY = luma(pixels(photo(1)))
TAKEN = tiles_of(GREY)
ALL = TILES * TILES


def shifted(x: float, y: float, scale: float = 1.0) -> NDArray[np.float64]:
    return np.array([[scale, 0, x], [0, scale, y]])


def compared(grey: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Agreement:
    return agreement(TAKEN, 640, 480, grey, matrix)


def test_a_photo_agrees_with_itself_and_not_with_another() -> None:
    same = compared(GREY, shifted(0, 0))
    assert same.shown == ALL
    assert same.share == 1
    assert compared(luma(pixels(photo(2))), shifted(0, 0)).share < 0.15
    assert compared(np.ascontiguousarray(GREY[:, ::-1]), shifted(0, 0)).share < 0.15


@pytest.mark.parametrize("off", [0, 4, 8])
def test_a_placement_may_be_off_by_some_pixels(off: int) -> None:
    grey = luma(pixels(on_ground(photo(1), (800, 600), (60, 50))))
    assert compared(grey, shifted(60 + off, 50)).share > 0.9
    assert compared(grey, shifted(60 + 8 * 10, 50)).share < 0.3


@pytest.mark.parametrize("scale", [0.3, 0.5, 2.0])
def test_a_photo_agrees_with_itself_at_another_size(scale: float) -> None:
    size = (round(640 * scale), round(480 * scale))
    found = compared(
        np.asarray(photo(1).convert("L").resize(size)),
        shifted((scale - 1) / 2, (scale - 1) / 2, scale),
    )
    assert found.share > 0.9


def test_only_what_lies_within_the_post_is_compared() -> None:
    half = compared(np.ascontiguousarray(GREY[:, :320]), shifted(0, 0))
    assert half.shown == ALL // 2
    assert half.share > 0.95
    nothing = compared(GREY, shifted(5_000, 5_000))
    assert (nothing.shown, nothing.compared, nothing.share) == (0, 0, 0.0)


def test_plain_tiles_are_not_compared() -> None:
    assert not tiles_of(luma(made("flat", 300, 400))).textured.any()
    ground = luma(pixels(on_ground(photo(1).resize((320, 240)), (640, 480), (0, 0))))
    taken = tiles_of(ground)
    assert 0 < taken.textured.sum() <= ALL // 4 + 8
    assert agreement(taken, 640, 480, ground, shifted(0, 0)).compared == taken.textured.sum()


def test_kernels_and_numpy_compare_tiles_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = luma(pixels(on_ground(photo(1), (800, 600), (60, 50))))
    found = []
    for way in WAYS:
        use(way, monkeypatch)
        # From where it is to far off, and half outside.
        found.append([compared(grey, shifted(60 + off, 50 + off / 2)) for off in range(0, 300, 11)])
    assert found[0] == found[1]
    assert len({one.agreeing for one in found[0]}) > 5
    assert len({one.shown for one in found[0]}) >= 5
