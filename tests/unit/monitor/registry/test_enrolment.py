from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.cli.demo.pictures import original, photograph
from monitor.errors import MediaError, Misuse
from monitor.features.codec import unpack
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.pictures import PictureLimits, decode
from monitor.registry import enrolment
from monitor.registry.bank import build
from monitor.registry.facts import describe
from monitor.registry.matcher import match
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import overlap, photo, screenshot
from tests.fixtures.stock import NOW

LIMITS = PictureLimits()
PHOTO = original(photograph(1, (320, 240))).data


def test_a_photo_has_one_fingerprint_with_eight_turns() -> None:
    one = enrolment.fingerprint(decode(PHOTO), "case-1", NOW)
    again = enrolment.fingerprint(decode(PHOTO), "case-1", NOW)
    assert replace(again, id=one.id) == one
    assert (len(one.pdq), len(set(one.pdq))) == (8, 8)
    assert enrolment.has_texture(one)


def test_an_id_tells_nothing_of_the_photo_or_its_case() -> None:
    ids = {enrolment.fingerprint(decode(PHOTO), "case-1", NOW).id for _ in range(5)}
    assert len(ids) == 5
    assert {len(one) for one in ids} == {21}


def test_the_same_photo_is_enrolled_once_in_each_case(store: Store) -> None:
    with store.write() as db:
        for case_id, added in (("case-1", 1), ("case-1", 0), ("case-2", 1)):
            one = enrolment.fingerprint(decode(PHOTO), case_id, NOW)
            assert cases.enrol(db, case_id, [one], actor="x", now=NOW) == added
        first = cases.active_fingerprints(db, "case-1")[0].id
        cases.enrol(db, "case-1", [replace(one, case_id="case-1")], actor="x", now=NOW)
        assert [one.id for one in cases.active_fingerprints(db, "case-1")] == [first]


def test_what_is_no_photo_has_none() -> None:
    with pytest.raises(MediaError, match="not a picture"):
        enrolment.fingerprint(decode(b"not a photo"), "case-1", NOW)


def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(MediaError):
            enrolment.read_photo(path, LIMITS)
    big = tmp_path / "big.jpg"
    big.write_bytes(b"x" * 11)
    with pytest.raises(MediaError, match="larger than"):
        enrolment.read_photo(big, PictureLimits(max_bytes=10))


@pytest.mark.parametrize("case_id", ["1", "2026-017", "사례_3", "a.b", "x" * 64])
def test_a_plain_case_id_is_taken(case_id: str) -> None:
    assert enrolment.check_case_id(case_id) == case_id


@pytest.mark.parametrize("case_id", ["", ".", "-x", "a b", "a/b", "x" * 65, "a\n", "a\r\nBcc: x"])
def test_any_other_case_id_is_refused(case_id: str) -> None:
    with pytest.raises(Misuse, match="case id"):
        enrolment.check_case_id(case_id)


SEALER = Sealer(bytes(KEY_BYTES))


def test_local_features_are_made_only_with_a_key_and_open_only_for_their_photo() -> None:
    assert enrolment.fingerprint(decode(PHOTO), "case-1", NOW).features is None
    one = enrolment.fingerprint(decode(PHOTO), "case-1", NOW, sealer=SEALER, features=True)
    sealed = one.features or b""
    features = unpack(SEALER.open(sealed, cases.content_key(one)))
    assert (features.features.width, features.features.height) == (320, 240)
    assert len(features.features.points) > 50
    with pytest.raises(ValueError, match="another key"):
        SEALER.open(sealed, cases.content_key(replace(one, case_id="case-2")))
    assert "features" not in repr(one)


def test_a_screenshot_is_watched_for_as_it_is_and_as_the_photo_in_it() -> None:
    screen = decode(encoded(screenshot(photo(1)), "PNG"))
    inner = decode(encoded(photo(1).resize((540, 405)), "PNG"))
    region = enrolment.find_photo(screen)
    assert region is not None
    assert overlap(region, (0, 240 / 1170, 1, 405 / 1170)) > 0.96
    one = enrolment.fingerprint(screen, "case-1", NOW, crop=region, sealer=SEALER, features=True)
    assert one.pdq[:8] == enrolment.fingerprint(screen, "case-1", NOW).pdq
    assert len(one.pdq) == 16
    bank = build([one])
    for picture in (screen, inner):
        (found,) = match(bank, describe(picture)[0])
        assert (found.transform, found.method) == (
            "none",
            "sha256" if picture is screen else "pdq",
        )
    features = unpack(SEALER.open(one.features or b"", cases.content_key(one))).features
    assert features.width / features.height == pytest.approx(640 / 480, rel=0.03)


def test_a_plain_photo_is_not_cropped() -> None:
    for seed in range(1, 5):
        assert enrolment.find_photo(decode(encoded(photo(seed), "PNG"))) is None


@pytest.mark.parametrize(
    ("region", "size"),
    [((0, 0, 1, 1), (320, 240)), ((0.5, 0.25, 0.5, 0.75), (160, 180)), ((0, 0, 0.2, 1), (64, 240))],
)
def test_a_part_is_cut_out_of_a_picture(region: enrolment.Region, size: tuple[int, int]) -> None:
    picture = decode(PHOTO)
    part = enrolment.cut(picture, region)
    assert (part.width, part.height) == size
    left, top = round(region[0] * 320), round(region[1] * 240)
    assert np.array_equal(part.rgb, picture.rgb[top : top + size[1], left : left + size[0]])
    assert not part.rgb.flags.writeable


@pytest.mark.parametrize("region", [(0, 0, 0.1, 1), (0.9, 0, 0.1, 1), (0, 0.999, 1, 0.001)])
def test_a_crop_of_next_to_nothing_is_refused(region: enrolment.Region) -> None:
    with pytest.raises(MediaError, match="too small"):
        enrolment.cut(decode(PHOTO), region)


def test_a_photo_that_is_enrolled_again_gains_features_and_keeps_its_id(store: Store) -> None:
    plain = enrolment.fingerprint(decode(PHOTO), "case-1", NOW)
    full = enrolment.fingerprint(decode(PHOTO), "case-1", NOW, sealer=SEALER, features=True)
    with store.write() as db:
        assert cases.enrol(db, "case-1", [plain], actor="x", now=NOW) == 1
        assert cases.enrol(db, "case-1", [full], actor="x", now=NOW) == 0
        (kept,) = cases.active_fingerprints(db)
        assert (kept.id, kept.features) == (plain.id, full.features)
        # Without them once more, as by an import: they stay.
        assert cases.enrol(db, "case-1", [plain], actor="x", now=NOW) == 0
        assert cases.active_fingerprints(db) == [kept]


def test_a_photo_that_is_enrolled_anew_with_another_crop_has_the_hashes_of_that(
    store: Store,
) -> None:
    screen = decode(encoded(screenshot(photo(1)), "PNG"))
    wrong, right, none = (
        enrolment.fingerprint(screen, "case-1", NOW, crop=crop)
        for crop in ((0, 0.3, 1, 0.5), (0, 240 / 1170, 1, 405 / 1170), None)
    )
    assert len({wrong.pdq, right.pdq, none.pdq}) == 3
    with store.write() as db:
        for one, anew, kept in (
            (wrong, False, wrong),
            (right, False, wrong),
            (right, True, right),
            (none, True, none),
        ):
            cases.enrol(db, "case-1", [one], actor="x", now=NOW, anew=anew)
            (found,) = cases.active_fingerprints(db)
            assert (found.id, found.pdq, found.quality) == (wrong.id, kept.pdq, kept.quality)
