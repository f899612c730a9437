"""Pictures through a worker: the same pixels, and nothing believed that can't be."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monitor import pictures
from monitor.bench._hostile import HostileFile, good_files, slow_jpeg
from monitor.cli.demo.pictures import photograph
from monitor.errors import MediaError
from monitor.pictures import PictureLimits, as_shown, decode, decode_roughly
from monitor.sandbox._base import Breach
from monitor.sandbox.box import Output
from monitor.sandbox.pictures import Decoder, open_decoder
from monitor.settings import SandboxSettings, build
from tests.fixtures.pictures import encoded, made, png_header

PHOTO = Image.fromarray(made("blobs", 40, 50))
GOOD = good_files(photograph)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(PictureLimits(), SandboxSettings()) as one:
        yield one


@pytest.mark.parametrize("file", GOOD, ids=[f"{n}-{one.kind}" for n, one in enumerate(GOOD)])
def test_a_worker_gives_what_decoding_here_gives(decoder: Decoder, file: HostileFile) -> None:
    here, there = decode(file.data), decoder(file.data)
    assert np.array_equal(here.rgb, there.rgb)
    assert (here.mime, here.has_more_frames) == (there.mime, there.has_more_frames)
    assert there.data == file.data
    assert not there.rgb.flags.writeable
    assert there.rgb.flags.c_contiguous
    assert decoder.sandbox.starts == 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 9])
def test_nothing_is_opened_in_this_process(
    decoder: Decoder, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PHOTO.copy(), "JPEG", exif=exif)
    meant = as_shown(decode(data)).rgb
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(pictures.simplejpeg, "decode_jpeg", lambda *_, **__: pytest.fail("opened"))
    assert np.array_equal(as_shown(decoder(data)).rgb, meant)


def test_a_first_look_is_the_same_in_a_worker(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.fromarray(made("hills", 1025, 1303)), "JPEG")
    here = decode_roughly(data)
    assert here is not None
    monkeypatch.setattr(pictures.simplejpeg, "decode_jpeg", lambda *_, **__: pytest.fail("opened"))
    there = decoder.roughly(data)
    assert there is not None
    assert (there.height, there.width) == (here.height, here.width)
    assert np.array_equal(there.grey, here.grey)
    for other in (b"", b"no picture", encoded(PHOTO, "PNG"), encoded(PHOTO, "JPEG")):
        assert decoder.roughly(other) is None


def test_a_file_that_was_cut_short_is_told(decoder: Decoder) -> None:
    data = encoded(Image.fromarray(made("hills", 400, 300)), "JPEG")
    cut = decoder(data[: len(data) * 4 // 5])
    assert cut.is_cut_short
    assert cut.height < 400


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"GIF89a", "not a picture of a known format"),
        (png_header(50_000, 50_000), "too many pixels"),
        (encoded(PHOTO.copy(), "PNG")[:100], "truncated"),
    ],
)
def test_what_is_refused_says_why(decoder: Decoder, data: bytes, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        decoder(data)
    assert caught.value.reason == reason
    assert decoder.sandbox.breaches == {}


def test_a_file_over_the_limit_is_not_even_handed_over() -> None:
    with Decoder(PictureLimits(max_bytes=10), SandboxSettings()) as one:
        with pytest.raises(MediaError, match="file too large"):
            one(bytes(11))
        assert one.sandbox.starts == 0


def test_a_picture_of_the_largest_size_fits_and_what_follows_too() -> None:
    white = Image.new("RGBA", (10_000, 5_000), (255, 255, 255, 255))
    data = encoded(white, "PNG", compress_level=1)
    with Decoder(PictureLimits(), SandboxSettings()) as one:
        assert one(data).rgb.shape == (5_000, 10_000, 3)
        assert np.array_equal(one(encoded(PHOTO.copy(), "PNG")).rgb, np.asarray(PHOTO))
        assert one.sandbox.starts == 1


def test_a_picture_that_takes_minutes_is_ended(decoder: Decoder) -> None:
    with Decoder(PictureLimits(), SandboxSettings(seconds=1)) as one:
        with pytest.raises(MediaError) as caught:
            one(slow_jpeg())
        assert caught.value.reason == Breach.TIME
        assert one(encoded(PHOTO.copy(), "PNG")).width == 50


@pytest.mark.parametrize(
    "answer",
    [
        (40, 50, 99, 1, 0, 0),
        (40, 50, 0, 0, 0, 0),
        (40, 50, 0, 9, 0, 0),
        (100_000, 50_000, 0, 1, 0, 0),
        (1, 70_000, 0, 1, 0, 0),
        (0, 50, 0, 1, 0, 0),
    ],
)
def test_an_answer_that_can_not_be_is_not_believed(
    decoder: Decoder, answer: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(_: bytes, take: Callable[[tuple[int, ...], Output], object]) -> object:
        with socket.socket() as line:
            return take(answer, Output(line, 0))

    monkeypatch.setattr(decoder.sandbox, "run", lie)
    with pytest.raises(ValueError, match="no such"):
        decoder(b"x")


def test_the_limits_are_those_of_the_settings() -> None:
    given = {"network": {"max_media_bytes": 5_000, "max_pixels": 6_000}}
    with open_decoder(build(Path(), given)) as one:
        assert one.limits == PictureLimits(max_bytes=5_000, max_pixels=6_000)
