from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.hashes import hamming
from monitor.hashes import pdq as module
from monitor.hashes.pdq import (
    DIHEDRAL,
    ROUGHNESS,
    PdqHash,
    dihedral,
    pdq,
    pdq_and_dihedral,
    rough_pdq,
)
from monitor.pictures import decode, decode_roughly
from tests.fixtures import kernels
from tests.fixtures.pictures import KINDS, Rgb, encoded, made
from tests.fixtures.posted import photo

TESTS = Path(__file__).resolve().parents[3]
SHARED = TESTS.parent / "../shared/data/pdq"
KNOWN = tomllib.loads((TESTS / "fixtures" / "hashes.toml").read_text(encoding="utf-8"))

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="reference pictures are not here")

# Each line of the comment at DIHEDRAL.
TURNS: dict[str, Callable[[Rgb], Rgb]] = {
    "none": lambda a: a,
    "rot90": np.rot90,
    "rot180": lambda a: np.rot90(a, 2),
    "rot270": lambda a: np.rot90(a, 3),
    "flip_x": lambda a: a[::-1],
    "flip_y": lambda a: a[:, ::-1],
    "transpose": lambda a: a.transpose(1, 0, 2),
    "anti_transpose": lambda a: np.rot90(a, 2).transpose(1, 0, 2),
}


@pytest.fixture(params=kernels.WAYS)
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.use(request.param, monkeypatch)


@pytest.fixture(scope="module")
def pdqhash() -> ModuleType:
    try:
        import pdqhash as reference
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("pdqhash is not installed: build it with `pip install pdqhash==0.2.8`")
    return reference


def packed(vector: NDArray[np.int_]) -> bytes:
    return np.packbits(vector.astype(np.uint8)).tobytes()


def check(pdqhash: ModuleType, rgb: Rgb, what: object) -> None:
    rgb = np.ascontiguousarray(rgb)
    vector, quality = pdqhash.compute(rgb)
    expected = PdqHash(packed(vector), quality)
    turned = tuple(packed(vector) for vector in pdqhash.compute_dihedral(rgb)[0])
    assert pdq(rgb) == expected, what
    assert pdq_and_dihedral(rgb) == (expected, turned), what
    assert module._hash_in_reference_order(rgb, module._TURNS) == (expected, turned), what


def texture(random: np.random.Generator, height: int, width: int) -> Rgb:
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    waves, steps = random.uniform(1, 8, 2)
    across = [x, np.sin(waves * 6 * x), np.floor(x * steps) % 2, random.random((1, width))]
    down = [y, np.sin(steps * 6 * y), np.floor(y * waves) % 2, random.random((height, 1))]
    u, v = across[random.integers(4)], down[random.integers(4)]
    mixed = [u * v, u + v, np.maximum(u, v), u * v * 0.02 + 0.97, u - v * 0.1][random.integers(5)]
    grain = random.random((height, width)) * random.choice([0, 0.01, 0.1, 1])
    grey = (mixed + grain) % 1.0001
    return (grey[..., None] * random.integers(1, 256, 3)).astype(np.uint8)


@needs_shared
def test_reference_pictures_have_the_hash_and_quality_of_the_reference() -> None:
    expected = json.loads((SHARED / "expected.json").read_text(encoding="utf-8"))
    assert expected
    for name, answer in expected.items():
        value = pdq(decode((SHARED / name).read_bytes()).rgb)
        assert (value.digest.hex(), value.quality) == (
            answer["pdqhash_0.2.8"],
            answer["quality"],
        ), name


@needs_shared
def test_turned_hashes_of_a_photo_are_those_of_the_reference() -> None:
    expected = json.loads((SHARED / "dihedral_of_original.json").read_text(encoding="utf-8"))
    rgb = decode((SHARED / "dih/bridge-1-original.jpg").read_bytes()).rgb
    assert [digest.hex() for digest in dihedral(rgb)] == expected["hashes"]


@pytest.mark.parametrize("answer", KNOWN["dihedral"], ids=lambda a: f"{a['kind']}-{a['height']}")
def test_turned_hashes_are_the_known_ones(answer: dict[str, object]) -> None:
    rgb = made(str(answer["kind"]), int(str(answer["height"])), int(str(answer["width"])))
    assert [digest.hex() for digest in dihedral(rgb)] == answer["hex"]


@pytest.mark.parametrize("turn", DIHEDRAL)
def test_turned_picture_is_near_the_hash_of_that_name_and_of_no_other(turn: str) -> None:
    rgb = made("hills", 512, 640)
    turned = pdq(TURNS[turn](rgb)).digest
    near = [
        name
        for name, digest in zip(DIHEDRAL, dihedral(rgb), strict=True)
        if hamming(turned, digest) <= module.THRESHOLD
    ]
    assert near == [turn]


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "size",
    [(5, 5), (5, 64), (17, 23), (63, 64), (64, 64), (65, 63), (127, 129), (128, 128), (257, 200)],
)
def test_small_pictures_agree_with_pdqhash(
    pdqhash: ModuleType, kind: str, size: tuple[int, int]
) -> None:
    check(pdqhash, made(kind, *size), (kind, size))


@pytest.mark.parametrize("size", [(4, 4), (4, 100), (100, 4), (1, 1)])
def test_picture_with_a_side_under_five_pixels_has_an_empty_hash(size: tuple[int, int]) -> None:
    assert pdq_and_dihedral(made("blobs", *size)) == (PdqHash(bytes(32), 0), (bytes(32),) * 8)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("seed", range(6))
def test_random_pictures_agree_with_pdqhash(pdqhash: ModuleType, seed: int) -> None:
    random = np.random.default_rng(seed)
    for number in range(40):
        height, width = (int(5 + 2 ** random.uniform(0, 9)) for _ in range(2))
        check(pdqhash, texture(random, height, width), (seed, number, height, width))


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("size", [(1350, 1080), (1441, 2559), (9, 8000), (8000, 9)])
def test_large_and_long_pictures_agree_with_pdqhash(
    pdqhash: ModuleType, size: tuple[int, int]
) -> None:
    random = np.random.default_rng(size[0])
    for kind in ("blobs", "bands"):
        check(pdqhash, made(kind, *size), (kind, size))
    check(pdqhash, texture(random, *size), size)


@pytest.mark.usefixtures("both_ways")
def test_one_colour_and_two_halves_agree_with_pdqhash(pdqhash: ModuleType) -> None:
    for value in (0, 1, 77, 128, 254, 255):
        flat = np.full((90, 150, 3), value, dtype=np.uint8)
        check(pdqhash, flat, value)
        for half in (flat[:45], flat[:, :75]):
            half[...] = 255 - value
            check(pdqhash, flat, value)


@pytest.mark.usefixtures("both_ways")
def test_both_ways_of_computing_agree_where_the_fast_one_is_certain() -> None:
    turns = module._TURNS
    certain = 0
    for height, width in ((300, 400), (640, 480), (64, 64), (900, 333)):
        rgb = made("blobs", height, width)
        fast = module._hash_if_certain(rgb, turns)
        if fast is not None:
            certain += 1
            assert fast == module._hash_in_reference_order(rgb, turns)
    assert certain


@pytest.mark.parametrize("size", [(5, 5), (7, 300), (301, 6), (129, 200), (640, 481)])
def test_kernels_give_the_reference_order_to_the_last_bit(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = texture(np.random.default_rng(size), *size)
    small = []
    for way in kernels.WAYS:
        with monkeypatch.context() as patch:
            kernels.use(way, patch)
            small.append(module.reference.small_picture(rgb, keep_64=False))
    assert (small[0] == small[1]).all()


def test_flat_picture_is_left_to_the_reference_order() -> None:
    assert module._hash_if_certain(made("flat", 300, 400), module._TURNS) is None


def test_flat_picture_has_too_little_quality_to_match() -> None:
    assert pdq(made("flat", 300, 400)).quality < module.MIN_QUALITY


def test_view_with_strides_hashes_like_its_copy() -> None:
    rgb = made("blobs", 700, 900)[::2, 30:-31:3]
    assert pdq(rgb) == pdq(rgb.copy())


def test_brighter_and_smaller_copy_is_within_the_threshold() -> None:
    rgb = made("hills", 640, 480)
    copy = (rgb[::2, ::2] * 0.9 + 20).astype(np.uint8)
    assert hamming(pdq(rgb).digest, pdq(copy).digest) <= module.THRESHOLD


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((64, 64), dtype=np.uint8),
        np.zeros((64, 64, 4), dtype=np.uint8),
        np.zeros((64, 64, 3), dtype=np.float32),
    ],
)
def test_array_of_another_shape_or_type_is_refused(array: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="H x W x 3"):
        pdq(array)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("size", [(512, 640), (601, 517), (1027, 1350), (2061, 2050)])
@pytest.mark.parametrize("seed", range(4))
def test_the_rough_hash_is_near_the_exact_one_and_says_about_the_quality(
    size: tuple[int, int], seed: int
) -> None:
    data = encoded(photo(seed, size), "JPEG")
    rough = decode_roughly(data)
    assert rough is not None
    told, exact = rough_pdq(rough), pdq(decode(data).rgb)
    assert hamming(told.digest, exact.digest) <= ROUGHNESS
    assert abs(told.quality - exact.quality) <= 5
