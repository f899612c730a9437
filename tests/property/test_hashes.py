"""Laws of hashes, and of decoding anything at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monitor import pictures
from monitor.errors import MediaError
from monitor.hashes import hamming
from monitor.hashes import pdq as pdq_module
from monitor.hashes.pdq import dihedral, pdq
from monitor.pictures import FORMATS, PictureLimits, decode
from tests.fixtures.pictures import encoded, made

digests = st.binary(min_size=32, max_size=32)
sides = st.integers(min_value=5, max_value=90)
SMALL = PictureLimits(max_pixels=20_000)
FILES = {name: encoded(Image.fromarray(made("blobs", 40, 50)), name) for name in FORMATS}
# A changed byte may announce a huge picture: it must be refused, and soon.
within_time = settings(deadline=2_000, max_examples=150)


def check(data: bytes) -> None:
    """Decode; any error but a MediaError is for the test to fail with."""
    try:
        picture = decode(data, SMALL)
    except MediaError:
        return
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.shape == (picture.height, picture.width, 3)
    assert picture.width * picture.height <= SMALL.max_pixels


@given(digests, digests, digests)
def test_distance_is_a_metric(a: bytes, b: bytes, c: bytes) -> None:
    assert hamming(a, a) == 0
    assert hamming(a, b) == hamming(b, a)
    assert (hamming(a, b) == 0) == (a == b)
    assert hamming(a, c) <= hamming(a, b) + hamming(b, c)


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(0, 2**32 - 1))
def test_at_most_half_of_the_bits_are_ones(h: int, w: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    for digest in (pdq(rgb).digest, *dihedral(rgb)):
        assert hamming(digest, bytes(32)) <= 128


@within_time
@given(
    sides,
    sides,
    st.integers(0, 2**32 - 1),
    st.integers(1, 100),
    st.sampled_from(["4:4:4", "4:2:2", "4:2:0", "4:1:1", "4:4:0", "grey"]),
    st.booleans(),
)
def test_jpeg_has_the_pixels_that_pillow_gives(
    h: int, w: int, seed: int, quality: int, sampling: str, progressive: bool
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (h // 3 + 1, w // 3 + 1, 3), np.uint8)
    image = Image.fromarray(noise).resize((w, h))
    if sampling == "grey":
        data = encoded(image.convert("L"), "JPEG", quality=quality, progressive=progressive)
    else:
        data = simplejpeg.encode_jpeg(np.array(image), quality, colorsubsampling=sampling[::2])
        if progressive:
            data = encoded(Image.open(io.BytesIO(data)), "JPEG", quality="keep", progressive=True)
    fast = pictures._ordinary_jpeg(data, PictureLimits())
    with Image.open(io.BytesIO(data)) as opened:
        pillow = np.asarray(opened.convert("RGB"))
    assert fast is not None
    assert (fast == pillow).all()
    assert pdq(fast) == pdq_module._hash_in_reference_order(pillow, pdq_module._TURNS[:1])[0]


@within_time
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_jpeg_has_the_pixels_that_pillow_gives(edits: list[tuple[int, int]]) -> None:
    damaged = bytearray(FILES["JPEG"])
    for place, value in edits:
        damaged[place % len(damaged)] = value
    fast = pictures._ordinary_jpeg(bytes(damaged), SMALL)
    if fast is not None:
        with Image.open(io.BytesIO(damaged)) as opened:
            assert (fast == np.asarray(opened.convert("RGB"))).all()


@within_time
@given(st.binary(max_size=400))
def test_any_bytes_decode_or_raise_a_media_error(data: bytes) -> None:
    check(data)


@pytest.mark.parametrize("name", FORMATS)
@within_time
@given(data=st.data())
def test_damaged_picture_decodes_or_raises_a_media_error(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[name])
    edits = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)),
            max_size=8,
        )
    )
    for place, value in edits:
        damaged[place] = value
    end = data.draw(st.integers(1, len(damaged)))
    check(bytes(damaged[:end]))
