from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from monitor.cli.demo.pictures import photograph
from monitor.hashes import HASHES
from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY, THRESHOLD
from monitor.models.case import Fingerprint
from monitor.models.match import Grade, Match, inverted
from monitor.models.media import MediaFacts
from monitor.pictures import decode
from monitor.registry.bank import build
from monitor.registry.enrolment import fingerprint as enrolled
from monitor.registry.facts import describe
from monitor.registry.matcher import best_of_each_case, match
from monitor.registry.prints import words_of
from tests.fixtures.posted import turned
from tests.fixtures.stock import NOW, digest, eight, facts, fingerprint, flipped


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_an_empty_bank_matches_nothing() -> None:
    assert match(build(()), facts("a")) == []


def test_a_bank_of_one_finds_its_photo_up_to_the_threshold_and_not_beyond() -> None:
    bank = build([fingerprint("case-1", eight("a"))])
    for bits in (0, 1, THRESHOLD):
        (found,) = match(bank, facts("x", pdq=flipped(eight("a")[0], bits)))
        assert (found.distance, found.method, found.grade) == (bits, "pdq", Grade.STRONG)
        assert (found.case_id, found.transform, found.media_sha256) == (
            "case-1",
            "none",
            digest("x"),
        )
        assert found.region == (0.0, 0.0, 1.0, 1.0)
    assert match(bank, facts("x", pdq=flipped(eight("a")[0], THRESHOLD + 1))) == []
    assert match(bank, facts("y")) == []


@pytest.mark.parametrize("turn", range(8))
def test_each_turn_is_found_and_named(turn: int) -> None:
    bank = build([fingerprint("case-1", eight("a"))])
    (found,) = match(bank, facts("x", pdq=flipped(eight("a")[turn], 7)))
    assert (found.transform, found.distance) == (DIHEDRAL[turn], 7)


@pytest.mark.parametrize("name", DIHEDRAL)
def test_a_picture_in_inverted_colours_is_found_and_named(name: str) -> None:
    own = photograph(1, (320, 240))
    bank = build([enrolled(decode(_png(own)), "case-1", NOW)])
    post = Image.fromarray(255 - turned(np.asarray(own.convert("RGB")), name))
    (found,) = match(bank, describe(decode(_png(post)))[0])
    assert found.transform == inverted(name)


def test_what_an_index_says_is_held_against_the_fingerprints_own_hash() -> None:
    # A hash of another photo, and one more than the photo has, as of a file that is out of date.
    bank = build([fingerprint("case-1", [digest("own")])])
    bank.nearest.add(words_of([digest("old"), digest("old")]), np.array([0, 1], np.uint32))
    assert match(bank, facts("x", pdq=digest("old"))) == []
    assert match(bank, facts("x", pdq=digest("own")))


def test_the_nearest_turn_counts() -> None:
    base = digest("base")
    bank = build([fingerprint("case-1", [flipped(base, 9), flipped(base, 3), flipped(base, 5)])])
    (found,) = match(bank, facts("x", pdq=base))
    assert (found.transform, found.distance) == (DIHEDRAL[1], 3)


def test_the_same_photo_in_two_cases_is_found_for_both() -> None:
    bank = build([fingerprint(case, eight("a")) for case in ("case-2", "case-1")])
    found = match(bank, facts("x", pdq=eight("a")[0]))
    assert [one.case_id for one in found] == ["case-1", "case-2"]


def test_a_photo_without_texture_is_found_by_its_bytes_only() -> None:
    flat = fingerprint("case-1", eight("a"), sha256=digest("a"), quality=MIN_QUALITY - 1)
    bank = build([flat])
    assert match(bank, facts("x", pdq=eight("a")[0])) == []
    (found,) = match(bank, facts("a"))
    assert (found.method, found.grade, found.distance) == ("sha256", Grade.EXACT, 0)
    assert len(bank.nearest) == 0


def test_a_picture_without_texture_matches_by_its_bytes_only() -> None:
    bank = build([fingerprint("case-1", eight("a"), sha256=digest("a"))])
    poor = MIN_QUALITY - 1
    assert match(bank, facts("x", pdq=eight("a")[0], quality=poor)) == []
    (found,) = match(bank, facts("a", pdq=eight("a")[0], quality=poor))
    assert (found.method, found.quality) == ("sha256", poor)


def test_a_partners_bare_hash_is_one_row_and_matches() -> None:
    bank = build([fingerprint("case-1", [digest("bare")], quality=70)])
    assert len(bank.nearest) == 1
    (found,) = match(bank, facts("x", pdq=flipped(digest("bare"), 10)))
    assert (found.distance, found.quality) == (10, 70)


def test_the_same_bytes_beat_a_near_look() -> None:
    bank = build([fingerprint("case-1", eight("a"), sha256=digest("a"))])
    (found,) = match(bank, facts("a", pdq=flipped(eight("a")[3], 2)))
    assert (found.method, found.grade, found.distance) == ("sha256", Grade.EXACT, 0)


def test_the_same_file_enrolled_twice_is_found_as_both() -> None:
    bank = build([fingerprint(case, eight(case), sha256=digest("a")) for case in ("x", "y")])
    assert [one.case_id for one in match(bank, facts("a"))] == ["x", "y"]


def test_the_best_match_of_each_case_is_kept() -> None:
    base = digest("base")
    bank = build(
        [
            fingerprint(case, [flipped(base, bits)])
            for case, bits in (("x", 9), ("x", 4), ("y", 20), ("x", 15))
        ]
    )
    best = best_of_each_case(match(bank, facts("q", pdq=base)))
    assert [(one.case_id, one.distance) for one in best] == [("x", 4), ("y", 20)]
    assert best_of_each_case([]) == []


def by_hand(fingerprints: list[Fingerprint], query: MediaFacts) -> list[tuple[int, str, str, str]]:
    """What must be found, the slow way: distance, fingerprint, turn, method."""
    hamming = HASHES["pdq"].distance
    found = []
    for one in fingerprints:
        if one.sha256 == query.sha256:
            found.append((0, one.id, DIHEDRAL[0], "sha256"))
            continue
        if min(one.quality, query.pdq_quality) < MIN_QUALITY:
            continue
        distances = [hamming(bytes.fromhex(row), bytes.fromhex(query.pdq)) for row in one.pdq]
        nearest = min(distances)
        if nearest <= THRESHOLD:
            found.append((nearest, one.id, DIHEDRAL[distances.index(nearest)], "pdq"))
    return sorted(found, key=lambda one: (one[3] != "sha256", one[0], one[1]))


BASES = [digest(number) for number in range(3)]
HASH = st.builds(flipped, st.sampled_from(BASES), st.integers(0, 64))
FINGERPRINT = st.builds(
    lambda case, pdq, sha256, quality: fingerprint(case, pdq, sha256=sha256, quality=quality),
    st.just("case"),
    st.lists(HASH, min_size=1, max_size=8),
    st.none() | st.sampled_from([digest("a"), digest("b")]),
    st.integers(0, 100),
)


@given(
    st.lists(FINGERPRINT, max_size=12, unique_by=lambda one: one.id),
    st.builds(lambda pdq, quality: facts("a", pdq=pdq, quality=quality), HASH, st.integers(0, 100)),
)
def test_the_bank_finds_exactly_what_a_search_by_hand_finds(
    fingerprints: list[Fingerprint], query: MediaFacts
) -> None:
    found: list[Match] = match(build(fingerprints), query)
    assert [(one.distance, one.fingerprint_id, one.transform, one.method) for one in found] == (
        by_hand(fingerprints, query)
    )


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def test_a_real_photo_is_found_recompressed_and_turned() -> None:
    picture = photograph(5, (400, 300))
    bank = build([enrolled(decode(jpeg(picture, 92)), "case-1", NOW)])
    copies = {
        "none": picture.resize((200, 150)),
        "flip_y": picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "rot90": picture.transpose(Image.Transpose.ROTATE_90),
        "transpose": picture.transpose(Image.Transpose.TRANSPOSE),
    }
    seen = {
        name: [one.transform for one in match(bank, describe(decode(jpeg(copy, 60)))[0])]
        for name, copy in copies.items()
    }
    # PIL turns counter-clockwise, as `numpy.rot90` does.
    assert seen == {name: [name] for name in copies}
    other = describe(decode(jpeg(photograph(6, (400, 300)), 80)))[0]
    assert match(bank, other) == []
