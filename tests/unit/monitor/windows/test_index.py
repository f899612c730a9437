from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from monitor.features.extract import luma
from monitor.windows import lookup
from monitor.windows.codes import turned
from monitor.windows.index import WindowHit, WindowIndex
from monitor.windows.lookup import WindowTable
from monitor.windows.photo import enrolled_windows
from monitor.windows.post import PostWindows, post_windows
from monitor.windows.pyramid import Pyramid
from tests.fixtures.kernels import WAYS, use
from tests.fixtures.pictures import made
from tests.fixtures.posted import collage, on_ground, photo, pixels

INDEX = WindowIndex([enrolled_windows(pixels(photo(number))) for number in (1, 2, 3)])


def posted(picture: Image.Image) -> PostWindows:
    return post_windows(Pyramid(luma(pixels(picture), 400_000)))


def found(picture: Image.Image) -> list[WindowHit]:
    """What is placed by more than chance."""
    return [one for one in INDEX.search(posted(picture)) if one.agreement.agreeing >= 20]


ALTERED = {
    "as it is": photo(1),
    "cropped": photo(1).crop((200, 100, 600, 480)),
    "on a ground": on_ground(photo(1).resize((320, 240)), (540, 1170), (60, 500)),
    "mirrored": ImageOps.mirror(photo(1)),
    "a quarter turn, cropped": photo(1).transpose(Image.Transpose.ROTATE_90).crop((0, 0, 480, 500)),
    "turned": photo(1).rotate(18, expand=True, fillcolor="black"),
    "squeezed": photo(1).resize((450, 480)),
    "inverted": ImageOps.invert(photo(1)),
    "in a collage": collage(photo(7), photo(8), photo(1), photo(9)),
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_photo_is_found_by_hashes_alone_however_it_was_edited(name: str) -> None:
    (hit,) = found(ALTERED[name])
    assert hit.photo == 0
    assert hit.inverted is (name == "inverted")
    assert hit.agreement.share > 0.6


def test_a_placement_says_where_the_photo_is() -> None:
    (hit,) = found(ALTERED["on a ground"])
    corners = np.array([[0, 0, 1], [640, 480, 1]]) @ hit.matrix.T
    scale = luma(pixels(ALTERED["on a ground"]), 400_000).shape[1] / 540
    assert np.abs(corners / scale - [[60, 500], [380, 740]]).max() < 6


def test_strangers_and_empty_pictures_show_no_photo() -> None:
    assert found(collage(photo(5), photo(6), photo(7), photo(8))) == []
    for size in ((1, 1), (3, 900), (900, 3), (31, 33)):
        assert found(Image.fromarray(made("grain", *size))) == []
    assert found(Image.fromarray(made("flat", 300, 300))) == []


def test_an_empty_bank_finds_nothing() -> None:
    assert len(WindowIndex([])) == 0
    assert WindowIndex([]).search(posted(photo(1))) == []


def test_kernels_and_numpy_find_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    table = WindowTable(enrolled_windows(pixels(photo(1))).codes)
    post = posted(ALTERED["cropped"])
    # More than there is room for at first.
    monkeypatch.setattr(lookup, "_FIRST_ROOM", 7)
    found = []
    for way in WAYS:
        use(way, monkeypatch)
        found.append(table.near(post.codes, post.unsure, 5_000))
    assert len(found[0]) > 20
    assert (found[0] == found[1]).all()


def test_a_window_is_near_to_itself_in_every_turn() -> None:
    codes = enrolled_windows(pixels(photo(2))).codes
    table = WindowTable(codes)
    none = np.zeros((len(codes), 4), np.uint8) + np.arange(4, dtype=np.uint8)
    for turn in range(16):
        pairs = table.near(turned(codes, turn), none, 1_000_000)
        same = pairs[(pairs[:, 0] == pairs[:, 1]) & (pairs[:, 2] == turn)]
        assert (len(same), same[:, 3].max()) == (len(codes), 0)


def test_windows_of_extreme_shapes_are_bounded() -> None:
    for size in ((1_280, 32), (2_000, 60), (33, 9_000)):
        shape = Image.fromarray(made("grain", *size))
        assert len(posted(shape).codes) <= 150_000


def test_photos_come_and_go_one_by_one() -> None:
    one, two, three = (enrolled_windows(pixels(photo(number))) for number in (1, 2, 3))
    index = WindowIndex([one]).added([two]).dropped([0]).added([three])
    assert len(index) == 2
    assert index.search(posted(photo(1))) == []
    assert [hit.photo for hit in index.search(posted(photo(2)))][:1] == [1]
    assert [hit.photo for hit in index.search(posted(photo(3)))][:1] == [2]
    emptied = index.dropped([1, 2])
    assert len(emptied) == 0
    assert emptied.search(posted(photo(2))) == []
    assert [hit.photo for hit in emptied.added([one]).search(posted(photo(1)))][:1] == [3]
