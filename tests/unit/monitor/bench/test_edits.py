from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from monitor.bench._edits import EDITS, Edit, as_posted
from monitor.bench._frames import FRAMES
from monitor.cli.demo.pictures import photograph

PHOTOS = {size: photograph(1, size) for size in ((320, 400), (420, 280))}
STRANGER = photograph(2, (300, 260))

ALL = EDITS | FRAMES


def _made(edit: Edit, size: tuple[int, int], seed: int) -> Image.Image:
    return edit(PHOTOS[size], lambda: STRANGER, np.random.default_rng(seed))


@pytest.mark.parametrize("size", list(PHOTOS), ids=["portrait", "landscape"])
@pytest.mark.parametrize("name", list(ALL))
def test_an_edit_is_another_picture_and_leaves_the_photo_as_it_was(
    name: str, size: tuple[int, int]
) -> None:
    before = PHOTOS[size].tobytes()
    made = _made(ALL[name], size, 7)
    assert made.mode == "RGB"
    assert (made.size, made.tobytes()) != (size, before)
    assert PHOTOS[size].tobytes() == before


@pytest.mark.parametrize("name", list(ALL))
def test_an_edit_is_the_same_for_the_same_seed(name: str) -> None:
    first, again = (_made(ALL[name], (320, 400), 7) for _ in range(2))
    assert (first.size, first.tobytes()) == (again.size, again.tobytes())


def test_posts_have_the_size_that_messengers_send() -> None:
    large = PHOTOS[320, 400].resize((1600, 2000))
    for seed in range(6):
        with Image.open(io.BytesIO(as_posted(large, np.random.default_rng(seed)))) as post:
            assert max(post.size) == 1280
