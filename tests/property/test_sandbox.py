"""Laws of opening anything at all: a picture or one of our reasons, and the next one is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from monitor.errors import MediaError
from monitor.pictures import FORMATS, REASONS, PictureLimits
from monitor.sandbox._base import Breach
from monitor.sandbox.pictures import Decoder
from monitor.settings import SandboxSettings
from tests.fixtures.pictures import encoded, made

PHOTO = Image.fromarray(made("blobs", 40, 50))
TWO = {"save_all": True, "append_images": [Image.new("RGB", (50, 40), "teal")]}
FILES = {
    **{name: encoded(PHOTO.copy(), name) for name in FORMATS},
    **{f"moving {name}": encoded(PHOTO.copy(), name, **TWO) for name in ("GIF", "PNG", "WEBP")},
    "progressive JPEG": encoded(PHOTO.copy(), "JPEG", progressive=True),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "palette": encoded(PHOTO.convert("P"), "PNG"),
    "compressed TIFF": encoded(PHOTO.copy(), "TIFF", compression="tiff_lzw"),
}
SMALL = PictureLimits(max_pixels=1 << 20)
TOLD = {*REASONS, *map(str, Breach)}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(SMALL, SandboxSettings(seconds=5)) as made_:
        yield made_


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a file, with bytes changed, parts cut out, repeated, or put before another file."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    for place, value in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.binary(min_size=1, max_size=4)))
    ):
        data[place : place + len(value)] = value
    start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 300))
    part = data[start : start + length]
    data[start : start + length] = part * draw(st.integers(0, 3))
    tail = FILES[draw(st.sampled_from(sorted(FILES)))] if draw(st.booleans()) else b""
    return bytes(data[: draw(st.integers(1, max(1, len(data))))] + tail)


@settings(
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=damaged())
def test_any_file_is_a_picture_or_one_of_our_reasons_and_the_next_is_read(
    decoder: Decoder, data: bytes
) -> None:
    try:
        picture = decoder(data)
    except MediaError as error:
        told = error.reason
    else:
        told = None
        assert picture.width * picture.height <= SMALL.max_pixels
        assert picture.rgb.shape == (picture.height, picture.width, 3)
    assert told is None or told in TOLD
    assert np.array_equal(decoder(FILES["PNG"]).rgb, np.asarray(PHOTO))
