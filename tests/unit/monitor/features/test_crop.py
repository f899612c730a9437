from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from monitor.features.crop import Box, photo_within
from tests.fixtures.pictures import made
from tests.fixtures.posted import GROUND, on_ground, overlap, photo, screenshot


def found(image: Image.Image) -> Box | None:
    return photo_within(np.asarray(image.convert("L")))


def near(box: Box | None, left: int, top: int, right: int, bottom: int) -> bool:
    if box is None:
        return False
    ours = (box.left, box.top, box.right - box.left, box.bottom - box.top)
    return overlap(ours, (left, top, right - left, bottom - top)) > 0.94


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(640, 480), (480, 480), (480, 600)])
def test_the_photo_on_a_screen_is_found(seed: int, size: tuple[int, int]) -> None:
    height = 540 * size[1] // size[0]
    assert near(found(screenshot(photo(seed, size))), 0, 240, 540, 240 + height)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_photo_in_a_frame_is_found_upright_or_not(seed: int) -> None:
    framed = on_ground(photo(seed), (800, 700), (80, 90))
    assert near(found(framed), 80, 90, 720, 570)
    assert near(found(framed.transpose(Image.Transpose.TRANSPOSE)), 90, 80, 570, 720)


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_plain_photo_is_itself_the_photo(seed: int) -> None:
    assert found(photo(seed)) is None


@pytest.mark.parametrize("kind", ["flat", "slope", "grain", "blobs"])
def test_what_is_no_photo_has_none_in_it(kind: str) -> None:
    assert found(Image.fromarray(made(kind, 300, 400))) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (79, 79), (80, 80), (5_000, 10), (90, 3_000)])
@pytest.mark.parametrize("kind", ["grain", "flat"])
def test_odd_shapes_are_no_trouble(kind: str, size: tuple[int, int]) -> None:
    assert photo_within(made(kind, *size)[:, :, 0].copy()) is None


def test_a_screen_of_text_has_no_photo_in_it() -> None:
    screen = Image.new("RGB", (540, 1170), GROUND)
    for row in range(60, 1_100, 34):
        screen.paste((30, 30, 30), (30, row, 200 + row * 7 % 300, row + 12))
    assert found(screen) is None
