from __future__ import annotations

import numpy as np
import pytest

from monitor.windows.photo import dump, enrolled_windows, load
from tests.fixtures.pictures import made
from tests.fixtures.posted import photo, pixels


def test_what_is_kept_of_a_photo_is_read_as_it_was_written() -> None:
    one = enrolled_windows(pixels(photo(1)))
    read = load(dump(one))
    assert (read.width, read.height) == (640, 480)
    assert (read.codes == one.codes).all()
    assert np.abs(read.boxes - one.boxes).max() <= 0.5
    assert (read.tiles.signs == one.tiles.signs).all()
    assert (read.tiles.textured == one.tiles.textured).all()


def test_it_is_some_three_kilobytes() -> None:
    assert 2_000 < len(dump(enrolled_windows(pixels(photo(1))))) < 4_000


@pytest.mark.parametrize("damage", [b"", b"\x01\x02", b"\x09" + bytes(600)])
def test_what_is_damaged_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|version"):
        load(damage)
    with pytest.raises(ValueError, match="cut short"):
        load(dump(enrolled_windows(pixels(photo(1))))[:-1])


@pytest.mark.parametrize("size", [(1, 1), (5, 700), (700, 5), (31, 33), (64, 64)])
def test_an_odd_shape_has_few_windows_or_none(size: tuple[int, int]) -> None:
    assert len(enrolled_windows(made("grain", *size)).codes) <= 100


def test_plain_ground_has_none() -> None:
    assert len(enrolled_windows(made("flat", 300, 200)).codes) == 0
