"""What every hash must do; known answers come from tests/fixtures/hashes.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from monitor.hashes import HASHES, HashValue, MediaHash
from monitor.pictures import Picture
from tests.fixtures.pictures import made

KNOWN = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "fixtures" / "hashes.toml").read_text(encoding="utf-8")
)


def picture(kind: str, height: int, width: int) -> Picture:
    rgb = made(kind, height, width)
    return Picture(data=rgb.tobytes(), rgb=rgb, mime="image/png")


@pytest.fixture(params=list(HASHES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def media_hash(name: str) -> MediaHash:
    return HASHES[name]


@pytest.fixture
def one(media_hash: MediaHash) -> HashValue:
    return media_hash.compute(picture("blobs", 480, 640))


@pytest.fixture
def other(media_hash: MediaHash) -> HashValue:
    return media_hash.compute(picture("bands", 300, 200))


def test_is_named_as_its_module(name: str, media_hash: MediaHash) -> None:
    assert media_hash.name == name


def test_digest_has_the_declared_length(media_hash: MediaHash, one: HashValue) -> None:
    assert len(one.digest) * 8 == media_hash.bits


def test_quality_is_a_percentage_or_absent(one: HashValue) -> None:
    assert one.quality is None or 0 <= one.quality <= 100


def test_same_picture_gives_the_same_value(media_hash: MediaHash, one: HashValue) -> None:
    assert media_hash.compute(picture("blobs", 480, 640)) == one


def test_distance_to_itself_is_zero(media_hash: MediaHash, one: HashValue) -> None:
    assert media_hash.distance(one.digest, one.digest) == 0


def test_distance_is_symmetric(media_hash: MediaHash, one: HashValue, other: HashValue) -> None:
    there = media_hash.distance(one.digest, other.digest)
    assert there == media_hash.distance(other.digest, one.digest)


def test_different_pictures_do_not_match(
    media_hash: MediaHash, one: HashValue, other: HashValue
) -> None:
    assert media_hash.distance(one.digest, other.digest) > media_hash.threshold


def test_threshold_is_far_below_the_distance_of_unrelated_pictures(media_hash: MediaHash) -> None:
    assert 0 <= media_hash.threshold < media_hash.bits // 4


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (5, 5), (64, 64)])
def test_any_size_has_a_hash(media_hash: MediaHash, size: tuple[int, int]) -> None:
    assert len(media_hash.compute(picture("blobs", *size)).digest) * 8 == media_hash.bits


def test_known_answers_are_met(name: str, media_hash: MediaHash) -> None:
    known = KNOWN.get(name)
    assert known, f"tests/fixtures/hashes.toml has no [[{name}]]"
    for answer in known:
        value = media_hash.compute(picture(answer["kind"], answer["height"], answer["width"]))
        assert value.digest.hex() == answer["hex"], answer
        assert value.quality == answer.get("quality"), answer
