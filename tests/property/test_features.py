"""Laws of local features: what is packed comes back, and no picture does harm."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.features.codec import VERSION, pack, unpack
from monitor.features.crop import photo_within
from monitor.features.extract import extract, luma
from monitor.features.index import LocalIndex, enrolled_features, probe_of
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.features.tiles import BITS, TILES
from tests.fixtures.posted import photo, pixels

UNTIMED = settings(deadline=None, max_examples=40)
PHOTO = enrolled_features(pixels(photo(1)))
PROBE = probe_of(pixels(photo(1)))
BANK = LocalIndex([PHOTO])


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """Any features, as they are stored."""
    count = draw(st.integers(0, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    extreme = draw(st.sampled_from([None, 0, 65_535]))
    points = rng.integers(0, 65_536, (count, 4)).astype("<u2")
    if extreme is not None:
        points[:] = extreme
    signs = np.packbits(rng.integers(0, 2, (TILES * TILES, BITS), np.uint8), axis=1)
    width, height = draw(st.integers(0, 65_535)), draw(st.integers(0, 65_535))
    head = struct.pack("<BHHH", VERSION, width, height, count)
    parts = (points.tobytes(), rng.bytes(32 * count), signs.tobytes(), rng.bytes(TILES))
    return head + b"".join(parts)


@given(packed())
def test_any_features_come_back_as_they_were_packed(data: bytes) -> None:
    assert pack(unpack(data)) == data


@given(packed(), st.data())
def test_features_that_are_cut_short_or_too_long_are_refused(
    data: bytes, draw: st.DataObject
) -> None:
    end = draw.draw(st.integers(0, len(data) - 1))
    for other in (data[:end], data + b"x"):
        with pytest.raises(ValueError, match="cut short"):
            unpack(other)


@given(st.binary(max_size=2_000))
def test_any_bytes_are_features_or_a_value_error(data: bytes) -> None:
    try:
        read = unpack(data)
    except ValueError:
        return
    assert pack(read)[0] == VERSION


@given(
    st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES),
    st.binary(max_size=200),
    st.text(max_size=20).filter(lambda name: name.isprintable()),
    st.data(),
)
def test_what_is_sealed_opens_unless_a_bit_of_it_was_changed(
    key: bytes, plain: bytes, name: str, draw: st.DataObject
) -> None:
    sealed = Sealer(key).seal(plain, name)
    assert Sealer(key).open(sealed, name) == plain
    bit = draw.draw(st.integers(0, 8 * len(sealed) - 1))
    damaged = bytearray(sealed)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="another key, or damaged"):
        Sealer(key).open(bytes(damaged), name)


sides = st.one_of(st.integers(1, 120), st.sampled_from([1, 31, 32, 33, 700, 2_000]))


@UNTIMED
@given(sides, sides, st.integers(0, 2**32 - 1), st.sampled_from([1, 4, 30]))
def test_a_picture_of_any_shape_and_content_does_no_harm(
    height: int, width: int, seed: int, grain: int
) -> None:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (-(-height // grain), -(-width // grain), 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(small.repeat(grain, 0).repeat(grain, 1)[:height, :width])
    grey = luma(rgb)
    for features in extract(grey, 50):
        assert len(features.points) == len(features.codes) <= 50
        assert np.isfinite(features.points).all()
    probe = probe_of(rgb)
    assert BANK.search(probe) == [] or min(height, width) >= 32
    own = LocalIndex([enrolled_features(rgb)])
    for hit in (*BANK.search(probe), *own.search(probe)):
        assert np.isfinite(hit.placement.matrix).all()
        assert 0 <= hit.agreement.agreeing <= hit.agreement.compared <= hit.agreement.shown
    box = photo_within(grey)
    assert box is None or 0 < box.area < grey.size


@UNTIMED
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 30, 640]), st.sampled_from([1, 20, 2_000]))
def test_the_right_codes_at_any_places_end_in_finite_placements(
    seed: int, width: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = PHOTO.features.points.shape
    points = rng.uniform((0, 0, 1, 0), (width, 480, 1 + size, 360), shape).astype(np.float32)
    scrambled = replace(PHOTO, features=replace(PHOTO.features, points=points))
    for hit in LocalIndex([scrambled]).search(PROBE):
        assert np.isfinite(hit.placement.matrix).all()
        assert hit.placement.scale > 0
