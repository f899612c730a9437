from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tests.fixtures.stock import NOW, digest, eight, fingerprint

LIMITS = PictureLimits()
PHOTO = original(photograph(1, (320, 240))).data


def entry(**changes: Any) -> dict[str, Any]:
    good = {"pdq": [digest("a")], "quality": 90, "sha256": None, "phash": None, "recipe": 1}
    return good | changes


def written(folder: Path, *entries: Any, **changes: Any) -> Path:
    content = {"format": "haechi-fingerprints", "version": 1, "fingerprints": list(entries)}
    path = folder / "prints.json"
    path.write_text(json.dumps(content | changes))
    return path


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


def test_the_case_of_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, entry())
    case_id = enrolment.case_of_file(path)
    assert enrolment.check_case_id(case_id) == case_id
    assert case_id.startswith("case-")
    assert enrolment.case_of_file(path.rename(tmp_path / "other.json")) == case_id
    assert enrolment.case_of_file(written(tmp_path, entry(quality=91))) != case_id
    with pytest.raises(Misuse, match="can't read"):
        enrolment.case_of_file(tmp_path / "none")


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


def test_fingerprints_survive_the_way_through_a_file(tmp_path: Path) -> None:
    made = [
        enrolment.fingerprint(decode(PHOTO), "", NOW),
        fingerprint("", eight("b"), quality=3),
        fingerprint("", [digest("bare")], sha256=digest("s")),
    ]
    path = tmp_path / "prints.json"
    enrolment.to_file(made, path)
    good, bad = enrolment.from_file(path, "case-9", NOW)
    assert bad == []
    assert [replace(one, id="", case_id="") for one in good] == [
        replace(one, id="") for one in made
    ]
    assert {one.case_id for one in good} == {"case-9"}
    assert {one.id for one in good}.isdisjoint(one.id for one in made)
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_names_no_case_no_time_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "prints.json"
    enrolment.to_file([fingerprint("case-secret", eight("a"))], path)
    text = path.read_text()
    assert "case-secret" not in text
    assert "2026" not in text
    assert set(json.loads(text)["fingerprints"][0]) == {
        "pdq",
        "quality",
        "sha256",
        "phash",
        "recipe",
    }


def test_importing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, entry(), entry(), entry(pdq=eight("b")))
    for added in (2, 0):
        good, _ = enrolment.from_file(path, "case-1", NOW)
        with store.write() as db:
            assert cases.enrol(db, "case-1", good, actor="x", now=NOW) == added


@pytest.mark.parametrize(
    "wrong",
    [
        {"pdq": []},
        {"pdq": [digest("a")] * 17},
        {"pdq": [digest("a").upper()]},
        {"pdq": [digest("a")[:-1]]},
        {"pdq": [digest("a") + "\n"]},
        {"pdq": digest("a")},
        {"pdq": None},
        {"quality": 101},
        {"quality": -1},
        {"quality": "90"},
        {"quality": True},
        {"quality": 1e9},
        {"sha256": "short"},
        {"phash": "zz"},
        {"recipe": 0},
        {"recipe": 10**40},
    ],
)
def test_a_wrong_entry_is_named_by_its_number_and_the_others_are_taken(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    path = written(tmp_path, entry(), entry(**wrong), entry(pdq=[digest("z")]))
    good, bad = enrolment.from_file(path, "case-1", NOW)
    assert [one.pdq for one in good] == [(digest("a"),), (digest("z"),)]
    assert bad == ["fingerprint 2 is not valid; it was left out"]


@pytest.mark.parametrize("other", [None, 3, "x", [], {}])
def test_an_entry_that_is_no_entry_is_named(tmp_path: Path, other: object) -> None:
    assert len(enrolment.from_file(written(tmp_path, other), "case-1", NOW)[1]) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xd8\xff",
        b"[" * 100_000,
        b'{"format": "haechi-fingerprints", "version": 2, "fingerprints": []}',
        b'{"format": "haechi-fingerprints", "version": 1}',
        b'{"format": "haechi-fingerprints", "version": 1, "fingerprints": {}}',
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prints.json"
    path.write_bytes(content)
    with pytest.raises(Misuse, match=r"prints\.json") as caught:
        enrolment.from_file(path, "case-1", NOW)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_that_is_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="can't read"):
        enrolment.from_file(tmp_path / "none", "case-1", NOW)
    with pytest.raises(Misuse, match="can't write"):
        enrolment.to_file([], tmp_path / "no" / "prints.json")


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


def test_a_file_of_fingerprints_never_has_local_features(tmp_path: Path) -> None:
    one = enrolment.fingerprint(decode(PHOTO), "case-1", NOW, sealer=SEALER, features=True)
    path = tmp_path / "prints.json"
    enrolment.to_file([one], path)
    (entry_,) = json.loads(path.read_text())["fingerprints"]
    assert set(entry_) == {"pdq", "quality", "sha256", "phash", "recipe"}
    smuggled = written(tmp_path, entry(features="AAAA"))
    assert enrolment.from_file(smuggled, "case-1", NOW)[0][0].features is None


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
