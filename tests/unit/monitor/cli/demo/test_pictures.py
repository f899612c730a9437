import io
from itertools import combinations
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image

from monitor.cli.demo.pictures import EDITS, MIMES, Encoded, original, photograph

PHOTOS = [photograph(seed) for seed in (1, 2, 3)]


def opened(encoded: Encoded) -> Image.Image:
    picture = Image.open(io.BytesIO(encoded.data))
    picture.load()
    return picture


def turns(picture: Image.Image) -> list[Image.Image]:
    return [picture, *(picture.transpose(turn) for turn in Image.Transpose)]


TURNED = [[imagehash.phash(turned) for turned in turns(photo)] for photo in PHOTOS]


def test_a_seed_and_a_size_always_give_the_same_pixels() -> None:
    assert photograph(7, (120, 150)).tobytes() == photograph(7, (120, 150)).tobytes()
    assert photograph(7, (120, 150)).tobytes() != photograph(8, (120, 150)).tobytes()


@pytest.mark.parametrize("size", [(1080, 1350), (360, 120), (120, 120), (901, 677)])
def test_a_photograph_has_the_size_asked_for(size: tuple[int, int]) -> None:
    assert photograph(1, size).size == size
    assert photograph(1, size).mode == "RGB"


def test_a_photograph_uses_the_range_of_light() -> None:
    for photo in PHOTOS:
        grey = np.asarray(photo.convert("L"), dtype=float)
        assert grey.std() > 30
        assert np.percentile(grey, 95) - np.percentile(grey, 5) > 100


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_gives_a_file_of_the_format_its_suffix_says(name: str) -> None:
    encoded = EDITS[name](PHOTOS[0])
    assert Image.MIME[opened(encoded).format or ""] == MIMES[encoded.suffix] == encoded.mime


def test_edits_do_not_change_the_picture_they_are_made_from() -> None:
    photo = photograph(1)
    for edit in EDITS.values():
        edit(photo)
    assert photo.tobytes() == PHOTOS[0].tobytes()


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_copy_stays_near_one_turn_of_its_original(name: str) -> None:
    for photo, hashes in zip(PHOTOS, TURNED, strict=True):
        copy = imagehash.phash(opened(EDITS[name](photo)))
        assert min(copy - hashed for hashed in hashes) <= 6


def test_different_photographs_are_far_apart_however_turned() -> None:
    for one, other in combinations(TURNED, 2):
        assert min(one[0] - hashed for hashed in other) >= 14


def pdq(pdqhash: Any, picture: Image.Image) -> tuple[np.ndarray, int]:
    bits, quality = pdqhash.compute(np.ascontiguousarray(np.asarray(picture.convert("RGB"))))
    return bits, quality


def test_the_reference_pdq_finds_copies_near_and_strangers_far() -> None:
    pdqhash = pytest.importorskip("pdqhash", reason="the reference of PDQ is not installed")
    banks = [[pdq(pdqhash, turned) for turned in turns(photo)] for photo in PHOTOS]
    assert {quality for bank in banks for _, quality in bank} == {100}
    for one, other in combinations(banks, 2):
        assert min((one[0][0] != bits).sum() for bits, _ in other) > 90
    for edit in EDITS.values():
        for photo, bank in zip(PHOTOS, banks, strict=True):
            copy, _ = pdq(pdqhash, opened(edit(photo)))
            assert min((copy != bits).sum() for bits, _ in bank) <= 22


def test_the_original_is_a_jpeg_of_the_same_size() -> None:
    assert opened(original(PHOTOS[0])).size == PHOTOS[0].size
