from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from monitor.features.extract import (
    CODE_BYTES,
    MAX_AREA,
    MAX_SIDE,
    PHOTO_FEATURES,
    POST_FEATURES,
    LocalFeatures,
    extract,
    inverted,
    luma,
)
from tests.fixtures import kernels
from tests.fixtures.pictures import Rgb, made
from tests.fixtures.posted import photo, pixels


def same(one: LocalFeatures, other: LocalFeatures) -> bool:
    return bool(np.array_equal(one.points, other.points) and np.array_equal(one.codes, other.codes))


def test_features_lie_within_the_picture_and_have_a_code_each() -> None:
    for features in extract(luma(pixels(photo(1))), POST_FEATURES):
        assert (features.width, features.height) == (640, 480)
        assert features.points.dtype == np.float32
        assert features.codes.dtype == np.uint8
        assert features.codes.shape == (len(features.points), CODE_BYTES)
        x, y, size, direction = features.points.T
        assert 0 <= x.min() < x.max() <= 640
        assert 0 <= y.min() < y.max() <= 480
        assert size.min() > 0
        assert 0 <= direction.min() <= direction.max() <= 360


def test_no_more_are_kept_than_asked_for_and_they_lie_all_over_the_picture() -> None:
    features, mirrored = extract(luma(pixels(photo(1))), PHOTO_FEATURES)
    assert len(features.points) == len(mirrored.points) == PHOTO_FEATURES
    thirds = {(int(x * 3 // 640), int(y * 3 // 480)) for x, y in features.points[:, :2]}
    assert len(thirds) == 9


def test_the_features_of_the_mirror_image_are_those_that_it_has() -> None:
    grey = luma(pixels(photo(1)))
    _, said = extract(grey, POST_FEATURES)
    found, _ = extract(np.ascontiguousarray(grey[:, ::-1]), POST_FEATURES)
    away = np.hypot(
        said.points[:, None, 0] - found.points[None, :, 0],
        said.points[:, None, 1] - found.points[None, :, 1],
    )
    near, other = np.nonzero(away < 1)
    turn = np.abs((said.points[near, 3] - found.points[other, 3] + 180) % 360 - 180)
    kept = turn < 5
    near, other = near[kept], other[kept]
    assert len(np.unique(near)) > 0.7 * len(said.points)
    bits = np.bitwise_count(said.codes[near] ^ found.codes[other]).sum(axis=1)
    assert np.median(bits) < 40


@pytest.mark.parametrize("way", kernels.WAYS)
def test_the_same_picture_has_the_same_features_in_several_threads_at_once(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels.use(way, monkeypatch)
    greys = [luma(pixels(photo(seed))) for seed in (1, 2)] * 4
    alone = [extract(grey, POST_FEATURES) for grey in greys[:2]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda grey: extract(grey, POST_FEATURES), greys))
    for number, pair in enumerate(found):
        assert all(same(*two) for two in zip(pair, alone[number % 2], strict=True))


@pytest.mark.parametrize(("width", "height"), [(4_000, 3_000), (1_280, 1_280), (5_000, 90), (7, 9)])
def test_a_large_picture_is_made_smaller_and_keeps_its_shape(width: int, height: int) -> None:
    grey = luma(np.zeros((height, width, 3), np.uint8))
    assert grey.dtype == np.uint8
    assert max(grey.shape) <= MAX_SIDE
    # Rounding may add a pixel a side.
    assert grey.size <= MAX_AREA * 1.002
    assert grey.shape[1] / grey.shape[0] == pytest.approx(width / height, rel=0.03)
    if width < MAX_SIDE:
        assert grey.shape == (height, width) or grey.size > MAX_AREA * 0.99


@pytest.mark.parametrize(
    "rgb",
    [
        made("flat", 300, 400),
        made("slope", 300, 400),
        made("grain", 1, 1),
        made("grain", 1, 5_000),
        made("grain", 10, 5_000),
        made("grain", 5_000, 10),
        made("grain", 31, 31),
    ],
    ids=["flat", "slope", "a pixel", "a line", "a strip", "an upright strip", "tiny"],
)
def test_a_picture_without_texture_or_size_has_none(rgb: Rgb) -> None:
    for features in extract(luma(rgb), POST_FEATURES):
        assert features.points.shape == (0, 4)
        assert features.codes.shape == (0, CODE_BYTES)


@pytest.mark.parametrize("way", kernels.WAYS)
def test_the_features_in_inverted_colours_are_those_that_the_picture_has_there(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels.use(way, monkeypatch)
    grey = luma(pixels(photo(1)))
    said = inverted(extract(grey, POST_FEATURES)[0])
    found = extract(255 - grey, POST_FEATURES)[0]
    apart = np.abs(said.points[:, None] - found.points[None])
    apart[:, :, 3] = np.minimum(apart[:, :, 3], 360 - apart[:, :, 3])
    nearest = apart.max(axis=2).argmin(axis=1)
    alike = apart.max(axis=2).min(axis=1) < 0.5
    assert alike.mean() > 0.9
    bits = np.bitwise_count(said.codes[alike] ^ found.codes[nearest[alike]]).sum(axis=1)
    assert np.median(bits) <= 2
