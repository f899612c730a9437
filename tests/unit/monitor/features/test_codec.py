from __future__ import annotations

import numpy as np
import pytest

from monitor.features.codec import VERSION, pack, unpack
from monitor.features.index import LocalIndex, enrolled_features, probe_of
from tests.fixtures.pictures import made
from tests.fixtures.posted import photo, pixels

PHOTO = pixels(photo(1))


def test_what_was_packed_is_read_back_as_exactly_as_it_needs_to_be() -> None:
    given = enrolled_features(PHOTO)
    data = pack(given)
    assert len(data) == 7 + 40 * len(given.features.points) + 520
    read = unpack(data)
    assert (read.features.width, read.features.height) == (640, 480)
    away = np.abs(read.features.points - given.features.points)
    away[:, 3] = np.minimum(away[:, 3], 360 - away[:, 3])
    assert (away.max(axis=0) < [0.04, 0.04, 0.02, 0.01]).all()
    assert np.array_equal(read.features.codes, given.features.codes)
    assert np.array_equal(read.tiles.signs, given.tiles.signs)
    assert np.array_equal(read.tiles.textured, given.tiles.textured)
    assert pack(read) == data


def test_what_was_read_back_finds_its_photo() -> None:
    read = unpack(pack(enrolled_features(PHOTO)))
    (hit,) = LocalIndex([read]).search(probe_of(PHOTO))
    assert hit.agreement.share > 0.95


def test_a_photo_without_features_is_packed_too() -> None:
    read = unpack(pack(enrolled_features(made("flat", 64, 64))))
    assert len(read.features.points) == 0
    assert not read.tiles.textured.any()


def test_what_is_cut_short_too_long_or_of_another_version_is_refused() -> None:
    data = pack(enrolled_features(PHOTO))
    for end in (0, 1, 6, 7, 8, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match="cut short"):
            unpack(data[:end])
    with pytest.raises(ValueError, match="cut short"):
        unpack(data + b"\0")
    for version in (0, VERSION + 1, 255):
        with pytest.raises(ValueError, match=f"version {version}"):
            unpack(bytes([version]) + data[1:])
