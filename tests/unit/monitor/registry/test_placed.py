from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from monitor.features.extract import POST_AREA, luma
from monitor.features.geometry import Placement
from monitor.features.index import Hit, enrolled_features, probe_of
from monitor.features.tiles import Agreement
from monitor.hashes.pdq import DIHEDRAL
from monitor.models.match import TURNED, Grade, inverted
from monitor.pictures import decode
from monitor.registry.bank import build
from monitor.registry.enrolment import fingerprint as enrolled
from monitor.registry.facts import describe
from monitor.registry.look import Look
from monitor.registry.matcher import match
from monitor.registry.placed import _grade, local_matches
from tests.fixtures.pictures import encoded, made
from tests.fixtures.posted import (
    GROUND,
    SIZE,
    bank_of,
    collage,
    on_ground,
    overlap,
    photo,
    pixels,
    screenshot,
    seen,
    turned,
)
from tests.fixtures.stock import NOW, eight, facts, fingerprint

BANK = bank_of(photo(1), photo(2), photo(3))
WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_a_photo_as_it_is_is_found_whole_and_told_by_places_and_not_by_bits() -> None:
    (one,) = seen(BANK, photo(2))
    assert (one.case_id, one.method, one.distance, one.transform) == (
        "case-1",
        "features",
        None,
        "none",
    )
    assert one.grade is Grade.STRONG
    assert one.media_sha256 == facts("post").sha256
    assert overlap(one.region, WHOLE) > 0.99
    placing = one.placing
    assert placing is not None
    assert placing.inliers > 100
    assert placing.agreement > 0.95
    assert (placing.shown, placing.scale, placing.angle) == (1.0, 1.0, 0.0)


def _hit(inliers: int, agreeing: int, *, compared: int = 60, **others: int) -> Hit:
    matrix = np.eye(2, 3)
    return Hit(0, False, Placement(matrix, inliers), Agreement(64, compared, agreeing, **others))


def test_what_agrees_round_the_middle_only_is_a_frame_and_no_photo() -> None:
    assert _grade(_hit(70, 20, core=3)) is None
    assert _grade(_hit(70, 20, core=4)) is Grade.REVIEW


def test_a_blank_photo_that_is_found_by_its_frame_is_for_a_person_to_see() -> None:
    assert _grade(_hit(70, 20, compared=20, core=0, core_textured=3)) is Grade.REVIEW
    assert _grade(_hit(70, 20, compared=20, core=4, core_textured=4)) is Grade.STRONG


@pytest.mark.parametrize("name", DIHEDRAL)
def test_each_turn_is_named_alike_by_hashes_and_by_features(name: str) -> None:
    upright = pixels(photo(1))
    one = enrolled(decode(encoded(photo(1), "PNG")), "case-1", NOW)
    post = Image.fromarray(turned(upright, name))
    (by_hash,) = match(build([one]), describe(decode(encoded(post, "PNG")))[0])
    (by_features,) = seen(BANK, post)
    assert by_hash.transform == by_features.transform == name
    assert by_features.placing is not None
    assert by_features.placing.angle == pytest.approx(0, abs=0.2)
    assert overlap(by_features.region, WHOLE) > 0.99


@pytest.mark.parametrize("degrees", [-30, 12])
@pytest.mark.parametrize("name", DIHEDRAL)
def test_what_is_turned_beyond_a_quarter_is_told_in_degrees_clockwise(
    name: str, degrees: int
) -> None:
    shown = Image.fromarray(turned(pixels(photo(1)), name))
    # PIL turns counter-clockwise.
    post = shown.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=GROUND)
    (one,) = seen(BANK, post)
    assert one.placing is not None
    assert (one.transform, one.placing.angle) == (name, pytest.approx(degrees, abs=0.5))
    assert one.grade is Grade.STRONG
    assert overlap(one.region, WHOLE) > 0.98


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(
    ("width", "corner"), [(640, (100, 40)), (320, (20, 250)), (240, (500, 300))]
)
def test_a_photo_on_a_ground_is_found_where_it_is(
    width: int, corner: tuple[int, int], is_mirrored: bool
) -> None:
    height = width * 3 // 4
    shown = photo(3).resize((width, height), Image.Resampling.LANCZOS)
    if is_mirrored:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    (one,) = seen(BANK, on_ground(shown, (800, 600), corner))
    expected = (corner[0] / 800, corner[1] / 600, width / 800, height / 600)
    assert overlap(one.region, expected) > 0.96
    assert (one.case_id, one.grade) == ("case-2", Grade.STRONG)
    assert one.transform == ("flip_y" if is_mirrored else "none")
    assert one.placing is not None
    assert one.placing.scale == pytest.approx(width / SIZE[0], rel=0.02)


@pytest.mark.parametrize(
    ("box", "visible"),
    [
        ((256, 0, 640, 480), 0.6),
        ((0, 0, 640, 288), 0.6),
        ((64, 48, 576, 432), 0.64),
        ((0, 0, 320, 480), 0.5),
    ],
    ids=["right", "top", "middle", "left half"],
)
def test_a_part_of_a_photo_is_found_and_says_how_much_is_shown(
    box: tuple[int, int, int, int], visible: float
) -> None:
    (one,) = seen(BANK, photo(1).crop(box))
    assert (one.case_id, one.grade) == ("case-0", Grade.STRONG)
    # The photo is larger than the picture: its box ends at the borders.
    assert overlap(one.region, WHOLE) > 0.97
    assert one.placing is not None
    # Only whole tiles of 8 x 8 count.
    assert visible - 0.25 < one.placing.shown <= visible + 0.02


def test_every_enrolled_photo_of_a_collage_is_found_in_its_place() -> None:
    post = collage(photo(7), photo(1), photo(2), photo(8))
    found = {one.case_id: one for one in seen(BANK, post)}
    assert set(found) == {"case-0", "case-1"}
    assert overlap(found["case-0"].region, (0.5, 0, 0.5, 0.5)) > 0.96
    assert overlap(found["case-1"].region, (0, 0.5, 0.5, 0.5)) > 0.96
    assert {one.grade for one in found.values()} == {Grade.STRONG}


def test_a_photo_on_a_screen_is_found_in_its_place() -> None:
    (one,) = seen(BANK, screenshot(photo(2)))
    assert overlap(one.region, (0, 240 / 1170, 1, 405 / 1170)) > 0.96
    assert (one.case_id, one.grade) == ("case-1", Grade.STRONG)


@pytest.mark.parametrize("seed", range(11, 14))
def test_strangers_photos_are_not_found_in_whatever_form(seed: int) -> None:
    stranger = photo(seed)
    for post in (
        stranger,
        stranger.crop((200, 100, 600, 400)),
        screenshot(stranger),
        collage(stranger, photo(seed + 10), photo(seed + 20), photo(seed + 30)),
    ):
        assert seen(BANK, post) == []


def test_a_strangers_photo_in_the_same_screen_as_an_enrolled_one_is_not_found() -> None:
    bank = bank_of(screenshot(photo(1)))
    found = seen(bank, screenshot(photo(11)))
    assert all(one.grade is Grade.REVIEW for one in found)


@pytest.mark.parametrize(
    ("kind", "height", "width"),
    [
        ("flat", 300, 400),
        ("slope", 300, 400),
        ("grain", 300, 400),
        ("bands", 300, 400),
        ("grain", 1, 1),
        ("grain", 10, 5_000),
        ("blobs", 5_000, 10),
        ("blobs", 40, 3_000),
        ("hills", 33, 33),
    ],
)
def test_odd_pictures_find_nothing_and_do_no_harm(kind: str, height: int, width: int) -> None:
    post = Image.fromarray(made(kind, height, width))
    assert seen(BANK, post) == []
    assert seen(bank_of(), post) == []
    assert seen(bank_of(post), photo(1)) == []


def test_an_empty_bank_and_one_without_features_find_nothing() -> None:
    assert seen(bank_of(), photo(1)) == []
    bare = build([fingerprint("case-1", eight("a"))])
    assert len(bare.local) == 0
    assert seen(bare, photo(1)) == []


def test_a_photo_without_texture_beside_others_finds_nothing_and_hides_nothing() -> None:
    bank = bank_of(Image.fromarray(made("flat", 200, 200)), photo(1))
    assert [one.case_id for one in seen(bank, photo(1))] == ["case-1"]


def test_the_same_photo_of_two_cases_is_found_for_both() -> None:
    bank = bank_of(photo(1), photo(1), photo(2))
    assert {one.case_id for one in seen(bank, photo(1))} == {"case-0", "case-1"}


def test_a_photo_is_found_among_many() -> None:
    rng = np.random.default_rng(1)
    one = enrolled_features(pixels(photo(1)))
    noise = rng.integers(0, 256, (700, *one.features.codes.shape), np.uint8)
    others = [replace(one, features=replace(one.features, codes=codes)) for codes in noise]
    prints = [fingerprint(f"case-{number}", eight(number)) for number in range(701)]
    photos = [*others[:600], one, *others[600:]]
    bank = build(prints, dict(zip([one.id for one in prints], photos, strict=True)))
    assert [found.case_id for found in seen(bank, photo(1))] == ["case-600"]


def test_a_look_searches_a_bank_once_and_another_one_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Look(facts("post"), luma(pixels(photo(1)), POST_AREA))
    (first,) = look.matches(BANK)
    with monkeypatch.context() as patched:
        patched.setattr(
            "monitor.registry.look.local_matches", lambda *_: pytest.fail("searched again")
        )
        assert look.matches(BANK) == [first]
    # Another version of the bank: the case is gone.
    gone = build((), version=BANK.version + 1)
    assert look.matches(gone) == []
    assert look.matches(BANK) == [first]


def test_matches_are_the_same_every_time() -> None:
    post = probe_of(pixels(collage(photo(2), photo(11), photo(1), photo(12))))
    first = local_matches(BANK, facts("post"), post)
    assert first == local_matches(BANK, facts("post"), post)
    assert len(first) == 2


def test_a_large_file_says_its_region_in_shares_and_its_scale_in_its_own_pixels() -> None:
    small = on_ground(photo(1), (900, 700), (200, 100))
    large = small.resize((2_700, 2_100), Image.Resampling.BICUBIC)
    found = [one for post in (small, large) for one in seen(BANK, post)]
    first, second = (np.array(one.region) for one in found)
    assert np.abs(first - second).max() < 0.01
    assert [one.placing and one.placing.scale for one in found] == pytest.approx([1, 3], rel=0.02)


def test_a_settled_look_keeps_what_it_found_and_looks_no_more() -> None:
    look = Look(facts("post"), luma(pixels(photo(2)), POST_AREA))
    found = look.matches(BANK)
    look.settle()
    assert look.matches(bank_of(photo(1))) == found != []


@pytest.mark.parametrize("name", DIHEDRAL)
def test_a_photo_in_inverted_colours_is_found_and_told_so(name: str) -> None:
    (one,) = seen(BANK, Image.fromarray(255 - turned(pixels(photo(1)), name)))
    assert one.transform == inverted(name)
    assert one.grade is Grade.STRONG
    assert "색상 반전" in TURNED[one.transform]
