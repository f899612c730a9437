from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from monitor import pictures
from monitor.errors import MediaError
from monitor.pictures import FORMATS, PictureLimits, as_shown, decode, decode_roughly
from tests.fixtures.pictures import chunk, encoded, made, png_header

RGB = made("blobs", 40, 50)
PHOTO = Image.fromarray(RGB)


def reason(data: bytes, limits: PictureLimits | None = None) -> str:
    with pytest.raises(MediaError) as caught:
        decode(data, limits or PictureLimits())
    return caught.value.reason


@pytest.mark.parametrize("name", FORMATS)
def test_each_allowed_format_gives_its_pixels_and_its_mime(name: str) -> None:
    picture = decode(encoded(PHOTO, name))
    assert (picture.height, picture.width) == (40, 50)
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags.c_contiguous
    assert picture.mime == f"image/{name.lower()}"


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF"])
def test_lossless_pixels_are_kept_as_they_are(name: str) -> None:
    assert (decode(encoded(PHOTO, name)).rgb == RGB).all()


def test_file_is_kept_beside_the_pixels_but_not_shown() -> None:
    data = encoded(PHOTO, "PNG")
    picture = decode(data)
    assert picture.data == data
    assert repr(picture) == "Picture(mime='image/png')"


def test_several_pictures_in_one_jpeg_give_the_first() -> None:
    data = encoded(PHOTO, "MPO", save_all=True, append_images=[Image.new("RGB", (50, 40))])
    picture = decode(data)
    assert picture.mime == "image/jpeg"
    assert picture.rgb.mean() > 20


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_ordinary_jpeg_is_not_left_to_pillow(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(PHOTO.convert(mode), "JPEG")
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("asked Pillow"))
    picture = decode(data)
    assert (picture.rgb == expected).all()
    assert picture.mime == "image/jpeg"
    assert not picture.rgb.flags.writeable
    assert picture.rgb.flags.c_contiguous


def test_jpeg_over_the_limit_is_refused_before_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *_: pytest.fail("decoded"))
    data = encoded(PHOTO, "JPEG")
    assert reason(data, PictureLimits(max_pixels=1_999)) == "too many pixels"
    assert reason(data, PictureLimits(max_side=49)) == "too many pixels"


def test_colours_of_a_jpeg_without_brightness_are_left_to_pillow() -> None:
    data = encoded(PHOTO, "JPEG", keep_rgb=True)
    assert pictures._ordinary_jpeg(data, PictureLimits()) is None
    assert np.abs(decode(data).rgb.astype(int) - RGB).mean() < 12


def test_first_frame_of_a_moving_gif_is_taken() -> None:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue", "lime")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data).rgb == (255, 0, 0)).all()


MOVING = ["GIF", "PNG", "WEBP", "AVIF", "TIFF"]


@pytest.mark.parametrize("name", MOVING)
def test_that_there_are_more_frames_is_told(name: str) -> None:
    other = Image.new("RGB", PHOTO.size, "teal")
    moving = encoded(PHOTO.copy(), name, save_all=True, append_images=[other])
    still = encoded(PHOTO.copy(), name)
    assert (decode(moving).has_more_frames, decode(still).has_more_frames) == (True, False)
    assert np.abs(decode(moving).rgb.astype(int) - decode(still).rgb).mean() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (6, 6), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 3, 6))
    saved = encoded(
        image if mode == "RGBA" else image.convert(mode), "TIFF" if mode == "PA" else "PNG"
    )
    rgb = decode(saved).rgb
    assert (rgb[:, :3] == 0).all()
    assert (rgb[:, 3:] == 255).all()


def test_half_transparent_black_is_grey_on_white() -> None:
    rgb = decode(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG")).rgb
    assert (rgb == 127).all()


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"], ids=["index", "bytes"])
def test_transparent_palette_entry_becomes_white(transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(1, (2, 0, 4, 4))
    rgb = decode(encoded(image, "PNG", transparency=transparency)).rgb
    assert (rgb[:, :2] == (10, 20, 30)).all()
    assert (rgb[:, 2:] == 255).all()


def test_transparent_colour_of_an_rgb_png_becomes_white() -> None:
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    rgb = decode(encoded(image, "PNG", transparency=(1, 2, 3))).rgb
    assert (rgb == 255).all()


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_deep_grey_is_scaled_and_not_cut_off(name: str) -> None:
    deep = np.array([[0, 257, 32_896, 65_535]], dtype=np.uint16).repeat(3, axis=0)
    rgb = decode(encoded(Image.fromarray(deep), name)).rgb
    assert rgb[0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def deep_png(samples: NDArray[np.uint16]) -> bytes:
    """Write 16 bits a channel, which Pillow does not."""
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_deep_colours_are_scaled_and_not_cut_off() -> None:
    levels = np.array([0, 257, 32_896, 65_535], dtype=np.uint16)
    samples = np.stack([np.stack([levels, levels[::-1], levels], axis=-1)] * 3)
    rgb = decode(deep_png(samples)).rgb
    assert rgb[0].tolist() == [[0, 255, 0], [1, 128, 1], [128, 1, 128], [255, 0, 255]]


@pytest.mark.parametrize("name", FORMATS)
def test_the_content_tells_the_format_whatever_comes_before_and_after(name: str) -> None:
    data = encoded(PHOTO, name)
    assert np.array_equal(decode(data + b"\0" * 99).rgb, decode(data).rgb)


def test_a_colour_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name in ("JPEG", "PNG", "WEBP", "TIFF"):
        plain = decode(encoded(PHOTO.copy(), name)).rgb
        assert np.array_equal(decode(encoded(PHOTO.copy(), name, icc_profile=profile)).rgb, plain)


def test_transparent_heic_becomes_white() -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    rgb = decode(encoded(image, "HEIF")).rgb
    assert rgb.min() >= 250


def test_black_and_white_picture_has_only_these() -> None:
    image = Image.new("1", (8, 8), 1)
    image.paste(0, (0, 0, 4, 8))
    rgb = decode(encoded(image, "PNG")).rgb
    assert (rgb[:, :4] == 0).all()
    assert (rgb[:, 4:] == 255).all()


def test_grey_picture_has_three_equal_channels() -> None:
    rgb = decode(encoded(PHOTO.convert("L"), "PNG")).rgb
    assert (rgb[..., 0] == rgb[..., 1]).all()
    assert (rgb[..., 0] == rgb[..., 2]).all()


def test_ink_colours_become_light() -> None:
    rgb = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")).rgb
    assert np.abs(rgb.astype(int) - (255, 0, 0)).max() <= 3


def test_orientation_tag_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(PHOTO, "JPEG", exif=exif)).rgb.shape == (40, 50, 3)


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_a_picture_as_shown_is_turned_as_its_tag_says(name: str, orientation: int) -> None:
    data = encoded(PHOTO, name, exif=oriented(orientation))
    with Image.open(io.BytesIO(data)) as image:
        meant = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    picture = as_shown(decode(data))
    assert np.array_equal(picture.rgb, meant)
    assert picture.orientation == 1
    assert picture.data == data
    assert picture.rgb.flags.c_contiguous
    assert not picture.rgb.flags.writeable


def test_damaged_exif_neither_warns_nor_stops() -> None:
    data = encoded(PHOTO, "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x01")
    assert decode(data).width == 50
    assert as_shown(decode(data)).width == 50


def test_float_samples_are_refused() -> None:
    image = Image.fromarray(np.ones((5, 5), dtype=np.float32))
    assert reason(encoded(image, "TIFF")) == "unknown range of brightness"


def test_empty_file_is_refused() -> None:
    assert reason(b"") == "empty file"


@pytest.mark.parametrize(
    "data", [b"\x00", b"<html></html>", b"%PDF-1.7", b"\xff\xd8\xff", b"GIF89a"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert reason(data) in {"not a picture of a known format", "damaged", "truncated"}


@pytest.mark.parametrize("name", ["PPM", "ICO", "TGA", "EPS", "PCX"])
def test_other_formats_that_pillow_knows_are_refused(name: str) -> None:
    assert reason(encoded(PHOTO, name)) == "not a picture of a known format"


@pytest.mark.parametrize("name", FORMATS)
def test_picture_of_which_little_is_there_is_refused(name: str) -> None:
    data = encoded(PHOTO, name)
    told = reason(data[: len(data) * 2 // 5])
    assert told in {"truncated", "damaged", "not a picture of a known format"}


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_picture_cut_short_gives_the_rows_that_are_there(name: str) -> None:
    photo = Image.fromarray(made("hills", 400, 300))
    data = encoded(photo, name)
    whole = decode(data)
    cut = decode(data[: len(data) * 4 // 5])
    assert (whole.is_cut_short, cut.is_cut_short) == (False, True)
    assert 200 <= cut.height < 400
    # Of the last rows, a part is there.
    same = cut.height - 32
    assert np.array_equal(whole.rgb[:same], cut.rgb[:same])
    assert cut.rgb.flags.c_contiguous
    assert not cut.rgb.flags.writeable


def test_progressive_jpeg_cut_short_is_there_as_a_whole_if_coarse() -> None:
    photo = Image.fromarray(made("hills", 400, 300))
    data = encoded(photo, "JPEG", progressive=True)
    cut = decode(data[: len(data) // 2])
    assert (cut.height, cut.is_cut_short) == (400, True)
    assert np.abs(cut.rgb.astype(int) - np.asarray(photo)).mean() < 20


def test_file_over_the_limit_is_refused() -> None:
    assert reason(encoded(PHOTO, "PNG"), PictureLimits(max_bytes=100)) == "file too large"


def test_picture_over_the_limit_is_refused() -> None:
    data = encoded(PHOTO, "PNG")
    assert reason(data, PictureLimits(max_pixels=1_999)) == "too many pixels"
    assert decode(data, PictureLimits(max_pixels=2_000)).width == 50


@pytest.mark.parametrize(
    "size", [(8_000, 8_000), (12_000, 12_000), (60_000, 60_000), (70_000, 1), (2**31 - 1, 1)]
)
def test_size_is_refused_by_the_header_alone(size: tuple[int, int]) -> None:
    assert reason(png_header(*size)) == "too many pixels"


def test_picture_without_pixels_is_refused() -> None:
    assert reason(png_header(0, 5)) == "not a picture of a known format"


def test_error_does_not_carry_what_pillow_says_about_the_file() -> None:
    data = bytearray(encoded(PHOTO, "PNG"))
    data[data.index(b"IDAT") : data.index(b"IDAT") + 4] = b"ZQZQ"
    with pytest.raises(MediaError) as caught:
        decode(bytes(data))
    assert caught.value.__suppress_context__
    assert "ZQ" not in caught.value.reason


@pytest.mark.parametrize(
    ("size", "part"), [((512, 600), 2), ((1023, 700), 2), ((1025, 1303), 4), ((2048, 2100), 8)]
)
def test_a_rough_look_is_at_a_part_of_the_size(size: tuple[int, int], part: int) -> None:
    data = encoded(Image.new("RGB", size, (200, 30, 30)), "JPEG")
    rough = decode_roughly(data)
    assert rough is not None
    assert (rough.width, rough.height) == size
    assert rough.grey.shape == (-(-size[1] // part), -(-size[0] // part))
    assert abs(float(rough.grey.mean()) - 0.299 * 200 - 0.701 * 30) < 2


def test_what_is_no_ordinary_jpeg_of_some_size_has_no_rough_look() -> None:
    large = Image.new("RGB", (600, 600))
    assert decode_roughly(encoded(large, "PNG")) is None
    assert decode_roughly(encoded(large.convert("CMYK"), "JPEG")) is None
    assert decode_roughly(encoded(Image.new("RGB", (511, 900)), "JPEG")) is None
    assert decode_roughly(encoded(large, "JPEG"), PictureLimits(max_pixels=1000)) is None
    assert decode_roughly(encoded(large, "JPEG"), PictureLimits(max_bytes=100)) is None
    assert decode_roughly(encoded(large, "JPEG")[:400]) is None
