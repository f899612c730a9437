from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.text import text_of_page

KOREAN = "<p>오늘 아침 하천 산책로 사진입니다. 이 사진 아시는 분?</p>"
JAPANESE = "<p>今日の朝の川沿いの写真です。この写真をご存じの方?</p>"
FRENCH = "<p>Où est passé le café du port ? à côté</p>"


@pytest.mark.parametrize(
    ("text", "told", "real"),
    [
        (KOREAN, "utf-8", "cp949"),
        (KOREAN, "cp1252", "cp949"),
        (KOREAN * 20 + "뷁", "utf-8", "cp949"),
        (KOREAN, "cp949", "utf-8"),
        (KOREAN, "cp949", "cp949"),
        (JAPANESE, "utf-8", "cp932"),
        (JAPANESE, "cp949", "cp932"),
        (JAPANESE, "cp1252", "utf-8"),
        (FRENCH, "cp1252", "cp1252"),
        (FRENCH, "utf-8", "utf-8"),
        ("<p>I don’t think it’s here, Pokémon fans</p>", "cp1252", "cp1252"),
    ],
)
def test_a_text_is_read_whatever_its_page_says(text: str, told: str, real: str) -> None:
    body = text.encode(real)
    assert text_of_page(body, body.decode(told, "replace"), told) == text


def test_one_broken_byte_is_no_other_encoding() -> None:
    body = KOREAN.encode() + b"\xff" + (KOREAN * 10).encode()
    as_told = body.decode("utf-8", "replace")
    assert text_of_page(body, as_told, "utf-8") == as_told
    body = KOREAN.encode("cp949") + b"\xff " + (KOREAN * 10).encode("cp949")
    read = text_of_page(body, body.decode("utf-8", "replace"), "utf-8")
    assert read.count(KOREAN) == 11


@given(st.binary(), st.sampled_from(["utf-8", "cp949", "cp1252"]))
def test_any_bytes_are_a_text(body: bytes, told: str) -> None:
    assert isinstance(text_of_page(body, body.decode(told, "replace"), told), str)
