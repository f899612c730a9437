from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.features.extract import extract, luma
from monitor.features.sift import described
from tests.fixtures import kernels
from tests.fixtures.posted import photo, pixels


@pytest.fixture(params=kernels.WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    kernels.use(request.param, monkeypatch)
    return str(request.param)


def _all(places: NDArray[np.float32], _strengths: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.arange(len(places))


def test_kernels_find_and_describe_what_opencv_does(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = luma(pixels(photo(1)))
    results = []
    for one in kernels.WAYS:
        kernels.use(one, monkeypatch)
        results.append(extract(grey, 400)[0])
    by_opencv, by_kernels = results
    assert len(by_opencv.points) == len(by_kernels.points) == 400
    apart = np.abs(by_opencv.points[:, None] - by_kernels.points[None])
    apart[:, :, 3] = np.minimum(apart[:, :, 3], 360 - apart[:, :, 3]) / 10
    nearest = apart.max(axis=2).argmin(axis=1)
    same = apart.max(axis=2).min(axis=1) < 0.2
    assert same.mean() > 0.9
    bits = np.bitwise_count(by_opencv.codes[same] ^ by_kernels.codes[nearest[same]]).sum(axis=1)
    assert np.percentile(bits, 90) <= 6


@pytest.mark.usefixtures("way")
def test_no_more_than_asked_for_are_described() -> None:
    grey = luma(pixels(photo(1, (200, 150))))
    points, descriptors = described(grey, _all, 7)
    assert len(points) == len(descriptors) == 7


def test_kernels_describe_a_place_of_several_directions_several_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grey = luma(pixels(photo(1, (200, 150))))
    counts = []
    for one in kernels.WAYS:
        kernels.use(one, monkeypatch)
        points = described(grey, _all, 10_000)[0]
        counts.append((len(points), len(np.unique(points[:, :3].round(1), axis=0))))
    (all_1, apart_1), (all_2, apart_2) = counts
    assert all_1 > apart_1
    assert all_2 == pytest.approx(all_1, rel=0.03)
    assert apart_2 == pytest.approx(apart_1, rel=0.03)


@pytest.mark.usefixtures("way")
def test_a_bright_spot_is_found_where_it_is() -> None:
    y, x = np.mgrid[0:96, 0:128]
    spot = np.exp(-((x - 70) ** 2 + (y - 40) ** 2 / 2) / 30)
    points, descriptors = described((30 + 200 * spot).astype(np.uint8), _all, 10_000)
    at = np.hypot(points[:, 0] - 70, points[:, 1] - 40).argmin()
    assert points[at, :2] == pytest.approx((70, 40), abs=1)
    assert 5 < points[at, 2] < 30
    assert descriptors.shape == (len(points), 128)
    assert 0 <= descriptors.min() <= descriptors.max() <= 255


@pytest.mark.usefixtures("way")
def test_what_is_turned_a_quarter_is_described_alike() -> None:
    grey = luma(pixels(photo(2, (240, 200))))
    points, descriptors = described(grey, _all, 10_000)
    turned_points, turned = described(np.ascontiguousarray(np.rot90(grey)), _all, 10_000)
    products = descriptors @ turned.T
    products /= np.linalg.norm(descriptors, axis=1)[:, None] * np.linalg.norm(turned, axis=1)
    assert np.median(products.max(axis=1)) > 0.97
    best = products.argmax(axis=1)
    assert np.median(np.abs(turned_points[best, 0] - points[:, 1])) < 1


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", [(32, 32), (33, 1_279), (600, 40)])
@pytest.mark.parametrize("content", ["flat", "noise", "stripes"])
def test_no_picture_does_harm(shape: tuple[int, int], content: str) -> None:
    grey = {
        "flat": np.full(shape, 255, np.uint8),
        "noise": np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8),
        "stripes": np.broadcast_to((np.arange(shape[1]) % 8 // 4 * 255).astype(np.uint8), shape),
    }[content]
    points, descriptors = described(np.ascontiguousarray(grey), _all, 10_000)
    assert len(points) == len(descriptors)
    assert np.isfinite(points).all()
    assert np.isfinite(descriptors).all()
    if content == "flat":
        assert len(points) == 0
